/**
 * When to look at which file: at a notice at once, each second at those written to lately, each minute at the others.
 * Looking for new files takes at most a hundredth of the time. And when a file is done with.
 */
import { basename, dirname, join } from 'node:path'
import type { Clock } from '../events/flow.js'
import { Wake } from '../events/wake.js'
import type { Change } from '../disk/notice.js'
import { Compressed } from './compressed.js'
import type { Partition } from './partition.js'
import type { Partitions } from './partitions.js'
import { rotatedFrom } from './turns.js'
import { Watches, type Notice } from './watches.js'

/** All in ms. */
export interface Times {
  /** Between two looks at files written to within the last minute, and for new files. */
  readonly poll: number
  /** Between two looks at the others. */
  readonly pollIdle: number
  /** A last line without \n is sent when its file has a successor and was not written to for so long. */
  readonly settle: number
  /** The same with --once; and so long a short new file is held back that might be a copy. */
  readonly young: number
  /** The last event of a file, which may go on in the next line, is sent when that was not written to for so long. */
  readonly multiline: number
  /** A file that matches no more, but is still there, is held open for so long after its last change. */
  readonly hold: number
  /** The place in a file that is gone is remembered for so long. */
  readonly forget: number
}

export const TIMES: Times = { poll: 1000, pollIdle: 60_000, settle: 10_000, young: 2000, multiline: 5000, hold: 3_600_000, forget: 30 * 86_400_000 }

const LATELY = 60_000
/** Files that went to rest, and took a few MB. */
const RESTED_MANY = 1000
/** Looking takes at most 1/SHARE of the time (1/SHARE_WORTH after a notice, or when the last look found something). */
const SHARE = 300
const SHARE_WORTH = 10

export class Rounds {
  readonly #watches: Watches
  #byPath = new Map<string, Partition>()
  /** Not before this time, even when `#soon`; and at this time in any case. */
  #lookFrom = 0
  #lookAt = 0
  #lookedAt = -Infinity
  #soon = false
  #pollAt = 0
  #idleAt = 0
  /** What is being looked at since then, by either clock, as nobody gave notice of it. */
  #polling: { readonly since: number; readonly begun: number; readonly files: readonly Partition[] } | undefined
  /** Since the last collect(). */
  #rested = 0
  readonly #news = new Wake()
  #woken = false
  /** Whoever waits is woken when this is aborted. */
  #stop: AbortSignal | undefined

  constructor(
    readonly partitions: Partitions,
    readonly times: Times,
    readonly once: boolean,
    readonly clock: Clock,
    notice: Notice | undefined,
    /** Called when much memory is needed no more. */
    readonly collect?: () => void,
  ) {
    this.#watches = new Watches(notice)
  }

  /** The files that there may be something to do for. */
  due(): Partition[] {
    const found: Partition[] = []
    for (const partition of this.partitions.all.values()) if (partition.due) found.push(partition)
    return found
  }

  /** Of these, the files that are not under their first name any more; the oldest first. */
  rotated(): Partition[] {
    return this.due().filter(({ file, name, path }) => file !== undefined && name !== path).sort((a, b) => a.modified - b.modified)
  }

  /** With --once: nothing is left to read, or to wait for. */
  finished(): boolean {
    return this.once && !this.partitions.waits && [...this.partitions.all.values()].every(({ due, wakeAt }) => !due && wakeAt === undefined)
  }

  /** Looks for the files that match now; returns the new ones: the first of them, see more(), or all. */
  async look(all = false): Promise<Partition[]> {
    this.#soon = false
    this.#lookedAt = this.clock.now()
    const added = await this.partitions.look(all)
    const now = this.clock.now()
    const { lookTook } = this.partitions
    this.#lookFrom = now + lookTook * SHARE_WORTH
    this.#lookAt = now + Math.max(this.times.poll, lookTook * SHARE)
    if (!this.once) this.#watch()
    return added
  }

  /** The next of the new files that were found. */
  async more(): Promise<Partition[]> {
    const added = await this.partitions.more()
    if (!this.once) this.#watch()
    return added
  }

  lookSoon(): void {
    this.#soon = !this.once
  }

  /** Lets go of what nothing is to be done for. */
  rest(acks: boolean): void {
    const names = this.partitions.rest(acks)
    for (const name of names) this.#byPath.delete(name)
    this.#rested += names.length
    if (this.once || this.#rested < RESTED_MANY || (!this.partitions.waits && this.due().length > 0)) return
    this.#rested = 0
    this.collect?.()
  }

  /** Waits until there is something to do, and finds out for which files. */
  async next(stop: AbortSignal): Promise<void> {
    this.#polled()
    if (this.due().length === 0 && !this.partitions.waits) await this.#sleep(stop)
    if (stop.aborted) return
    const now = this.clock.now()
    if (now < this.#lookedAt) this.#beginAgain(now)
    if (!this.partitions.waits && now >= this.#nextLook()) await this.look()
    this.#poll(now)
  }

  /** The clock was set back: all that was to be done at a time is done now, and then anew. */
  #beginAgain(now: number): void {
    this.#lookFrom = this.#lookAt = this.#pollAt = this.#idleAt = this.#lookedAt = now
    for (const partition of this.partitions.all.values()) {
      if (partition.wakeAt !== undefined) partition.due = true
      if (partition.since !== undefined) partition.since = Math.min(partition.since, now)
      partition.changed = Math.min(partition.changed, now)
      partition.held = Math.min(partition.held, now)
      partition.wakeAt = undefined
    }
  }

  /**
   * A file may be truncated and written anew, to the same size, so soon after it was read that its time does not show it:
   * its bytes are looked at once more when that is over. Else sets when.
   */
  looksAgain(partition: Partition): boolean {
    const { file, held, sureFrom, wakeAt } = partition
    if (this.once || file === undefined || file instanceof Compressed || held >= sureFrom) return false
    if (this.clock.now() >= sureFrom) return true
    partition.wakeAt = Math.min(sureFrom, wakeAt ?? sureFrom)
    return false
  }

  /** May its last line, which has no \n, be sent? Else sets when. */
  lastLineDue(partition: Partition): boolean {
    if (!this.once && partition.name === partition.path && !this.#hasSuccessor(partition) && !(partition.file instanceof Compressed)) return false
    const at = this.once
      ? partition.quietSince + this.times.young
      : Math.max(partition.quietSince, partition.since ?? 0) + this.times.settle
    if (this.clock.now() >= at) return true
    partition.wakeAt = at
    return false
  }

  /** By its name it was rotated before it was met, and the log that it was has another file. */
  #hasSuccessor({ path }: Partition): boolean {
    const logs = rotatedFrom(basename(path)).map(({ base }) => join(dirname(path), base))
    return logs.some((log) => this.#byPath.has(log) || this.partitions.rests(log))
  }

  /**
   * May its last event be sent, which ends with a line, but may go on in the next one? Else sets when. With --once it is
   * waited for once: a file that is always written to has no better end than that.
   */
  lastEventDue(partition: Partition): boolean {
    if (this.lastLineDue(partition)) return true
    partition.endSeen ??= this.clock.now()
    const quiet = this.once ? Math.min(partition.quietSince, partition.endSeen) : partition.changed
    const at = quiet + this.times.multiline
    const due = this.clock.now() >= at
    partition.wakeAt = due ? undefined : Math.min(at, partition.wakeAt ?? at)
    return due
  }

  /** A file that is read to its end and matches no more is closed, unless some of it is unacked or it may still grow. */
  async retire(partition: Partition, acks: boolean): Promise<void> {
    if (this.once || partition.name !== undefined || partition.file === undefined) return
    const after = partition.links === 0 ? this.times.settle : this.times.hold
    const at = Math.max(partition.quietSince, partition.since ?? 0) + after
    if (this.clock.now() < at) partition.wakeAt = Math.min(at, partition.wakeAt ?? at)
    else if (!acks || (partition.acked?.offset ?? 0) >= partition.offset) await this.partitions.close(partition)
  }

  close(): void {
    this.#stop?.removeEventListener('abort', this.#wake)
    this.#watches.close()
  }

  #poll(now: number): void {
    const poll = now >= this.#pollAt
    const idle = now >= this.#idleAt
    const files: Partition[] = []
    if (poll) this.#pollAt = now + this.times.poll
    if (poll) this.#polling = { since: now, begun: this.clock.monotonic(), files }
    if (idle) this.#idleAt = now + this.times.pollIdle
    const looked = now - this.#lookedAt < this.times.pollIdle // at all that have a name
    for (const partition of this.partitions.all.values()) {
      const { file, judged, modified, wakeAt, name } = partition
      if (wakeAt !== undefined && now >= wakeAt) {
        partition.wakeAt = undefined
        partition.due = true
      } else if (file === undefined) {
        continue
      } else if (idle && !(looked && judged && name !== undefined)) {
        partition.due = true
      } else if (poll && (!judged || name === undefined || now - modified < LATELY)) {
        if (!partition.due) files.push(partition)
        partition.due = true
      }
    }
  }

  /** Where notices work, polls find nothing: they become rare, as they take time where there are thousands of files. */
  #polled(): void {
    if (this.#polling === undefined) return
    const { since, begun, files } = this.#polling
    const took = this.clock.monotonic() - begun
    const found = files.some(({ changed }) => changed >= since)
    this.#polling = undefined
    this.#pollAt = Math.max(this.#pollAt, this.clock.now() + took * (found ? SHARE_WORTH : SHARE))
  }

  #nextLook(): number {
    if (this.once) return Infinity
    return this.#soon ? this.#lookFrom : this.#lookAt
  }

  async #sleep(stop: AbortSignal): Promise<void> {
    let at = Math.min(this.#pollAt, this.#nextLook())
    for (const { wakeAt } of this.partitions.all.values()) if (wakeAt !== undefined && wakeAt < at) at = wakeAt
    const ms = at - this.clock.now()
    if (ms <= 0) return
    this.#heed(stop)
    if (!this.#woken) await this.#news.waitFor(this.clock, ms)
    this.#woken = false
  }

  /** Once for each reader, not for each wait. */
  #heed(stop: AbortSignal): void {
    if (stop === this.#stop) return
    this.#stop?.removeEventListener('abort', this.#wake)
    this.#stop = stop
    if (stop.aborted) this.#wake()
    else stop.addEventListener('abort', this.#wake)
  }

  #wake = (): void => {
    this.#woken = true
    this.#news.wake()
  }

  /** Watches the directories where files match or may come to match. */
  #watch(): void {
    this.#byPath = new Map()
    const directories = new Set(this.partitions.names.directories)
    const held = new Set<string>()
    for (const partition of this.partitions.all.values()) {
      if (partition.name !== undefined) this.#byPath.set(partition.name, partition)
      else if (partition.file !== undefined) held.add(partition.path) // its successor comes there
    }
    for (const [real, path] of this.partitions.logs.paths) {
      if (held.has(path) || this.#byPath.has(path) || this.partitions.rests(path)) directories.add(dirname(real))
    }
    for (const path of held) directories.add(dirname(path))
    this.#watches.keep(directories, this.#noticed)
  }

  /** The file that this path, or what it is without symlinks, belongs to. */
  #named(path: string): Partition | undefined {
    const matching = this.partitions.logs.paths.get(path) ?? path
    const partition = this.#byPath.get(matching) ?? this.partitions.wake(matching)
    if (partition !== undefined) this.#byPath.set(matching, partition)
    return partition
  }

  #noticed = (directory: string, change: Change, name: string | null): void => {
    const partition = name === null ? undefined : this.#named(join(directory, name))
    if (change === 'entries' || name === null) this.#soon = true
    if (partition !== undefined) partition.due = true
    else for (const one of this.partitions.all.values()) if (one.name === undefined && one.file !== undefined) one.due = true
    if (!this.#soon && partition === undefined && this.due().length === 0) return
    this.#wake()
  }
}
