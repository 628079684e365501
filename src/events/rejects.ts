/**
 * What is no event, with reason, partition and position, appended to a file, flume-event(5). Nothing is dropped: flush()
 * comes before the ack of what add() was told, so a crash between the two only makes an entry stand twice. Several
 * processes may append to one file.
 */
import { isUtf8 } from 'node:buffer'
import { dirname } from 'node:path'
import { FlumeError } from '../errors.js'
import type { Disk, DiskFile } from '../disk/disk.js'
import type { Position } from './batch.js'
import type { Clock } from './flow.js'

export interface Refusal {
  readonly reason: string
  readonly partition: string
  /** Just after the line, its own: a line that comes again has the same, and no other line has. Null: that cannot be told. */
  readonly position: Position | null
  /** The line is no event line, but the body of an event that would have had these. */
  readonly headers?: ReadonlyMap<string, string>
}

/** Where lines go that cannot be taken. */
export type Refused = Pick<Rejects, 'add' | 'flush'>

interface Rejected extends Refusal {
  readonly time: number
  readonly line: Buffer
  /** `line` is this part of a line, from 0, and more of it follows. */
  readonly part: number
  readonly more: boolean
}

/** A longer line stands in several entries. */
const PART_BYTES_MAX = 1024 * 1024
/** ms between two messages about rejects. */
const SAY_EVERY = 60_000

export class Rejects {
  #pending: Rejected[] = []
  #flushed = Promise.resolve() // rejects for good once a write or sync failed
  #file: DiskFile | undefined
  #durable = true
  #count = 0
  /** Of each input in the middle of a line that comes in pieces: how many parts of it there are. */
  readonly #parts = new Map<string, number>()
  #said = { count: 0, time: -Infinity }
  #reason = ''

  /** Nothing is made before the first add(). `say`: a line for people. */
  constructor(
    readonly disk: Disk,
    readonly path: string,
    readonly clock: Clock,
    readonly say: (message: string) => void,
    /** Of the file, whoever wrote it. */
    readonly bytesMax = Infinity,
  ) {}

  /** Lines so far. */
  get count(): number {
    return this.#count
  }

  /** Takes a copy of the line, with or without its \n. It is held until flush(), so call that at least once per batch. */
  add(line: Uint8Array, refusal: Refusal): void {
    const size = line.at(-1) === 0x0a ? line.length - 1 : line.length
    this.#push(Buffer.from(line.subarray(0, size)), 0, true, refusal)
  }

  /**
   * A piece of a line that is too long to be held, as it comes, without the \n; flush() after each, or it is held. Lines
   * of other inputs may come between two pieces.
   */
  addPart(piece: Uint8Array, last: boolean, refusal: Refusal): void {
    const { partition } = refusal
    const parts = this.#push(Buffer.from(piece), this.#parts.get(partition) ?? 0, last, refusal)
    if (last) this.#parts.delete(partition)
    else this.#parts.set(partition, parts)
  }

  /** On return all that was added is on disk. Throws IO, and then always: what is not written must not be acked. */
  flush(): Promise<void> {
    if (this.#pending.length > 0) this.#flushed = this.#flushed.then(() => this.#drain())
    return this.#flushed
  }

  /** flush(), and says what has not been said yet. */
  async close(): Promise<void> {
    await this.flush()
    if (this.#count > this.#said.count) this.#tell(this.clock.now())
    await this.#file?.close()
    this.#file = undefined
  }

  /** Returns the number of the part that comes next. */
  #push(piece: Buffer, first: number, last: boolean, refusal: Refusal): number {
    const time = this.clock.now()
    if (first === 0) this.#count++
    this.#reason = refusal.reason
    let part = first
    for (let from = 0, more = true; more; part++) {
      const end = partEnd(piece, from)
      more = end < piece.length
      const line = piece.subarray(from, end)
      this.#pending.push({ ...refusal, time, line, part, more: more || !last })
      from = end
    }
    if (this.#count > this.#said.count && time - this.#said.time >= SAY_EVERY) this.#tell(time)
    return part
  }

  #tell(time: number): void {
    const count = this.#count - this.#said.count
    const lines = count === 1 ? '1 line is no event' : `${count} lines are no events, the last`
    this.say(`${lines}: ${this.#reason}; kept in ${this.path}`)
    this.#said = { count: this.#count, time }
  }

  async #drain(): Promise<void> {
    const pending = this.#pending
    this.#pending = []
    try {
      this.#file ??= await this.#open()
      for (const entries of entriesOf(pending)) {
        await this.#checkRoom(this.#file, entries)
        await this.#file.write(entries, 0)
      }
      if (this.#durable) await this.#file.sync()
    } catch (cause) {
      throw new FlumeError('IO', `cannot write rejects to ${this.path}`, { cause })
    }
  }

  async #checkRoom(file: DiskFile, entries: readonly Buffer[]): Promise<void> {
    if (!this.#durable || this.bytesMax === Infinity) return
    const { size } = await file.stat()
    const more = entries.reduce((sum, { length }) => sum + length, 0)
    if (size + more <= this.bytesMax) return
    throw new Error(`it has ${size} bytes and would have more than --rejects-bytes-max allows (${this.bytesMax}): move it away, or allow more`)
  }

  /** The file, made if missing; where it ends in the middle of an entry (a crash), that line is ended. */
  async #open(): Promise<DiskFile> {
    const directory = dirname(this.path)
    await this.disk.makeDirectory(directory, 0o700)
    const file = await this.disk.open(this.path, 'append', 0o600)
    const { kind, size } = await file.stat()
    this.#durable = kind === 'file' // /dev/null cannot be synced
    if (this.#durable) await this.disk.syncDirectory(directory)
    const last = Buffer.alloc(1)
    if (size > 0 && (await file.read(last, size - 1)) === 1 && last[0] !== 0x0a) await file.write([Buffer.from('\n')], size)
    return file
  }
}

/** Entries to be written at once: about as many as fit one part. */
function* entriesOf(rejected: readonly Rejected[]): Generator<Buffer[]> {
  let entries: Buffer[] = []
  let size = 0
  for (const one of rejected) {
    const entry = entryOf(one)
    entries.push(entry)
    size += entry.length
    if (size < PART_BYTES_MAX) continue
    yield entries
    entries = []
    size = 0
  }
  if (entries.length > 0) yield entries
}

function entryOf({ time, reason, partition, position, headers, line, part, more }: Rejected): Buffer {
  const encoding = isUtf8(line) ? 'utf8' : 'base64'
  const entry = {
    time: new Date(time).toISOString(),
    reason,
    partition,
    position,
    ...(headers !== undefined && part === 0 ? { headers: Object.fromEntries(headers) } : {}),
    ...(part > 0 || more ? { part, more } : {}),
    ...(encoding === 'base64' ? { encoding } : {}),
    line: line.toString(encoding),
  }
  return Buffer.from(`${JSON.stringify(entry)}\n`)
}

/** At most PART_BYTES_MAX further, and not within a character. */
function partEnd(line: Buffer, from: number): number {
  if (line.length - from <= PART_BYTES_MAX) return line.length
  let end = from + PART_BYTES_MAX
  while (end > from + PART_BYTES_MAX - 4 && (line[end]! & 0xc0) === 0x80) end--
  return end
}
