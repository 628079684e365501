/** What a parser finds in a text. */
import type { Draft } from '../draft.js'

/** Reads `text` into `found`; returns why it cannot, else undefined. */
export type Parser = (text: string, found: Found) => string | undefined

/** The same of bytes[from, to), which are UTF-8 or at least go on from ASCII as it does: what is found are places in them. */
export type ByteParser = (bytes: Buffer, from: number, to: number, found: Places) => string | undefined

/** Names and values in the order found; of a name that comes twice the last counts. */
export class Found {
  #names: string[] = []
  #values: string[] = []
  #json: boolean[] = []
  /** Characters of all names. */
  nameSize = 0

  clear(): void {
    this.#names = []
    this.#values = []
    this.#json = []
    this.nameSize = 0
  }

  /** `json`: the value is JSON as it stands, a number or an object. */
  add(name: string, value: string, json = false): void {
    this.#names.push(name)
    this.nameSize += name.length
    this.#values.push(value)
    this.#json.push(json)
  }

  /** Names that stand for something of ours get a `_` in front. */
  setHeaders(event: Draft, prefix: string): void {
    for (let n = 0; n < this.#names.length; n++) event.setHeader(nameOf(prefix + this.#names[n]!), this.#values[n]!, this.#json[n])
  }
}

/** The same, where the values are places in bytes, and the names are few. */
export class Places {
  readonly #places: { name: string; header: string; from: number; to: number; json: boolean }[] = []
  #count = 0

  constructor(readonly prefix: string) {}

  clear(): void {
    this.#count = 0
  }

  add(name: string, from: number, to: number, json = false): void {
    const place = (this.#places[this.#count++] ??= { name, header: nameOf(this.prefix + name), from, to, json })
    if (place.name !== name) {
      place.name = name
      place.header = nameOf(this.prefix + name)
    }
    place.from = from
    place.to = to
    place.json = json
  }

  /** They stand in the body as it came. */
  setPlaces(event: Draft): void {
    for (let n = 0; n < this.#count; n++) {
      const { header, from, to, json } = this.#places[n]!
      event.setPlace(header, from, to, json)
    }
  }

  /** They stand in the UTF-8 of another text. */
  setTexts(event: Draft, bytes: Buffer): void {
    for (const { header, from, to, json } of this.#places.slice(0, this.#count)) event.setHeader(header, bytes.toString('utf8', from, to), json)
  }
}

function nameOf(name: string): string {
  return name === '' || name.startsWith('flume.') || name === 'content-transfer-encoding' ? `_${name}` : name
}

/** What is written as `-` is missing. */
export function addUnlessDash(found: Found, name: string, value: string, json = false): void {
  if (value !== '-') found.add(name, value, json)
}

/** Index of the quote that ends the text begun before `at`; -1: there is none. A backslash takes the next character with it. */
export function quoteEnd(text: string, at: number): number {
  let from = at
  for (;;) {
    const quote = text.indexOf('"', from)
    if (quote < 0) return -1
    let slashes = 0
    while (quote - slashes > at && text.charCodeAt(quote - slashes - 1) === 0x5c) slashes++
    if (slashes % 2 === 0) return quote
    from = quote + 1
  }
}
