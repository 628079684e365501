/** --parse: fields out of a text, as headers. */
import { FlumeError } from '../errors.js'
import { Unfit, type Interceptor } from './interceptor.js'
import { accessLog } from './parse/access-log.js'
import { csv, tsv } from './parse/csv.js'
import { Found, type Parser } from './parse/fields.js'
import { json, jsonFlat } from './parse/json.js'
import { logfmt } from './parse/logfmt.js'
import { grok, regex } from './parse/regex.js'
import { syslog } from './parse/syslog.js'
import type { Settings } from './settings.js'

const FORMATS: ReadonlyMap<string, Parser> = new Map(Object.entries({ json, 'json-flat': jsonFlat, logfmt, apache: accessLog, nginx: accessLog, syslog }))
/** With something behind a colon. */
const MAKERS: ReadonlyMap<string, (text: string) => Parser> = new Map(Object.entries({ csv, tsv, regex, grok }))

export function parse(text: string, { field, prefix }: Settings): Interceptor {
  const parser = parserOf(text)
  const found = new Found()
  return {
    intercept(event) {
      const value = event.get(field)
      if (value === undefined) return new Unfit(`there is no ${field}`)
      found.clear()
      const reason = parser(value, found)
      if (reason !== undefined) return new Unfit(reason)
      found.setHeaders(event, prefix)
      return undefined
    },
  }
}

function parserOf(text: string): Parser {
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  const parser = colon < 0 ? FORMATS.get(name) : MAKERS.get(name)?.(text.slice(colon + 1))
  if (parser !== undefined) return parser
  if (FORMATS.has(name)) throw new FlumeError('BAD_OPTION', `${name} takes nothing behind it`)
  if (MAKERS.has(name)) throw new FlumeError('BAD_OPTION', `${name} needs more, as ${EXAMPLES[name]}`)
  throw new FlumeError('BAD_OPTION', `there is no format ${JSON.stringify(name)}: ${[...FORMATS.keys()].join(', ')}, ${Object.values(EXAMPLES).join(', ')}`)
}

const EXAMPLES: Readonly<Record<string, string>> = { csv: 'csv:NAMES', tsv: 'tsv:NAMES', regex: 'regex:REGEX', grok: 'grok:PATTERN' }
