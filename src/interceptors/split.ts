/** --split: one event becomes several: the elements of a JSON array, or the lines of a text. */
import { BODY, type Draft } from './draft.js'
import { Unfit, type Interceptor, type Outcome } from './interceptor.js'
import { elementsOf } from './parse/json.js'
import type { Settings } from './settings.js'

/** Events of one; more would not go into memory with what each of them takes. */
const PARTS_MAX = 250_000

/** What only an escape can bring into bytes. */
const NO_BYTE = /[\u0100-\uffff]/

/** Of an empty array, or text, nothing goes on. With a header in place of the body each event has its own and the whole body. */
export function split(text: string, { field }: Settings): Interceptor {
  const partsOf = FORMATS[text as keyof typeof FORMATS]
  return {
    intercept(event): Outcome {
      const value = event.get(field)
      if (value === undefined) return new Unfit(`there is no ${field}`)
      const parts = partsOf(value, PARTS_MAX + 1)
      if (typeof parts === 'string') return new Unfit(parts)
      if (field === BODY && event.bytewise && parts.some(({ text }) => NO_BYTE.test(text))) return new Unfit('it is not UTF-8, as JSON is')
      return parts.length > PARTS_MAX ? new Unfit(`it has more than ${PARTS_MAX} parts`) : parts.map((part) => withPart(event, field, part))
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

const FORMATS = { json: elementsOf, lines: linesOf }
export const SPLIT_FORMATS = Object.keys(FORMATS)

function linesOf(text: string, most: number): Part[] {
  const lines = text.split('\n', most)
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line) => ({ text: line.endsWith('\r') ? line.slice(0, -1) : line, json: false }))
}
