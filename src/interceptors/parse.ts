/** --parse: fields out of a text, as headers. */
import { FlumeError } from '../errors.js'
import { BODY, type Draft } from './draft.js'
import { Unfit, type Interceptor } from './interceptor.js'
import { headerOnly } from './names.js'
import { accessLog } from './parse/access-log.js'
import { csv, tsv } from './parse/csv.js'
import { Found, Places, type ByteParser, type Parser } from './parse/fields.js'
import { json, jsonFlat } from './parse/json.js'
import { logfmt } from './parse/logfmt.js'
import { grok, regex } from './parse/regex.js'
import { syslog } from './parse/syslog.js'
import type { Settings } from './settings.js'

const FORMATS: ReadonlyMap<string, Parser> = new Map(Object.entries({ json, 'json-flat': jsonFlat, logfmt, syslog }))
const BYTE_FORMATS: ReadonlyMap<string, ByteParser> = new Map(Object.entries({ apache: accessLog, nginx: accessLog }))
/** With something behind a colon. */
const MAKERS: ReadonlyMap<string, (text: string) => Parser> = new Map(Object.entries({ csv, tsv, regex, grok }))

export function parse(text: string, { field, prefix }: Settings): Interceptor {
  const byBytes = BYTE_FORMATS.get(text)
  const read = byBytes === undefined ? textReader(parserOf(text), field, prefix) : byteReader(byBytes, field, prefix)
  return {
    ...headerOnly(field),
    intercept(event) {
      const reason = read(event)
      return reason === undefined ? undefined : new Unfit(reason)
    },
  }
}

/** Sets the headers that are found; returns why there are none. */
type Reader = (event: Draft) => string | undefined

function textReader(parser: Parser, field: string, prefix: string): Reader {
  const found = new Found()
  return (event) => {
    const value = event.get(field)
    if (value === undefined) return `there is no ${field}`
    found.clear()
    const reason = parser(value, found)
    if (reason === undefined) found.setHeaders(event, prefix)
    return reason
  }
}

function byteReader(parser: ByteParser, field: string, prefix: string): Reader {
  const places = new Places(prefix)
  const find = (bytes: Buffer, from: number, to: number): string | undefined => {
    places.clear()
    return parser(bytes, from, to, places)
  }
  return (event) => {
    if (field === BODY && !event.rewritten) {
      const reason = event.inBody(find)
      if (reason === undefined) places.setPlaces(event)
      return reason
    }
    const value = event.get(field)
    if (value === undefined) return `there is no ${field}`
    const bytes = Buffer.from(value)
    const reason = find(bytes, 0, bytes.length)
    if (reason === undefined) places.setTexts(event, bytes)
    return reason
  }
}

function parserOf(text: string): Parser {
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  const parser = colon < 0 ? FORMATS.get(name) : MAKERS.get(name)?.(text.slice(colon + 1))
  if (parser !== undefined) return parser
  if (FORMATS.has(name) || BYTE_FORMATS.has(name)) throw new FlumeError('BAD_OPTION', `${name} takes nothing behind it`)
  if (MAKERS.has(name)) throw new FlumeError('BAD_OPTION', `${name} needs more, as ${EXAMPLES[name]}`)
  const known = [...FORMATS.keys(), ...BYTE_FORMATS.keys(), ...Object.values(EXAMPLES)].join(', ')
  throw new FlumeError('BAD_OPTION', `there is no format ${JSON.stringify(name)}: ${known}`)
}

const EXAMPLES: Readonly<Record<string, string>> = { csv: 'csv:NAMES', tsv: 'tsv:NAMES', regex: 'regex:REGEX', grok: 'grok:PATTERN' }
