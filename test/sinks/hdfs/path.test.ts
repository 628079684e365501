import t from 'tap'
import { FlumeError } from '../../../src/errors.js'
import { Calendar } from '../../../src/sinks/hdfs/calendar.js'
import { Places, cleaned, type Place, type PlaceOptions } from '../../../src/sinks/hdfs/path.js'

const HOST = { name: 'web1', fqdn: 'web1.example.org', ip: '192.0.2.7' }
const OPTIONS: PlaceOptions = { path: '/d', prefix: 'events', round: 1, timeZone: 'UTC', localZone: () => 'UTC', useLocalTimestamp: false }

function directoryOf(path: string, headers: Record<string, string>, more: Partial<PlaceOptions> = {}): string {
  return placeOf(new Places({ ...OPTIONS, path, ...more }, HOST), headers).directory
}

function placeOf(places: Places, headers: Record<string, string>, markTime = 0): Place {
  return places.of(new Map(Object.entries(headers)), headers['timestamp'], markTime)
}

/** Saturday 7 March 2026, 09:05:03.004 UTC */
const SPRING = Date.UTC(2026, 2, 7, 9, 5, 3, 4)
/** Sunday 1 November 2026, 21:45:59 UTC */
const AUTUMN = Date.UTC(2026, 10, 1, 21, 45, 59)

t.test('each escape of a time gives what Flume gives, in English', async (t) => {
  const table: readonly (readonly [escape: string, spring: string, autumn: string])[] = [
    ['%Y', '2026', '2026'], ['%y', '26', '26'], ['%m', '03', '11'], ['%n', '3', '11'], ['%d', '07', '01'], ['%e', '7', '1'],
    ['%D', '03/07/26', '11/01/26'], ['%j', '066', '305'], ['%H', '09', '21'], ['%k', '9', '21'], ['%I', '09', '09'], ['%l', '9', '9'],
    ['%p', 'AM', 'PM'], ['%M', '05', '45'], ['%S', '03', '59'], ['%a', 'Sat', 'Sun'], ['%A', 'Saturday', 'Sunday'], ['%b', 'Mar', 'Nov'],
    ['%B', 'March', 'November'], ['%c', 'Sat Mar 7 09_05_03 2026', 'Sun Nov 1 21_45_59 2026'], ['%z', '+0000', '+0000'],
    ['%s', '1772874303', '1793569559'], ['%t', '1772874303004', '1793569559000'], ['%%', '%', '%'],
    ['%Y-%m-%d/%H%M', '2026-03-07/0905', '2026-11-01/2145'],
  ]
  for (const [escape, spring, autumn] of table) {
    t.equal(directoryOf(`/d/${escape}`, { timestamp: String(SPRING) }), `/d/${spring}`, escape)
    t.equal(directoryOf(`/d/${escape}`, { timestamp: String(AUTUMN) }), `/d/${autumn}`, escape)
  }
  t.equal(directoryOf('/d/%l %I', { timestamp: String(Date.UTC(2026, 0, 1, 0)) }), '/d/12 12', 'midnight is 12')
  t.equal(directoryOf('/d/%Y-%m-%d %H', { timestamp: '-1' }), '/d/1969-12-31 23', 'before the epoch')
  t.equal(directoryOf('/d/%j', { timestamp: String(Date.UTC(2024, 11, 31)) }), '/d/366')
})

t.test('times are local in the zone, across changes of the clock', async (t) => {
  const at = (time: number, path: string, timeZone: string, round = 1): string => directoryOf(path, { timestamp: String(time) }, { timeZone, round })
  t.equal(at(SPRING, '/%Y-%m-%d %H:%M %z', 'Europe/Berlin'), '/2026-03-07 10:05 +0100')
  t.equal(at(SPRING, '/%d %H:%M %z', 'America/New_York'), '/07 04:05 -0500')
  t.equal(at(SPRING, '/%d %H:%M %z', 'Asia/Kathmandu'), '/07 14:50 +0545')
  t.equal(at(SPRING, '/%d %H:%M %z', 'America/St_Johns'), '/07 05:35 -0330')
  const change = Date.UTC(2026, 9, 25, 1) // 03:00 becomes 02:00 in Berlin
  t.same([-1, 0, 3_600_000].map((ms) => at(change + ms, '/%H:%M %z', 'Europe/Berlin')), ['/02:59 +0200', '/02:00 +0100', '/03:00 +0100'])
  const spring = Date.UTC(2026, 2, 29, 1) // 02:00 becomes 03:00
  t.same([-1, 0].map((ms) => at(spring + ms, '/%H:%M', 'Europe/Berlin')), ['/01:59', '/03:00'])
})

t.test('rounding is down, from local midnight', async (t) => {
  const at = (round: number, path = '/%H%M%S', timeZone = 'UTC'): string => directoryOf(path, { timestamp: String(AUTUMN) }, { round, timeZone })
  t.equal(at(10 * 60_000), '/214000')
  t.equal(at(3_600_000), '/210000')
  t.equal(at(6 * 3_600_000), '/180000')
  t.equal(at(86_400_000), '/000000')
  t.equal(at(6 * 3_600_000, '/%d %H%M', 'Asia/Kolkata'), '/02 0000')
  t.equal(at(60_000, '/%s'), `/${Math.floor(AUTUMN / 60_000) * 60}`)
  t.equal(at(60_000, '/%t'), `/${AUTUMN}`, 'the header itself is not rounded')
})

t.test('a local time is right at every quarter of an hour of years, also from the cache', async (t) => {
  const calendar = new Calendar('America/Santiago', 1)
  const told = new Intl.DateTimeFormat('en-GB', { timeZone: 'America/Santiago', dateStyle: 'short', timeStyle: 'medium', hourCycle: 'h23' })
  const begin = Date.UTC(2025, 0, 1)
  for (let n = 0; n < 20_000; n++) {
    const time = begin + ((n * 7919) % 70_000) * 899_999
    const { local } = calendar.at(time)
    const [date = '', clock] = local.toISOString().split(/[T.]/)
    if (told.format(time) !== `${date.split('-').reverse().join('/')}, ${clock}`) t.fail(`${time}: ${local.toISOString()}`)
  }
  t.pass('20000 times')
})

t.test('a value of a header stays in its directory, and is not hidden', async (t) => {
  const table: readonly (readonly [value: string, clean: string])[] = [
    ['web1', 'web1'], ['', '-'], ['..', '-.'], ['.', '-'], ['.git', '-git'], ['_tmp', '-tmp'], ['/etc/passwd', '-etc_passwd'], ['a/../../b', 'a_.._.._b'],
    ['a:b', 'a_b'], ['a\0b\nc\u007f\u0085', 'a_b_c__'], ['ünï ☃=x', 'ünï ☃=x'],
  ]
  for (const [value, clean] of table) {
    t.equal(cleaned(value), clean)
    t.equal(directoryOf('/d/%{h}/e', { h: value }), `/d/${clean}/e`)
  }
  t.equal(directoryOf('/d/%{none}/e', {}), '/d/-/e', 'a missing one')
  t.equal(directoryOf('/d/%{a.b-c_d}', { 'a.b-c_d': '%Y%{x}' }), '/d/%Y%{x}', 'a value is no template')
  const long = directoryOf('/d/%{h}', { h: 'é'.repeat(300) })
  t.ok(Buffer.byteLength(long) <= 3 + 255)
  t.match(long, /-[0-9a-f]{16}$/)
})

t.test('a prefix is cleaned to what may stand in a name', async (t) => {
  const prefixOf = (prefix: string, headers: Record<string, string>): string =>
    placeOf(new Places({ ...OPTIONS, prefix }, HOST), headers, SPRING).prefix
  t.equal(prefixOf('a-%{h}', { h: 'x y/é.z' }), 'a-x_y__.z')
  t.equal(prefixOf('%{h}', { h: '._x' }), '-_x')
  t.equal(prefixOf('%{h}', {}), '-')
  t.equal(prefixOf('%Y=%D', {}), '2026=03_07_26')
  t.equal(prefixOf('%{h}', { h: 'h'.repeat(200) }).length, 60)
  for (const bad of ['', '_x', '.x', 'a/b', 'a b', 'é', 'x'.repeat(61)]) {
    t.throws(() => new Places({ ...OPTIONS, prefix: bad }, HOST), { code: 'BAD_OPTION' }, bad)
  }
})

t.test('names of the machine', async (t) => {
  t.equal(directoryOf('/%[localhost]/%[host]/%[FQDN]/%[fqdn]/%[IP]', {}), '/web1/web1/web1.example.org/web1.example.org/192.0.2.7')
})

t.test('an escape nobody knows, and a zone nobody knows, are errors at the start', async (t) => {
  for (const bad of ['/%q', '/%', '/%{', '/%{}', '/%{a b}', '/%{a/b}', '/%[nosuch]', '/%[', '/% ', '/%é']) {
    t.throws(() => new Places({ ...OPTIONS, path: bad }, HOST), { code: 'BAD_OPTION', message: /cannot understand "%/ }, bad)
  }
  t.throws(() => new Places({ ...OPTIONS, timeZone: 'Mars/Olympus' }, HOST), { code: 'BAD_OPTION', message: /Mars\/Olympus/ })
})

t.test('a missing timestamp is the time of the mark; one that is no time is no event', async (t) => {
  const places = new Places({ ...OPTIONS, path: '/%Y' }, HOST)
  t.equal(placeOf(places, {}, SPRING).directory, '/2026')
  t.equal(places.lacksTime(undefined), true)
  t.equal(places.lacksTime('1'), false)
  for (const bad of ['', 'x', '1.5', '1e3', '0x10', ' 1', '99999999999999999', '9999999999999999', '253402300800000', '-62135596800000', '-99999999999999']) {
    t.throws(() => placeOf(places, { timestamp: bad }, SPRING), { code: 'BAD_EVENT' }, bad)
  }
  for (const [year, ms] of [['0001', -62_135_500_000_000], ['9999', 253_402_100_000_000]] as const) t.equal(placeOf(places, { timestamp: String(ms) }, SPRING).directory, `/${year}`)
  const local = new Places({ ...OPTIONS, path: '/%Y', useLocalTimestamp: true }, HOST)
  t.equal(placeOf(local, { timestamp: 'x' }, SPRING).directory, '/2026')
  const still = new Places({ ...OPTIONS, path: '/%{h}' }, HOST)
  t.equal(placeOf(still, { timestamp: 'x' }, SPRING).directory, '/-', 'nobody asked for the time')
  t.equal(still.lacksTime(undefined), false)
})

t.test('a directory that no file system takes is no place', async (t) => {
  const places = new Places({ ...OPTIONS, path: `/${'%{h}/'.repeat(20)}` }, HOST)
  t.throws(() => placeOf(places, { h: 'x'.repeat(255) }), FlumeError)
  t.ok(placeOf(places, { h: 'x'.repeat(100) }))
})

t.test('on a cluster a directory is bounded as it stands in a URL', async (t) => {
  const sixDeep = '/%{h}'.repeat(6)
  const of = (root: string, h: string): string => directoryOf(root + sixDeep, { h })
  t.throws(() => of('hdfs://nn1:8020', '日'.repeat(85)), { code: 'BAD_EVENT', message: 'its directory has too long a name' })
  t.ok(of('/d', '日'.repeat(85)), 'this machine takes it')
  t.ok(of('hdfs://nn1:8020', 'x'.repeat(255)))
  const deep = `webhdfs://${'h'.repeat(200)}:9870${`/${'é'.repeat(99)}`.repeat(5)}`
  t.ok(directoryOf(`${deep}/%{h}`, { h: 'x'.repeat(255) }), 'its address is not in it')
  t.equal(directoryOf(`${deep}/%{h}/${'=+'.repeat(42)}`, { h: 'x'.repeat(255) }).length, deep.length + 1 + 255 + 1 + 84)
  t.throws(() => directoryOf(`${deep}/%{h}/${'=+'.repeat(43)}`, { h: 'x'.repeat(255) }), { code: 'BAD_EVENT' })
})

t.test('a --path that is too long whatever comes is an error at the start', async (t) => {
  const open = (path: string): Places => new Places({ ...OPTIONS, path }, HOST)
  const long = `/${'日'.repeat(80)}`
  t.throws(() => open(`hdfs://nn1${long.repeat(5)}`), { code: 'BAD_OPTION', message: '--path is too long: 3605 bytes as it stands in a URL, and 3400 are the most' })
  t.throws(() => open(`hdfs://nn1${long.repeat(5)}/%{h}`), { code: 'BAD_OPTION' })
  t.ok(open(`hdfs://nn1${long.repeat(4)}/%{h}`))
  t.throws(() => open(`${long.repeat(16)}/%Y`), { code: 'BAD_OPTION', message: '--path is too long: 3857 bytes, and 3839 are the most' })
  t.ok(open(`${long.repeat(15)}/%Y`))
})

t.test('the binding names all that places follow from, and nothing else', async (t) => {
  const binding = (more: Partial<PlaceOptions>, host = HOST): string => new Places({ ...OPTIONS, ...more }, host).binding
  const base = binding({ path: '/d/%Y' })
  for (const more of [{ path: '/e/%Y' }, { prefix: 'x' }, { round: 60_000 }, { timeZone: 'Asia/Tokyo' }, { useLocalTimestamp: true }]) {
    t.not(binding({ path: '/d/%Y', ...more }), base)
  }
  t.equal(binding({ path: '/d' }), binding({ path: '/d', timeZone: 'Asia/Tokyo', round: 5 }), 'no time, no zone')
  const localZone = (): string => 'Asia/Tokyo'
  t.equal(binding({ path: '/d/%Y', timeZone: undefined, localZone }), binding({ path: '/d/%Y', timeZone: 'Asia/Tokyo' }))
  t.equal(binding({ path: '/d', timeZone: undefined, localZone: () => t.fail('no time, no zone') as never }), binding({ path: '/d' }))
  t.equal(binding({ path: '/d' }), binding({ path: '/d' }, { ...HOST, name: 'web2' }))
  t.not(binding({ path: '/%[host]' }), binding({ path: '/%[host]' }, { ...HOST, name: 'web2' }))
  t.notMatch(binding({ path: '/a\nb' }), /\n/, 'one line')
})
