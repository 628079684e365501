/** A time zone: how far it is from Greenwich at a time, fast enough for every event. */
import { FlumeError } from '../errors.js'

/** Offsets change at whole quarters of an hour, since 1972 everywhere. */
const QUARTER = 15 * 60 * 1000
const DAY = 86_400_000
const CACHE_MAX = 4096

export class Zone {
  readonly #format: Intl.DateTimeFormat
  readonly #offsets = new Map<number, number>()

  /** Throws BAD_OPTION for a zone nobody knows. */
  constructor(name: string) {
    this.#format = formatOf(name)
  }

  /** ms east of Greenwich at this time, in ms since the epoch. */
  offset(time: number): number {
    const quarter = Math.floor(time / QUARTER)
    const known = this.#offsets.get(quarter)
    if (known !== undefined) return known
    const begin = quarter * QUARTER
    const fields = new Map(this.#format.formatToParts(begin).map(({ type, value }) => [type, Number(value)]))
    const field = (name: Intl.DateTimeFormatPartTypes): number => fields.get(name) ?? 0
    const local = new Date(0)
    local.setUTCFullYear(field('year'), field('month') - 1, field('day'))
    local.setUTCHours(field('hour'), field('minute'), field('second'))
    const offset = local.getTime() - begin
    if (this.#offsets.size >= CACHE_MAX) this.#offsets.clear()
    this.#offsets.set(quarter, offset)
    return offset
  }

  /** The time at which clocks there show `local`, ms since 1970 as they show it; where they show it twice the first. */
  time(local: number): number {
    const before = this.offset(local - DAY)
    const after = this.offset(local + DAY)
    const first = local - before
    return before === after || this.offset(first) === before ? first : local - after
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
      timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    })
  } catch (cause) {
    throw new FlumeError('BAD_OPTION', `cannot use the time zone ${JSON.stringify(timeZone)}: no such zone (an IANA name: Europe/Berlin)`, { cause })
  }
}
