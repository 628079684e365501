/**
 * Event to line and back, flume-event(5), and the only place that escapes. Whole blocks go through two loops on bytes
 * (escape.ts); what these cannot do (bytes that are not UTF-8, \u escapes, another order of keys, errors) goes line by
 * line through JSON and base64. Either way gives the same bytes, and no byte of a body is ever replaced.
 */
import { isUtf8 } from 'node:buffer'
import { assert, FlumeError } from '../errors.js'
import type { Event } from './event.js'
import { allocate, CLOSE, ESCAPE_SIZE_MAX, escapeLines, skipLines, unescapeLines, type Run } from './escape.js'
import { headerNumbers, walkJson } from './syntax.js'
export { allocate }
export type { Run } from './escape.js'

/** A text that stands in JSON as it is, well-formed too. */
const PLAIN = /^[^"\\\u0000-\u001f\ud800-\udfff]*$/

/** This header with this value says that the body is base64; it belongs to the line and not to the event. */
const ENCODING = 'content-transfer-encoding'
const BASE64 = 'base64'
/** What it adds to a head that has no headers yet. */
const ENCODING_SIZE = headOf(new Map([[ENCODING, BASE64]])).length - headOf(new Map()).length

/** `{"headers":{"k":"v",…},"body":"`: the bytes before a body; without headers `{"body":"`. */
export function headOf(headers: ReadonlyMap<string, string>): Buffer {
  return Buffer.from(headText(headers))
}

function headText(headers: ReadonlyMap<string, string>): string {
  if (headers.size === 0) return '{"body":"'
  let text = '{"headers":{'
  let comma = ''
  for (const [name, value] of headers) {
    text += `${comma}${quoted(name)}:${quoted(value)}`
    comma = ','
  }
  return `${text}},"body":"`
}

/** A text as JSON; half of a surrogate pair as U+FFFD: it is no text. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text.toWellFormed())
}

/** Bytes that a raw line of `size` bytes, with its \n, can take at most when encoded. */
export function lineSizeMax(size: number, head: Buffer): number {
  const base64 = ENCODING_SIZE + Math.ceil(size / 3) * 4
  return head.length + Math.max(base64, size * ESCAPE_SIZE_MAX) + CLOSE.length
}

/**
 * Encodes whole raw lines raw[from..to), the last byte is \n, into out[at..limit): each as head + escaped body + `"}\n`,
 * without one \r before its \n. Stops at a line boundary where the next line might pass `limit`; a line for which there
 * is lineSizeMax() never stops it. Lines that are not UTF-8 go as base64, with `headers` for their head.
 */
export function encodeLines(
  raw: Buffer, from: number, to: number, out: Buffer, at: number, limit: number,
  headers: ReadonlyMap<string, string>, head: Buffer,
): Run {
  assert(limit <= out.length) // what is behind it belongs to somebody else
  const text = headers.get(ENCODING) !== BASE64
  const run = text ? escapeLines(raw, from, to, out, at, limit, head) : undefined
  if (run !== undefined && (run.ascii || isUtf8(raw.subarray(from, run.consumed > 0 ? from + run.consumed : to)))) return run
  const head64 = headOf(new Map([...headers, [ENCODING, BASE64]]))
  let i = from
  let o = at
  let count = 0
  while (i < to) {
    const next = raw.indexOf(0x0a, i) + 1
    const size = text && isUtf8(raw.subarray(i, next))
      ? escapeLines(raw, i, next, out, o, limit, head).written
      : encodeBase64(raw.subarray(i, raw[next - 2] === 0x0d && next - 2 >= i ? next - 2 : next - 1), out, o, limit, head64)
    if (size === 0) break
    i = next
    o += size
    count++
  }
  return { consumed: i - from, written: o - at, count }
}

/** One line with its body in base64; returns its size, 0: no room. */
function encodeBase64(body: Buffer, out: Buffer, at: number, limit: number, head: Buffer): number {
  const size = head.length + Math.ceil(body.length / 3) * 4 + CLOSE.length
  if (at + size > limit) return 0
  head.copy(out, at)
  out.write(body.toString(BASE64), at + head.length, 'latin1')
  CLOSE.copy(out, at + size - CLOSE.length)
  return size
}

/**
 * Decodes the event lines lines[from..to) that start with exactly this head and need no slow path (no \u escape, nothing
 * after the body but `}`): body + \n each, into `out` from `at` on. Stops before the first line that is otherwise, is not
 * UTF-8, or might not fit.
 */
export function decodeLines(lines: Buffer, from: number, to: number, out: Buffer, at: number, { bytes, base64 }: LineHead): Run {
  if (base64) return decodeBase64Lines(lines, from, to, out, at, bytes)
  const run = unescapeLines(lines, from, to, out, at, bytes)
  const end = from + run.consumed
  if (run.ascii || isUtf8(lines.subarray(from, end))) return run
  return unescapeLines(lines, from, utf8End(lines, from, end), out, at, bytes)
}

/** decodeLines() of those whose body is base64. */
function decodeBase64Lines(lines: Buffer, from: number, to: number, out: Buffer, at: number, head: Buffer): Run {
  let i = from
  let o = at
  let count = 0
  while (i + head.length < to && lines.compare(head, 0, head.length, i, i + head.length) === 0) {
    const end = lines.indexOf(0x0a, i + head.length) + 1 - CLOSE.length
    if (end < i + head.length || end + CLOSE.length > to || lines[end] !== 0x22 || lines[end + 1] !== 0x7d) break
    const text = lines.toString('latin1', i + head.length, end)
    const size = base64Size(text)
    if (o + size >= out.length || out.write(text, o, BASE64) !== size) break
    out[o + size] = 0x0a
    i = end + CLOSE.length
    o += size + 1
    count++
  }
  return { consumed: i - from, written: o - at, count }
}

/** The event lines that decodeLines() would decode if there were room, which are events, without decoding them; none of base64. */
export function passLines(lines: Buffer, from: number, to: number, { bytes, base64 }: LineHead): Run {
  if (base64) return { consumed: 0, written: 0, count: 0 }
  const run = skipLines(lines, from, to, bytes)
  const end = from + run.consumed
  return run.ascii || isUtf8(lines.subarray(from, end)) ? run : skipLines(lines, from, utf8End(lines, from, end), bytes)
}

/** The end of the last line before the first one that is not UTF-8. */
function utf8End(lines: Buffer, from: number, to: number): number {
  let end = from
  while (end < to) {
    const next = lines.indexOf(0x0a, end) + 1
    if (next === 0 || next > to || !isUtf8(lines.subarray(end, next))) break
    end = next
  }
  return end
}

/** The bytes of a line up to and including `"body":"`, as a copy; its headers are those of parseEvent(bytes + `"}`). */
export interface LineHead {
  readonly bytes: Buffer
  /** They say that the body is base64. */
  readonly base64: boolean
}

/** The head of the line at `from`; undefined when the line has not the usual shape, or is no event. */
export function headAt(lines: Buffer, from: number): LineHead | undefined {
  const end = lines.indexOf(0x0a, from)
  const line = lines.subarray(from, end < 0 ? lines.length : end)
  const key = line.indexOf(BODY_KEY)
  // A quote after { or , opens a text or ends one. If it ended one, `body` would stand outside, and that is no JSON.
  if (key < 1 || (line[key - 1] !== 0x2c && line[key - 1] !== 0x7b)) return undefined
  const head = Buffer.from(line.subarray(0, key + BODY_KEY.length))
  try {
    const bare = Buffer.concat([head, CLOSE])
    return { bytes: head, base64: headersOf(bare, fieldsOf(bare)).get(ENCODING) === BASE64 }
  } catch {
    return undefined
  }
}

const BODY_KEY = Buffer.from('"body":"')

/**
 * Slow path: one line, with or without its \n, as an event. Throws BAD_EVENT, saying why. Numbers and booleans among the
 * headers become text, as they are written; a missing body is empty; a body in base64 is decoded, and the header that
 * said so dropped.
 */
export function parseEvent(line: Buffer): Event {
  const fields = fieldsOf(line)
  const headers = headersOf(line, fields)
  const { body = '' } = fields
  if (typeof body !== 'string') throw new FlumeError('BAD_EVENT', 'the body is no text')
  if (!body.isWellFormed()) throw new FlumeError('BAD_EVENT', 'the body has half of a surrogate pair')
  if (headers.get(ENCODING) !== BASE64) return { headers, body: Buffer.from(body) }
  headers.delete(ENCODING)
  return { headers, body: decodeBase64(body) }
}

interface Fields {
  readonly headers?: unknown
  readonly body?: unknown
}

function fieldsOf(line: Buffer): Fields {
  if (!isUtf8(line)) throw new FlumeError('BAD_EVENT', 'the line is not UTF-8')
  const fields = parseJson(line)
  if (isObject(fields)) return fields
  throw new FlumeError('BAD_EVENT', 'the line is no JSON object')
}

function parseJson(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString())
  } catch {
    throw new FlumeError('BAD_EVENT', `the line is no JSON at byte ${walkJson(line)}`)
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function headersOf(line: Buffer, { headers = {} }: Fields): Map<string, string> {
  if (!isObject(headers)) throw new FlumeError('BAD_EVENT', 'the headers are no object')
  const entries = Object.entries(headers)
  const numbers = entries.some(([, value]) => typeof value === 'number') ? headerNumbers(line) : undefined
  return new Map(entries.map(([name, value]) => [name, headerText(name, typeof value === 'number' ? numbers?.get(name) : value)]))
}

function headerText(name: string, value: unknown): string {
  const text = typeof value === 'boolean' ? String(value) : value
  if (typeof text !== 'string') throw new FlumeError('BAD_EVENT', `header ${JSON.stringify(name)} is no text`)
  if (name.isWellFormed() && text.isWellFormed()) return text
  throw new FlumeError('BAD_EVENT', `header ${JSON.stringify(name)} has half of a surrogate pair`)
}

function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, BASE64)
  if (bytes.length !== base64Size(text)) throw new FlumeError('BAD_EVENT', 'the body is no base64')
  return bytes
}

/** Bytes that it stands for, if it is base64: Node skips what is none, and gets fewer. Else a fraction, or more than these. */
function base64Size(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return (text.length / 4) * 3 - padding
}

/** One event as a line with its \n; a body that is not UTF-8 as base64. */
export function formatEvent(event: Event): Buffer {
  const { headers, body } = event
  if (headers.get(ENCODING) !== BASE64 && isUtf8(body)) {
    return Buffer.concat([headOf(headers), Buffer.from(JSON.stringify(body.toString()).slice(1)), CLOSE.subarray(1)])
  }
  const head = headOf(new Map([...headers, [ENCODING, BASE64]]))
  return Buffer.concat([head, Buffer.from(body.toString(BASE64)), CLOSE])
}
