/**
 * A line of the access log of Apache or nginx: common or combined, with the virtual host in front or more behind it. What is in
 * quotes stays as it is written there, with the backslashes. By its bytes: most of what is parsed is such a line.
 */
import { findEither } from '../../events/escape.js'
import type { ByteParser, Places } from './fields.js'

const BLANK = 0x20
const QUOTE = 0x22
const DASH = 0x2d
const COLON = 0x3a
const OPEN = 0x5b
const BACKSLASH = 0x5c
const CLOSE = 0x5d

/** client ident user [time] "request" status bytes "referer" "agent" */
export const accessLog: ByteParser = (bytes, from, to, found) => {
  const open = openAt(bytes, from, to)
  const close = open < 0 ? -1 : closeAt(bytes, open, to)
  if (close < 0) return 'there is no [time] and "request"'
  if (!who(bytes, from, open, found)) return 'there are no client, ident and user before the [time]'
  found.add('time', open + 2, close)
  const quote = quoteEnd(bytes, close + 3, to)
  if (quote < 0) return 'the "request" has no end'
  request(bytes, close + 3, quote, found)
  if (!isStatus(bytes, quote + 1, to)) return `there is no status at byte ${quote + 2 - from}`
  found.add('status', quote + 2, quote + 5, true)
  const end = wordEnd(bytes, quote + 6, to)
  if (!isCount(bytes, quote + 6, end)) return `there is no number of bytes at byte ${quote + 6 - from}`
  addUnlessDash(bytes, found, 'bytes', quote + 6, end, true)
  rest(bytes, end, to, found)
  return undefined
}

/** ` [`; -1: there is none. */
function openAt(bytes: Buffer, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    i = findEither(bytes, i, to, OPEN, OPEN)
    if (i > from && i < to && bytes[i - 1] === BLANK) return i - 1
  }
  return -1
}

/** `] "` */
function closeAt(bytes: Buffer, from: number, to: number): number {
  for (let i = from + 2; i < to; i++) {
    i = findEither(bytes, i, to, QUOTE, QUOTE)
    if (i < to && bytes[i - 1] === BLANK && bytes[i - 2] === CLOSE) return i - 2
  }
  return -1
}

/** The quote that ends the text begun before `from`; -1: there is none. A backslash takes the next byte with it. */
function quoteEnd(bytes: Buffer, from: number, to: number): number {
  for (let i = from; i < to; i += 2) {
    i = findEither(bytes, i, to, QUOTE, BACKSLASH)
    if (i < to && bytes[i] === QUOTE) return i
  }
  return -1
}

/** The next blank, or `to`. */
function wordEnd(bytes: Buffer, from: number, to: number): number {
  for (let i = from; i < to; i++) if (bytes[i] === BLANK) return i
  return to
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

/** A blank, three digits, and a blank. */
function isStatus(bytes: Buffer, at: number, to: number): boolean {
  if (at + 4 >= to || bytes[at] !== BLANK || bytes[at + 4] !== BLANK || bytes[at + 1] === 0x30) return false
  return isDigit(bytes[at + 1]) && isDigit(bytes[at + 2]) && isDigit(bytes[at + 3])
}

/** Digits without a zero in front of others, or a dash. */
function isCount(bytes: Buffer, from: number, to: number): boolean {
  if (to === from + 1 && bytes[from] === DASH) return true
  if (to === from || (bytes[from] === 0x30 && to > from + 1)) return false
  return areDigits(bytes, from, to)
}

function areDigits(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isDigit(bytes[i])) return false
  return true
}

/** `client ident user` up to `to`, before them a virtual host with its port; a user may have blanks. */
function who(bytes: Buffer, from: number, to: number, found: Places): boolean {
  const first = wordEnd(bytes, from, to)
  const second = wordEnd(bytes, first + 1, to)
  if (second >= to) return false
  const third = wordEnd(bytes, second + 1, to)
  if (third < to && endsWithPort(bytes, from, first)) {
    found.add('vhost', from, first)
    three(bytes, first + 1, second, third, to, found)
  } else {
    three(bytes, from, first, second, to, found)
  }
  return true
}

/** The client and the blanks behind it and behind the ident. */
function three(bytes: Buffer, client: number, ident: number, user: number, to: number, found: Places): void {
  found.add('client', client, ident)
  addUnlessDash(bytes, found, 'ident', ident + 1, user)
  addUnlessDash(bytes, found, 'user', user + 1, to)
}

function endsWithPort(bytes: Buffer, from: number, to: number): boolean {
  let i = to - 1
  while (i > from && isDigit(bytes[i])) i--
  return i > from && i < to - 1 && bytes[i] === COLON
}

/** `GET /path HTTP/1.1`; anything else is kept as the request. */
function request(bytes: Buffer, from: number, to: number, found: Places): void {
  const method = wordEnd(bytes, from, to)
  let path = to - 1
  while (path > method && bytes[path] !== BLANK) path--
  if (method > from && path > method && isProtocol(bytes, path + 1, to)) {
    found.add('method', from, method)
    found.add('path', method + 1, path)
    found.add('protocol', path + 1, to)
  } else {
    addUnlessDash(bytes, found, 'request', from, to)
  }
}

const PROTOCOL = Buffer.from('HTTP/')

function isProtocol(bytes: Buffer, from: number, to: number): boolean {
  if (to - from < PROTOCOL.length) return false
  for (let n = 0; n < PROTOCOL.length; n++) if (bytes[from + n] !== PROTOCOL[n]) return false
  return true
}

/** `"referer" "agent"`, as nginx may have it `"forwarded"`, and more. A line that was cut ends in the middle of one. */
function rest(bytes: Buffer, from: number, to: number, found: Places): void {
  let at = from
  for (const name of QUOTED) {
    if (at + 1 >= to || bytes[at] !== BLANK || bytes[at + 1] !== QUOTE) break
    const quote = quoteEnd(bytes, at + 2, to)
    const last = quote < 0 ? to : quote
    addUnlessDash(bytes, found, name, at + 2, last)
    at = last + 1
  }
  let end = to
  while (at < end && isSpace(bytes[at])) at++
  while (at < end && isSpace(bytes[end - 1])) end--
  if (at < end) found.add('rest', at, end)
}

const QUOTED = ['referer', 'agent', 'forwarded'] as const

/** A blank, or a tab, carriage return or the like. */
function isSpace(byte: number | undefined): boolean {
  return byte === BLANK || (byte !== undefined && byte >= 0x09 && byte <= 0x0d)
}

/** What is written as `-` is missing. */
function addUnlessDash(bytes: Buffer, found: Places, name: string, from: number, to: number, json = false): void {
  if (to !== from + 1 || bytes[from] !== DASH) found.add(name, from, to, json)
}
