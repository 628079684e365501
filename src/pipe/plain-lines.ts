/** Lines of programs that give no marks. One that no event may be as long as goes on to the rejects as it comes. */
import { batchOf, countLines, linesEnd, type Batch } from '../events/batch.js'
import type { InputOptions } from './input-options.js'

export class PlainLines {
  /** What came before a writer that has begun since, as whole lines. */
  #before: Buffer = Buffer.alloc(0)
  #inLongLine = false
  #count = 0

  constructor(readonly options: Pick<InputOptions, 'eventBytesMax' | 'tooLong'>) {}

  /** Bytes of the whole lines that `held` begins with; -1: first comes one that is too long, or more of it. */
  end(held: Buffer): number {
    return this.#inLongLine ? -1 : linesEnd(held, this.options.eventBytesMax)
  }

  /** How many these are. */
  count(lines: Buffer): number {
    const count = countLines(lines)
    this.#count += count
    return count
  }

  /** What is held of a line that is too long goes on; `drop` is told how much that is. False: more of it is to come. */
  async refuse(held: Buffer, ended: boolean, drop: (size: number) => void): Promise<boolean> {
    const end = held.indexOf(10)
    const last = end >= 0 || ended
    const piece = Buffer.from(held.subarray(0, end >= 0 ? end : held.length))
    drop(end >= 0 ? end + 1 : piece.length)
    this.#inLongLine = !last
    const nth = this.#count + 1
    if (last) this.#count = nth
    if (piece.length > 0 || last) await this.options.tooLong(piece, last, nth)
    return last
  }

  /** A writer begins after these bytes: their last line is whole. */
  cut(bytes: Buffer): void {
    const isWhole = bytes.length === 0 ? !this.#inLongLine : bytes.at(-1) === 10
    this.#before = isWhole ? Buffer.from(bytes) : Buffer.concat([bytes, Buffer.from('\n')])
  }

  /** There are lines that came before a writer. */
  get waits(): boolean {
    return this.#before.length > 0
  }

  /** Of these the next. */
  async next(): Promise<Batch | 'again'> {
    const end = this.end(this.#before)
    if (end < 0) {
      await this.refuse(this.#before, false, (size) => (this.#before = this.#before.subarray(size)))
      return 'again'
    }
    const lines = this.#before.subarray(0, end)
    this.#before = this.#before.subarray(end)
    return batchOf(lines, this.count(lines), null)
  }
}
