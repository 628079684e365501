/** A JSON object: each member a field. Texts are taken out of their quotes, all else stays as it is written, numbers to the last digit. */
import type { Found, Parser } from './fields.js'

/** So deep are objects taken apart; what is deeper stays JSON. */
const DEPTH_MAX = 16
/** Of all names together, beside four times the text: the long name of an object is part of those of all its members. */
const NAME_SIZE_MAX = 64 * 1024

/** Objects in the object stay JSON. */
export const json: Parser = (text, found) => parse(text, found, 1)

/** Objects in the object are taken apart too: `http.status`. Arrays stay JSON. */
export const jsonFlat: Parser = (text, found) => parse(text, found, DEPTH_MAX)

function parse(text: string, found: Found, depth: number): string | undefined {
  const reason = faultOf(text)
  if (reason !== undefined) return reason
  const start = blankEnd(text, 0)
  if (text[start] !== '{') return 'it is no JSON object'
  return members(text, start, found, '', depth) < 0 ? 'the names of its fields are too long together' : undefined
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

/** The members of the object at `at`, in JSON that is known to be sound; returns the index behind it, -1: the names are too long. */
function members(text: string, at: number, found: Found, prefix: string, depth: number): number {
  let from = blankEnd(text, at + 1)
  if (text[from] === '}') {
    if (prefix !== '') found.add(prefix.slice(0, -1), '{}', true)
    return from + 1
  }
  for (;;) {
    const keyEnd = textEnd(text, from)
    const name = prefix + textOf(text, from, keyEnd)
    from = blankEnd(text, blankEnd(text, keyEnd) + 1)
    if (text[from] === '{' && depth > 1) {
      from = members(text, from, found, `${name}.`, depth - 1)
    } else {
      const end = valueEnd(text, from)
      if (text[from] === '"') found.add(name, textOf(text, from, end))
      else found.add(name, text.slice(from, end), true)
      from = end
    }
    if (from < 0 || found.nameSize > NAME_SIZE_MAX + 4 * text.length) return -1
    from = blankEnd(text, from)
    if (text[from] === '}') return from + 1
    from = blankEnd(text, from + 1)
  }
}

function blankEnd(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at++
  }
}

/** The index behind the text whose first quote is at `at`. */
function textEnd(text: string, at: number): number {
  let end = at + 1
  for (;;) {
    const code = text.charCodeAt(end)
    if (code === 0x22) return end + 1
    end += code === 0x5c ? 2 : 1
  }
}

function textOf(text: string, from: number, end: number): string {
  const inner = text.slice(from + 1, end - 1)
  return inner.includes('\\') ? (JSON.parse(text.slice(from, end)) as string) : inner
}

/** The index behind the value at `at`. */
function valueEnd(text: string, at: number): number {
  let end = at
  for (let open = 0; ; ) {
    const code = text.charCodeAt(end)
    if (code === 0x22) {
      end = textEnd(text, end)
      if (open === 0) return end
    } else if (code === 0x7b || code === 0x5b) {
      open++
      end++
    } else if (code === 0x7d || code === 0x5d) {
      if (open === 0) return end
      end++
      if (--open === 0) return end
    } else if (open === 0 && (code === 0x2c || code <= 0x20)) {
      return end
    } else {
      end++
    }
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
    elements.push({ text: json ? text.slice(from, end) : textOf(text, from, end), json })
    from = blankEnd(text, end)
    if (text[from] === ',') from = blankEnd(text, from + 1)
  }
  return elements
}
