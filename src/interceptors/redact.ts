/** --redact: what nobody should read in a log, by its looks: `[card]`, `[email]`, `[ip]`, `[token]` stand in its place. */
import { FlumeError } from '../errors.js'
import { withoutCards } from './cards.js'
import type { Interceptor } from './interceptor.js'
import { BODY } from './draft.js'
import { headerOnly } from './names.js'
import type { Settings } from './settings.js'

type Redaction = (text: string) => string

/** In the order in which they are done; each regular expression is linear on any text. */
const KINDS: ReadonlyMap<string, Redaction> = new Map<string, Redaction>([
  ['token', (text) => namedSecrets(TOKENS.reduce((left, [pattern, replacement]) => left.replace(pattern, replacement), text))],
  ['card', withoutCards],
  ['email', (text) => text.replace(EMAIL, '[email]')],
  ['ip', (text) => text.replace(IPV4, (address) => (address.split('.').every((part) => Number(part) <= 255) ? '[ip]' : address)).replace(IPV6, ipv6)],
])

const EMAIL = /[\w.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}/g
const IPV4 = /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)/g
/** A name that ends in a colon may stand before it. */
const IPV6 = /(?:(?<![\w:.])|(?<=[G-Zg-z_][\w-]{0,30}:)(?!:[^:]))[0-9A-Fa-f:]{3,45}(?![\w:])/g

const NAMES = 'password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|session[_-]?id'
const NAMED = new RegExp(`(?:${NAMES})\\\\?["']?[ ]?[:=][ ]?(\\\\?)(["']?)`, 'gi')
/** What follows such a name without quotes. */
const WORD = /[^\s"'&,;\\]+/y
const QUOTE_OR_LINE_END = /["'\n]/g
const TOKENS: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g, '[token]'], // JSON web token
  [/(?<!\w)(Bearer|Basic) +[\w.~+/=-]{8,}/gi, '$1 [token]'],
  [/(?<!\w)(?:AKIA|ASIA)[0-9A-Z]{16}(?!\w)/g, '[token]'],
  [/(?<!\w)(?:gh[pousr]_\w{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}|xox[abeoprs]-[\w-]{10,}|sk-[\w-]{20,}|AIza[\w-]{35})/g, '[token]'],
  [/(:\/\/[^\s:/@]{1,64}:)[^\s:/@]{1,128}@/g, '$1[token]@'], // password in a URL
]

/** `card,email,ip,token`, or `all`. */
export function redact(text: string, { field }: Settings): Interceptor {
  const asked = text === 'all' ? [...KINDS.keys()] : text.split(',').map((name) => name.trim())
  const unknown = asked.find((name) => !KINDS.has(name))
  if (unknown !== undefined) throw new FlumeError('BAD_OPTION', `cannot redact ${JSON.stringify(unknown)}: there are ${[...KINDS.keys()].join(', ')} and all`)
  const redactions = [...KINDS].flatMap(([name, redaction]) => (asked.includes(name) ? [redaction] : []))
  return {
    changes: field === BODY ? 'body' : undefined,
    ...headerOnly(field),
    intercept(event) {
      const value = event.get(field)
      if (value === undefined) return undefined
      const redacted = redactions.reduce((left, redaction) => redaction(left), value)
      if (redacted !== value) event.rewrite(field, redacted)
      return undefined
    },
  }
}

/** The values of what is called password or the like: all of a text in quotes, which may stand in a JSON text itself, otherwise a word. */
function namedSecrets(text: string): string {
  let redacted = ''
  let at = 0
  for (const { 0: opening, 1: backslash = '', 2: quote = '', index } of text.matchAll(NAMED)) {
    if (index < at) continue
    const from = index + opening.length
    const end = quote === '' ? -1 : quotedEnd(text, from, backslash, quote)
    const to = end < 0 ? wordEnd(text, from) : end
    if (to <= from) continue
    redacted += `${text.slice(at, from)}[token]`
    at = to
  }
  return redacted + text.slice(at)
}

function wordEnd(text: string, from: number): number {
  WORD.lastIndex = from
  return WORD.test(text) ? WORD.lastIndex : -1
}

/** Of a text that began with this quote, behind a backslash where it is within another text; -1: it does not end in its line. */
function quotedEnd(text: string, from: number, backslash: string, quote: string): number {
  QUOTE_OR_LINE_END.lastIndex = from
  for (let found = QUOTE_OR_LINE_END.exec(text); found !== null; found = QUOTE_OR_LINE_END.exec(text)) {
    if (found[0] === '\n') return -1
    if (found[0] !== quote) continue
    let start = found.index
    while (start > from && text[start - 1] === '\\') start--
    const escapes = found.index - start
    if (escapes < backslash.length) return -1 // the text around it ends
    if ((backslash === '' ? escapes : (escapes - 1) / 2) % 2 === 0) return found.index - backslash.length
  }
  return -1
}

/** Eight groups, or fewer with one `::`; not the times of a day, nor names of C++. */
function ipv6(text: string): string {
  const groups = text.split(':')
  const short = text.split('::').length === 2
  const sound = groups.every((group) => group.length <= 4) && /\d/.test(text) && (short ? groups.length <= 8 : groups.length === 8 && !groups.includes(''))
  return sound ? '[ip]' : text
}
