/**
 * Directory and prefix of an event, from Flume's escapes: `%{header}`, `%Y-%m-%d`, `%[host]`. A place must be the same on
 * every replay, so it follows from the event, its mark, and what binding() names, and from nothing else.
 */
import { createHash } from 'node:crypto'
import { assert, FlumeError } from '../../errors.js'
import type { Follows } from '../../events/binding.js'
import type { Host } from '../../events/host.js'
import { BUCKET_SIZE, NAME_SIZE_MAX, PREFIX_SIZE_MAX, bucketKey, fitted } from './name.js'
import { Calendar, type Moment } from './calendar.js'
import { escapedPath } from './cluster.js'

export interface PlaceOptions {
  /** Absolute directory, with escapes. */
  readonly path: string
  readonly prefix: string
  /** ms; times are rounded down to a multiple of it, in local time. 1: not rounded */
  readonly round: number
  /** IANA name; undefined: that of this machine */
  readonly timeZone: string | undefined
  /** Asked for only where there are times in path or prefix. */
  localZone(): string
  /** The time is that of the mark, whatever the event's header says. */
  readonly useLocalTimestamp: boolean
}

/** Where an event goes. */
export interface Place {
  readonly directory: string
  readonly prefix: string
  /** Which bucket this is, as names say it, whatever else comes to lie in its directory: under another name of that, by other rules, or moved there. */
  readonly bucket: string
}

/** A bucket among all. */
export function placeKey(place: Place): string {
  return `${place.directory}/${bucketKey(place)}`
}

/** What becomes of one escape for one event. */
type Part =
  | string
  | { readonly header: string }
  | { readonly time: (moment: Moment) => string }
  /** The time itself, and the text that the header timestamp is: a header like any. */
  | { readonly raw: 'time' | 'timestamp' }

/** When an event was. */
interface When {
  /** ms since the epoch */
  readonly time: number
  readonly timestamp: string | undefined
}

/** Bytes of a directory of this machine: Linux takes 4095 of a whole path, and the name comes after it. */
const DIRECTORY_SIZE_MAX = 4095 - NAME_SIZE_MAX - 1
/** Of one on a cluster, as it stands in a URL: a DataNode takes 4096 of the line that a request begins with, and name and parameters come after it. */
const ESCAPED_SIZE_MAX = 3400

export class Places {
  readonly #directory: readonly Part[]
  readonly #prefix: readonly Part[]
  readonly #calendar: Calendar | undefined
  /** ms within which all times have the same place; NaN: none. */
  readonly #grain: number
  /** By headers: the place found last, and the cell of the time grid it is for. */
  readonly #last = new WeakMap<ReadonlyMap<string, string>, { readonly cell: number; readonly place: Place }>()
  readonly #places = new Map<string, Place>()
  /** What the places of other options, for the same events, do not have in common with these; the tree may be moved. */
  readonly #rules: string
  /** So many names of a directory are the same for all. */
  readonly #fixed: number
  /** True: without a time there is no place. */
  readonly needsTime: boolean
  /** One line of text that the places follow from, and what of an event they follow from, too. */
  readonly binding: string
  readonly follows: Follows | undefined

  /** Throws BAD_OPTION for an escape nobody knows, for a path too long, and for a prefix that cannot stand in a name. */
  constructor(
    readonly options: PlaceOptions,
    host: Host,
  ) {
    this.#directory = parse(options.path, host)
    this.#prefix = parse(options.prefix, host)
    checkPath(this.#directory)
    checkPrefix(this.#prefix)
    const parts = [...this.#directory, ...this.#prefix]
    this.follows = parts.some((part) => typeof part !== 'string') ? 'headers' : undefined
    this.needsTime = isTimed(options.path) || isTimed(options.prefix)
    const zone = options.timeZone ?? (this.needsTime ? options.localZone() : undefined)
    this.#calendar = zone === undefined ? undefined : new Calendar(zone, options.round)
    this.binding = bindingOf(options, host, this.needsTime ? zone : undefined)
    const base = /^[^%]*(?:$|\/)/.exec(options.path)?.[0] ?? ''
    this.#fixed = base.split('/').length - (base === options.path ? 0 : 1)
    this.#rules = bindingOf({ ...options, path: options.path.slice(base.length) }, host, this.needsTime ? zone : undefined)
    this.#grain = parts.some((part) => typeof part === 'object' && 'raw' in part) ? NaN : grainOf(options)
  }

  /**
   * Where an event with these headers goes. Its timestamp comes apart, so that events that differ in nothing else may share
   * their headers; `markTime`, in ms, stands in for a missing one. The same object for the same place, mostly.
   * Throws BAD_EVENT when the timestamp is no integer or of no such year, or the directory too long for its file system.
   */
  of(headers: ReadonlyMap<string, string>, timestamp: string | undefined, markTime: number): Place {
    const time = this.needsTime ? this.#timeOf(timestamp, markTime) : 0
    const cell = time < STEADY_SINCE && this.needsTime ? NaN : Math.floor(time / this.#grain)
    const last = this.#last.get(headers)
    if (last?.cell === cell) return last.place
    const place = this.#at(headers, { time, timestamp })
    this.#last.set(headers, { cell, place })
    return place
  }

  /** True: this event's time is that of its mark, for want of its own. */
  lacksTime(timestamp: string | undefined): boolean {
    return this.needsTime && !this.options.useLocalTimestamp && timestamp === undefined
  }

  #timeOf(timestamp: string | undefined, markTime: number): number {
    const text = this.options.useLocalTimestamp ? undefined : timestamp
    if (text === undefined) return markTime
    const time = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN
    if (time >= TIME_MIN && time <= TIME_MAX) return time
    throw new FlumeError('BAD_EVENT', `the header timestamp is no time in ms of the years 1 to 9999: ${JSON.stringify(text.slice(0, 40))}`)
  }

  #at(headers: ReadonlyMap<string, string>, when: When): Place {
    const moment = this.needsTime ? this.#calendar?.at(when.time) : undefined
    const expand = (parts: readonly Part[]): string =>
      parts.map((part) => (typeof part === 'string' ? part : expandPart(part, headers, when, moment))).join('')
    const directory = fittedNames(expand(this.#directory))
    const prefix = expand(this.#prefix).replace(/[^A-Za-z0-9._=-]/g, '_').replace(/^[._]/, '-')
    return this.#once(directory, fitted(prefix, PREFIX_SIZE_MAX))
  }

  #once(directory: string, prefix: string): Place {
    const key = `${directory}/${prefix}`
    const known = this.#places.get(key)
    if (known !== undefined) return known
    const { size, sizeMax } = sizeOf(directory)
    if (size > sizeMax) throw new FlumeError('BAD_EVENT', 'its directory has too long a name')
    if (this.#places.size >= PLACES_MAX) this.#places.clear()
    const own = [this.#rules, directory.split('/').slice(this.#fixed).join('/'), prefix]
    const bucket = createHash('sha256').update(own.join('\n')).digest('hex').slice(0, BUCKET_SIZE)
    const place = { directory, prefix, bucket }
    this.#places.set(key, place)
    return place
  }
}

const PLACES_MAX = 4096
/** Since 1972 every zone is whole minutes apart from UTC. */
const STEADY_SINCE = Date.UTC(1972, 1)

/** ms within which an event's time makes no difference. */
function grainOf({ path, prefix, round }: PlaceOptions): number {
  const escapes = path + prefix
  const grain = /%[sSc]/.test(escapes) ? 1000 : 60_000
  return round === 1 || round % grain === 0 ? grain : 1
}

/** In every zone years have four digits from here to there, and are of our era. */
const TIME_MIN = Date.parse('0001-01-02T00:00Z')
const TIME_MAX = Date.UTC(9999, 11, 30)

function expandPart(part: Exclude<Part, string>, headers: ReadonlyMap<string, string>, when: When, moment: Moment | undefined): string {
  if ('header' in part) return cleaned(headers.get(part.header) ?? '')
  if ('raw' in part) return part.raw === 'time' ? String(when.time) : cleaned(when.timestamp ?? '')
  assert(moment !== undefined)
  return part.time(moment)
}

/** A header's value cannot leave the directory it stands in, nor hide what it names from Hadoop. */
export function cleaned(value: string): string {
  if (value === '') return '-'
  return value.replace(/[/:\p{Cc}]/gu, '_').replace(/^[._]/, '-')
}

const ESCAPE = /%(?:\{([\w.-]+)\}|\[(\w+)\]|(.)|)/gsu

/** True: it holds escapes of a time. */
function isTimed(template: string): boolean {
  return [...template.matchAll(ESCAPE)].some(([, , , letter]) => letter !== undefined && letter !== '%')
}

function parse(template: string, host: Host): Part[] {
  const parts: Part[] = []
  let end = 0
  for (const match of template.matchAll(ESCAPE)) {
    const [escape, header, fixed, letter] = match
    parts.push(template.slice(end, match.index))
    end = match.index + escape.length
    const part = header !== undefined ? headerPart(header) : fixed !== undefined ? hostPart(fixed, host) : letterPart(letter)
    if (part === undefined) throw new FlumeError('BAD_OPTION', `cannot understand ${JSON.stringify(escape)} in ${JSON.stringify(template)}`)
    parts.push(part)
  }
  parts.push(template.slice(end))
  return parts.filter((part) => part !== '')
}

/**
 * The names on the way from the root to the buckets of a path: a text where it is fixed, else what all values match.
 * Throws BAD_OPTION for an escape nobody knows.
 */
export function levelsOf(path: string, host: Host): readonly (string | RegExp)[] {
  const names = path.replace(/%(.)/gsu, (escape, letter) => (letter === 'D' ? '%m/%d/%y' : escape)).split('/').filter((name) => name !== '')
  return names.map((name) => {
    const parts = parse(name, host)
    if (parts.every((part) => typeof part === 'string')) return parts.join('')
    const start = typeof parts[0] === 'string' ? '' : '(?![._])' // as values are cleaned
    const values = parts.map((part) => (typeof part === 'string' ? part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : '.+')).join('')
    return new RegExp(`^(?:${start}${values}|.{50,}-[0-9a-f]{16})$`, 'su') // or one that was cut
  })
}

function headerPart(header: string): Part {
  return header === 'timestamp' ? { raw: 'timestamp' } : { header }
}

function hostPart(word: string, host: Host): string | undefined {
  const values = new Map([['localhost', host.name], ['host', host.name], ['fqdn', host.fqdn], ['ip', host.ip]])
  const value = values.get(word.toLowerCase())
  return value === undefined ? undefined : cleaned(value)
}

function letterPart(letter: string | undefined): Part | undefined {
  if (letter === '%') return '%'
  if (letter === 't') return { raw: 'time' }
  const time = letter === undefined ? undefined : Calendar.format(letter)
  return time === undefined ? undefined : { time }
}

function fittedNames(directory: string): string {
  return directory.split('/').map((name) => fitted(name, NAME_SIZE_MAX)).join('/')
}

/** Of a directory, in bytes, and how large it may be. */
function sizeOf(directory: string): { readonly size: number; readonly sizeMax: number; readonly isEscaped: boolean } {
  const [, path] = /^[^/]+:\/\/[^/]*(.*)$/s.exec(directory) ?? []
  if (path === undefined) return { size: Buffer.byteLength(directory), sizeMax: DIRECTORY_SIZE_MAX, isEscaped: false }
  return { size: escapedPath(path).length, sizeMax: ESCAPED_SIZE_MAX, isEscaped: true }
}

/** What is fixed of it may be too long by itself. */
function checkPath(parts: readonly Part[]): void {
  const { size, sizeMax, isEscaped } = sizeOf(fittedNames(parts.filter((part) => typeof part === 'string').join('')))
  if (size <= sizeMax) return
  throw new FlumeError('BAD_OPTION', `--path is too long: ${size} bytes${isEscaped ? ' as it stands in a URL' : ''}, and ${sizeMax} are the most`)
}

function checkPrefix(parts: readonly Part[]): void {
  const literal = parts.map((part) => (typeof part === 'string' ? part : 'x')).join('')
  if (/^[A-Za-z0-9=-][A-Za-z0-9._=-]*$/.test(literal) && literal.length <= PREFIX_SIZE_MAX) return
  const rule = `--prefix takes 1 to ${PREFIX_SIZE_MAX} of A-Z a-z 0-9 . _ = -, and begins with none of . and _`
  throw new FlumeError('BAD_OPTION', `${rule}: ${JSON.stringify(literal)}`)
}

/** `zone`: of the times; undefined: there are none. */
function bindingOf(options: PlaceOptions, host: Host, zone: string | undefined): string {
  const { path, prefix, round, useLocalTimestamp } = options
  const words = [`path=${path}`, `prefix=${prefix}`]
  if (zone !== undefined) words.push(`round=${round}ms`, `zone=${zone}`)
  if (zone !== undefined && useLocalTimestamp) words.push('time=mark')
  if (/%\[/.test(path + prefix)) words.push(`host=${host.name},${host.fqdn},${host.ip}`)
  return words.join(' ').replace(/\p{Cc}/gu, '_')
}
