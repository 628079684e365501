/**
 * A durable queue in a directory, flume-segment(5): put (a sink) by one process, take (a source) by any number under
 * different names, each over the same one copy of the events.
 */
import { DIRECT_SIZE_MIN } from '../disk/direct.js'
import { batchOf, type Batch } from '../events/batch.js'
import { queuePartition } from '../events/partition.js'
import { positionsLine } from '../events/positions-line.js'
import { FlumeError } from '../errors.js'
import { compresses, compressNow, setCompresses, type Compressed } from './compression.js'
import { listPlaces, PLACE_NAME, READER_NAME, readCursor, removeCursor } from './cursor.js'
import { makeParts, openIdentity, type Identity, type OpenHow } from './identity.js'
import { Lock, runningHolder } from './lock.js'
import { Log } from './log.js'
import { Published } from './published.js'
import { Putter } from './putter.js'
import { Replay, replay, type Replaying } from './replay.js'
import { Recent } from './recent.js'
import { resolveRange, type Asked } from './range.js'
import { isSaid, retainOrAll, writeRetain, type Retain } from './retain.js'
import { passedAmong, passedByAll, readerPlaces, removePassedUnlessHeld } from './retention.js'
import { tableBefore } from './table.js'
import { Room, type RoomOptions } from './room.js'
import { Paths, segmentSizes, type Surroundings } from './surroundings.js'
import { Taker } from './taker.js'
import { readingBlocks } from './view.js'
import { Wake } from '../events/wake.js'

export type { OpenHow, Surroundings }
export { Putter, Taker }
export type { Compressed }

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024
/** A queue of a bounded size has at least this many segments, so that some of them can go. */
const SEGMENTS_MIN = 4

export interface PutOptions extends RoomOptions {
  readonly segmentBytesMax?: number
  readonly directBytesMin?: number
  /** Aborted: put() waits no more for room, and ends; what was not written is not acked. */
  readonly stop?: AbortSignal
}

export interface ReaderStat {
  readonly reader: string
  /** Sequence that it reads next. */
  readonly next: number
  /** Events that it has not acked. */
  readonly lag: number
  /** Of the process that reads under this name now. */
  readonly pid?: number
  readonly binding?: string
}

export interface QueueStat {
  readonly id: string
  /** Sequence of the oldest event kept, and of the one that comes next. */
  readonly first: number
  readonly next: number
  readonly segments: number
  /** Of all segments. */
  readonly bytes: number
  /** Of the process that puts now. */
  readonly pid?: number
  readonly readers: readonly ReaderStat[]
  /** Name of the reader that is furthest behind. */
  readonly slowest?: string
  /** Segments that are full are compressed. */
  readonly compress: boolean
  /** What is kept of the events that all readers have acked; absent: nothing. */
  readonly retain?: Retain
  /** The segments that are there although all readers have passed them. */
  readonly passed: { readonly segments: number; readonly bytes: number }
}

export class Queue {
  readonly id: string
  readonly #published: Published
  readonly #moved = new Wake()
  readonly #recent: Recent

  /** As given, but what was said once is not said again: several parts meet the same damage. */
  readonly around: Surroundings

  private constructor(
    readonly paths: Paths,
    readonly given: Surroundings,
    readonly identity: Identity,
  ) {
    this.id = identity.queue
    const said = new Set<string>()
    const say = (message: string): void => (said.has(message) ? undefined : (said.add(message), given.say(message)))
    const { disk, clock, pid, uuid } = given
    this.around = { disk, clock, pid, uuid, say }
    this.#published = new Published(paths, disk)
    this.#recent = new Recent(this.#published, clock)
  }

  /** Throws NO_INPUT (there is none), CANNOT_CREATE (one is to be made, and something else is there), VERSION, QUEUE_COPIED, SEGMENT_DAMAGED. */
  static async open(directory: string, around: Surroundings, how: OpenHow): Promise<Queue> {
    const paths = new Paths(directory)
    return new Queue(paths, around, await openIdentity(paths, around, how))
  }

  /** Recovers; on return all that is kept is on disk. Throws BUSY naming the pid of who puts, SEGMENT_DAMAGED. */
  async openPut(options: PutOptions): Promise<Putter> {
    const { paths, around, identity } = this
    const { sizeMax = Infinity, segmentBytesMax = SEGMENT_BYTES_MAX, directBytesMin = DIRECT_SIZE_MIN } = options
    const lock = await Lock.take(paths.lock, `queue ${paths.directory} for putting`, around)
    try {
      await makeParts(paths, around.disk)
      const log = await Log.open(paths, around, identity, this.#published)
      await this.#recent.look(paths, around.disk)
      this.#published.writerHere = true
      return new Putter({
        log,
        lock,
        say: (message) => this.given.say(message),
        room: new Room(paths.directory, around.disk, around.clock, options),
        ...(options.stop === undefined ? {} : { stop: options.stop }),
        segmentBytesMax: Math.min(segmentBytesMax, Math.floor(sizeMax / SEGMENTS_MIN)),
        directBytesMin,
        recent: this.#recent,
        moved: this.#moved,
        changed: new Wake(),
        closed: () => this.#putterClosed(),
      })
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** Throws BAD_OPTION for a name that cannot be, BUSY naming the pid of who reads under it. */
  async openTake(reader: string, { once }: { readonly once: boolean }): Promise<Taker> {
    const { paths, around, identity } = this
    checkName(reader)
    await makeParts(paths, around.disk)
    const lock = await Lock.take(paths.cursor(`${reader}.lock`), `reader ${reader} of queue ${paths.directory}`, around)
    return new Taker({
      paths,
      around,
      identity,
      published: this.#published,
      recent: this.#recent,
      reader,
      lock,
      once,
      moved: this.#moved,
      refresh: () => this.#refresh(),
    })
  }

  /** Takes no lock and changes nothing. */
  async stat(): Promise<QueueStat> {
    const { paths, around, id } = this
    const end = await this.#published.read()
    const sizes = await segmentSizes(around.disk, paths)
    const segments = [...sizes.keys()]
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
    const next = end?.next ?? segments.at(-1) ?? 0
    const readers = await this.#readers(next)
    const slowest = (await readerPlaces(around.disk, paths))[0]?.reader
    const retain = await retainOrAll(around, paths)
    const passed = passedAmong(segments, await passedByAll(around.disk, paths))
    return {
      id,
      first: segments[0] ?? next,
      next,
      segments: segments.length,
      bytes,
      ...(await this.#runs(paths.lock)),
      readers,
      compress: await compresses(around, paths),
      ...(slowest === undefined ? {} : { slowest }),
      ...(retain === undefined ? {} : { retain }),
      passed: { segments: passed.length, bytes: passed.reduce((sum, first) => sum + (sizes.get(first) ?? 0), 0) },
    }
  }

  /** From now on, for all who use it, this is kept although all readers have acked it; undefined: nothing. Returns whether that is new. */
  async retain(retain: Retain | undefined): Promise<boolean> {
    const { paths, around } = this
    if (await isSaid(around, paths, retain)) return false
    await writeRetain(around, paths, retain)
    await this.#trim()
    return true
  }

  /** From now on whoever puts compresses the segments that are full, or does no more. Returns whether that is new. */
  async compress(on: boolean): Promise<boolean> {
    return setCompresses(this.around, this.paths, on)
  }

  /** See compressNow(). */
  async compressNow(stop: AbortSignal): Promise<Compressed> {
    return compressNow(this.paths, this.around, stop)
  }

  /** The reader holds segments no more, and begins at the oldest event when it comes again; `<name>.off`: its place of --ack=off. Throws BUSY, NO_INPUT. */
  async forget(reader: string): Promise<void> {
    const { paths, around } = this
    const [, name] = PLACE_NAME.exec(reader) ?? [reader, reader]
    checkName(name)
    const known = await listPlaces(paths, around.disk)
    if (!known.includes(reader)) {
      const others = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`
      throw new FlumeError('NO_INPUT', `cannot forget reader ${reader} of queue ${paths.directory}: ${others}`)
    }
    const lock = await Lock.take(paths.cursor(`${name}.lock`), `reader ${name} of queue ${paths.directory}`, around)
    try {
      await removeCursor(paths, reader, around.disk)
    } finally {
      await lock.release()
    }
    await this.#trim()
  }

  /**
   * Events that are there, in order; what is damaged as gap events. `positions`: in the end how far each partition has been put.
   * Throws NO_INPUT for a sequence that is not there.
   */
  async *export(asked: Asked = {}, positions = false): AsyncGenerator<Batch> {
    const reading = await this.#replaying(queuePartition(this.id, 'export'))
    const table = positions ? await tableBefore(reading.next, reading) : undefined
    const range = await resolveRange(reading, asked, reading.next)
    yield* replay(reading, range, [])
    if (table !== undefined && table.size > 0) yield batchOf(positionsLine(table), 0, null)
  }

  /** The same to somebody who acks: a partition of its own, and no cursor moves. Throws BAD_OPTION, NO_INPUT. */
  async openReplay(asked: Asked, name: string): Promise<Replay> {
    checkName(name)
    return Replay.open(await this.#replaying(''), asked, name)
  }

  async #replaying(partition: string): Promise<Replaying> {
    await this.#refresh()
    const { paths, around, identity } = this
    const next = (await this.#published.read())?.next ?? 0
    return { paths, around, identity, published: this.#published, blocks: readingBlocks(), partition, next }
  }

  async #readers(next: number): Promise<ReaderStat[]> {
    const readers: ReaderStat[] = []
    for (const { reader, next: at } of await readerPlaces(this.around.disk, this.paths)) {
      const state = await readCursor(this.paths, reader, this.around.disk).catch(() => undefined)
      const binding = state === undefined || state.binding === '' ? {} : { binding: state.binding }
      readers.push({ reader, next: at, lag: Math.max(0, next - at), ...(await this.#runs(this.paths.cursor(`${reader}.lock`))), ...binding })
    }
    return readers
  }

  #runs(lock: string): Promise<{ pid?: number }> {
    return runningHolder(lock, this.around.disk)
  }

  /** Where nobody holds the log, what its last holder left is recovered and published. */
  async #refresh(): Promise<void> {
    if (this.#published.writerHere) return
    const { paths, around, identity } = this
    const lock = await Lock.tryMoment(paths.lock, around)
    if (lock === undefined) return
    try {
      await makeParts(paths, around.disk)
      const log = await Log.open(paths, around, identity, this.#published)
      await log.close()
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'SEGMENT_DAMAGED') throw error
      around.say(error.message) // stops who puts; a reader goes on to the end that was published
    } finally {
      await lock.release()
    }
  }

  async #trim(): Promise<void> {
    if (this.#published.writerHere) return this.#moved.wake()
    await removePassedUnlessHeld(this.around, this.paths)
  }

  async #putterClosed(): Promise<void> {
    this.#published.writerHere = false
    this.#published.nudge()
  }
}

function checkName(reader: string): void {
  if (READER_NAME.test(reader)) return
  throw new FlumeError('BAD_OPTION', `cannot use reader name ${JSON.stringify(reader)}: it is 1 to 64 of A-Z a-z 0-9 _ -`)
}
