/**
 * An event on its way through the interceptors: headers, which are also the fields that parsers find, and a body, all as
 * text, changed in place. Only what is asked for is decoded, and what is not changed is not encoded again.
 */
import { isUtf8 } from 'node:buffer'
import type { Event } from '../events/event.js'
import { headText, quoted } from '../events/json.js'

/** The name by which an option means the body, where others are names of headers. */
export const BODY = 'body'
/** Headers of ours: nobody else sets them. */
export const RESERVED = 'flume.'
/** Stands for events that are lost: no interceptor touches it. */
export const GAP = 'flume.gap'
/** Why an interceptor could not do its work. */
export const ERROR = 'flume.error'

export class Draft {
  /** Those it came with, or all of them, its own. */
  #headers: ReadonlyMap<string, string>
  /** All of them, of this event alone. */
  #own: Map<string, string> | undefined
  /** Headers that were added and are not in any map yet: most events need none. */
  #names: string[] = NONE
  #values: string[] = NONE
  #body: string | undefined
  /** Names of headers whose text is JSON as it stands: a number, true, an object. */
  #json: Set<string> | undefined
  /** The body was set: it does not stand in the line it came in. */
  rewritten = false

  /**
   * `headers` may be those of other events too. `body`: its text, or how to decode it. `latin1`: the body is not UTF-8, and
   * each byte is a character.
   */
  constructor(
    headers: ReadonlyMap<string, string>,
    body: string | undefined,
    readonly latin1 = false,
    readonly decode: () => string = () => '',
  ) {
    this.#headers = headers
    this.#body = body
  }

  static of({ headers, body }: Event): Draft {
    return isUtf8(body) ? new Draft(headers, body.toString()) : new Draft(headers, body.toString('latin1'), true)
  }

  get headers(): ReadonlyMap<string, string> {
    return this.#names.length > 0 ? this.#mine() : this.#headers
  }

  /** The headers were touched. */
  get altered(): boolean {
    return this.#own !== undefined || this.#names.length > 0
  }

  /** As headText() of the headers. */
  get headText(): string {
    if (this.#names.length === 0) return headText(this.#headers)
    let text = begunHead(this.#headers)
    let comma = this.#headers.size === 0 ? '' : ','
    for (let n = 0; n < this.#names.length; n++) {
      text += comma + keyText(this.#names[n]!) + quoted(this.#values[n]!)
      comma = ','
    }
    return `${text}},"body":"`
  }

  get body(): string {
    return (this.#body ??= this.decode())
  }

  set body(text: string) {
    this.#body = text
    this.rewritten = true
  }

  /** A header, or the body by its name. */
  get(name: string): string | undefined {
    if (name === BODY) return this.body
    const added = this.#names.indexOf(name)
    return added < 0 ? this.#headers.get(name) : this.#values[added]
  }

  /** `json`: the text is JSON. */
  set(name: string, text: string, json = false): void {
    if (name === BODY) this.body = text
    else this.setHeader(name, text, json)
  }

  setHeader(name: string, text: string, json = false): void {
    const { length } = this.#names
    if (this.#own !== undefined || length >= ADDED_MAX || this.#headers.has(name) || this.#names.includes(name)) this.#mine().set(name, text)
    else if (length > 0) {
      this.#names.push(name)
      this.#values.push(text)
    } else {
      this.#names = [name]
      this.#values = [text]
    }
    if (json) (this.#json ??= new Set()).add(name)
    else this.#json?.delete(name)
  }

  delete(name: string): void {
    if (name === BODY) this.body = ''
    else if (this.headers.has(name)) this.#mine().delete(name)
  }

  isJson(name: string): boolean {
    return this.#json?.has(name) === true
  }

  /** Another event with the same headers. */
  copy(body: string): Draft {
    const draft = new Draft(this.headers, body, this.latin1)
    if (this.#json !== undefined) draft.#json = new Set(this.#json)
    draft.rewritten = true
    return draft
  }

  toEvent(): Event {
    return { headers: this.headers, body: Buffer.from(this.body, this.latin1 ? 'latin1' : 'utf8') }
  }

  #mine(): Map<string, string> {
    if (this.#own === undefined) this.#headers = this.#own = new Map(this.#headers)
    for (let n = 0; n < this.#names.length; n++) this.#own.set(this.#names[n]!, this.#values[n]!)
    this.#names = this.#values = NONE
    return this.#own
  }
}

/** Never changed. */
const NONE: string[] = []
/** More of them are better looked up in a map. */
const ADDED_MAX = 32
const KEYS_MAX = 1000
const keys = new Map<string, string>()

/** `"name":` */
function keyText(name: string): string {
  const known = keys.get(name)
  if (known !== undefined) return known
  if (keys.size >= KEYS_MAX) keys.clear()
  const text = `${quoted(name)}:`
  keys.set(name, text)
  return text
}

const begun = new WeakMap<ReadonlyMap<string, string>, string>()

/** The head of an event with these headers, up to the last of them: many events share it. */
function begunHead(headers: ReadonlyMap<string, string>): string {
  const known = begun.get(headers)
  if (known !== undefined) return known
  const text = headers.size === 0 ? '{"headers":{' : headText(headers).slice(0, -'},"body":"'.length)
  begun.set(headers, text)
  return text
}
