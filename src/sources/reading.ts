/**
 * The next bytes of one file, in large blocks: its whole lines, or the last one that has no end yet. Each block begins
 * with the bytes just before the place, and these must be what they were, or the file is another one now.
 */
import { assert } from '../errors.js'
import { NEWLINE } from '../events/batch.js'
import { allocate } from '../events/json.js'
import type { Multiline } from './multiline.js'
import type { Partition } from './partition.js'
import { readAt } from './position.js'

/**
 * raw[0] is byte `base` of the file; raw[from..to) are whole events, raw[to..end) is one that may not be finished: a line
 * without its \n, or some that more may follow; raw[end] and raw[end + 1] may be written.
 */
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

/** Most that is read at once, and least where there is more, unless a line is longer. */
export const BLOCK_SIZE = 1024 * 1024
const BLOCK_SIZE_MIN = 64 * 1024
const RETURN = 0x0d

export class Reading {
  readonly #usual = allocate(BLOCK_SIZE)
  #raw = this.#usual

  /** A line of more than `lineBytesMax` is given in pieces to `refuse`, without its \n, with the partition just after it. */
  constructor(
    readonly lineBytesMax: number,
    readonly refuse: (piece: Buffer, last: boolean, partition: Partition, from: number) => Promise<void>,
    /** Absent: each line is an event. */
    readonly multiline: Multiline | undefined,
    /** How many bytes it is best to give at once. */
    readonly wanted: () => number,
  ) {}

  /** Undefined: what was read before is not there any more. The bytes are valid until the next call. */
  async next(partition: Partition): Promise<Block | undefined> {
    this.#shrink(partition.offset - partition.base)
    for (;;) {
      const { offset, base } = partition
      const from = offset - base
      const end = await this.#fill(partition, from)
      if (end === undefined) return undefined
      const raw = this.#raw
      const full = end === room(raw)
      if (partition.skipping) {
        const { past, ended, rest } = this.#skip(from, end, full)
        partition.advance(raw, base, past)
        if (past > from) await this.refuse(raw.subarray(from, ended ? past - 1 : past), ended, partition, offset)
        partition.skipping = !ended
        if (ended || full) continue
        return { raw, base, from: past, to: past, end: rest, more: false, cut: false }
      }
      const stop = partition.stops[0] === undefined ? end : Math.min(end, partition.stops[0] - base)
      const whole = stop === from ? stop : Math.max(from, raw.lastIndexOf(NEWLINE, stop - 1) + 1)
      const isLong = full && end - from > this.lineBytesMax
      const to = this.multiline === undefined ? whole : this.#lastStart(this.multiline, partition, from, whole, isLong ? stop : whole)
      const cut = stop > from && base + stop === partition.stops[0]
      if (to === 0 && base === 0 && !full) partition.sees(raw.subarray(0, stop))
      if (to > from || cut || !full) return { raw, base, from, to, end: stop, more: full || stop < end, cut }
      if (isLong) partition.skipping = true
      else this.#grow()
    }
  }

  /** The rest of an event that was too long, of which no end came: with a last line that has none, unless that begins another. */
  async endSkipping(partition: Partition, { raw, base, to, end }: Block): Promise<void> {
    const line = end > to && raw[to] === NEWLINE ? to + 1 : to
    const isOther = line === end || this.#beginsOther(to, end)
    partition.advance(raw, base, isOther ? line : end)
    await this.refuse(raw.subarray(to, isOther ? to : end), true, partition, base + to)
    partition.skipping = false
  }

  /** raw[from] ends a line of the event before, and raw[from + 1..end), of which more may come, begins one. */
  #beginsOther(from: number, end: number): boolean {
    return this.#raw[from] === NEWLINE && this.multiline?.begins(this.#raw, from + 1, end) === true
  }

  /**
   * Where the event begins that more lines may follow: of the whole lines raw[from..whole), or behind them, where raw[whole..end) begins one as far as it is
   * there. More of a line that was sent in part is an event by itself.
   */
  #lastStart(multiline: Multiline, { parts }: Partition, from: number, whole: number, end: number): number {
    if (whole === from || (end > whole && this.#beginsOther(whole - 1, end))) return whole
    return multiline.lastStart(this.#raw, parts > 0 ? this.#raw.indexOf(NEWLINE, from) + 1 : from, whole)
  }

  /**
   * How far raw[from..end) belongs to a line, or an event, that is too long; what lies behind that, up to `rest`, may do
   * so. The last \n of several lines is left, as it ends either a line or all of it.
   */
  #skip(from: number, end: number, full: boolean): { past: number; ended: boolean; rest: number } {
    const raw = this.#raw.subarray(0, end)
    if (this.multiline === undefined) {
      const newline = raw.indexOf(NEWLINE, from)
      return newline < 0 ? { past: end, ended: false, rest: end } : { past: newline + 1, ended: true, rest: newline + 1 }
    }
    const start = this.multiline.nextStart(raw, from, end)
    if (start !== undefined) return { past: start, ended: true, rest: start }
    if (full && this.#beginsOther(from, end)) return { past: from + 1, ended: true, rest: from + 1 }
    const newline = raw.lastIndexOf(NEWLINE)
    return { past: newline > from ? newline : full ? end : from, ended: false, rest: end }
  }

  /** Reads until a line is whole behind raw[from], the buffer is full or the file ends; returns the bytes read. */
  async #fill(partition: Partition, from: number): Promise<number | undefined> {
    const { file, base, knownSize } = partition
    assert(file !== undefined)
    let end = 0
    let ended = false
    let grew = false
    while (end < room(this.#raw)) {
      const into = this.#raw.subarray(end, room(this.#raw))
      const count = await file.read(into, base + end)
      end += count
      grew ||= ended && count > 0
      ended = count < into.length
      if (count === 0 || (end > from && this.#raw.lastIndexOf(NEWLINE, end - 1) >= from)) break
    }
    if (!partition.holds(this.#raw.subarray(0, Math.min(end, knownSize)))) return undefined
    // it may have been truncated between two reads, and grown to be longer than before
    return !grew || partition.holds(await readAt(file, base, knownSize)) ? end : undefined
  }

  /** For a line that is longer than the buffer. */
  #grow(): void {
    this.#raw = Buffer.allocUnsafeSlow(Math.min(this.#raw.length * 4, this.lineBytesMax + BLOCK_SIZE))
  }

  /** `from`: bytes that are read once more before those that are wanted. */
  #shrink(from: number): void {
    this.#raw = this.#usual.subarray(0, from + Math.max(BLOCK_SIZE_MIN, Math.floor(this.wanted())))
  }
}

/** Kept for closeLine(). */
export const LINE_END_SIZE = 2
const room = (raw: Buffer): number => raw.length - LINE_END_SIZE

/** Gives a last line that has none its \n; one \r goes with that, so one that is the line's own gets another. Returns the end. */
export function closeLine(raw: Buffer, end: number): number {
  const own = raw[end - 1] === RETURN
  if (own) raw[end] = RETURN
  raw[own ? end + 1 : end] = NEWLINE
  return own ? end + 2 : end + 1
}

/** It ends with a whole line: if that is not sent yet, then only because the event may go on in the next one. */
export const isFinished = ({ raw, end }: Block): boolean => raw[end - 1] === NEWLINE
