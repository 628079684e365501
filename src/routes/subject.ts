/** One event as rules see it, flume-route(1): nothing of it is decoded before a rule asks, and nothing twice. */
import type { Event } from '../events/event.js'
import type { Head } from '../events/heads.js'
import { parseEvent } from '../events/json.js'
import { numberAt } from '../events/json-text.js'

/** Key of an object or index of an array, from the outside in. */
export type Path = readonly (string | number)[]

/** A number of JSON as it was written. */
export class JsonNumber {
  constructor(readonly text: string) {}
}

/** What a rule compares: texts, booleans and null as they are, numbers as JsonNumber, undefined where it is missing. */
export type Value = unknown

const EMPTY = Buffer.alloc(0)

export class Subject {
  #body: string | undefined
  #json: { readonly value: Value } | undefined

  constructor(readonly event: Event) {}

  header(name: string): string | undefined {
    return this.event.headers.get(name)
  }

  get body(): string {
    return (this.#body ??= this.text())
  }

  /** Something of the body was looked at. */
  get inside(): boolean {
    return this.#body !== undefined
  }

  protected text(): string {
    return this.event.body.toString()
  }

  /** Undefined also where the body is no JSON. */
  field(path: Path): Value {
    this.#json ??= { value: parsed(this.body) }
    let { value } = this.#json
    for (const key of path) {
      const holds = typeof key === 'number' ? Array.isArray(value) : typeof value === 'object' && value !== null && !Array.isArray(value)
      if (!holds || !Object.hasOwn(value as object, key)) return undefined
      value = (value as Record<string | number, Value>)[key]
    }
    return typeof value === 'number' ? new JsonNumber(numberAt(this.body, path)) : value
  }
}

/** The event of one line, of which only the head was looked at so far. */
export class LineSubject extends Subject {
  /** `line`: nothing but its body follows the head, and all of it is UTF-8. */
  constructor(
    readonly head: Head,
    readonly line: Buffer,
  ) {
    super({ headers: head.headers, body: EMPTY })
  }

  override header(name: string): string | undefined {
    return name === 'timestamp' ? this.head.timestamp : super.header(name)
  }

  /** Throws BAD_EVENT. */
  protected override text(): string {
    const { head, line } = this
    const text = textOf(line.toString('utf8', head.bytes.length - 1, line.length - 2))
    return text?.isWellFormed() === true ? text : parseEvent(line).body.toString()
  }
}

function textOf(json: string): string | undefined {
  try {
    return JSON.parse(json) as string
  } catch {
    return undefined
  }
}

function parsed(text: string): Value {
  if (!/^[\s]*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
