/**
 * The segments of a directory, in order: recover the last, append, roll, remove. One process at a time, who holds the
 * lock. Nothing is published before it is on disk.
 */
import type { DiskFile } from '../disk/disk.js'
import { isNoSpace } from '../disk/no-space.js'
import type { Position } from '../events/batch.js'
import { assert, FlumeError } from '../errors.js'
import { applyChanges, encodeSegmentStart } from './format.js'
import type { Entry } from './group.js'
import type { Identity } from './identity.js'
import { dropUnmade, nextSequence, recoverLast } from './last.js'
import { Pages } from './pages.js'
import type { Published } from './published.js'
import { removePassed, type Sizes } from './retention.js'
import { SegmentWriter } from './segment.js'
import { NOTHING_MISSING, type Without } from './segment-start.js'
import { segmentSizes, type Paths, type Surroundings } from './surroundings.js'
import { readingBlocks } from './view.js'

export class Log {
  /** The byte just before which the event `next` will stand; follows `active.end`, together with `next`. */
  #end: number
  #trimming: Promise<boolean> | undefined
  /** Segments go, or get another file, one after the other. */
  #changing: Promise<unknown> = Promise.resolve()
  #sealedBytes = 0
  #measured = false
  #pages: Pages | undefined

  private constructor(
    readonly paths: Paths,
    readonly around: Surroundings,
    readonly identity: Identity,
    readonly published: Published,
    public active: SegmentWriter,
    /** Sequence of the next event. */
    public next: number,
    /** Position stored of each partition. */
    readonly table: Map<string, Position>,
    /** The other segments by the sequences of their first events, in order: sizes in bytes, undefined until measure(). */
    readonly sealed: Map<number, number | undefined>,
  ) {
    this.#end = active.end
  }

  /** Recovers; on return all that is kept is on disk and published. The caller holds the lock. Throws SEGMENT_DAMAGED. */
  static async open(paths: Paths, around: Surroundings, identity: Identity, published: Published, without: Without = NOTHING_MISSING): Promise<Log> {
    const known = await published.adopt()
    await around.disk.syncDirectory(paths.segments) // whoever named the last segment may have died before it was
    const segments = await dropUnmade(paths, around)
    const last = segments.at(-1)
    if (last === undefined && known !== undefined && known.next > 0 && !without.positions) throw noPositions(paths, known.next)
    const view = { paths, around, identity, blocks: readingBlocks() }
    const found = last === undefined ? undefined : await recoverLast(view, segments, known, without)
    const next = await nextSequence(view, segments, found?.recovered.next ?? last ?? 0, known)
    const sealed = new Map(segments.map((first) => [first, undefined]))
    const opened = new Log(paths, around, identity, published, NO_SEGMENT, next, found?.recovered.table ?? new Map<string, Position>(), sealed)
    if (found !== undefined && !found.recovered.tailDamaged && next === found.recovered.next) {
      opened.active = found.writer
      opened.#end = found.writer.end
    } else {
      await found?.writer.file.close()
      await opened.#begin()
    }
    sealed.delete(opened.active.first)
    await opened.#publish()
    return opened
  }

  /** Of all segments, after measure(). */
  get bytes(): number {
    return this.#sealedBytes + this.active.end
  }

  /** One look at each segment, the first time: whoever does not ask how many bytes there are starts as fast with ten thousand of them. */
  async measure(): Promise<void> {
    if (this.#measured) return
    const sizes = await segmentSizes(this.around.disk, this.paths)
    for (const [first, size] of this.sealed) this.sealed.set(first, size ?? sizes.get(first) ?? 0)
    this.#sealedBytes = [...this.sealed.values()].reduce<number>((bytes, size) => bytes + (size ?? 0), 0)
    this.#measured = true
  }

  /** Sequence of the oldest event. */
  get first(): number {
    const [first = this.active.first] = this.sealed.keys()
    return first
  }

  get isEmpty(): boolean {
    return this.next === this.active.first
  }

  /** Whole batches, in order, one call at a time; to the page cache, or past it. Throws as SegmentWriter.append does. */
  async append(entries: readonly Entry[], direct: boolean): Promise<void> {
    const frames = entries.flatMap((entry) => entry.frames)
    await this.active.append(frames, direct ? (this.#pages ??= new Pages()) : undefined)
    for (const { count, size, changes } of entries) {
      this.next += count
      this.#end += size
      applyChanges(this.table, changes)
    }
  }

  /** All that was appended before the call is on disk, and readers know. Beside it more may be appended. Throws SEGMENT_WRITE. */
  async sync(): Promise<void> {
    const { next } = this
    await this.active.sync(this.#end)
    await this.#publish(next)
  }

  /** A new segment for what comes. All of the old one is on disk and published. */
  async roll(): Promise<void> {
    assert(this.active.durable === this.active.end && !this.isEmpty)
    const old = this.active
    await old.seal()
    await this.#begin()
    this.sealed.set(old.first, old.end)
    this.#sealedBytes += old.end
    await old.file.close()
    await this.#publish()
  }

  /** The last segment, which holds no event, is written new. */
  async renew(): Promise<void> {
    assert(this.isEmpty)
    const old = this.active
    await this.#begin()
    await old.file.close()
    await this.#publish()
  }

  /** Removes what all readers have passed and nothing retains. May run beside append, sync and roll. */
  async trim(): Promise<void> {
    await (this.#trimming ??= this.#trim(false).finally(() => (this.#trimming = undefined)))
  }

  /** The same; where nothing else goes, the oldest segment that all have passed. Whether one went that would have been retained. */
  async trimForRoom(): Promise<boolean> {
    await this.#trimming
    return this.#trim(true)
  }

  /** A sealed segment gets another file, of `size` bytes; false: it is gone. May run beside append, sync, roll and trim. */
  replace(first: number, temporary: string, size: number): Promise<boolean> {
    return this.#alone(async () => {
      if (!this.sealed.has(first)) return false
      await this.published.checkName()
      await this.around.disk.rename(temporary, this.paths.segment(first))
      await this.around.disk.syncDirectory(this.paths.segments)
      this.#sealedBytes += size - (this.sealed.get(first) ?? 0)
      this.sealed.set(first, size)
      return true
    })
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(work)
    this.#changing = done.catch(() => undefined)
    return done
  }

  #trim(forRoom: boolean): Promise<boolean> {
    return this.#alone(() => this.#removePassed(forRoom))
  }

  async #removePassed(forRoom: boolean): Promise<boolean> {
    await this.published.checkName()
    const known = { firsts: [...this.sealed.keys(), this.active.first], sizes: () => this.#sizes() }
    const { firsts, retained } = await removePassed(this.around, this.paths, known, forRoom)
    for (const first of firsts) this.#unseal(first)
    return retained
  }

  async #sizes(): Promise<Sizes> {
    await this.measure()
    return new Map([...[...this.sealed].map(([first, size]) => [first, size ?? 0] as const), [this.active.first, this.active.end]])
  }

  #unseal(first: number): void {
    this.#sealedBytes -= this.sealed.get(first) ?? 0
    this.sealed.delete(first)
  }

  async close(): Promise<void> {
    await this.active.seal().catch(() => undefined) // the next start cuts what is left
    await this.active.file.close()
  }

  /** Named only when it is whole: a crash leaves no half segment. Throws the system's error where the disk is full, with nothing left behind. */
  async #begin(): Promise<void> {
    await this.published.checkName()
    const { disk, clock } = this.around
    const path = this.paths.segment(this.next)
    const temporary = `${path}.tmp`
    const start = encodeSegmentStart(this.identity.queue, this.next, clock.now(), this.table)
    let file: DiskFile | undefined
    let named = false
    try {
      file = await disk.open(temporary, 'any')
      await file.truncate(0)
      await file.write([start], 0)
      await file.sync()
      named = true
      await disk.rename(temporary, path)
      await disk.syncDirectory(this.paths.segments)
    } catch (cause) {
      await file?.close()
      if (isNoSpace(cause) && !named) {
        await disk.unlink(temporary).catch(() => undefined)
        throw cause
      }
      throw new FlumeError('SEGMENT_WRITE', `cannot make segment ${path}`, { cause })
    }
    this.active = new SegmentWriter(this.next, file, start.length, start.length)
    this.#end = start.length
  }

  async #publish(next = this.next): Promise<void> {
    await this.published.write({ segment: this.active.first, end: this.active.durable, next })
  }
}

function noPositions({ directory }: Paths, next: number): FlumeError {
  const what = `cannot read the positions in queue ${directory}: it once went before event ${next}, and has no segment any more`
  return new FlumeError('SEGMENT_DAMAGED', `${what}; what sends into the queue would begin again; --repair says what can be done`)
}

/** Stands where open() has not yet decided which segment to go on with. */
const NO_SEGMENT = new SegmentWriter(-1, undefined as unknown as DiskFile, 0, 0)
