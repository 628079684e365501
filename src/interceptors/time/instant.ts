/** From what a text says of a time to ms since the epoch. */
import type { Zone } from '../../events/zone.js'
import type { Fields } from './format.js'

const DAY = 86_400_000
const MINUTE = 60_000

/**
 * ms since the epoch; NaN: there is no such time (30 February). Without a zone it is that of `zone`, which must be there then;
 * without a year the last for which the time is not more than a day after `now`.
 */
export function instantOf(fields: Fields, zone: Zone | undefined, now: number): number {
  if (!Number.isNaN(fields.epoch)) return fields.epoch
  if (fields.year >= 0) return inYear(fields, fields.year, zone)
  const last = new Date(now + DAY).getUTCFullYear() + 1
  for (let year = last; year > last - 10; year--) {
    const time = inYear(fields, year, zone) // NaN in years without 29 February
    if (time <= now + DAY) return time
  }
  return NaN
}

function inYear({ month, day, dayOfYear, hour, half, minute, second, ms, offset }: Fields, year: number, zone: Zone | undefined): number {
  const hours = half < 0 ? hour : (hour % 12) + half
  if (hours > 23 || minute > 59 || second > 60) return NaN
  const date = dayOfYear > 0 ? dayOf(year, dayOfYear) : dateOf(year, month, day)
  if (Number.isNaN(date)) return NaN
  const local = date + ((hours * 60 + minute) * 60 + second) * 1000 + ms
  return Number.isNaN(offset) ? zone!.time(local) : local - offset * MINUTE
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
/** Date.UTC() takes years below 100 for 19xx; the calendar repeats every 400 years. */
const ERA = 400
const ERA_DAYS = 146_097

/** Its midnight, ms since the epoch; NaN: there is no such day. */
function dateOf(year: number, month: number, day: number): number {
  const last = month === 2 && isLeap(year) ? 29 : (DAYS[month - 1] ?? 0)
  return day < 1 || day > last ? NaN : Date.UTC(year + ERA, month - 1, day) - ERA_DAYS * DAY
}

/** The same of a day by its number in the year, from 1. */
function dayOf(year: number, day: number): number {
  return day > (isLeap(year) ? 366 : 365) ? NaN : Date.UTC(year + ERA, 0, day) - ERA_DAYS * DAY
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}
