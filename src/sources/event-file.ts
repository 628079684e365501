/**
 * Source: the events of a file on stdin, each once. How far it has come the reader keeps, so what was killed in its middle goes
 * on there when it is typed again, and a file that is there whole is not put twice. Its last line may be that of an export that
 * was killed: half an event is none.
 */
import { Blocks } from '../disk/blocks.js'
import type { FileStat, ReadableFile } from '../disk/disk.js'
import { readFully } from '../disk/read-fully.js'
import { BATCH_BYTES_MAX, batchOf, countLines, linesEnd, type Batch, type Mark, type Position } from '../events/batch.js'
import { FlumeError } from '../errors.js'
import type { Clock, Held } from '../events/flow.js'
import type { Refusal } from '../events/rejects.js'
import { POSITIONS_TAG, splitAtPositions } from '../events/positions-line.js'
import { filePosition, HEAD_SIZE, printOf, readAt, TAIL_SIZE, verify, type FilePosition } from './position.js'

/** Partitions of such files begin with it. */
const EVENT_FILES = 'events.'
/** Files are forgotten this many ms after they were last put. */
const FORGET_AFTER = 30 * 24 * 60 * 60 * 1000
const BLOCK_COUNT = 3

/** Which line it is, to whoever meets it again. */
export type LinePlace = Pick<Refusal, 'partition' | 'position'>

export interface EventFileOptions {
  readonly file: ReadableFile
  /** For people, and kept with the place. */
  readonly path: string
  readonly clock: Clock
  /** Longest line of an event. */
  readonly eventBytesMax: number
  /** Makes another one each time; `[A-Za-z0-9._-]+`. */
  id(): string
  /** Positions on disk of the partitions that begin with `prefix`. */
  held(prefix: string): Promise<Held>
  /** A line that is longer, in pieces; `last` ends it. `place`: just after the piece. */
  tooLong(piece: Buffer, last: boolean, place: LinePlace): Promise<void>
  say(message: string): void
}

/** The same file is known by device and inode, by what it holds before the place, and, where nothing came after it, by when it was written. */
interface Place extends FilePosition {
  readonly modified: number
}

export class EventFile {
  readonly #blocks = new Blocks(BATCH_BYTES_MAX, BLOCK_COUNT)
  #partition = ''
  #stat!: FileStat
  #head!: Buffer
  /** The place of the last mark; null: none was given. */
  #from: Position | null = null
  /** Byte up to which it was read. */
  #at = 0
  #gone: readonly string[] = []

  constructor(readonly options: EventFileOptions) {}

  /** Why the last line was not put, once all is read: it is half an event. BAD_EVENT. */
  fault: FlumeError | undefined

  async *batches(stop: AbortSignal): AsyncGenerator<Batch> {
    await this.#resume()
    for (let size = this.#blocks.size; !stop.aborted; ) {
      const block = await this.#blocks.take(size)
      const bytes = block.bytes.subarray(0, await readFully(this.options.file, block.bytes, this.#at))
      const ended = bytes.length < block.bytes.length
      const end = linesEnd(bytes, this.options.eventBytesMax)
      if (end > 0) {
        size = this.#blocks.size
        yield* this.#lines(bytes.subarray(0, end), () => block.release())
        continue
      }
      const rest = Buffer.from(ended || end < 0 ? bytes : '')
      block.release()
      if (end < 0) await this.#skip(rest)
      else if (!ended) size *= 2
      else {
        yield* this.#last(rest)
        return
      }
    }
  }

  /** Where this very file was left, as the reader knows it. */
  async #resume(): Promise<void> {
    const { file, path, clock, held, say, id } = this.options
    this.#stat = await file.stat()
    this.#head = await readAt(file, 0, HEAD_SIZE)
    const known = [...(await held(EVENT_FILES))].map(([partition, places]) => ({ partition, place: places[0] as Place }))
    const found = await this.#find(known)
    this.#partition = found?.partition ?? `${EVENT_FILES}${id()}`
    this.#gone = known.filter((each) => each !== found && clock.now() - Number(each.place.time) > FORGET_AFTER).map(({ partition }) => partition)
    if (found === undefined) return
    this.#from = found.place
    this.#at = found.place.offset
    const [before, after] = await readAt(file, this.#at - 1, 2)
    if (before !== NEWLINE[0] && after === NEWLINE[0]) this.#at++ // the end of the last line has come
    const how = this.#at >= this.#stat.size ? `all of ${path} is` : `goes on after the first ${this.#at} bytes of ${path}, which are`
    say(`${how} in the queue already; cat ${path} | puts it once more`)
  }

  async #find<T extends { readonly place: Place }>(known: readonly T[]): Promise<T | undefined> {
    let found: T | undefined
    for (const each of known) if (each.place.offset > (found?.place.offset ?? 0) && (await this.#isPlace(each.place))) found = each
    return found
  }

  async #isPlace(place: Place): Promise<boolean> {
    const position = filePosition(place)
    const { device, inode, size, modified } = this.#stat
    if (position === undefined || position.inode !== String(inode) || position.device !== String(device) || size < position.offset) return false
    if (size === position.offset && place.modified !== modified) return false // the same was written once more
    return (await verify(this.options.file, position)) !== undefined
  }

  async *#lines(lines: Buffer, release: () => void): AsyncGenerator<Batch> {
    if (!lines.includes(POSITIONS_TAG)) {
      yield { lines, count: countLines(lines), mark: await this.#mark(lines.length), release }
      return
    }
    const pieces = [...splitAtPositions(Buffer.from(lines))]
    release()
    for (const piece of pieces) {
      if (!('positions' in piece)) yield batchOf(piece, countLines(piece), await this.#mark(piece.length))
      else {
        yield* unknownOf(piece.positions, await this.options.held(''), this.options.clock)
        yield batchOf(NO_LINES, 0, await this.#mark(piece.size))
      }
    }
  }

  /** Bytes after the last newline: a whole event, or an export that was killed. */
  async *#last(rest: Buffer): AsyncGenerator<Batch> {
    if (rest.length === 0) return
    const { path } = this.options
    const where = `${rest.length} bytes from byte ${this.#at} on`
    if (isWhole(rest)) yield batchOf(Buffer.concat([rest, NEWLINE]), 1, await this.#mark(rest.length))
    else this.fault = new FlumeError('BAD_EVENT', `cannot put the last line of ${path}, ${where}: it is cut short; all before it is in the queue`)
  }

  /** A line that no event may be as long as; `rest` begins with it. */
  async #skip(rest: Buffer): Promise<void> {
    for (let piece = rest; ; piece = await readAt(this.options.file, this.#at, BATCH_BYTES_MAX)) {
      const end = piece.indexOf(10)
      const last = end >= 0 || piece.length === 0
      const offset = this.#at + (end >= 0 ? end + 1 : piece.length)
      await this.options.tooLong(end >= 0 ? piece.subarray(0, end) : piece, last, { partition: this.#partition, position: { offset } })
      this.#at = offset
      if (last) return
    }
  }

  /** Just after `size` more bytes. */
  async #mark(size: number): Promise<Mark> {
    const { file, path, clock } = this.options
    this.#at += size
    const offset = this.#at
    const tail = Math.min(offset, TAIL_SIZE)
    const to: Place = {
      offset, path, device: String(this.#stat.device), inode: String(this.#stat.inode), size: Math.max(offset, this.#stat.size),
      head: printOf(this.#head.subarray(0, Math.min(offset, HEAD_SIZE))), tail: printOf(await readAt(file, offset - tail, tail)),
      time: clock.now(), modified: this.#stat.modified,
    }
    const mark = { partition: this.#partition, from: this.#from, to, time: to.time, replayable: true, ...(this.#gone.length > 0 ? { gone: this.#gone } : {}) }
    this.#gone = []
    this.#from = to
    return mark
  }
}

/** Batches of a program that gives no marks, which may have come by way of a file too. */
export async function* withPositions(batches: AsyncIterable<Batch>, held: EventFileOptions['held'], clock: Clock): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    if (batch.mark !== null || !batch.lines.includes(POSITIONS_TAG)) {
      yield batch
      continue
    }
    const lines = Buffer.from(batch.lines)
    batch.release()
    for (const piece of splitAtPositions(lines)) {
      if (!('positions' in piece)) yield batchOf(piece, countLines(piece), null)
      else yield* unknownOf(piece.positions, await held(''), clock)
    }
  }
}

/** What the reader has of a partition by now is left as it is. */
function* unknownOf(positions: ReadonlyMap<string, Position>, held: Held, clock: Clock): Generator<Batch> {
  for (const [partition, to] of positions) {
    if (!held.has(partition)) yield batchOf(NO_LINES, 0, { partition, from: null, to, time: clock.now(), replayable: true })
  }
}

function isWhole(line: Buffer): boolean {
  try {
    JSON.parse(line.toString())
    return true
  } catch {
    return false
  }
}

const NEWLINE = Buffer.from('\n')
const NO_LINES = Buffer.alloc(0)
