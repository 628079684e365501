import t from 'tap'
import { Calendar } from '../../../src/sinks/hdfs/calendar.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** The time shown in Berlin, the seconds since the epoch and the zone, as a path has them. */
function roundedTo(round: number, time: string, zone = 'Europe/Berlin'): string {
  const moment = new Calendar(zone, round).at(Date.parse(time))
  return [moment.local.toISOString().slice(0, 16), ...['s', 'z'].map((letter) => Calendar.format(letter)!(moment))].join(' ')
}

t.test('a round that does not divide the day counts from each local midnight', async (t) => {
  t.match(roundedTo(7 * HOUR, '2026-11-30T00:30Z', 'UTC'), /^2026-11-30T00:00 /)
  t.match(roundedTo(7 * HOUR, '2026-11-30T13:59Z', 'UTC'), /^2026-11-30T07:00 /)
  t.match(roundedTo(7 * HOUR, '2026-11-30T23:59Z', 'UTC'), /^2026-11-30T21:00 /)
  t.match(roundedTo(7 * HOUR, '2026-06-30T23:10Z'), /^2026-07-01T00:00 /)
})

t.test('one of several days counts from midnight, 1 January 1970', async (t) => {
  t.match(roundedTo(2 * DAY, '1970-01-02T23:00Z', 'UTC'), /^1970-01-01T00:00 /)
  t.match(roundedTo(2 * DAY, '1970-01-03T00:00Z', 'UTC'), /^1970-01-03T00:00 /)
})

t.test('a day on which the clock changes is one: all its times have the same seconds and zone', async (t) => {
  for (const [times, midnight] of [
    [['2026-10-24T22:00Z', '2026-10-25T00:59Z', '2026-10-25T01:00Z', '2026-10-25T22:59Z'], '2026-10-24T22:00Z'],
    [['2026-03-28T23:00Z', '2026-03-29T00:59Z', '2026-03-29T01:00Z', '2026-03-29T21:59Z'], '2026-03-28T23:00Z'],
  ] as const) {
    const rounded = new Set(times.map((time) => roundedTo(DAY, time)))
    t.same([...rounded].map((text) => text.split(' ')[1]), [String(Date.parse(midnight) / 1000)])
  }
})

t.test('an hour that clocks show twice is two', async (t) => {
  t.same(['2026-10-25T00:15Z', '2026-10-25T01:15Z'].map((time) => roundedTo(HOUR, time)), [
    `2026-10-25T02:00 ${Date.parse('2026-10-25T00:00Z') / 1000} +0200`, `2026-10-25T02:00 ${Date.parse('2026-10-25T01:00Z') / 1000} +0100`,
  ])
})
