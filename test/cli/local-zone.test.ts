/** The zone of times that do not say theirs: that of every other program on this machine, or none. */
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { localZone } from '../../src/cli/local-zone.js'
import { shell, type Ran } from '../support/shell.js'

const zone = (TZ: string): string => localZone({ TZ }, '--time-zone')
/** What no IANA name stands for. */
const NONE = ['Foo/Bar', ':Foo/Bar', '/no/such', '/usr/share/zoneinfo/Foo', '/etc/passwd', 'CET-1CEST,M3.5.0,M10.5.0/3', 'CET-1CEST', 'EST5', 'GMT+5', '<+03>-3', '+05:00', ' ']

t.test('a zone is named, by its file, or by a link to one; nothing is UTC, as POSIX has it', async (t) => {
  for (const text of ['Europe/Oslo', ':Europe/Oslo', 'posix/Europe/Oslo', '/usr/share/zoneinfo/Europe/Oslo', ':/usr/share/zoneinfo/Europe/Oslo', '/usr/share/zoneinfo/posix/Europe/Oslo']) {
    t.equal(zone(text), 'Europe/Oslo', text)
  }
  for (const text of ['', ':', 'UTC', 'UTC0', 'GMT0', 'UTC-0', 'Etc/UTC', 'Zulu']) t.equal(zone(text), 'UTC', text)
  const link = join(t.testdir(), 'localtime')
  symlinkSync('/usr/share/zoneinfo/Asia/Tokyo', link)
  t.equal(zone(`:${link}`), 'Asia/Tokyo')
  t.equal(zone('EST5EDT'), 'America/New_York')
})

t.test('what no IANA name stands for is refused, with what may say it in its place', async (t) => {
  for (const text of NONE) t.throws(() => zone(text), { code: 'BAD_OPTION', message: `cannot tell which time zone TZ=${text} is: expected an IANA name, such as TZ=Europe/Berlin, or --time-zone` }, text)
})

t.test('the line has the same places whatever form TZ has, and a zone that nobody knows leaves no trace in the queue', async (t) => {
  const directory = t.testdir({ 'a.log': 'x\n', utc: {} })
  symlinkSync('/usr/share/zoneinfo/Etc/UTC', join(directory, 'utc', 'localtime'))
  const line = "flume-tail --once a.log | flume-buffer q | flume-sink-hdfs --path 'out/%Y' --prefix 'at-%H%z'; echo ${PIPESTATUS[2]}"
  t.match(await shell(line, directory, { TZ: 'CET-1CEST' }), { out: '64\n', err: /cannot tell which time zone TZ=CET-1CEST is: .*, or --time-zone/ })
  t.match(await shell(line, directory, { TZ: `:${directory}/utc/localtime` }), { out: '0\n' })
  t.match(await shell(`${line}; ls out/*`, directory, { TZ: '' }), { out: /^0\nat-\d\d_0000\S+\n$/ })
  t.match(await shell("flume-tail --once a.log | flume-buffer q2 | flume-sink-hdfs --path there; echo ${PIPESTATUS[2]}", directory, { TZ: 'x' }), { out: '0\n' }, 'no times, no zone')
})

t.test('times of events are local where they do not say their zone, and refused where nobody knows which', async (t) => {
  const directory = t.testdir({ event: '{"headers":{"t":"2005-06-14 15:16:01"},"body":"x"}\n' })
  const time = 'flume-intercept --time t <event'
  t.match(await shell(time, directory, { TZ: ':/usr/share/zoneinfo/Europe/Oslo' }), { status: 0, out: /"timestamp":"1118754961000"/ })
  t.match(await shell(time, directory, { TZ: 'CET-1CEST' }), { status: 64, out: '', err: /--time t: cannot tell which time zone TZ=CET-1CEST is: .*, or --time-zone/ })
  t.match(await shell('flume-intercept --time-zone Europe/Oslo --time t <event', directory, { TZ: 'CET-1CEST' }), { status: 0, out: /"timestamp":"1118754961000"/ })
  t.match(await shell('flume-intercept --static a=b <event', directory, { TZ: 'CET-1CEST' }), { status: 0 })
})

t.test('a bound of a replay is local where it does not say its zone, and refused where nobody knows which', async (t) => {
  const directory = t.testdir({ event: '{"body":"x"}\n' })
  await shell('flume-buffer --put q <event', directory)
  const from = (text: string, TZ: string): Promise<Ran> => shell(`flume-buffer --from ${text} q </dev/null | cat`, directory, { TZ })
  t.match(await from('2005-06-14', 'CET-1CEST'), { err: /cannot tell which time zone TZ=CET-1CEST is: .*, or a zone behind the time/ })
  t.match(await from('2005-06-14T00:00Z', 'CET-1CEST'), { err: /replays events/ })
  t.match(await from('2005-06-14', ':/usr/share/zoneinfo/Europe/Oslo'), { err: /replays events/ })
})
