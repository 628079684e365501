/** What the options of interceptors are made of: names of headers, NAME=VALUE, lists with wildcards. */
import { FlumeError } from '../errors.js'
import { BODY, RESERVED } from './draft.js'

/** Says how a body is encoded in its line: not for interceptors. */
const ENCODING = 'content-transfer-encoding'

/** Throws BAD_OPTION for what no interceptor may set. */
export function settable(name: string): string {
  if (name === '') throw new FlumeError('BAD_OPTION', 'the name of a header is empty')
  if (name.startsWith(RESERVED)) throw new FlumeError('BAD_OPTION', `names that begin with ${RESERVED} are reserved: ${name}`)
  if (name === ENCODING) throw new FlumeError('BAD_OPTION', `${ENCODING} says how the body is written, and is not set by hand`)
  return name
}

/** Of an interceptor that looks at these alone: none of them is the body. */
export function headerOnly(...names: readonly string[]): { readonly headersOnly?: true } {
  return names.includes(BODY) ? {} : { headersOnly: true }
}

/** The same of one that goes by more than headers. */
export function bodyless(...names: readonly string[]): { readonly bodyless?: true } {
  return names.includes(BODY) ? {} : { bodyless: true }
}

/** `NAME=TEXT`. Throws BAD_OPTION. */
export function pair(text: string, shape: string): [name: string, value: string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new FlumeError('BAD_OPTION', `expected ${shape}, not ${JSON.stringify(text)}`)
  return [text.slice(0, equals), text.slice(equals + 1)]
}

/** `A,B,http.*`: does a name match one of them? `*` stands for any text, `?` for one character. Throws BAD_OPTION. */
export function nameList(text: string): (name: string) => boolean {
  const patterns = text.split(',').map((each) => each.trim())
  if (patterns.includes('')) throw new FlumeError('BAD_OPTION', `expected names with commas between them, not ${JSON.stringify(text)}`)
  const plain = new Set(patterns.filter((pattern) => !/[*?]/.test(pattern)))
  const globs = patterns.filter((pattern) => !plain.has(pattern))
  return (name) => plain.has(name) || globs.some((glob) => globMatches(glob, name))
}

/** The product of both at most: only the last `*` is tried again, each time one character further. */
function globMatches(glob: string, name: string): boolean {
  let g = 0
  let n = 0
  let star = -1
  let from = 0
  while (n < name.length) {
    if (glob[g] === '*') {
      star = g++
      from = n
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === name[n])) {
      g++
      n++
    } else if (star >= 0) {
      g = star + 1
      n = ++from
    } else {
      return false
    }
  }
  while (glob[g] === '*') g++
  return g === glob.length
}
