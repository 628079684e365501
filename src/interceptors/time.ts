/** --time: when the event happened, from what it says itself, as ms in the header timestamp. */
import { FlumeError } from '../errors.js'
import { Zone } from '../events/zone.js'
import type { Around } from './around.js'
import { BODY } from './draft.js'
import { Unfit, type Interceptor } from './interceptor.js'
import { headerOnly } from './names.js'
import type { Settings } from './settings.js'
import { TimeFormat } from './time/format.js'
import { instantOf } from './time/instant.js'
import { epochOf, KNOWN } from './time/known.js'

/** The header that says when an event happened. */
const TIMESTAMP = 'timestamp'

/** `FIELD` or `FIELD=FORMAT`. A time in the body stands at its beginning, and other text may follow. */
export function time(text: string, { timeZone, year }: Settings, { localZone }: Pick<Around, 'localZone'>): Interceptor {
  const equals = text.indexOf('=')
  const field = equals < 0 ? text : text.slice(0, equals)
  if (field === '') throw new FlumeError('BAD_OPTION', `expected FIELD or FIELD=FORMAT, not ${JSON.stringify(text)}`)
  const formats = equals < 0 ? KNOWN : [new TimeFormat(text.slice(equals + 1))]
  const given = timeZone ?? (formats.some(({ needsZone }) => needsZone) ? localZone() : undefined)
  const reading = new Reading(formats, given === undefined ? undefined : new Zone(given), year, field !== BODY)
  let last = { text: '', now: NaN, time: NaN }
  return {
    ...(given === undefined ? {} : { given }),
    ...(headerOnly(field)),
    intercept(event, { time: now }) {
      const value = event.get(field)
      if (value === undefined) return new Unfit(`there is no ${field}`)
      if (value !== last.text || now !== last.now) last = { text: value, now, time: reading.time(value, now) }
      if (Number.isNaN(last.time)) return new Unfit(`${field} is no time: ${JSON.stringify(value.slice(0, 40))}`)
      event.set(TIMESTAMP, String(last.time))
      return undefined
    },
  }
}

class Reading {
  #likely: TimeFormat

  constructor(
    readonly formats: readonly TimeFormat[],
    /** Of times that have none; undefined: all have one. */
    readonly zone: Zone | undefined,
    /** Of times that have none. */
    readonly year: number | undefined,
    /** The text is a time and nothing else. */
    readonly whole: boolean,
  ) {
    this.#likely = formats[0]!
  }

  /** NaN: it is none. */
  time(value: string, now: number): number {
    const text = this.whole ? value.trim() : value.replace(/^[[(<]/, '')
    if (this.whole && this.#matches(this.#likely, text)) return this.#instant(this.#likely, now)
    const found = this.formats.find((format) => this.#matches(format, text))
    if (found === undefined) return this.formats === KNOWN ? epochOf(this.whole ? text : /^\S*/.exec(text)![0]) : NaN
    this.#likely = found
    return this.#instant(found, now)
  }

  #matches(format: TimeFormat, text: string): boolean {
    const end = format.read(text)
    return this.whole ? end === text.length : end > 0
  }

  #instant({ fields }: TimeFormat, now: number): number {
    if (fields.year < 0 && this.year !== undefined) fields.year = this.year
    return instantOf(fields, this.zone, now)
  }
}
