/** The event lines that come out of a batch: text is gathered and encoded at once, what is only copied stays bytes. */
import { formatEvent, quoted } from '../events/json.js'
import type { Draft } from './draft.js'

/** Characters of text that are encoded at once. */
const TEXT_MAX = 64 * 1024

export class EventLines {
  count = 0
  #text = ''
  #pieces: Buffer[] = []
  #size = 0

  /** Bytes so far, without what is gathered. */
  get size(): number {
    return this.#size + this.#text.length
  }

  /** An event whose body is written as `rest`: it, the quote that ends it, and what follows up to the newline. */
  addText(head: string, rest: string): void {
    this.#text += head
    this.#text += rest
    this.count++
    if (this.#text.length >= TEXT_MAX) this.#flush()
  }

  add(event: Draft): void {
    if (event.latin1) this.addBytes(formatEvent(event.toEvent()), 1)
    else this.addText(event.headText, `${quoted(event.body).slice(1)}}\n`)
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

  #flush(): void {
    if (this.#text === '') return
    this.#push(Buffer.from(this.#text))
    this.#text = ''
  }

  #push(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#size += bytes.length
  }
}
