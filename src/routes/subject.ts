/** One event as rules see it, flume-route(1): nothing of it is decoded before a rule asks, and nothing twice. */
import type { Event } from '../events/event.js'

/** Key of an object or index of an array, from the outside in. */
export type Path = readonly (string | number)[]

/** What a rule compares: texts, numbers, booleans and null as they are, undefined where it is missing. */
export type Value = unknown

export class Subject {
  #body: string | undefined
  #json: { readonly value: Value } | undefined

  constructor(readonly event: Event) {}

  header(name: string): string | undefined {
    return this.event.headers.get(name)
  }

  get body(): string {
    return (this.#body ??= this.event.body.toString())
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
    return value
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
