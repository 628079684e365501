/** A line of syslog, as it is sent or as it stands in a file: RFC 5424, RFC 3164, or with a time of ISO 8601, with or without <PRI>. */
import { addUnlessDash, quoteEnd, type Found } from './fields.js'

const FACILITIES = (
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock ' +
  'local0 local1 local2 local3 local4 local5 local6 local7'
).split(' ')
const LEVELS = 'emerg alert crit err warning notice info debug'.split(' ')

const PRI = /^<(\d{1,3})>/
const VERSION = /^([1-9]\d{0,2}) /
/** `Oct 11 22:14:15`, also with a year, or ISO 8601. */
const TIME = /^(?:[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)(?= |$)/
const TAG = /^([^\s[\]:]{1,128})(?:\[([^\]\s]{0,64})\])?:(?: |$)/

export function syslog(text: string, found: Found): string | undefined {
  const pri = PRI.exec(text)
  const rest = pri === null ? text : text.slice(pri[0].length)
  if (pri !== null) {
    const priority = Number(pri[1])
    if (priority > 191) return `<${pri[1]}> is no priority`
    found.add('priority', String(priority), true)
    found.add('facility', FACILITIES[priority >> 3]!)
    found.add('level', LEVELS[priority & 7]!)
    const version = VERSION.exec(rest)
    if (version !== null) return modern(rest, version[0].length, found)
  }
  return old(rest, found)
}

/** RFC 3164: TIME HOST TAG[PID]: MESSAGE */
function old(text: string, found: Found): string | undefined {
  const time = TIME.exec(text)?.[0]
  if (time === undefined) return 'it does not begin with a time'
  const host = time.length + 1
  const blank = text.indexOf(' ', host)
  if (host >= text.length || blank === host) return 'there is no host behind the time'
  found.add('time', time)
  found.add('host', text.slice(host, blank < 0 ? text.length : blank))
  const rest = blank < 0 ? '' : text.slice(blank + 1)
  const [tag = '', app, pid = ''] = TAG.exec(rest.slice(0, 256)) ?? []
  if (app !== undefined) found.add('app', app)
  if (pid !== '') found.add('pid', pid)
  found.add('message', rest.slice(tag.length))
  return undefined
}

const HEADER = ['time', 'host', 'app', 'pid', 'msgid'] as const

/** RFC 5424: VERSION TIME HOST APP PID MSGID [STRUCTURED DATA] MESSAGE; what is - is missing. */
function modern(text: string, from: number, found: Found): string | undefined {
  let at = from
  for (const name of HEADER) {
    const blank = text.indexOf(' ', at)
    if (blank <= at) return `there is no ${name} at character ${at}`
    addUnlessDash(found, name, text.slice(at, blank))
    at = blank + 1
  }
  if (text[at] === '-') at++
  else if (text[at] === '[') at = structured(text, at, found)
  else return 'there is neither structured data nor -'
  if (at < 0 || (at < text.length && text[at] !== ' ')) return 'the structured data does not end well'
  const message = text.slice(at + 1)
  found.add('message', message.startsWith('\ufeff') ? message.slice(1) : message)
  return undefined
}

const NAME_END = /[ \]="]/g

/** `[id name="value" …][…]` as fields `id.name`; the index behind it, -1: it is none. */
function structured(text: string, from: number, found: Found): number {
  let at = from
  while (text[at] === '[') {
    const idEnd = nameEnd(text, at + 1)
    if (idEnd === at + 1) return -1
    const id = text.slice(at + 1, idEnd)
    at = idEnd
    while (text[at] === ' ') {
      const end = nameEnd(text, at + 1)
      if (end === at + 1 || !text.startsWith('="', end)) return -1
      const quote = quoteEnd(text, end + 2)
      if (quote < 0) return -1
      found.add(`${id}.${text.slice(at + 1, end)}`, text.slice(end + 2, quote).replace(/\\(["\\\]])/g, '$1'))
      at = quote + 1
    }
    if (text[at] !== ']') return -1
    at++
  }
  return at
}

function nameEnd(text: string, from: number): number {
  NAME_END.lastIndex = from
  return NAME_END.exec(text)?.index ?? text.length
}
