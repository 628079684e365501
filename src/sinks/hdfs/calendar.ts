/** Times as Flume's escapes write them: in one time zone, rounded down, in English, fast enough for every line. */
import { Zone } from '../../events/zone.js'

/** A time taken apart. */
export interface Moment {
  /** UTC fields of this Date are the local ones. */
  readonly local: Date
  /** ms since the epoch, rounded */
  readonly time: number
  /** minutes east of Greenwich */
  readonly offset: number
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December',
]

const two = (value: number): string => String(value).padStart(2, '0')
const day = ({ local }: Moment): string => DAYS[local.getUTCDay()] as string
const month = ({ local }: Moment): string => MONTHS[local.getUTCMonth()] as string
const hour12 = ({ local }: Moment): number => local.getUTCHours() % 12 || 12
const clock = ({ local }: Moment): string => [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map(two).join(':')
const dayOfYear = ({ local }: Moment): number => Math.floor((local.getTime() - Date.UTC(local.getUTCFullYear(), 0, 1)) / DAY) + 1
const DAY = 86_400_000

/** Escape letter to text, as org.apache.flume.formatter.output.BucketPath has them. */
const FORMATS: Record<string, (moment: Moment) => string> = {
  s: ({ time }) => String(Math.floor(time / 1000)),
  Y: ({ local }) => String(local.getUTCFullYear()).padStart(4, '0'),
  y: ({ local }) => two(local.getUTCFullYear() % 100),
  m: ({ local }) => two(local.getUTCMonth() + 1),
  n: ({ local }) => String(local.getUTCMonth() + 1),
  d: ({ local }) => two(local.getUTCDate()),
  e: ({ local }) => String(local.getUTCDate()),
  D: ({ local }) => `${two(local.getUTCMonth() + 1)}/${two(local.getUTCDate())}/${two(local.getUTCFullYear() % 100)}`,
  H: ({ local }) => two(local.getUTCHours()),
  k: ({ local }) => String(local.getUTCHours()),
  I: (moment) => two(hour12(moment)),
  l: (moment) => String(hour12(moment)),
  M: ({ local }) => two(local.getUTCMinutes()),
  S: ({ local }) => two(local.getUTCSeconds()),
  p: ({ local }) => (local.getUTCHours() < 12 ? 'AM' : 'PM'),
  j: (moment) => String(dayOfYear(moment)).padStart(3, '0'),
  z: ({ offset }) => `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`,
  // In a name a colon is not possible on HDFS.
  c: (moment) =>
    `${day(moment).slice(0, 3)} ${month(moment).slice(0, 3)} ${moment.local.getUTCDate()} ` +
    `${clock(moment).replaceAll(':', '_')} ${moment.local.getUTCFullYear()}`,
  a: (moment) => day(moment).slice(0, 3),
  A: day,
  b: (moment) => month(moment).slice(0, 3),
  B: month,
}

export class Calendar {
  readonly #zone: Zone

  /** `round` in ms. Throws BAD_OPTION for a zone nobody knows. */
  constructor(
    timeZone: string,
    readonly round: number,
  ) {
    this.#zone = new Zone(timeZone)
  }

  /** The function for an escape letter; undefined: there is no such escape. */
  static format(letter: string): ((moment: Moment) => string) | undefined {
    return Object.hasOwn(FORMATS, letter) ? FORMATS[letter] : undefined
  }

  /** Rounded to a multiple from local midnight, or of days from that of 1 January 1970 where `round` is longer than one. */
  at(time: number): Moment {
    const shown = time + this.#zone.offset(time)
    const midnight = this.round < DAY ? Math.floor(shown / DAY) * DAY : 0
    const local = midnight + Math.floor((shown - midnight) / this.round) * this.round
    const offset = this.#zone.offset(time - (shown - local)) // clocks may have been changed since
    return { local: new Date(local), time: local - offset, offset: Math.trunc(offset / 60_000) }
  }
}
