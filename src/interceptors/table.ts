/**
 * The interceptors by the names of their options, in the order in which --help has them. What is typed becomes a chain in the
 * order in which it was typed; a setting holds for the interceptors behind it.
 */
import { FlumeError } from '../errors.js'
import type { Follows } from '../events/binding.js'
import type { Around } from './around.js'
import type { Link } from './chain.js'
import { sample, uuid } from './chance.js'
import { convert } from './convert.js'
import { dedupe } from './dedupe.js'
import { extract } from './extract.js'
import { copy, keep, remove, rename } from './fields.js'
import { exclude, filter } from './filter.js'
import { environmentValue, fileContent, host, HOST_NAMES } from './given.js'
import type { Interceptor } from './interceptor.js'
import { parse } from './parse.js'
import { rateLimit } from './rate-limit.js'
import { redact } from './redact.js'
import { replace } from './replace.js'
import { fieldSetting, INITIAL_SETTINGS, ON_ERROR, yearSetting, type OnError, type Settings } from './settings.js'
import { split, SPLIT_FORMATS } from './split.js'
import { defaultHeader, staticHeader } from './static.js'
import { time } from './time.js'
import { timestamp } from './timestamp.js'
import { toJson } from './to-json.js'

/** One option that was typed, with its value: `true` for a flag. */
export interface Typed {
  readonly name: string
  readonly text: string
}

/** As an option of a command: its value may come several times, a flag has none. */
interface Kind {
  readonly type: 'texts' | 'flag'
  readonly placeholder?: string
  readonly choices?: readonly string[]
  readonly describe: string
}

interface Making extends Kind {
  make(text: string, settings: Settings, around: Around): Interceptor | Promise<Interceptor>
}

interface Setting extends Kind {
  set(text: string): Partial<Settings>
}

const KINDS: Readonly<Record<string, Making | Setting>> = {
  in: { type: 'texts', placeholder: 'NAME', describe: 'the interceptors that follow look at this header; default: body', set: fieldSetting },
  prefix: { type: 'texts', placeholder: 'TEXT', describe: 'what the names of headers begin with that they find', set: (text) => ({ prefix: text }) },
  'on-error': {
    type: 'texts', placeholder: 'WHAT', choices: ON_ERROR,
    describe: 'what becomes of an event that they cannot do; default: pass', set: (text) => ({ onError: text as OnError }),
  },
  'time-zone': {
    type: 'texts', placeholder: 'ZONE', describe: 'of times that do not say it; default: that of this machine', set: (text) => ({ timeZone: text }),
  },
  year: { type: 'texts', placeholder: 'YEAR', describe: 'of times that do not say it; default: the last that is not in the future', set: yearSetting },
  parse: {
    type: 'texts', placeholder: 'FORMAT', make: parse,
    describe: 'headers from json, json-flat, logfmt, apache, nginx, syslog, csv:NAMES, tsv:NAMES, regex:REGEX or grok:PATTERN',
  },
  time: { type: 'texts', placeholder: 'NAME[=FORMAT]', describe: 'the time in this field, as ms in the header timestamp', make: time },
  filter: { type: 'texts', placeholder: 'REGEX', describe: 'only events that match go on', make: filter },
  exclude: { type: 'texts', placeholder: 'REGEX', describe: 'events that match go no further', make: exclude },
  replace: { type: 'texts', placeholder: 's/REGEX/TEXT/', describe: 'replace what matches; with g behind it all that matches', make: replace },
  extract: { type: 'texts', placeholder: 'REGEX', describe: 'headers from its named groups, where it matches', make: extract },
  redact: { type: 'texts', placeholder: 'WHAT', describe: 'replace card numbers, e-mail, IP addresses, tokens: card,email,ip,token or all', make: redact },
  split: { type: 'texts', placeholder: 'FORMAT', choices: SPLIT_FORMATS, describe: 'an event for each element of a JSON array, or each line', make: split },
  sample: { type: 'texts', placeholder: 'SHARE', describe: 'this share of the events goes on: 10%, 1/10', make: sample },
  'rate-limit': {
    type: 'texts', placeholder: '[NAME=]RATE', describe: 'at most so many go on, 100/s, for each value of NAME; the others are dropped',
    make: (text, _settings, around) => rateLimit(text, around),
  },
  dedupe: { type: 'texts', placeholder: 'TIME', describe: 'of the same within this time the first goes on', make: dedupe },
  uuid: { type: 'texts', placeholder: 'NAME', describe: 'set a header to an id that follows from the place of the event', make: uuid },
  static: { type: 'texts', placeholder: 'NAME=VALUE', describe: 'set a header', make: staticHeader },
  default: { type: 'texts', placeholder: 'NAME=VALUE', describe: 'set a header where it is missing', make: defaultHeader },
  host: {
    type: 'texts', placeholder: 'WHAT', choices: HOST_NAMES,
    describe: 'set the header host to this of the machine', make: (text, _settings, around) => host(text, around),
  },
  timestamp: { type: 'flag', describe: 'set the header timestamp to the time of day', make: (_text, _settings, around) => timestamp(around) },
  env: {
    type: 'texts', placeholder: 'NAME=VARIABLE', describe: 'set a header from the environment',
    make: (text, _settings, around) => environmentValue(text, around),
  },
  file: {
    type: 'texts', placeholder: 'NAME=FILE', describe: 'set a header to what is in a file',
    make: (text, _settings, around) => fileContent(text, around),
  },
  remove: { type: 'texts', placeholder: 'NAMES', describe: 'remove these headers', make: remove },
  keep: { type: 'texts', placeholder: 'NAMES', describe: 'remove all headers but these', make: keep },
  rename: { type: 'texts', placeholder: 'OLD=NEW', describe: 'give a header, or the body, another name', make: rename },
  copy: { type: 'texts', placeholder: 'FROM=TO', describe: 'copy a header, or the body, to another name', make: copy },
  convert: {
    type: 'texts', placeholder: 'NAMES=TYPE',
    describe: 'headers as int, float, bool, json, size, duration, text, lower, upper or trim', make: convert,
  },
  'to-json': { type: 'texts', placeholder: 'NAMES', describe: 'a JSON object of these headers becomes the body', make: toJson },
}

/** What the command line may have of them: each is taken in its order. */
export const INTERCEPTOR_OPTIONS = Object.fromEntries(
  Object.entries(KINDS).map(([name, { type, placeholder, choices, describe }]) => [
    name,
    { type, describe, ordered: true as const, ...(placeholder === undefined ? {} : { placeholder }), ...(choices === undefined ? {} : { choices }) },
  ]),
)

/** The chain that was typed. Throws BAD_OPTION, NO_INPUT. */
export async function linksOf(typed: readonly Typed[], around: Around): Promise<Link[]> {
  const links: Link[] = []
  let settings = INITIAL_SETTINGS
  for (const { name, text } of typed) {
    const kind = KINDS[name]
    if (kind === undefined) continue
    const title = kind.type === 'flag' ? `--${name}` : `--${name} ${text}`
    try {
      if ('set' in kind) settings = { ...settings, ...kind.set(text) }
      else links.push({ title, interceptor: await kind.make(text, settings, around), onError: settings.onError })
    } catch (error) {
      if (error instanceof FlumeError) throw new FlumeError(error.code, `${title}: ${error.message}`, { cause: error.cause })
      throw error
    }
  }
  return links
}

/**
 * What the headers, or all, of an event follow from beside what it was: what was typed, and what that stood for; empty: nothing.
 * The links are those of what was typed.
 */
export function rulesOf(typed: readonly Typed[], links: readonly Link[], of: Follows): string {
  const reading = of === 'events' ? Infinity : links.findLastIndex(({ interceptor }) => readsIntoHeaders(interceptor))
  const left = links.map((link, index) => (counts(link.interceptor, index < reading) ? link : undefined))
  if (left.every((link) => link === undefined)) return ''
  const words = typed.flatMap(({ name, text }) => {
    const kind = KINDS[name]
    if (kind === undefined) return []
    if ('set' in kind) return [`--${name} ${text}`]
    const link = left.shift()
    if (link === undefined) return []
    const { title, interceptor } = link
    return [interceptor.given === undefined ? title : `${title} (${interceptor.given})`]
  })
  return words.join(' ')
}

/** It makes headers of the body. */
function readsIntoHeaders({ changes, headersOnly, bodyless }: Interceptor): boolean {
  return changes === undefined && headersOnly !== true && bodyless !== true
}

/** `isRead`: headers, or a place, follow from the body behind it. */
function counts({ changes }: Interceptor, isRead: boolean): boolean {
  return changes === undefined || (changes === 'body' && isRead)
}
