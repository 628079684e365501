/**
 * Frames that were put by this process and are still in memory, so that a reader in it need not read them back and verify
 * them. Guards two rules: nothing is given out that is not on disk (the reader asks only for what is published), and a
 * reader that does not keep up holds nobody up: it reads from the segment.
 */
import type { Clock } from '../events/flow.js'
import type { Disk } from '../disk/disk.js'
import { assert } from '../errors.js'
import { listReaders } from './cursor.js'
import type { Entry } from './group.js'
import { InOrder } from './in-order.js'
import type { Published } from './published.js'
import type { Paths } from './surroundings.js'

/** One frame that is written, and where it stands. */
export interface RecentFrame {
  /** Sequence of its first event, and how many it has. */
  readonly first: number
  readonly count: number
  /** Put time, ms since the epoch. */
  readonly time: number
  readonly lines: Buffer
  /** The segment that holds it, and the byte just past it there. */
  readonly segment: number
  readonly end: number
  /** One more user of `lines`; returns how to give it back, once. */
  share(): () => void
}

/** Who reads the log in this process. */
export interface RecentReader {
  readonly name: string
  /** Sequence of the event that it reads next. */
  readonly next: number
}

/**
 * When memory is needed, wait up to a second for a reader to catch up; every 50 KB that it takes buys back a millisecond. So one
 * that keeps up is not made to read everything back for a stumble, or because it was started a little later.
 */
const PATIENCE_MS = 1000
const BYTES_PER_MS = 50_000
/** ms between two looks. */
const LOOK = 20

interface Kept {
  readonly frame: RecentFrame
  release(): void
}

export class Recent {
  /** Tens of thousands where lines come one by one, and what a reader takes next is looked for among them each time. */
  readonly #frames = new InOrder<Kept>(({ frame }) => frame.first)
  readonly #readers = new Set<RecentReader>()
  /** Names of the readers of the log, here and elsewhere, as of the last look(). */
  #registered: readonly string[] | undefined
  /** Somebody is being waited for. */
  #wait: AbortController | undefined
  /** ms for which it will still be. */
  #patience = PATIENCE_MS

  constructor(
    readonly published: Published,
    readonly clock: Clock,
  ) {}

  /** Which readers there are, for servesAll. */
  async look(paths: Paths, disk: Disk): Promise<void> {
    this.#registered = await listReaders(paths, disk)
  }

  /** What comes next nobody reads from the segment: all readers are in this process, and stand where it is in memory. */
  get servesAll(): boolean {
    const oldest = this.#frames.first?.frame.first ?? this.published.next
    const names = new Set<string>()
    for (const { name, next } of this.#readers) if (next >= oldest) names.add(name)
    return names.size > 0 && names.size === this.#readers.size && (this.#registered?.every((name) => names.has(name)) ?? false)
  }

  enter(reader: RecentReader): void {
    this.#readers.add(reader)
  }

  leave(reader: RecentReader): void {
    this.#readers.delete(reader)
    this.passed()
  }

  /** What was just written to this segment, from byte `from` on, is needed no more but for readers here. */
  add({ frames, release }: Entry, segment: number, from: number): void {
    const share = shared(release)
    const done = share()
    let end = from
    for (const { first, count, time, header, positions, lines } of frames) {
      end += header.length + positions.length + lines.length
      if (count === 0 || this.#readers.size === 0) continue
      this.#frames.push({ frame: { first, count, time, lines, segment, end, share }, release: share() })
    }
    done()
  }

  /** The frame that begins with this event; undefined: it is not in memory. */
  at(next: number): RecentFrame | undefined {
    return this.#frames.at(next)?.frame
  }

  /** Some reader has gone on: what all have passed is needed no more. */
  passed(): void {
    const next = Math.min(...[...this.#readers].map((reader) => reader.next))
    for (let oldest = this.#frames.first; oldest !== undefined && oldest.frame.first < next; oldest = this.#frames.first) {
      this.#patience = Math.min(PATIENCE_MS, this.#patience + oldest.frame.lines.length / BYTES_PER_MS)
      this.#forget()
    }
  }

  /** Memory is wanted: where no reader keeps up, the oldest frames go until there is `enough`. */
  press(enough: () => boolean): void {
    if (this.#wait === undefined) void this.#press(enough, (this.#wait = new AbortController()).signal)
  }

  async #press(enough: () => boolean, over: AbortSignal): Promise<void> {
    while (!enough() && this.#patience > 0 && this.#keepsUp) {
      const waitsForDisk = this.#furthest >= this.published.next
      const from = this.clock.monotonic()
      await this.clock.sleep(LOOK, over)
      if (!waitsForDisk) this.#patience -= this.clock.monotonic() - from
    }
    while (this.#frames.count > 0 && !enough()) this.#forget()
    this.#wait = undefined
  }

  /** Some reader is given what comes next from memory; or soon will be: it began again, and is less behind than what is there. */
  get #keepsUp(): boolean {
    const oldest = this.#frames.first?.frame.first
    return oldest !== undefined && this.#furthest >= oldest - (this.published.next - oldest)
  }

  /** Where the reader stands who has come furthest. */
  get #furthest(): number {
    return Math.max(...[...this.#readers].map(({ next }) => next))
  }

  clear(): void {
    this.#wait?.abort()
    while (this.#frames.count > 0) this.#forget()
  }

  #forget(): void {
    this.#frames.shift()?.release()
  }
}

/** For several users, each of whom calls what it is given once: releases when the last one has. */
function shared(release: () => void): () => () => void {
  let users = 0
  let released = false
  return () => {
    assert(!released)
    users++
    return () => {
      if (--users > 0) return
      released = true
      release()
    }
  }
}
