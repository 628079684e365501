/**
 * The formats in which times are written most often. No text is a time in two of them as a whole; where only the beginning of a
 * text is looked at, the longer ones come first.
 */
import { msOf, TimeFormat } from './format.js'

export const KNOWN: readonly TimeFormat[] = [
  // ISO 8601, RFC 3339, log4j, with and without zone, blank or T
  '%Y-%m-%dT%H:%M:%S%.%z', '%Y-%m-%dT%H:%M:%S%.', '%Y-%m-%d %H:%M:%S%. %z', '%Y-%m-%d %H:%M:%S%.', '%Y-%m-%dT%H:%M%z', '%Y-%m-%dT%H:%M', '%Y-%m-%d %H:%M',
  '%Y/%m/%d %H:%M:%S%. %z', '%Y/%m/%d %H:%M:%S%.', '%Y%m%dT%H%M%S%.%z', '%Y%m%dT%H%M%S%.', '%Y%m%d %H:%M:%S%.',
  // access logs
  '%d/%b/%Y:%H:%M:%S %z',
  // error log of Apache, ctime(3), date(1), syslog, RFC 2822
  '%a %b %e %H:%M:%S%. %Y', '%a %b %e %H:%M:%S %z %Y', '%b %e %Y %H:%M:%S%.', '%b %e %H:%M:%S%.',
  '%a, %e %b %Y %H:%M:%S %z', '%e %b %Y %H:%M:%S%. %z', '%e %b %Y %H:%M:%S%.',
  '%Y-%m-%d', '%Y/%m/%d',
].map((format) => new TimeFormat(format))

/** Seconds, ms, µs or ns since 1970, by the number of digits; else NaN. */
export function epochOf(text: string): number {
  const [, digits, fraction = ''] = /^(\d{9,19})(\.\d{1,9})?$/.exec(text) ?? []
  if (digits === undefined) return NaN
  if (digits.length <= 11) return Number(digits) * 1000 + msOf(fraction.slice(1))
  if (fraction !== '') return NaN
  if (digits.length <= 13) return Number(digits)
  if (digits.length === 16 || digits.length === 19) return Number(digits.slice(0, 13))
  return NaN
}
