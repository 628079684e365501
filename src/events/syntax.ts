/**
 * JSON by its bytes, RFC 8259, for what JSON.parse() does not tell: at which byte a text stops being JSON, and how a number
 * was written (a timestamp in nanoseconds is more than a double holds). Only for lines that are out of the ordinary.
 */

/** First byte of a token as a character: punctuation, `"` a text, `0` a number, `a` a word. */
type Kind = '{' | '}' | '[' | ']' | ',' | ':' | '"' | '0' | 'a'

/** What may come next: a value; the first of an array, or its end; a key; the first, or the end; a colon; a comma or the end; nothing. */
type State = 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'comma' | 'nothing'

/** Called for each key and each value that is no object or array; `depth`: the brackets open around it. */
export type Visit = (kind: 'key' | Kind, from: number, to: number, depth: number) => void

/** Visits what is in `json`. Returns -1, or the index of the byte where it is no JSON, its size where it ends too early. */
export function walkJson(json: Buffer, visit: Visit = () => undefined): number {
  const open: Kind[] = []
  let state: State = 'value'
  for (let at = spaceEnd(json, 0); at < json.length; ) {
    const kind = kindAt(json, at)
    const next = after(state, kind, open)
    const end = next === undefined ? ~at : tokenEnd(json, at, kind)
    if (next === undefined || end < 0) return ~end
    visit(next === 'colon' ? 'key' : kind, at, end, open.length)
    state = next
    at = spaceEnd(json, end)
  }
  return state === 'nothing' ? -1 : json.length
}

/** The state after this token, `open` kept up; undefined: it may not stand here. */
function after(state: State, kind: Kind, open: Kind[]): State | undefined {
  const value = state === 'value' || state === 'first value'
  switch (kind) {
    case '{':
    case '[':
      if (value) open.push(kind)
      return !value ? undefined : kind === '{' ? 'first key' : 'first value'
    case '}':
    case ']':
      if (open.at(-1) !== (kind === '}' ? '{' : '[')) return undefined
      if (state !== 'comma' && state !== (kind === '}' ? 'first key' : 'first value')) return undefined
      open.pop()
      return open.length === 0 ? 'nothing' : 'comma'
    case ',':
      return state !== 'comma' ? undefined : open.at(-1) === '{' ? 'key' : 'value'
    case ':':
      return state === 'colon' ? 'value' : undefined
    case '"':
      if (state === 'key' || state === 'first key') return 'colon'
      break
    case '0':
    case 'a':
  }
  return !value ? undefined : open.length === 0 ? 'nothing' : 'comma'
}

function spaceEnd(json: Buffer, from: number): number {
  let at = from
  while (json[at] === 0x20 || json[at] === 0x0a || json[at] === 0x0d || json[at] === 0x09) at++
  return at
}

function kindAt(json: Buffer, at: number): Kind {
  const letter = String.fromCharCode(json[at]!)
  if ('{}[],:"'.includes(letter)) return letter as Kind
  return NUMERIC.includes(letter) ? '0' : 'a'
}

/** The index just past the token at `at`; ~index of the byte that does not belong there. */
function tokenEnd(json: Buffer, at: number, kind: Kind): number {
  if (kind === '"') return textEnd(json, at)
  if (kind !== '0' && kind !== 'a') return at + 1
  const letters = kind === '0' ? NUMERIC : WORDS
  let end = at
  while (end < json.length && letters.includes(String.fromCharCode(json[end]!))) end++
  const token = json.toString('latin1', at, end)
  return (kind === '0' ? NUMBER : WORD).test(token) ? end : ~at
}

const NUMERIC = '-+.0123456789eE'
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/
const WORDS = 'aeflnrstu'
const WORD = /^(?:true|false|null)$/

function textEnd(json: Buffer, from: number): number {
  let at = from + 1
  for (;;) {
    const byte = json[at]
    if (byte === undefined || byte < 0x20) return ~at
    if (byte === 0x22) return at + 1
    if (byte !== 0x5c) {
      at++
      continue
    }
    const size = ESCAPE.exec(json.toString('latin1', at, at + 6))?.[0].length
    if (size === undefined) return ~at
    at += size
  }
}

const ESCAPE = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/

/** The numbers among the headers of an event as they are written, by name. `json` is an object. */
export function headerNumbers(json: Buffer): Map<string, string> {
  const numbers = new Map<string, string>()
  let outer = ''
  let inner = ''
  walkJson(json, (kind, from, to, depth) => {
    if (kind === 'key') {
      const name = JSON.parse(json.toString('utf8', from, to)) as string
      if (depth === 1) outer = name
      else if (depth === 2) inner = name
      if (depth === 1 && outer === 'headers') numbers.clear() // of two objects of headers the last counts
    } else if (kind === '0' && depth === 2 && outer === 'headers') {
      numbers.set(inner, json.toString('latin1', from, to))
    }
  })
  return numbers
}
