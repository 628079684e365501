/**
 * An event on its way through the interceptors: headers, which are also the fields that parsers find, and a body, all as
 * text, changed in place. Only what is asked for is decoded, and what is not changed is not encoded again: a field that stands
 * in the body is a place in its bytes until somebody wants its text.
 */
import { isUtf8 } from 'node:buffer'
import type { Event } from '../events/event.js'
import { escapeText } from '../events/escape.js'
import { putRaw, putText } from '../events/put.js'
import { Given, keyOf } from './given-headers.js'
import { Header } from './header.js'

/** The name by which an option means the body, where others are names of headers. */
export const BODY = 'body'
/** Headers of ours: nobody else sets them. */
export const RESERVED = 'flume.'
/** Why an interceptor could not do its work. */
export const ERROR = 'flume.error'

/** Headers that are looked up one by one; of more there is an index. */
const SCANNED_MAX = 32
const NOTHING: Buffer = Buffer.alloc(0)
const HEAD_END = Buffer.from('},"body":"')
const BARE_HEAD = Buffer.from('{"body":"')

export class Draft {
  /** Headers that it came with, and still has, in front of the others. */
  #given = Given.NONE
  /** By the index of a given header: it has another text by now. */
  readonly #changed: (Header | undefined)[] = []
  readonly #more: Header[] = []
  /** How many of #more count. */
  #count = 0
  #index: Map<string, number> | undefined
  #bytes = NOTHING
  #from = 0
  #to = 0
  #encoding: 'utf8' | 'latin1' = 'utf8'
  #body: string | undefined
  /** The body was set: it does not stand in the line it came in. */
  rewritten = false
  /** The headers were touched. */
  altered = false
  /** The body is not UTF-8, and each of its characters is a byte. */
  bytewise: boolean

  /** `latin1`: so is the body that it comes with. */
  constructor(readonly latin1 = false) {
    this.bytewise = latin1
  }

  static of({ headers, body }: Event): Draft {
    return new Draft(!isUtf8(body)).begin(Given.of(headers), body, 0, body.length)
  }

  /** Another event in place of the last: its headers, and its body bytes[from, to); `ascii`: of these all. */
  begin(given: Given, bytes: Buffer, from: number, to: number, ascii = this.latin1): this {
    this.#given = given
    this.#changed.length = 0
    this.#count = 0
    this.#index = undefined
    this.#bytes = bytes
    this.#from = from
    this.#to = to
    this.#encoding = ascii ? 'latin1' : 'utf8'
    this.#body = undefined
    this.rewritten = this.altered = false
    this.bytewise = this.latin1
    return this
  }

  get headers(): Map<string, string> {
    const all = new Map(this.#given.headers)
    for (const header of this.#changed) if (header !== undefined) all.set(header.name, this.#textOf(header))
    for (const header of this.#more.slice(0, this.#count)) all.set(header.name, this.#textOf(header))
    return all
  }

  get body(): string {
    return (this.#body ??= this.#bytes.toString(this.#encoding, this.#from, this.#to))
  }

  set body(text: string) {
    this.#body = text
    this.rewritten = true
    this.bytewise = false
  }

  /** A header, or the body by its name. */
  get(name: string): string | undefined {
    if (name === BODY) return this.body
    const header = this.#find(name)
    return header === undefined ? this.#given.get(name) : this.#textOf(header)
  }

  /** `json`: the text is JSON. */
  set(name: string, text: string, json = false): void {
    if (name === BODY) this.body = text
    else this.setHeader(name, text, json)
  }

  /** As set(), to what was there with changes: of a body that is bytes these stay, and once they are UTF-8 it is text. */
  rewrite(name: string, text: string): void {
    const bytes = name === BODY && this.bytewise ? Buffer.from(text, 'latin1') : undefined
    const bytewise = bytes !== undefined && !isUtf8(bytes)
    this.set(name, bytes === undefined || bytewise ? text : bytes.toString())
    if (name === BODY) this.bytewise = bytewise
  }

  setHeader(name: string, text: string, json = false): void {
    const header = this.#own(name)
    header.text = text
    header.json = json
  }

  /** A header that stands in the body as it came, which inBody() found. */
  setPlace(name: string, from: number, to: number, json: boolean): void {
    const header = this.#own(name)
    header.text = undefined
    header.from = from
    header.to = to
    header.json = json
  }

  /** What this finds in the bytes of the body as it came. */
  inBody<Found>(find: (bytes: Buffer, from: number, to: number) => Found): Found {
    return find(this.#bytes, this.#from, this.#to)
  }

  delete(name: string): void {
    if (name === BODY) this.body = ''
    else this.deleteHeaders((each) => each === name)
  }

  deleteHeaders(goes: (name: string) => boolean): void {
    if (this.#given.names.some(goes)) this.#takeOver()
    let kept = 0
    for (let n = 0; n < this.#count; n++) {
      const header = this.#more[n]!
      if (goes(header.name)) continue
      this.#more[n] = this.#more[kept]!
      this.#more[kept++] = header
    }
    if (kept === this.#count) return
    this.#count = kept
    this.#index = undefined
    this.altered = true
  }

  isJson(name: string): boolean {
    return this.#find(name)?.json ?? this.#given.json.has(name)
  }

  /** Another event with the same headers, and the same body or a part of it. */
  copy(body: string): Draft {
    const draft = new Draft(this.bytewise)
    draft.#given = this.#shared()
    draft.altered = this.altered
    draft.rewrite(BODY, body)
    return draft
  }

  toEvent(): Event {
    return { headers: this.headers, body: Buffer.from(this.body, this.bytewise ? 'latin1' : 'utf8') }
  }

  /** Bytes that putHead() writes at most. */
  get headSizeMax(): number {
    let size = this.#given.begun.length + HEAD_END.length
    for (const header of this.#changed) if (header !== undefined) size += header.sizeMax
    for (let n = 0; n < this.#count; n++) size += this.#more[n]!.sizeMax
    return size
  }

  /** The line up to the first byte of the body, as headOf() of the headers; returns where it ends. */
  putHead(out: Buffer, at: number): number {
    if (this.#given.size + this.#count === 0) return putRaw(out, at, BARE_HEAD)
    let o = this.#putGiven(out, at)
    for (let n = 0; n < this.#count; n++) {
      const header = this.#more[n]!
      header.key ??= keyOf(header.name)
      o = putRaw(out, o, header.key, n + this.#given.size === 0 ? 1 : 0)
      o = this.#putText(out, o, header)
      out[o++] = 0x22
    }
    return putRaw(out, o, HEAD_END)
  }

  #putGiven(out: Buffer, at: number): number {
    const { begun, textEnds, textSizes } = this.#given
    if (this.#changed.length === 0) {
      out.set(begun, at)
      return at + begun.length
    }
    let o = at
    let from = 0
    for (let n = 0; n < this.#changed.length; n++) {
      const header = this.#changed[n]
      if (header === undefined) continue
      o = this.#putText(out, putRaw(out, o, begun, from, textEnds[n]! - textSizes[n]!), header)
      from = textEnds[n]!
    }
    return putRaw(out, o, begun, from)
  }

  #putText(out: Buffer, at: number, header: Header): number {
    if (header.text === undefined && !this.latin1) return escapeText(this.#bytes, header.from, header.to, out, at)
    return putText(out, at, this.#textOf(header))
  }

  #textOf(header: Header): string {
    return (header.text ??= this.#bytes.toString(this.#encoding, header.from, header.to))
  }

  /** Undefined: it is among the given ones as it came, or there is none. */
  #find(name: string): Header | undefined {
    if (this.#changed.length > 0) {
      const n = this.#given.indexOf(name)
      if (n >= 0 && this.#changed[n] !== undefined) return this.#changed[n]
    }
    if (this.#count > SCANNED_MAX) return this.#more[this.#indexed().get(name) ?? -1]
    for (let n = 0; n < this.#count; n++) if (this.#more[n]!.name === name) return this.#more[n]
    return undefined
  }

  #indexed(): Map<string, number> {
    if (this.#index !== undefined) return this.#index
    this.#index = new Map()
    for (let n = 0; n < this.#count; n++) this.#index.set(this.#more[n]!.name, n)
    return this.#index
  }

  /** The header of this name, or a new one behind all others: to be changed. */
  #own(name: string): Header {
    this.altered = true
    return this.#find(name) ?? this.#change(name) ?? this.#add(name)
  }

  /** A given header that is no longer as it came. */
  #change(name: string): Header | undefined {
    const n = this.#given.indexOf(name)
    if (n < 0) return undefined
    while (this.#changed.length < n) this.#changed.push(undefined)
    const header = new Header()
    header.name = name
    this.#changed[n] = header
    return header
  }

  #add(name: string): Header {
    const header = (this.#more[this.#count] ??= new Header())
    if (header.name !== name) {
      header.name = name
      header.key = undefined
    }
    this.#index?.set(name, this.#count)
    this.#count++
    return header
  }

  /** The given headers are its own from now on, and stay in front. */
  #takeOver(): void {
    const { names, texts, json } = this.#given
    const changed = this.#changed.splice(0)
    const added = this.#more.splice(0, this.#count)
    this.#given = Given.NONE
    this.#count = 0
    this.#index = undefined
    for (const [n, name] of names.entries()) {
      const header = this.#add(name)
      header.text = changed[n] === undefined ? texts[n]! : this.#textOf(changed[n])
      header.json = changed[n]?.json ?? json.has(name)
    }
    this.#more.splice(this.#count, 0, ...added)
    this.#count += added.length
  }

  /** All headers, for many events. */
  #shared(): Given {
    if (this.#count + this.#changed.length === 0) return this.#given
    const json = [...this.headers.keys()].filter((name) => this.isJson(name))
    this.#given = Given.of(this.headers, json)
    this.#changed.length = 0
    this.#count = 0
    this.#index = undefined
    return this.#given
  }
}
