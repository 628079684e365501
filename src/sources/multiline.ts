/**
 * Events of several lines: a line that matches begins one, and those behind it belong to it. What an event is follows
 * from the lines alone; only where the last one of a file ends is a matter of time.
 */
import { NEWLINE } from '../events/batch.js'

const RETURN = 0x0d

export class Multiline {
  #told = false

  constructor(
    /** Matches a line, without its end, that begins an event. */
    readonly start: RegExp,
    readonly say: (message: string) => void,
  ) {}

  /** Where the last event of the whole lines raw[from..to) begins; the first one begins at `from`, matching or not. */
  lastStart(raw: Buffer, from: number, to: number): number {
    for (let end = to; end > from; ) {
      const begin = end - 2 < from ? from : Math.max(from, raw.lastIndexOf(NEWLINE, end - 2) + 1)
      if (begin === from || this.begins(raw, begin, lineEnd(raw, begin, end))) return begin
      end = begin
    }
    return from
  }

  /** Where the event ends that begins at raw[from]; `to`, the end of a line, where none begins before. */
  end(raw: Buffer, from: number, to: number): number {
    return this.nextStart(raw, from, to) ?? to
  }

  /** The first whole line of raw[from..to) that begins an event, not counting the one at `from`. */
  nextStart(raw: Buffer, from: number, to: number): number | undefined {
    let begin = raw.indexOf(NEWLINE, from) + 1
    while (begin > 0 && begin < to) {
      const end = raw.indexOf(NEWLINE, begin) + 1
      if (end === 0 || end > to) return undefined
      if (this.begins(raw, begin, lineEnd(raw, begin, end))) return begin
      begin = end
    }
    return undefined
  }

  /** Whether the line raw[from..to), without its end or as far as it is there, begins an event. */
  begins(raw: Buffer, from: number, to: number): boolean {
    const line = raw.toString('utf8', from, to)
    try {
      return this.start.test(line)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error // the expression takes more memory than there is for it
      if (!this.#told) this.say(`a line of ${to - from} bytes is too long for --multiline-start: such lines begin no event`)
      this.#told = true
      return false
    }
  }
}

/** The lines raw[from..to) as one body: each without its end, and a \n between two of them. */
export function bodyOf(raw: Buffer, from: number, to: number): Buffer {
  const body = raw.subarray(from, lineEnd(raw, from, to))
  return body.includes('\r\n') ? Buffer.from(body.toString('latin1').replaceAll('\r\n', '\n'), 'latin1') : body
}

/** Of the last line of raw[from..to): its \n goes, and one \r before it. */
function lineEnd(raw: Buffer, from: number, to: number): number {
  return to - 2 >= from && raw[to - 2] === RETURN ? to - 2 : to - 1
}
