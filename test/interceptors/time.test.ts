/** --time: known formats, formats of strptime(3), zones, years that are not said, and times that are none. */
import t from 'tap'
import { linksOf } from '../../src/interceptors/table.js'
import { AROUND, MARK, ran, typed } from '../support/intercepting.js'

const NOW = Date.parse('2024-03-01T12:00:00Z')

/** What the time in header `t`, or in the body, is: ISO 8601, or the reason. */
async function timeOf(text: string, line: string[] = ['--time', 't'], now = NOW): Promise<string> {
  const event = line.at(-1)!.startsWith('body') ? { body: text } : { headers: { t: text }, body: '' }
  const { out } = await ran(line, `${JSON.stringify(event)}\n`, { ...MARK, time: now })
  const { headers = {} } = JSON.parse(out) as { headers?: Record<string, string> }
  return headers.timestamp === undefined ? headers['flume.error']! : new Date(Number(headers.timestamp)).toISOString()
}

t.test('times are known as they are written most often', async (t) => {
  const cases: [string, string][] = [
    ['2024-02-29T23:59:60Z', '2024-03-01T00:00:00.000Z'],
    ['2024-02-03T04:05:06.1239+01:00', '2024-02-03T03:05:06.123Z'],
    ['2024-02-03 04:05:06,7', '2024-02-03T04:05:06.700Z'],
    ['2024-02-03 04:05:06 -0330', '2024-02-03T07:35:06.000Z'],
    ['2024-02-03T04:05', '2024-02-03T04:05:00.000Z'],
    ['2024-02-03', '2024-02-03T00:00:00.000Z'],
    ['2024/02/03 04:05:06', '2024-02-03T04:05:06.000Z'],
    ['20240203T040506Z', '2024-02-03T04:05:06.000Z'],
    ['17/May/2015:10:05:03 +0200', '2015-05-17T08:05:03.000Z'],
    ['Sat Nov 28 17:26:16.123456 2026', '2026-11-28T17:26:16.123Z'],
    ['Sat Nov  7 17:26:16 UTC 2026', '2026-11-07T17:26:16.000Z'],
    ['Sun, 06 Nov 1994 08:49:37 GMT', '1994-11-06T08:49:37.000Z'],
    ['Sun, 06 Nov 1994 08:49:37 GMT+0200', '1994-11-06T06:49:37.000Z'],
    ['2024-02-03 04:05:06 UTC+01:00', '2024-02-03T03:05:06.000Z'],
    ['2024-02-03 04:05:06 GMT-2', '2024-02-03T06:05:06.000Z'],
    ['2024-02-03 04:05:06 UTC+5:30', '2024-02-02T22:35:06.000Z'],
    ['6 Nov 1994 08:49:37', '1994-11-06T08:49:37.000Z'],
    ['Feb  3 04:05:06', '2024-02-03T04:05:06.000Z'],
    ['1706933106', '2024-02-03T04:05:06.000Z'],
    ['1706933106.789', '2024-02-03T04:05:06.789Z'],
    ['1085033148.942', '2004-05-20T06:05:48.942Z'],
    ['1706933106789', '2024-02-03T04:05:06.789Z'],
    ['1706933106789123', '2024-02-03T04:05:06.789Z'],
    ['1706933106789123456', '2024-02-03T04:05:06.789Z'],
    [' 2024-02-03 ', '2024-02-03T00:00:00.000Z'],
  ]
  for (const [text, time] of cases) t.equal(await timeOf(text), time, text)
  for (const [text, time] of cases) if (!text.startsWith(' ')) t.equal(await timeOf(`${text} and more`, ['--time', 'body']), time, `${text} at the beginning`)
  t.equal(await timeOf('[Sat Nov 28 17:26:16 2026] [core:error]', ['--time', 'body']), '2026-11-28T17:26:16.000Z')
  for (const text of ['', 'now', '2024-02-30', '2023-02-29T00:00:00Z', '2024-13-01', '2024-02-03T25:00:00Z', '2024-02-03 and more', '12', '17/Mai/2015:10:05:03 +0200', '999999999999999']) {
    t.match(await timeOf(text), /^--time t: t is no time: /, text)
  }
  t.equal(await timeOf('x', ['--time', 'none']), '--time none: there is no none')
})

t.test('a zone is asked for only where a text may come without one', async (t) => {
  const around = { ...AROUND, localZone: () => t.fail('the zone of this machine') as never }
  for (const format of ['%s', '%s.%L', '%Q', '%Y-%m-%dT%T%z', 'at %%s %s']) {
    const [link] = await linksOf(typed(['--time', `t=${format}`]), around)
    t.equal(link!.interceptor.given, undefined, format)
  }
  for (const text of ['t', 't=%F %T', 't=%Y %%s', 't=%F%%z', 't=%T %c']) {
    const [link] = await linksOf(typed(['--time', text]), { ...AROUND, localZone: () => 'Europe/Berlin' })
    t.equal(link!.interceptor.given, 'Europe/Berlin', text)
  }
  t.equal(await timeOf('1706933106', ['--time', 't=%s']), '2024-02-03T04:05:06.000Z')
  t.equal(await timeOf('2024-02-03T04:05:06+0100', ['--time', 't=%Y-%m-%dT%T%z']), '2024-02-03T03:05:06.000Z')
})

t.test('a format is that of strptime(3)', async (t) => {
  const cases: [string, string, string][] = [
    ['%d.%m.%Y %H:%M', '3.2.2024 4:05', '2024-02-03T04:05:00.000Z'],
    ['%m/%d/%y %I:%M:%S %p', '02/03/24 12:05:06 am', '2024-02-03T00:05:06.000Z'],
    ['%m/%d/%y %I:%M:%S %p', '02/03/99 11:05:06 PM', '1999-02-03T23:05:06.000Z'],
    ['%A, %B %e, %Y %T', 'Saturday, February  3, 2024 04:05:06', '2024-02-03T04:05:06.000Z'],
    ['%Y%m%d%H%M%S%L', '20240203040506789', '2024-02-03T04:05:06.789Z'],
    ['%F %T.%f', '2024-02-03 04:05:06.78', '2024-02-03T04:05:06.780Z'],
    ['%Y.%j', '2024.060', '2024-02-29T00:00:00.000Z'],
    ['%s', '1706933106', '2024-02-03T04:05:06.000Z'],
    ['%s', '1706933106.7891', '2024-02-03T04:05:06.789Z'],
    ['%s', '1085033148.942', '2004-05-20T06:05:48.942Z'],
    ['%s', '1085033148.9', '2004-05-20T06:05:48.900Z'],
    ['%s', '-0.25', '1969-12-31T23:59:59.750Z'],
    ['%Q', '1706933106789.7', '2024-02-03T04:05:06.789Z'],
    ['%F %I %p', '2024-02-03 12 AM', '2024-02-03T00:00:00.000Z'],
    ['%s.%f', '1706933106.78', '2024-02-03T04:05:06.780Z'],
    ['%s,%f', '1706933106,789123', '2024-02-03T04:05:06.789Z'],
    ['%s.%L', '1706933106.789', '2024-02-03T04:05:06.789Z'],
    ['%s,%L %z', '1706933106,789 +01', '2024-02-03T04:05:06.789Z'],
    ['%s%.', '1706933106,7', '2024-02-03T04:05:06.700Z'],
    ['[%s%.]', '[1706933106]', '2024-02-03T04:05:06.000Z'],
    ['%s.%f', '-0.25', '1969-12-31T23:59:59.750Z'],
    ['%s.%f', '-2.5', '1969-12-31T23:59:57.500Z'],
    ['%Q %S.%f', '1706933106789 06.789', '2024-02-03T04:05:06.789Z'],
    ['%Q', '1706933106789', '2024-02-03T04:05:06.789Z'],
    ['at %H%%%M of %D%n%z', 'at 04%05 of 02/03/24  +01', '2024-02-03T03:05:00.000Z'],
  ]
  for (const [format, text, time] of cases) t.equal(await timeOf(text, ['--time', `t=${format}`]), time, `${text} as ${format}`)
  t.match(await timeOf('2024.366 ', ['--time', 't=%Y.%j']), '2024-12-31T00:00:00.000Z')
  t.match(await timeOf('1706933106', ['--time', 't=%s.%f']), /no time/)
  t.match(await timeOf('2023.366', ['--time', 't=%Y.%j']), /no time/)
  t.match(await timeOf('2024-02-03', ['--time', 't=%d.%m.%Y']), /no time/)
  for (const [format = '', text = ''] of [['%I:%M %p', '99:00 PM'], ['%I:%M %p', '13:00 PM'], ['%I %p', '0 AM'], ['%Y.%j', '2024.000'], ['%H:%M%z', '12:00+01:']]) {
    t.match(await timeOf(text, ['--time', `t=${format}`]), /no time/, text)
  }
  await t.rejects(linksOf(typed(['--time', 't=%H:%i']), AROUND), { message: '--time t=%H:%i: unknown letter in a format of time: %i' })
  await t.rejects(linksOf(typed(['--time', '']), AROUND), { message: /expected FIELD/ })
})

t.test('a time without a zone is one of --time-zone, also where clocks are changed', async (t) => {
  const berlin = ['--time-zone', 'Europe/Berlin', '--time', 't']
  const cases: [string, string][] = [
    ['2024-01-15 12:00:00', '2024-01-15T11:00:00.000Z'],
    ['2024-07-15 12:00:00', '2024-07-15T10:00:00.000Z'],
    ['2024-03-31 01:59:59', '2024-03-31T00:59:59.000Z'],
    ['2024-03-31 02:30:00', '2024-03-31T00:30:00.000Z'],
    ['2024-03-31 03:00:00', '2024-03-31T01:00:00.000Z'],
    ['2024-10-27 01:59:59', '2024-10-26T23:59:59.000Z'],
    ['2024-10-27 02:30:00', '2024-10-27T00:30:00.000Z'],
    ['2024-10-27 03:00:00', '2024-10-27T02:00:00.000Z'],
    ['2024-07-15 12:00:00Z', '2024-07-15T12:00:00.000Z'],
  ]
  for (const [text, time] of cases) t.equal(await timeOf(text, berlin), time, text)
  const oslo: [string, string][] = [
    ['2015-07-29 17:41:44,747 ZooKeeper started', '2015-07-29T15:41:44.747Z'],
    ['2015-07-29 17:41:44 GMTime server up', '2015-07-29T15:41:44.000Z'],
    ['2015-07-29 17:41:44 UTC+123', '2015-07-29T15:41:44.000Z'],
    ['2015-07-29 17:41:44 GMT+x', '2015-07-29T17:41:44.000Z'],
    ['2015-07-29 17:41:44 UTC_x', '2015-07-29T15:41:44.000Z'],
    ['2015-07-29 17:41:44 -12.5 18.2', '2015-07-29T15:41:44.000Z'],
    ['2015-07-29 17:41:44 -12345', '2015-07-29T15:41:44.000Z'],
    ['2015-07-29 17:41:44 -123', '2015-07-29T15:41:44.000Z'],
    ['2015-07-29 17:41:44 -0130.5', '2015-07-29T15:41:44.000Z'],
    ['2015-07-29 17:41:44 Z: started', '2015-07-29T17:41:44.000Z'],
    ['2015-07-29 17:41:44 +0000.', '2015-07-29T17:41:44.000Z'],
    ['2015-07-29 17:41:44 -01] started', '2015-07-29T18:41:44.000Z'],
    ['2015-07-29 17:41:44 -01: started', '2015-07-29T18:41:44.000Z'],
  ]
  for (const [text, time] of oslo) t.equal(await timeOf(text, ['--time-zone', 'Europe/Oslo', '--time', 'body']), time, text)
  await t.rejects(linksOf(typed(['--time-zone', 'Mars/Base', '--time', 't']), AROUND), { message: /no such zone/ })
})

t.test('a year that is not said is the last for which the time is not in the future, of the queue; or --year', async (t) => {
  const cases: [string, string, string][] = [
    ['Mar  1 11:00:00', '2024-03-01T12:00:00Z', '2024-03-01T11:00:00.000Z'],
    ['Mar  2 11:00:00', '2024-03-01T12:00:00Z', '2024-03-02T11:00:00.000Z'],
    ['Mar  3 11:00:00', '2024-03-01T12:00:00Z', '2023-03-03T11:00:00.000Z'],
    ['Dec 31 23:59:59', '2024-01-01T00:00:05Z', '2023-12-31T23:59:59.000Z'],
    ['Jan  1 00:00:01', '2023-12-31T23:59:58Z', '2024-01-01T00:00:01.000Z'],
    ['Feb 29 00:00:00', '2026-03-01T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ]
  for (const [text, now, time] of cases) t.equal(await timeOf(text, ['--time', 't'], Date.parse(now)), time, `${text} at ${now}`)
  t.equal(await timeOf('Jun 14 15:16:01', ['--year', '2005', '--time', 't']), '2005-06-14T15:16:01.000Z')
  t.match(await timeOf('Feb 29 00:00:00', ['--year', '2005', '--time', 't']), /no time/)
  await t.rejects(linksOf(typed(['--year', '05']), AROUND), { message: /expected a year/ })
})
