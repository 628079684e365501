/**
 * The two loops of the hot path: raw lines to event lines and back, on bytes, with no object and no string per line.
 * They know nothing of UTF-8, of base64 or of the meaning of a head; json.ts does. They come as two twins: WebAssembly
 * SIMD, three times as fast, and the plain one. Which of them runs is settled at the first use, so that who only passes
 * lines on pays for neither.
 */
import { plainEscaping, type Escaping } from './escape-plain.js'
import { simdEscaping } from './escape-simd.js'
export { CLOSE, ESCAPE_SIZE_MAX, type Run } from './escape-plain.js'

let escaping: Escaping | undefined
const loops = (): Escaping => (escaping ??= simdEscaping() ?? plainEscaping)

/** Escaping of escape-plain.ts says what these do. */
export const allocate: Escaping['allocate'] = (size) => loops().allocate(size)
export const escapeLines: Escaping['escapeLines'] = (raw, from, to, out, at, limit, head) =>
  loops().escapeLines(raw, from, to, out, at, limit, head)
export const unescapeLines: Escaping['unescapeLines'] = (lines, from, to, out, at, head) =>
  loops().unescapeLines(lines, from, to, out, at, head)
export const skipLines: Escaping['skipLines'] = (lines, from, to, head) => loops().skipLines(lines, from, to, head)
export const escapeText: Escaping['escapeText'] = (source, from, to, out, at) => loops().escapeText(source, from, to, out, at)
export const copyText: Escaping['copyText'] = (source, from, to, out, at) => loops().copyText(source, from, to, out, at)
export const findEither: Escaping['findEither'] = (source, from, to, one, other) => loops().findEither(source, from, to, one, other)
