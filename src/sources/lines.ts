/**
 * Raw lines to batches: encoded into blocks of a bounded pool, cut at BATCH_BYTES_MAX, each batch closed by a mark. One
 * batch holds whole lines of one partition. A line that makes too long an event is put into the rejects, and the mark
 * that passes it goes out only when they are synced.
 */
import { assert } from '../errors.js'
import type { Batch, Mark, Position } from '../events/batch.js'
import { BATCH_BYTES_MAX, batchOf } from '../events/batch.js'
import type { Refusal } from '../events/rejects.js'
import { Blocks, type Block } from '../disk/blocks.js'
import { allocate, encodeLines, formatEvent, headOf, lineSizeMax } from '../events/json.js'
import { bodyOf } from './multiline.js'

export type Headers = ReadonlyMap<string, string>

/** Where lines go that cannot be events; Rejects of events/rejects.ts. */
export interface Refused {
  add(line: Uint8Array, refusal: Refusal): void
  /** A piece of a line that is too long to be held, as it comes, without the \n; `from`: where in its input it begins. */
  addPart(piece: Uint8Array, last: boolean, refusal: Refusal, from: number): void
  /** On return they are on disk. */
  flush(): Promise<void>
}

/** Whole raw lines, raw[from..to), the last byte is \n, and what goes with them. */
export interface Lines {
  readonly raw: Buffer
  readonly from: number
  readonly to: number
  readonly headers: Headers
  /** Of each line its own head: headers and this one, the byte that the line at `index` of raw starts at. */
  readonly offsetOf?: (index: number) => string
  /** Where the event ends that begins at this index of raw; absent: each line is one. */
  readonly endOf?: (index: number) => number
  /** The place just before raw[index]. */
  positionAt(index: number): Position
  /** Closes a batch there: called in order, once for each batch that goes out. */
  markAt(index: number): Mark
  readonly partition: string
}

const BLOCK_SIZE = 2 * BATCH_BYTES_MAX
const BLOCKS = 2
/** How much of a batch its lines are meant to fill: what is left over makes a short batch, which costs as much as a long one. */
const FULL = 0.98

export class LineEncoder {
  readonly #blocks = new Blocks(BLOCK_SIZE, BLOCKS, allocate)
  readonly #batchBytesMax: number
  /** Of which [#used..) is free; the encoder is one of its users. */
  #block: Block | undefined
  #used = 0
  /** Of the last lines: raw bytes for each byte of a batch. */
  #ratio = 1

  constructor(
    readonly eventBytesMax: number,
    readonly refused: Refused,
    batchBytesMax = BATCH_BYTES_MAX,
  ) {
    assert(batchBytesMax <= BATCH_BYTES_MAX) // a block has room for it
    this.#batchBytesMax = Math.min(batchBytesMax, eventBytesMax)
  }

  /** So many raw bytes make a full batch, if they are like the last. */
  get fullBytes(): number {
    return this.#batchBytesMax * this.#ratio * FULL
  }

  /** Batches of these lines. Waits where all blocks are in use. */
  async *batches(lines: Lines): AsyncGenerator<Batch> {
    const { raw, to, headers, offsetOf, endOf } = lines
    const head = offsetOf === undefined && endOf === undefined ? headOf(headers) : undefined
    let at = lines.from
    while (at < to) {
      const block = await this.#room(this.#batchBytesMax)
      const limit = this.#used + this.#batchBytesMax
      const run = head === undefined
        ? encodeEach(lines, at, block.bytes, this.#used, limit)
        : encodeLines(raw, at, windowEnd(raw, at, to), block.bytes, this.#used, limit, headers, head)
      if (run.count > 0) {
        at += run.consumed
        this.#ratio = run.consumed / run.written
        yield this.#cut(block, run.written, run.count, lines.markAt(at))
        continue
      }
      const end = endAt(lines, at)
      const batch = await this.#long(lines, at, end)
      at = end
      if (batch !== undefined) yield batch
    }
  }

  /** One line that might not fit where a batch does: a batch of its own, or undefined and among the rejects. */
  async #long(lines: Lines, from: number, to: number): Promise<Batch | undefined> {
    const headers = headersAt(lines, from)
    if (lines.endOf !== undefined) return this.#longEvent(lines, from, to, headers)
    const head = headOf(headers)
    const size = lineSizeMax(to - from, head)
    if (head.length + Math.max(0, to - from - 2) <= this.eventBytesMax) {
      const block = size <= BLOCK_SIZE ? await this.#room(size) : await this.#blocks.take(size)
      const start = size <= BLOCK_SIZE ? this.#used : 0
      const { written } = encodeLines(lines.raw, from, to, block.bytes, start, start + size, headers, head)
      if (written <= this.eventBytesMax) {
        if (size <= BLOCK_SIZE) return this.#cut(block, written, 1, lines.markAt(to))
        const mark = lines.markAt(to)
        return { lines: block.bytes.subarray(0, written), count: 1, mark, release: () => block.release() }
      }
      if (size > BLOCK_SIZE) block.release()
    }
    return this.#refuseLine(lines, from, to)
  }

  /** The same with one of several lines. */
  async #longEvent(lines: Lines, from: number, to: number, headers: Headers): Promise<Batch | undefined> {
    const event = formatEvent({ headers, body: bodyOf(lines.raw, from, to) })
    return event.length <= this.eventBytesMax ? batchOf(event, 1, lines.markAt(to)) : this.#refuseLine(lines, from, to)
  }

  async #refuseLine(lines: Lines, from: number, to: number): Promise<undefined> {
    const refusal = { reason: this.#reason(), partition: lines.partition, position: lines.positionAt(to), headers: headersAt(lines, from) }
    this.refused.add(lines.raw.subarray(from, to), refusal)
    await this.refused.flush()
  }

  /** Puts a piece of a line that is too long to be held into the rejects; on return it is on disk. */
  async refuse(piece: Uint8Array, last: boolean, place: Omit<Refusal, 'reason'>, from: number): Promise<void> {
    this.refused.addPart(piece, last, { ...place, reason: this.#reason() }, from)
    await this.refused.flush()
  }

  #reason(): string {
    return `longer than ${this.eventBytesMax} bytes as an event`
  }

  /** A block with room for `size` more bytes, at most BLOCK_SIZE. */
  async #room(size: number): Promise<Block> {
    if (this.#block?.sole === true) this.#used = 0 // nobody looks into it any more: small batches stay in a little memory
    if (this.#block !== undefined && BLOCK_SIZE - this.#used >= size) return this.#block
    const old = this.#block
    this.#block = undefined
    old?.release()
    this.#block = await this.#blocks.take()
    this.#used = 0
    return this.#block
  }

  #cut(block: Block, size: number, count: number, mark: Mark): Batch {
    const lines = block.bytes.subarray(this.#used, this.#used + size)
    this.#used += size
    block.share()
    return { lines, count, mark, release: () => block.release() }
  }
}

/** The end of the last whole line of raw[from..to) that lies within one batch; more cannot fit, as lines only grow. */
function windowEnd(raw: Buffer, from: number, to: number): number {
  if (to - from <= BATCH_BYTES_MAX) return to
  const end = raw.lastIndexOf(0x0a, from + BATCH_BYTES_MAX) + 1
  return end > from ? end : raw.indexOf(0x0a, from) + 1
}

function headersAt({ headers, offsetOf }: Lines, index: number): Headers {
  return offsetOf === undefined ? headers : new Map([...headers, ['byteoffset', offsetOf(index)]])
}

function endAt({ raw, endOf }: Lines, index: number): number {
  return endOf === undefined ? raw.indexOf(0x0a, index) + 1 : endOf(index)
}

/** encodeLines() where each line has a head of its own, or is one of several of an event. */
function encodeEach(lines: Lines, from: number, out: Buffer, at: number, limit: number): ReturnType<typeof encodeLines> {
  let i = from
  let o = at
  let count = 0
  let common: Buffer | undefined
  while (i < lines.to) {
    const headers = headersAt(lines, i)
    const head = lines.offsetOf === undefined ? (common ??= headOf(headers)) : headOf(headers)
    const end = singlesEnd(lines, i, i + limit - o)
    const run = end > i ? encodeLines(lines.raw, i, end, out, o, limit, headers, head) : encodeEvent(lines, i, out, o, limit, headers)
    i += run.consumed
    o += run.written
    count += run.count
    if (run.count === 0 || i < end) break
  }
  return { consumed: i - from, written: o - at, count }
}

/** The end of those events from `from` on that are one line each and may have the same head, up to about `most`. */
function singlesEnd(lines: Lines, from: number, most: number): number {
  const { raw, endOf, offsetOf, to } = lines
  if (endOf === undefined) return raw.indexOf(0x0a, from) + 1
  let end = from
  while (end < to) {
    const next = endOf(end)
    if (raw.indexOf(0x0a, end) !== next - 1) break
    end = next
    if (offsetOf !== undefined || end > most) break
  }
  return end
}

/** The event of several lines that begins at raw[from]; count 0: no room. */
function encodeEvent(lines: Lines, from: number, out: Buffer, at: number, limit: number, headers: Headers): ReturnType<typeof encodeLines> {
  const to = endAt(lines, from)
  const none = { consumed: 0, written: 0, count: 0 }
  if (at + (to - from) > limit) return none
  const event = formatEvent({ headers, body: bodyOf(lines.raw, from, to) })
  return at + event.length > limit ? none : { consumed: to - from, written: event.copy(out, at), count: 1 }
}
