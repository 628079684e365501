/** A JSON object: each member a field. Texts are taken out of their quotes, all else stays as it is written, numbers to the last digit. */
import { blankEnd, textEnd, textOf, valueEnd } from '../../events/json-text.js'
import { HALF } from '../interceptor.js'
import type { Found, Parser } from './fields.js'

/** So deep are objects taken apart; what is deeper stays JSON. */
const DEPTH_MAX = 16
/** Of all names together, beside four times the text: the long name of an object is part of those of all its members. */
const NAME_SIZE_MAX = 64 * 1024

/** In place of an index: why there is none. */
const TOO_LONG = -1
const NO_TEXT = -2

/** Objects in the object stay JSON. */
export const json: Parser = (text, found) => parse(text, found, 1)

/** Objects in the object are taken apart too: `http.status`. Arrays stay JSON. */
export const jsonFlat: Parser = (text, found) => parse(text, found, DEPTH_MAX)

function parse(text: string, found: Found, depth: number): string | undefined {
  const reason = faultOf(text)
  if (reason !== undefined) return reason
  const start = blankEnd(text, 0)
  if (text[start] !== '{') return 'it is no JSON object'
  const end = members(text, start, found, '', depth)
  return end === TOO_LONG ? 'the names of its fields are too long together' : end === NO_TEXT ? HALF : undefined
}

/** Why it is no JSON. What follows relies on its being sound. */
function faultOf(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** The members of the object at `at`, in JSON that is known to be sound; returns the index behind it, or TOO_LONG, or NO_TEXT. */
function members(text: string, at: number, found: Found, prefix: string, depth: number): number {
  let from = blankEnd(text, at + 1)
  if (text[from] === '}') {
    if (prefix !== '') found.add(prefix.slice(0, -1), '{}', true)
    return from + 1
  }
  for (;;) {
    const keyEnd = textEnd(text, from)
    const own = textOf(text, from, keyEnd)
    if (own === undefined) return NO_TEXT
    const name = prefix + own
    from = blankEnd(text, blankEnd(text, keyEnd) + 1)
    if (text[from] === '{' && depth > 1) {
      from = members(text, from, found, `${name}.`, depth - 1)
      if (from < 0) return from
    } else {
      const end = valueEnd(text, from)
      const quoted = text[from] === '"'
      const value = quoted ? textOf(text, from, end) : text.slice(from, end)
      if (value === undefined) return NO_TEXT
      found.add(name, value, !quoted)
      from = end
    }
    if (found.nameSize > NAME_SIZE_MAX + 4 * text.length) return TOO_LONG
    from = blankEnd(text, from)
    if (text[from] === '}') return from + 1
    from = blankEnd(text, from + 1)
  }
}

/** The first elements of a JSON array: texts without quotes, all else as it is written; or why it is none. */
export function elementsOf(text: string, most: number): { readonly text: string; readonly json: boolean }[] | string {
  const reason = faultOf(text)
  if (reason !== undefined) return reason
  const start = blankEnd(text, 0)
  if (text[start] !== '[') return 'it is no JSON array'
  const elements: { text: string; json: boolean }[] = []
  let from = blankEnd(text, start + 1)
  while (text[from] !== ']' && elements.length < most) {
    const end = valueEnd(text, from)
    const json = text[from] !== '"'
    const element = json ? text.slice(from, end) : textOf(text, from, end)
    if (element === undefined) return HALF
    elements.push({ text: element, json })
    from = blankEnd(text, end)
    if (text[from] === ',') from = blankEnd(text, from + 1)
  }
  return elements
}
