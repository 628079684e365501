/**
 * How far the log may be read: the end that is on disk, in `committed` for other processes, flume-segment(5), and in
 * memory for readers in this one. Never further than the last sync.
 */
import type { Disk, DiskFile, FileStat } from '../disk/disk.js'
import { openUnlessReadOnly } from '../disk/gone.js'
import { FlumeError } from '../errors.js'
import type { Clock } from '../events/flow.js'
import { readLong, writeLong } from './format.js'
import { Slots } from './slots.js'
import type { Paths } from './surroundings.js'
import { Wake } from '../events/wake.js'

const MAGIC = 'flumecom'
const SLOT_SIZE = 64
/** Without the last field, which earlier versions do not write. */
const BODY_SIZE_MIN = 24
/** ms between two looks at what another process has put. */
const POLL = 100

export interface End {
  /** The last segment, so many bytes of which are on disk. */
  readonly segment: number
  readonly end: number
  /** Sequence of the event that will come next. */
  readonly next: number
  /** Who puts waits for room: whoever has given out all asks for its acks. */
  readonly full: boolean
}

export class Published {
  /** Whether the writer is in this process: then `current` is exact, and changes wake. */
  writerHere = false
  readonly #news = new Wake()
  #full = false
  #current: End | undefined
  #file: DiskFile | undefined
  /** Asked for once it is open: before, it may be another one to the system, in a layer of a container. */
  #opened: FileStat | undefined
  #slots: Slots | undefined

  constructor(
    readonly paths: Paths,
    readonly disk: Disk,
  ) {}

  /** For the writer, before its first write. */
  async adopt(): Promise<End | undefined> {
    const body = await (await this.#open()).adopt()
    this.#current = body === undefined ? undefined : decode(body)
    return this.#current
  }

  async write(end: Omit<End, 'full'>): Promise<void> {
    const current = { ...end, full: this.#full }
    await (await this.#open()).write(encode(current))
    this.#current = current
    this.nudge()
  }

  /** For the writer: readers hear that it waits for room at once, and that it waits no more with the next write. */
  async tellFull(full: boolean): Promise<void> {
    if (this.#full === full) return
    this.#full = full
    if (full && this.#current !== undefined) await this.write(this.#current)
  }

  /** After it, not even a loss of power makes the file forget. */
  async sync(): Promise<void> {
    await this.#slots?.sync()
  }

  /** Sequence of the event that will come next, as of the last write() or read(). */
  get next(): number {
    return this.#current?.next ?? 0
  }

  /** Byte of a record that does not verify, as of the last read(). */
  get spoiled(): number | undefined {
    return this.#slots?.spoiled
  }

  /** Undefined: nobody has ever written. Never goes back. Throws IO where the queue is no longer in its directory. */
  async read(): Promise<End | undefined> {
    if (this.writerHere) return this.#current
    const body = (await this.#isThere()) ? await (await this.#open()).read() : undefined
    const seen = body === undefined ? undefined : decode(body)
    if (seen !== undefined && (this.#current === undefined || !isAfter(this.#current, seen))) this.#current = seen
    return this.#current
  }

  /** Throws IO where the queue is not under its name any more: another one may be. */
  async checkName(): Promise<void> {
    this.#opened ??= await this.#file?.stat()
    if (this.#isOther(this.disk.statNow(this.paths.committed))) throw this.#renamed()
  }

  /** Whoever waits looks again. */
  nudge(): void {
    this.#news.wake()
  }

  /** Resolves when there may be more to read than at `seen`, or at `stop`. */
  async changed(seen: End | undefined, clock: Clock, stop: AbortSignal): Promise<void> {
    if (this.writerHere && this.#current !== seen) return // it came between that look and this call: nobody wakes for it again
    await (this.writerHere ? this.#news.wait(stop) : this.#news.waitFor(clock, POLL, stop))
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = this.#slots = this.#opened = undefined
    this.writerHere = false
    await file?.close()
  }

  /** A file that is open says nothing new for ever, once its queue was renamed or removed. */
  async #isThere(): Promise<boolean> {
    const { disk, paths } = this
    const there = await disk.stat(paths.committed)
    this.#opened ??= await this.#file?.stat()
    if (this.#isOther(there) || (there === undefined && (await disk.stat(paths.directory)) === undefined)) throw this.#renamed()
    return there !== undefined
  }

  #isOther(there: FileStat | undefined): boolean {
    const opened = this.#opened
    return opened !== undefined && (there?.inode !== opened.inode || there.device !== opened.device)
  }

  #renamed(): FlumeError {
    return new FlumeError('IO', `cannot go on with queue ${this.paths.directory}: it was renamed or removed meanwhile`)
  }

  async #open(): Promise<Slots> {
    const { disk, paths } = this
    this.#file ??= (await openUnlessReadOnly(disk, paths.committed)) ?? (await disk.open(paths.committed, 'read'))
    return (this.#slots ??= new Slots(this.#file, MAGIC, SLOT_SIZE, BODY_SIZE_MIN))
  }
}

function isAfter(a: End, b: End): boolean {
  return a.segment > b.segment || (a.segment === b.segment && a.end > b.end)
}

function encode({ segment, end, next, full }: End): Buffer {
  const body = Buffer.alloc(32)
  writeLong(body, segment, 0)
  writeLong(body, end, 8)
  writeLong(body, next, 16)
  writeLong(body, full ? 1 : 0, 24)
  return body
}

function decode(body: Buffer): End {
  const full = body.length >= 32 && readLong(body, 24) === 1
  return { segment: readLong(body, 0), end: readLong(body, 8), next: readLong(body, 16), full }
}
