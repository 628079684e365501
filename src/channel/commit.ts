/**
 * Group commit: what has gathered while the last write ran is the next write, and what was written while a sync ran is
 * in the next sync; one of each in flight. Where there is no room it waits, and nothing is lost or acked meanwhile.
 */
import { isNoSpace } from '../disk/no-space.js'
import { assert, FlumeError } from '../errors.js'
import type { Entry } from './group.js'
import type { Log } from './log.js'
import { passedByAll, readerPlaces } from './retention.js'
import type { Recent } from './recent.js'
import type { Room } from './room.js'
import type { Wake } from '../events/wake.js'

/** ms between two looks whether there is room by now. */
const LOOK_FULL = 200
/** Part of a segment that is worth one of its own where there is no room. */
const WORTH_SEALING = 0.25
/** ms between two messages that the queue is full. */
const SAY_FULL = 60_000

export interface Committing {
  /** A line for people. */
  say(message: string): void
  readonly log: Log
  readonly room: Room
  readonly recent: Recent
  /** Where a segment ends; a batch is never split between two. */
  readonly segmentBytesMax: number
  /** So many at once go past the page cache, where nobody is about to read them back. */
  readonly directBytesMin: number
  /** Aborted: what finds no room is given up, not waited for. */
  readonly stop?: AbortSignal
  /** Woken when a reader of this process has moved. */
  readonly moved: Wake
  /** Woken whenever something was written, synced, or has failed. */
  readonly changed: Wake
}

export class Commit {
  /** Bytes of frames that wait to be written. */
  waiting = 0
  /** Bytes of all frames so far: given to add(), written, on disk. */
  added = 0
  written = 0
  durable = 0
  failure: Error | undefined
  /** All other segments are compressed: while there is no room, the active one is sealed for that, once it is worth it. */
  sealsForRoom = false
  /** What waited for room was given up: it is never written. */
  gaveUp = false
  #entries: Entry[] = []
  #writing: Promise<void> | undefined
  #syncing: Promise<void> | undefined
  #full = false
  /** It was said that it is full, and when it was said last. */
  #fullSaid = false
  #saidAt = -Infinity
  #saidRetained = -Infinity
  readonly #closing = new AbortController()
  /** Nobody waits for room any more. */
  readonly #ending: AbortSignal

  constructor(readonly committing: Committing) {
    const { signal } = this.#closing
    this.#ending = committing.stop === undefined ? signal : AbortSignal.any([signal, committing.stop])
  }

  /** The entry is released when its bytes are written, and no reader of this process wants them from memory. */
  add(entry: Entry): void {
    this.#entries.push(entry)
    this.waiting += entry.size
    this.added += entry.size
    this.#writing ??= this.#write()
  }

  fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error('cannot put', { cause: error })
    this.committing.changed.wake()
  }

  /** It waits for room. */
  get isFull(): boolean {
    return this.#full
  }

  throwFailure(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** Gives up what is not yet written, and waits for what runs. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#writing
    await this.#syncing
    for (const entry of this.#entries.splice(0)) entry.release()
  }

  /** Writes until nothing is left. Never rejects. */
  async #write(): Promise<void> {
    try {
      while (this.#entries.length > 0 && this.#mayGoOn()) await this.#writeGroup()
    } catch (error) {
      this.fail(error)
    } finally {
      this.#writing = undefined
    }
  }

  #mayGoOn(): boolean {
    return this.failure === undefined && !this.gaveUp && !this.#closing.signal.aborted
  }

  async #writeGroup(): Promise<void> {
    const { log, segmentBytesMax, changed } = this.committing
    const first = this.#entries[0]
    assert(first !== undefined)
    const why = await this.#lacks(first)
    if (why !== undefined) return this.#waitForRoom(why)
    try {
      if (!log.isEmpty && log.active.end + first.size > segmentBytesMax) await this.#roll()
      await this.#append(this.#nextGroup())
    } catch (error) {
      if (!isNoSpace(error)) throw asWriteError(error, log.active.first)
      return this.#waitForRoom('its disk is full')
    }
    if (this.#fullSaid) this.committing.say(`queue ${log.paths.directory} has room again: goes on`)
    this.#full = this.#fullSaid = false
    await log.published.tellFull(false)
    this.#syncing ??= this.#sync()
    changed.wake()
  }

  async #lacks(first: Entry): Promise<string | undefined> {
    const { log, room } = this.committing
    if (room.options.sizeMax !== undefined) await log.measure()
    return room.lacks(first.size, log.bytes, log.sealed.size === 0 && log.isEmpty)
  }

  /** As many batches as fit the segment and the room left, one at least. */
  #nextGroup(): Entry[] {
    const { log, room, segmentBytesMax } = this.committing
    const most = Math.min(segmentBytesMax - log.active.end, room.left(log.bytes))
    let size = 0
    const stop = this.#entries.findIndex((entry) => (size += entry.size) > most)
    return this.#entries.slice(0, stop < 0 ? this.#entries.length : Math.max(1, stop))
  }

  async #append(group: readonly Entry[]): Promise<void> {
    const { log, room, recent, directBytesMin } = this.committing
    const size = group.reduce((sum, entry) => sum + entry.size, 0)
    let { end } = log.active
    await log.append(group, size >= directBytesMin && recent.servesAll)
    this.#entries.splice(0, group.length)
    for (const entry of group) {
      this.waiting -= entry.size
      this.written += entry.size
      room.wrote(entry.size)
      recent.add(entry, log.active.first, end)
      end += entry.size
    }
  }

  /** Syncs until all that is written is on disk. Never rejects. */
  async #sync(): Promise<void> {
    try {
      while (this.durable < this.written && this.failure === undefined) {
        const { written } = this
        await this.committing.log.sync()
        this.durable = written
        this.committing.changed.wake()
      }
    } catch (error) {
      this.fail(error)
    } finally {
      this.#syncing = undefined
    }
  }

  /** Only between two writes. Throws the system's error where there is no room for a segment. */
  async #roll(): Promise<void> {
    await this.#syncing
    this.throwFailure()
    await this.committing.log.roll()
  }

  /** Says once that the queue is full; returns when it is time to look again. */
  async #waitForRoom(why: string): Promise<void> {
    const { log, moved, changed, stop } = this.committing
    await this.#syncing
    this.throwFailure()
    if (await this.#makeRoom(why)) return
    if (!this.#full) await this.#sayFull(why)
    this.#full = true
    await log.published.tellFull(true)
    await moved.waitFor(log.around.clock, LOOK_FULL, this.#ending)
    this.gaveUp = stop?.aborted ?? false
    changed.wake()
  }

  /** Removes what all have passed: what nothing retains, else the oldest segment, in the end the active one. Whether any went. */
  async #makeRoom(why: string): Promise<boolean> {
    const { log } = this.committing
    const before = log.first
    await this.#trim(why)
    if (log.first !== before) return true
    const isPassed = !log.isEmpty && (await passedByAll(log.around.disk, log.paths)) >= log.next
    if (!isPassed && !(this.sealsForRoom && !log.isEmpty && log.active.end > this.committing.segmentBytesMax * WORTH_SEALING)) return false
    await log.roll().catch((error: unknown) => {
      if (!isNoSpace(error)) throw error
    })
    this.sealsForRoom = false
    await this.#trim(why)
    return log.first !== before
  }

  async #trim(why: string): Promise<void> {
    const { log, say } = this.committing
    const from = log.first
    const gaveUpRetained = await log.trimForRoom()
    const now = log.around.clock.monotonic()
    if (!gaveUpRetained || now - this.#saidRetained < SAY_FULL) return
    this.#saidRetained = now
    say(`queue ${log.paths.directory} gives up what --retain keeps, from event ${from} on: ${why}`)
  }

  /** A small queue may be full many times a second. */
  async #sayFull(why: string): Promise<void> {
    const { log, say } = this.committing
    const now = log.around.clock.monotonic()
    if (now - this.#saidAt < SAY_FULL) return
    this.#saidAt = now
    this.#fullSaid = true
    say(`queue ${log.paths.directory} is full: ${why}; ${await this.#slowest()}; waits`)
  }

  async #slowest(): Promise<string> {
    const { log } = this.committing
    const slowest = (await readerPlaces(log.around.disk, log.paths))[0]
    if (slowest === undefined) return 'it has no reader'
    return `its slowest reader is ${slowest.reader}, ${log.next - slowest.next} events behind`
  }
}

function asWriteError(cause: unknown, first: number): unknown {
  return cause instanceof FlumeError ? cause : new FlumeError('SEGMENT_WRITE', `cannot append to segment ${first}`, { cause })
}
