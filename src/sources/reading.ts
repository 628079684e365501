/**
 * The next bytes of one file, in large blocks: its whole lines, or the last one that has no end yet. Each block begins
 * with the bytes just before the place, and these must be what they were, or the file is another one now.
 */
import { allocate } from '../events/json.js'
import type { Partition } from './partition.js'

/** raw[0] is byte `base` of the file; raw[from..to) are whole lines, raw[to..end) has no \n; raw[end] may be written. */
export interface Block {
  readonly raw: Buffer
  readonly base: number
  readonly from: number
  readonly to: number
  readonly end: number
  /** More may be had at once. */
  readonly more: boolean
  /** A reader further down stands at `end`, so a batch ends there even in the middle of a line. */
  readonly cut: boolean
}

/** Of what is read at once, unless a line is longer. */
export const BLOCK_SIZE = 1024 * 1024
const NEWLINE = 0x0a

export class Reading {
  readonly #usual = allocate(BLOCK_SIZE)
  #raw = this.#usual

  /** A line of more than `lineBytesMax` is given in pieces to `refuse`, without its \n. */
  constructor(
    readonly lineBytesMax: number,
    readonly refuse: (piece: Buffer, last: boolean, partition: Partition) => Promise<void>,
  ) {}

  /** Undefined: what was read before is not there any more. The bytes are valid until the next call. */
  async next(partition: Partition): Promise<Block | undefined> {
    this.#shrink()
    for (;;) {
      const { offset, tail } = partition
      const base = offset - tail.length
      const end = await this.#fill(partition, base)
      if (end === undefined) return undefined
      const raw = this.#raw
      const full = end === room(raw)
      if (partition.skipping) {
        const newline = raw.subarray(0, end).indexOf(NEWLINE, tail.length)
        const past = newline < 0 ? end : newline + 1
        if (past > tail.length) await this.refuse(raw.subarray(tail.length, newline < 0 ? end : newline), newline >= 0, partition)
        partition.advance(raw, base, past)
        partition.skipping = newline < 0
        if (newline >= 0 || full) continue
        return { raw, base, from: past, to: past, end: past, more: false, cut: false }
      }
      const stop = partition.stops[0] === undefined ? end : Math.min(end, partition.stops[0] - base)
      const to = stop === tail.length ? stop : Math.max(tail.length, raw.lastIndexOf(NEWLINE, stop - 1) + 1)
      const cut = stop - tail.length > 0 && base + stop === partition.stops[0]
      if (to > tail.length || cut || !full) return { raw, base, from: tail.length, to, end: stop, more: full || stop < end, cut }
      if (end - tail.length > this.lineBytesMax) partition.skipping = true
      else this.#grow()
    }
  }

  /** Reads from byte `base` until a line is whole, the buffer is full or the file ends; returns the bytes read. */
  async #fill({ file, tail }: Partition, base: number): Promise<number | undefined> {
    let end = 0
    while (end < room(this.#raw)) {
      const count = (await file?.read(this.#raw.subarray(end, room(this.#raw)), base + end)) ?? 0
      end += count
      if (count === 0 || (end > tail.length && this.#raw.lastIndexOf(NEWLINE, end - 1) >= tail.length)) break
    }
    return this.#raw.subarray(0, Math.min(end, tail.length)).equals(tail) ? end : undefined
  }

  /** For a line that is longer than the buffer. */
  #grow(): void {
    this.#raw = Buffer.allocUnsafeSlow(Math.min(this.#raw.length * 4, this.lineBytesMax + BLOCK_SIZE))
  }

  #shrink(): void {
    this.#raw = this.#usual
  }
}

/** One byte is kept for the \n of a last line that has none. */
const room = (raw: Buffer): number => raw.length - 1
