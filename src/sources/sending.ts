/** What was read of a file, as batches: its lines, its last line that has no end, what is lost of it, or its place alone. */
import { batchOf, NEWLINE, type Batch } from '../events/batch.js'
import { GAP } from '../events/event.js'
import { formatEvent } from '../events/json.js'
import { headersOf, type HeaderOptions } from './headers.js'
import type { LineEncoder, Lines } from './lines.js'
import type { Multiline } from './multiline.js'
import type { Partition } from './partition.js'
import type { FilePosition } from './position.js'
import { closeLine, isFinished, type Block } from './reading.js'

const RETURN = 0x0d

export class Sending {
  /** Partitions that may be forgotten; the next mark says so. */
  gone: string[] = []

  constructor(
    readonly encoder: LineEncoder,
    readonly headers: HeaderOptions,
    readonly host: string,
    /** ms since the epoch */
    readonly now: () => number,
    /** Absent: each line is an event. */
    readonly multiline?: Multiline,
  ) {}

  /** The events of a block; with `last` also the one that may not be finished. Moves the place of the partition behind them. */
  async *lines(partition: Partition, block: Block, last: boolean): AsyncGenerator<Batch> {
    const { raw, base, to, end } = block
    const now = this.now()
    let { from } = block
    if (partition.parts > 0 && to > from) {
      const next = raw.indexOf(NEWLINE, from) + 1
      if (!isLineEnd(raw, from, next)) yield* this.encoder.batches(this.#lines(partition, block, from, next, now))
      partition.advance(raw, base, next)
      from = next
    }
    if (to > from) {
      yield* this.encoder.batches(this.#lines(partition, block, from, to, now))
      partition.advance(raw, base, to)
    }
    if (last && end > to) {
      const finished = isFinished(block)
      const parts = finished ? 0 : partition.parts + 1
      yield* this.encoder.batches(this.#lines(partition, block, to, finished ? end : closeLine(raw, end), now))
      partition.advance(raw, base, end)
      partition.parts = parts
    }
  }

  /** A piece of a line that is too long to be held, which began at byte `from`, or of more of it; the partition stands after it. */
  refuse(piece: Buffer, last: boolean, partition: Partition, from: number): Promise<void> {
    const headers = this.#headers(partition, this.now())
    if (this.headers.known.includes('byteoffset')) headers.set('byteoffset', String(from))
    return this.encoder.refuse(piece, last, { partition: partition.id, position: partition.position(this.now()), headers }, from)
  }

  /** The place of a partition, without lines. */
  async place(partition: Partition): Promise<Batch> {
    await this.encoder.refused.flush()
    return batchOf(Buffer.alloc(0), 0, partition.mark(partition.position(this.now()), this.now(), this.taken()))
  }

  /** The event that says what is lost; nothing of the partition comes after it. */
  gap(partition: Partition, lost: { readonly to: number; readonly reason: string }): Batch {
    const now = this.now()
    const place = partition.file === undefined && partition.marked !== null ? partition.marked : partition.position(now)
    const headers = headersOf(this.headers, partition.path, this.host, now)
    headers.set(GAP, lost.reason).set('file', partition.path)
    headers.set('first', String(place.offset)).set('last', String(lost.to - 1))
    partition.lost = undefined
    const mark = partition.mark({ ...place, offset: lost.to, size: lost.to, ended: true }, now, this.taken())
    return batchOf(formatEvent({ headers, body: Buffer.alloc(0) }), 1, mark)
  }

  #lines(partition: Partition, { raw, base, end }: Block, from: number, to: number, now: number): Lines {
    const { multiline } = this
    const positionAt = (index: number): FilePosition => partition.positionAt(raw, base, Math.min(index, end), now)
    return {
      raw,
      from,
      to,
      headers: this.#headers(partition, now),
      ...(this.headers.known.includes('byteoffset') && { offsetOf: (index: number) => String(base + index) }),
      ...(multiline !== undefined && { endOf: (index: number) => multiline.end(raw, index, to) }),
      partition: partition.id,
      positionAt,
      markAt: (index) => partition.mark(positionAt(index), now, this.taken()),
    }
  }

  #headers({ path, parts }: Partition, now: number): Map<string, string> {
    const headers = headersOf(this.headers, path, this.host, now)
    return parts > 0 ? headers.set('flume.part', String(parts)) : headers
  }

  /** These go with the next mark. */
  taken(): readonly string[] {
    const { gone } = this
    if (gone.length > 0) this.gone = []
    return gone
  }
}

function isLineEnd(raw: Buffer, from: number, to: number): boolean {
  return to - from === 1 || (to - from === 2 && raw[from] === RETURN)
}
