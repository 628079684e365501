/** The event lines that come out of a batch, gathered as they are made. */
import { copyText } from '../events/escape.js'
import { PUT_SIZE_MAX, putText } from '../events/put.js'
import { formatEvent, headOf } from '../events/json.js'
import type { Draft } from './draft.js'

const CLOSE = Buffer.from('"}\n')

export class EventLines {
  count = 0
  readonly #pieces: Buffer[] = []
  #size = 0
  #used = 0

  /** `space`: memory in which lines are made; what may need more is made by itself. Only one at a time may have it. */
  constructor(readonly space: Buffer) {}

  /** Bytes so far. */
  get size(): number {
    return this.#size + this.#used
  }

  /** A line as it came: lines[from, to). */
  addLine(lines: Buffer, from: number, to: number): void {
    if (!this.#room(to - from)) return this.addBytes(Buffer.from(lines.subarray(from, to)), 1)
    this.#used = copyText(lines, from, to, this.space, this.#used)
    this.count++
  }

  /** An event whose body stands as it came in lines[from, to), with what follows up to the newline. */
  addHeaded(event: Draft, lines: Buffer, from: number, to: number): void {
    if (!this.#room(event.headSizeMax + to - from)) {
      return this.addBytes(Buffer.concat([headOf(event.headers), lines.subarray(from, to)]), 1)
    }
    this.#used = event.putHead(this.space, this.#used)
    this.#used = copyText(lines, from, to, this.space, this.#used)
    this.count++
  }

  add(event: Draft): void {
    if (event.bytewise || !this.#room(event.headSizeMax + event.body.length * PUT_SIZE_MAX + CLOSE.length)) {
      return this.addBytes(formatEvent(event.toEvent()), 1)
    }
    this.#used = putText(this.space, event.putHead(this.space, this.#used), event.body)
    this.#used += CLOSE.copy(this.space, this.#used)
    this.count++
  }

  /** Whole lines. */
  addBytes(lines: Buffer, count: number): void {
    this.#flush()
    this.#push(lines)
    this.count += count
  }

  take(): Buffer {
    this.#flush()
    return this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.#size)
  }

  /** There are so many bytes in the space behind what is there; false: it is too small. */
  #room(size: number): boolean {
    if (this.space.length - this.#used >= size) return true
    if (size > this.space.length) return false
    this.#flush()
    return true
  }

  #flush(): void {
    if (this.#used === 0) return
    this.#push(Buffer.from(this.space.subarray(0, this.#used)))
    this.#used = 0
  }

  #push(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#size += bytes.length
  }
}
