import t from 'tap'
import { rangeOf } from '../../src/cli/queue-range.js'

const bound = (from: string): unknown => rangeOf({ from, to: undefined }, () => 'Europe/Berlin').from

t.test('a bound is the number of an event, or a time with or without its hour and zone', async (t) => {
  t.same(bound('42'), { kind: 'sequence', sequence: 42 })
  t.same(bound('@1795500000.5'), { kind: 'time', time: 1_795_500_000_500 })
  t.same(bound('2026-11-30T24:00Z'), { kind: 'time', time: Date.UTC(2026, 11, 1) })
  t.same(bound('2028-02-29T06:00:01.5+0130'), { kind: 'time', time: Date.UTC(2028, 1, 29, 4, 30, 1, 500) })
  t.same(bound('2026-11-30'), { kind: 'time', time: Date.UTC(2026, 10, 29, 23) }, 'local time')
  t.same(bound('2026-07-30T12:00:01.5'), { kind: 'time', time: Date.UTC(2026, 6, 30, 10, 0, 1, 500) }, 'as clocks were then')
  t.equal(bound('beginning'), undefined)
})

t.test('a day that no month has, and an hour that no day has, are refused', async (t) => {
  for (const text of ['2026-11-31', '2026-02-30', '2026-02-29', '2026-02-30T12:00Z', '2026-13-01', '2026-00-10', '2026-11-00', '2026-11-30T25:00', '']) {
    t.throws(() => bound(text), { code: 'BAD_OPTION', message: new RegExp(`^bad value ${text || "''"} for --from: expected `) }, text)
    t.throws(() => rangeOf({ from: undefined, to: text }, () => 'UTC'), { code: 'BAD_OPTION' })
  }
})
