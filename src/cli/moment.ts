/** A moment as people type it. */
import { Zone } from '../events/zone.js'

/** ms since the epoch: `@` and seconds, or ISO 8601; a day is its beginning, and without a zone it is one of `localZone`. Undefined: it is none. */
export function timeOf(text: string, localZone: () => string): number | undefined {
  const seconds = /^@(\d+(?:\.\d{1,3})?)$/.exec(text)?.[1]
  if (seconds !== undefined) return Math.round(Number(seconds) * 1000)
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text)
  if (match === null) return undefined
  const [, day = '', time = '00:00', zone] = match
  if (!isDay(day)) return undefined
  const ms = Date.parse(`${day}T${time}${zone?.replace(/^(...)(\d\d)$/, '$1:$2') ?? 'Z'}`)
  if (Number.isNaN(ms)) return undefined
  return zone === undefined ? new Zone(localZone()).time(ms) : ms
}

/** Date.parse() takes 31 November for 1 December. */
function isDay(day: string): boolean {
  const ms = Date.parse(`${day}T00:00Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day)
}
