/** --split: one event becomes several: the elements of a JSON array, or the lines of a text. */
import { BODY, type Draft } from './draft.js'
import { Unfit, type Interceptor, type Outcome } from './interceptor.js'
import { elementsOf } from './parse/json.js'
import type { Settings } from './settings.js'

/** Of an empty array, or text, nothing goes on. With a header in place of the body each event has its own and the whole body. */
export function split(text: string, { field }: Settings): Interceptor {
  const parts = text === 'json' ? elementsOf : linesOf
  return {
    intercept(event): Outcome {
      const value = event.get(field)
      if (value === undefined) return new Unfit(`there is no ${field}`)
      const found = parts(value)
      return typeof found === 'string' ? new Unfit(found) : found.map((part) => withPart(event, field, part))
    },
  }
}

function withPart(event: Draft, field: string, { text, json }: Part): Draft {
  const draft = event.copy(field === BODY ? text : event.body)
  if (field !== BODY) draft.setHeader(field, text, json)
  return draft
}

interface Part {
  readonly text: string
  readonly json: boolean
}

function linesOf(text: string): Part[] {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line) => ({ text: line, json: false }))
}
