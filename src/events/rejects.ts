/**
 * What is no event, with reason, partition and position, appended to a file, flume-event(5). Nothing is dropped: flush()
 * comes before the ack of what add() was told, so what is not acked comes again. What stands there already is known by
 * partition, position and bytes, and is not written twice. Several processes may append to one file.
 */
import { dirname } from 'node:path'
import { errnoOf, FlumeError } from '../errors.js'
import type { Disk, DiskFile } from '../disk/disk.js'
import { readFully } from '../disk/read-fully.js'
import { NEWLINE } from './batch.js'
import type { Clock } from './flow.js'
import { Oldest } from './oldest.js'
import { decodeEntry, encodeEntry, identityOf, type Refusal, type Rejected } from './reject-entry.js'
export { PLAIN, refuse, type Refusal } from './reject-entry.js'

/** Where lines go that cannot be taken. */
export type Refused = Pick<Rejects, 'add' | 'flush'>

/** A line, or a part of one, that waits to be written; absent identity: whether it stands there already cannot be told. */
interface Pending extends Rejected {
  readonly identity: string | undefined
}

/** A longer line stands in several entries. */
const PART_BYTES_MAX = 1024 * 1024
/** ms between two messages about rejects. */
const SAY_EVERY = 60_000
/** So many lines are known again that were refused in this run. */
const KNOWN_MAX = 50_000
/** So much of what stands in the file already is looked at: what was refused just before a kill comes again. */
const LOOK_BACK = 4 * 1024 * 1024
const BRACE = 0x7b
/** How the reason begins for a line that is no JSON, json.ts. */
const NO_JSON = 'the line is no JSON'

export class Rejects {
  #pending: Pending[] = []
  #flushed = Promise.resolve() // rejects for good once a write or sync failed
  #file: DiskFile | undefined
  #durable = true
  #count = 0
  /** Of each input in the middle of a line that comes in pieces: how many parts of it there are, and where the next piece begins. */
  readonly #parts = new Map<string, { readonly count: number; readonly to: number }>()
  /** Identities of the lines of this run. */
  readonly #known = new Set<string>()
  readonly #oldest = new Oldest(this.#known)
  /** The same of an earlier one, once the file is open. */
  #earlier = new Set<string>()
  #said = { count: 0, time: -Infinity }
  #reason = ''
  /** Lines of text came, as of a program that knows no events; `said`: what to do is said. */
  #text: 'none' | 'seen' | 'said' = 'none'

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
    const { partition, position } = refusal
    const body = line.subarray(0, line.at(-1) === NEWLINE ? line.length - 1 : line.length)
    if (this.#text === 'none' && body.length > 0 && body[0] !== BRACE && refusal.reason.startsWith(NO_JSON)) this.#text = 'seen'
    const identity = position === null ? undefined : identityOf(partition, position, body)
    if (identity === undefined || this.#isNew(identity)) this.#push(Buffer.from(body), 0, true, refusal, identity)
  }

  /**
   * A piece of a line that is too long to be held, as it comes, without the \n; flush() after each, or it is held. Lines
   * of other inputs may come between two pieces. `from`: where in its input it begins, for one that may begin again.
   */
  addPart(piece: Uint8Array, last: boolean, refusal: Refusal, from?: number): void {
    const { partition } = refusal
    const begun = this.#parts.get(partition)
    const goesOn = begun !== undefined && (from === undefined || from === begun.to)
    const count = this.#push(Buffer.from(piece), goesOn ? begun.count : 0, last, refusal)
    if (last) this.#parts.delete(partition)
    else this.#parts.set(partition, { count, to: (from ?? 0) + piece.length })
  }

  /** On return all that was added is on disk. Throws IO, and then always: what is not written must not be acked. */
  flush(): Promise<void> {
    if (this.#pending.length > 0) this.#flushed = this.#flushed.then(() => this.#drain())
    return this.#flushed
  }

  /** flush(), and says what has not been said yet. */
  async close(): Promise<void> {
    await this.flush()
    this.#tell(this.#count, 0)
    await this.#file?.close()
    this.#file = undefined
  }

  /** Of a line of this run. The oldest are forgotten: what comes again comes soon. */
  #isNew(identity: string): boolean {
    if (this.#known.has(identity)) return false
    if (this.#known.size >= KNOWN_MAX) this.#oldest.remove()
    this.#known.add(identity)
    return true
  }

  /** Returns the number of the part that comes next. */
  #push(piece: Buffer, first: number, last: boolean, refusal: Refusal, identity?: string): number {
    const time = this.clock.now()
    if (first === 0) this.#count++
    this.#reason = refusal.reason
    let part = first
    for (let from = 0, more = true; more; part++) {
      const end = partEnd(piece, from)
      more = end < piece.length
      const line = piece.subarray(from, end)
      this.#pending.push({ ...refusal, time, line, part, more: more || !last, identity })
      from = end
    }
    return part
  }

  /** So many are on disk; what was said is that long ago at least, in ms. */
  #tell(count: number, every: number): void {
    const more = count - this.#said.count
    const time = this.clock.monotonic()
    if (more === 0 || time - this.#said.time < every) return
    const lines = more === 1 ? '1 line is no event' : `${more} lines are no events, the last`
    this.say(`${lines}: ${this.#reason}; kept in ${this.path}`)
    this.#said = { count, time }
    if (this.#text !== 'seen') return
    this.#text = 'said'
    this.say('these are plain lines: put `flume-tail -` before the first stage that reads them, as before a flume-buffer')
  }

  async #drain(): Promise<void> {
    const pending = this.#pending
    const count = this.#count
    this.#pending = []
    try {
      this.#file ??= await this.#open()
      const fresh = pending.filter(({ identity }) => identity === undefined || !this.#earlier.has(identity))
      for (const entries of entriesOf(fresh)) {
        await this.#checkRoom(this.#file, entries)
        await this.#file.write(entries, 0)
      }
      if (this.#durable) await this.#file.sync()
    } catch (cause) {
      throw new FlumeError('IO', `cannot write rejects to ${this.path}`, { cause })
    }
    this.#tell(count, SAY_EVERY)
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
    await this.disk.makeDirectory(directory, 0o700).catch((cause: unknown) => {
      throw errnoOf(cause) === 'EEXIST' ? new Error(`${directory} is no directory`) : cause
    })
    const file = await this.disk.open(this.path, 'append', 0o600)
    const { kind, size } = await file.stat()
    this.#durable = kind === 'file' // /dev/null cannot be synced
    if (this.#durable) await this.disk.syncDirectory(directory)
    const end = this.#durable ? await endOf(file, size) : Buffer.alloc(0)
    if (end.length > 0 && end.at(-1) !== NEWLINE) await file.write([Buffer.from('\n')], size)
    this.#earlier = new Set(identitiesIn(end))
    return file
  }
}

/** Its last bytes, at most LOOK_BACK. */
async function endOf(file: DiskFile, size: number): Promise<Buffer> {
  const end = Buffer.allocUnsafe(Math.min(size, LOOK_BACK))
  return end.subarray(0, await readFully(file, end, size - end.length))
}

/** Of the lines that stand there, each whole in one entry. */
function* identitiesIn(bytes: Buffer): Generator<string> {
  for (let at = 0, next: number; (next = bytes.indexOf(NEWLINE, at)) >= 0; at = next + 1) {
    const entry = decodeEntry(bytes.subarray(at, next))
    if (typeof entry === 'string' || entry.position === undefined || entry.part > 0 || entry.more) continue
    yield identityOf(entry.partition, entry.position, entry.line)
  }
}

/** Entries to be written at once: about as many as fit one part, and all parts of a line, as others may write there, too. */
function* entriesOf(rejected: readonly Rejected[]): Generator<Buffer[]> {
  let entries: Buffer[] = []
  let size = 0
  for (const one of rejected) {
    const entry = encodeEntry(one)
    entries.push(entry)
    size += entry.length
    if (size < PART_BYTES_MAX || one.more) continue
    yield entries
    entries = []
    size = 0
  }
  if (entries.length > 0) yield entries
}

/** At most PART_BYTES_MAX further, and not within a character. */
function partEnd(line: Buffer, from: number): number {
  if (line.length - from <= PART_BYTES_MAX) return line.length
  let end = from + PART_BYTES_MAX
  while (end > from + PART_BYTES_MAX - 4 && (line[end]! & 0xc0) === 0x80) end--
  return end
}
