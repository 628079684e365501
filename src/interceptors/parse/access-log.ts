/**
 * A line of the access log of Apache or nginx: common or combined, with the virtual host in front or more behind it. What is in
 * quotes stays as it is written there, with the backslashes.
 */
import { addUnlessDash, quoteEnd, type Found } from './fields.js'

/** client ident user [time] "request" status bytes "referer" "agent" */
export function accessLog(text: string, found: Found): string | undefined {
  const open = text.indexOf(' [')
  const close = text.indexOf('] "', open)
  if (open < 0 || close < 0) return 'there is no [time] and "request"'
  if (!who(text, open, found)) return `there are no client, ident and user before the [time]`
  found.add('time', text.slice(open + 2, close))
  const quote = quoteEnd(text, close + 3)
  if (quote < 0) return 'the "request" has no end'
  request(text, close + 3, quote, found)
  const status = text.slice(quote + 2, quote + 5)
  if (text[quote + 1] !== ' ' || text[quote + 5] !== ' ' || !STATUS.test(status)) return `there is no status at character ${quote + 2}`
  found.add('status', status, true)
  const blank = text.indexOf(' ', quote + 6)
  const end = blank < 0 ? text.length : blank
  const bytes = text.slice(quote + 6, end)
  if (!BYTES.test(bytes)) return `there is no number of bytes at character ${quote + 6}`
  addUnlessDash(found, 'bytes', bytes, true)
  rest(text, end, found)
  return undefined
}

const STATUS = /^[1-9]\d\d$/
const BYTES = /^(?:-|0|[1-9]\d*)$/

/** `client ident user`, before them a virtual host with its port; a user may have blanks. */
function who(text: string, end: number, found: Found): boolean {
  let client = 0
  let ident = text.indexOf(' ') + 1
  const colon = text.lastIndexOf(':', ident - 1)
  if (colon > 0 && /^\d+$/.test(text.slice(colon + 1, ident - 1)) && isBlankBefore(text, ident, end)) {
    found.add('vhost', text.slice(0, ident - 1))
    client = ident
    ident = text.indexOf(' ', client) + 1
  }
  const user = text.indexOf(' ', ident) + 1
  if (ident === 0 || user === 0 || user > end) return false
  found.add('client', text.slice(client, ident - 1))
  addUnlessDash(found, 'ident', text.slice(ident, user - 1))
  addUnlessDash(found, 'user', text.slice(user, end))
  return true
}

/** Are there three more words before `end`? */
function isBlankBefore(text: string, at: number, end: number): boolean {
  const second = text.indexOf(' ', at) + 1
  const third = text.indexOf(' ', second) + 1
  return second > 0 && third > 0 && third <= end
}

/** `GET /path HTTP/1.1`; anything else is kept as the request. */
function request(text: string, from: number, to: number, found: Found): void {
  const path = text.indexOf(' ', from) + 1
  const protocol = text.lastIndexOf(' ', to - 1) + 1
  if (path > from + 1 && protocol > path && text.startsWith('HTTP/', protocol)) {
    found.add('method', text.slice(from, path - 1))
    found.add('path', text.slice(path, protocol - 1))
    found.add('protocol', text.slice(protocol, to))
  } else {
    addUnlessDash(found, 'request', text.slice(from, to))
  }
}

/** `"referer" "agent"`, as nginx may have it `"forwarded"`, and more. A line that was cut ends in the middle of one. */
function rest(text: string, from: number, found: Found): void {
  let at = from
  for (const name of QUOTED) {
    if (!text.startsWith(' "', at)) break
    const quote = quoteEnd(text, at + 2)
    const last = quote < 0 ? text.length : quote
    addUnlessDash(found, name, text.slice(at + 2, last))
    at = last + 1
  }
  const more = text.slice(at).trim()
  if (more !== '') found.add('rest', more)
}

const QUOTED = ['referer', 'agent', 'forwarded'] as const
