/**
 * Directory and prefix of an event, from Flume's escapes: `%{header}`, `%Y-%m-%d`, `%[host]`. A place must be the same on
 * every replay, so it follows from the event, its mark, and what binding() names, and from nothing else.
 */
import { FlumeError } from '../../errors.js'
import { NAME_SIZE_MAX, PREFIX_SIZE_MAX, fitted } from './name.js'
import { Calendar, type Moment } from './calendar.js'

export interface PlaceOptions {
  /** Absolute directory, with escapes. */
  readonly path: string
  readonly prefix: string
  /** ms; times are rounded down to a multiple of it, in local time. 1: not rounded */
  readonly round: number
  /** IANA name */
  readonly timeZone: string
  /** The time is that of the mark, whatever the event's header says. */
  readonly useLocalTimestamp: boolean
}

export interface Host {
  readonly name: string
  readonly fqdn: string
  readonly ip: string
}

/** Where an event goes: a bucket is one directory and prefix. */
export interface Place {
  readonly directory: string
  readonly prefix: string
}

/** What becomes of one escape for one event. */
type Part = string | { readonly header: string } | { readonly time: (moment: Moment) => string } | { readonly raw: 'timestamp' }

/** Bytes of a whole path: Linux takes 4095, and the name comes after the directory. */
const DIRECTORY_SIZE_MAX = 4095 - NAME_SIZE_MAX - 1

export class Places {
  readonly #directory: readonly Part[]
  readonly #prefix: readonly Part[]
  readonly #calendar: Calendar
  readonly #fixed: Place | undefined
  /** True: without a time there is no place. */
  readonly needsTime: boolean
  /** One line of text that the places follow from. */
  readonly binding: string

  /** Throws BAD_OPTION for an escape nobody knows, and for a prefix that cannot stand in a name. */
  constructor(
    readonly options: PlaceOptions,
    host: Host,
  ) {
    this.#calendar = new Calendar(options.timeZone, options.round)
    this.#directory = parse(options.path, host)
    this.#prefix = parse(options.prefix, host)
    checkPrefix(this.#prefix)
    const parts = [...this.#directory, ...this.#prefix]
    this.needsTime = parts.some((part) => typeof part === 'object' && !('header' in part))
    this.binding = bindingOf(options, host, this.needsTime)
    this.#fixed = parts.every((part) => typeof part === 'string') ? this.#at(new Map(), 0) : undefined
  }

  /**
   * Where an event with these headers goes; `markTime` in ms stands in for a missing timestamp.
   * Throws BAD_EVENT when its timestamp is no integer, or its directory too long for any file system.
   */
  of(headers: ReadonlyMap<string, string>, markTime: number): Place {
    if (this.#fixed !== undefined) return this.#fixed
    return this.#at(headers, this.needsTime ? this.#timeOf(headers, markTime) : 0)
  }

  /** True: this event's time is that of its mark, for want of its own. */
  lacksTime(headers: ReadonlyMap<string, string>): boolean {
    return this.needsTime && !this.options.useLocalTimestamp && !headers.has('timestamp')
  }

  #timeOf(headers: ReadonlyMap<string, string>, markTime: number): number {
    const text = this.options.useLocalTimestamp ? undefined : headers.get('timestamp')
    if (text === undefined) return markTime
    const time = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN
    if (Math.abs(time) <= TIME_MAX) return time
    throw new FlumeError('BAD_EVENT', `the header timestamp is no time in ms: ${JSON.stringify(text.slice(0, 40))}`)
  }

  #at(headers: ReadonlyMap<string, string>, time: number): Place {
    const moment = this.needsTime ? this.#calendar.at(time) : undefined
    const expand = (parts: readonly Part[]): string =>
      parts.map((part) => (typeof part === 'string' ? part : expandPart(part, headers, time, moment))).join('')
    const directory = expand(this.#directory)
      .split('/')
      .map((name) => fitted(name, NAME_SIZE_MAX))
      .join('/')
    if (Buffer.byteLength(directory) > DIRECTORY_SIZE_MAX) throw new FlumeError('BAD_EVENT', 'its directory has too long a name')
    const prefix = expand(this.#prefix).replace(/[^A-Za-z0-9._=-]/g, '_').replace(/^[._]/, '-')
    return { directory, prefix: fitted(prefix, PREFIX_SIZE_MAX) }
  }
}

/** A Date holds no more, and years have four digits up to here. */
const TIME_MAX = Date.UTC(9999, 11, 30)

function expandPart(part: Exclude<Part, string>, headers: ReadonlyMap<string, string>, time: number, moment: Moment | undefined): string {
  if ('header' in part) return cleaned(headers.get(part.header) ?? '')
  if ('raw' in part || moment === undefined) return String(time)
  return part.time(moment)
}

/** A header's value cannot leave the directory it stands in, nor hide what it names from Hadoop. */
export function cleaned(value: string): string {
  if (value === '') return '-'
  return value.replace(/[/:\p{Cc}]/gu, '_').replace(/^[._]/, '-')
}

function parse(template: string, host: Host): Part[] {
  const parts: Part[] = []
  let end = 0
  for (const match of template.matchAll(/%(?:\{([\w.-]+)\}|\[(\w+)\]|(.)|)/gsu)) {
    const [escape, header, fixed, letter] = match
    parts.push(template.slice(end, match.index))
    end = match.index + escape.length
    const part = header !== undefined ? { header } : fixed !== undefined ? hostPart(fixed, host) : letterPart(letter)
    if (part === undefined) throw new FlumeError('BAD_OPTION', `cannot understand ${JSON.stringify(escape)} in ${JSON.stringify(template)}`)
    parts.push(part)
  }
  parts.push(template.slice(end))
  return parts.filter((part) => part !== '')
}

function hostPart(word: string, host: Host): string | undefined {
  const values: Record<string, string> = { localhost: host.name, host: host.name, fqdn: host.fqdn, ip: host.ip }
  const value = values[word.toLowerCase()]
  return value === undefined ? undefined : cleaned(value)
}

function letterPart(letter: string | undefined): Part | undefined {
  if (letter === '%') return '%'
  if (letter === 't') return { raw: 'timestamp' }
  const time = letter === undefined ? undefined : Calendar.format(letter)
  return time === undefined ? undefined : { time }
}

function checkPrefix(parts: readonly Part[]): void {
  const literal = parts.map((part) => (typeof part === 'string' ? part : 'x')).join('')
  if (/^[A-Za-z0-9=-][A-Za-z0-9._=-]*$/.test(literal) && literal.length <= PREFIX_SIZE_MAX) return
  const rule = `--prefix takes 1 to ${PREFIX_SIZE_MAX} of A-Z a-z 0-9 . _ = -, and begins with none of . and _`
  throw new FlumeError('BAD_OPTION', `${rule}: ${JSON.stringify(literal)}`)
}

function bindingOf(options: PlaceOptions, host: Host, needsTime: boolean): string {
  const { path, prefix, round, timeZone, useLocalTimestamp } = options
  const words = [`path=${path}`, `prefix=${prefix}`]
  if (needsTime) words.push(`round=${round}ms`, `zone=${timeZone}`)
  if (needsTime && useLocalTimestamp) words.push('time=mark')
  if (/%\[/.test(path + prefix)) words.push(`host=${host.name},${host.fqdn},${host.ip}`)
  return words.join(' ').replace(/\p{Cc}/gu, '_')
}
