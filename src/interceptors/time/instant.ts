/** From what a text says of a time to ms since the epoch. */
import type { Zone } from '../../events/zone.js'
import type { Fields } from './format.js'

const DAY = 86_400_000
const MINUTE = 60_000

/**
 * ms since the epoch; NaN: there is no such time (30 February). Without a zone it is that of `zone`; without a year the last
 * for which the time is not more than a day after `now`.
 */
export function instantOf(fields: Fields, zone: Zone, now: number): number {
  if (!Number.isNaN(fields.epoch)) return fields.epoch
  if (fields.year >= 0) return inYear(fields, fields.year, zone)
  const last = new Date(now + DAY).getUTCFullYear() + 1
  for (let year = last; year > last - 10; year--) {
    const time = inYear(fields, year, zone) // NaN in years without 29 February
    if (time <= now + DAY) return time
  }
  return NaN
}

function inYear({ month, day, dayOfYear, hour, half, minute, second, ms, offset }: Fields, year: number, zone: Zone): number {
  const hours = half < 0 ? hour : (hour % 12) + half
  if (hours > 23 || minute > 59 || second > 60) return NaN
  const date = dayOfYear > 0 ? dayInYear(year, 1, dayOfYear) : dayInYear(year, month, day)
  if (date.getUTCFullYear() !== year || (dayOfYear === 0 && (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day))) return NaN
  const local = date.getTime() + ((hours * 60 + minute) * 60 + second) * 1000 + ms
  return Number.isNaN(offset) ? zone.time(local) : local - offset * MINUTE
}

function dayInYear(year: number, month: number, day: number): Date {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  return date
}
