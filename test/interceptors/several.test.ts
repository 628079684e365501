/** Interceptors that make several events of one, leave events out, give them ids, and redact. */
import t from 'tap'
import { batchOf, countLines } from '../../src/events/batch.js'
import type { Around } from '../../src/interceptors/around.js'
import { Chain } from '../../src/interceptors/chain.js'
import { linksOf } from '../../src/interceptors/table.js'
import { AROUND, MARK, passed, ran, typed } from '../support/intercepting.js'

const bodiesOf = (events: { body?: string }[]): (string | undefined)[] => events.map(({ body }) => body)

t.test('--split json makes an event of each element, in its order, with the headers of the array', async (t) => {
  const events = await passed(['--split', 'json', '--static', 's=v'], { headers: { h: '1' }, body: ' [1.50, "a\\n\\"b\\"", {"x":[2]}, null, [] ] ' }, '[]', 'no array', '{"a":1}')
  t.strictSame(bodiesOf(events), ['1.50', 'a\n"b"', '{"x":[2]}', 'null', '[]', 'no array', '{"a":1}'])
  t.strictSame(events[1]!.headers, { h: '1', s: 'v' })
  t.match(events[5]!.headers, { 'flume.error': /^--split json: .*JSON/, s: 'v' })
  t.match(events[6]!.headers, { 'flume.error': '--split json: it is no JSON array' })
  t.strictSame(bodiesOf(await passed(['--split', 'json', '--split', 'json'], '[[1,2],[3]]')), ['1', '2', '3'])
  t.strictSame(bodiesOf(await passed(['--split', 'lines'], 'a\r\nb\n\nc\n')), ['a', 'b', '', 'c'])
  const records = await passed(['--parse', 'json', '--in', 'records', '--split', 'json', '--parse', 'json', '--keep', 'id'], '{"records":[{"id":1},{"id":2}],"id":0}')
  t.strictSame(records.map(({ headers }) => headers), [{ id: '1' }, { id: '2' }])
  const { count } = await ran(['--split', 'json'], '{"body":"[1,2,3]"}\n{"body":"[]"}\n')
  t.equal(count, 3)
})

t.test('parts that would be too large together are refused', async (t) => {
  const array = JSON.stringify(Array.from({ length: 100_000 }, () => 1))
  const event = `${JSON.stringify({ headers: { long: 'x'.repeat(1000) }, body: array })}\n`
  const { count, out } = await ran(['--split', 'json'], event)
  t.equal(count, 1)
  t.match(out.slice(0, 2000), /its 100000 parts would be too large together/)
  await t.rejects(ran(['--static', `h=${'x'.repeat(20_000)}`, '--copy', 'body=b'], '{"body":""}\n'.repeat(4000)), { code: 'BAD_EVENT', message: /too large together/ })
})

t.test('--uuid and --sample follow from the place of the event: the same for each reader and on each replay', async (t) => {
  const lines = '{"body":"[1,2]"}\n'.repeat(4000)
  const mark = { ...MARK, from: { offset: 1000 }, to: { offset: 5000 } }
  const replay = { ...mark, partition: mark.partition.replace('default', 'replay-1000-4999'), from: { offset: 3000 }, to: { offset: 5000 } }
  const line = ['--uuid', 'id', '--sample', '25%', '--split', 'json', '--uuid', 'part']
  const file = { ...mark, partition: 'file.x.1' }
  t.equal((await ran(line, lines, file)).out, (await ran(line, lines, { ...file, partition: 'file.x.1..0123abcd' })).out, 'wherever it goes')
  const first = (await ran(line, lines, mark)).out.split('\n').slice(0, -1)
  const again = (await ran(line, lines.slice(0, lines.length / 2), replay)).out.split('\n').slice(0, -1)
  t.strictSame(again, first.slice(-again.length))
  t.ok(first.length > 2 * 800 && first.length < 2 * 1200, `${first.length} of 8000`)
  const ids = first.map((text) => (JSON.parse(text) as { headers: { id: string; part: string } }).headers)
  t.equal(new Set(ids.map(({ part }) => part)).size, first.length)
  t.equal(new Set(ids.map(({ id }) => id)).size, first.length / 2)
  for (const { id } of ids) t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal((await ran(['--sample', '0'], lines, mark)).count, 0)
  t.equal((await ran(['--sample', '1/1'], lines, mark)).count, 4000)
})

/** A chain that is given one event after the other at these times, in ms, while its clock is set back at each; how many went on, and what was said. */
async function timed(line: string[], events: [time: number, event: object][]): Promise<{ out: number[]; said: string[] }> {
  let now = 0
  const said: string[] = []
  const around: Around = { ...AROUND, now: () => -now, monotonic: () => now, say: (message) => void said.push(message) }
  const chain = new Chain(await linksOf(typed(line), around), { add: () => undefined, flush: async () => undefined }, false)
  t.equal(chain.replayable, false)
  const out: number[] = []
  for (const [n, [time, event]] of events.entries()) {
    now = time
    const lines = Buffer.from(`${JSON.stringify(event)}\n`)
    if ((await chain.change(batchOf(lines, countLines(lines), MARK))).count === 1) out.push(n)
  }
  chain.close()
  return { out, said }
}

t.test('--rate-limit drops what comes too fast, counts it and says so', async (t) => {
  const every = (ms: number, count: number, event: object = {}): [number, object][] => Array.from({ length: count }, (_, n) => [n * ms, event])
  t.strictSame(await timed(['--rate-limit', '2/s'], every(100, 12)), { out: [0, 1, 5, 10], said: ['--rate-limit 2/s: 1 event dropped so far', '--rate-limit 2/s: 8 events dropped so far'] })
  t.strictSame(await timed(['--rate-limit', '10/s'], every(100, 12)), { out: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], said: [] })
  const hosts: [number, object][] = [[0, { headers: { host: 'a' } }], [0, { headers: { host: 'b' } }], [1, { headers: { host: 'a' } }], [2, {}], [3, {}]]
  t.strictSame((await timed(['--rate-limit', 'host=1/m'], hosts)).out, [0, 1, 3])
})

t.test('--dedupe lets the first of the same through until its time is over', async (t) => {
  const long = 'x'.repeat(100)
  const events: [number, object][] = [[0, { body: 'a' }], [1000, { body: 'a' }], [9999, { body: 'a' }], [10_000, { body: 'a' }], [10_001, { body: long }], [10_002, { body: `${long}y` }], [10_003, { body: long }]]
  t.strictSame(await timed(['--dedupe', '10s'], events), { out: [0, 3, 4, 5], said: ['--dedupe 10s: 1 event dropped so far', '--dedupe 10s: 3 events dropped so far'] })
  t.strictSame((await timed(['--in', 'h', '--dedupe', '1m'], [[0, { headers: { h: '1' } }], [1, { headers: { h: '1' }, body: 'x' }], [2, {}], [3, {}]])).out, [0, 2, 3])
})

t.test('--dedupe goes by bytes: a body that is not UTF-8 is not the same as the text that its bytes are in Latin-1', async (t) => {
  const latin1 = { headers: { 'content-transfer-encoding': 'base64' }, body: Buffer.from('café', 'latin1').toString('base64') }
  t.strictSame((await timed(['--dedupe', '10s'], [[0, { body: 'café' }], [1, latin1], [2, latin1], [3, { body: 'café' }]])).out, [0, 1])
  const marked = { headers: { ...latin1.headers, h: '1' }, body: latin1.body }
  t.strictSame((await timed(['--in', 'h', '--dedupe', '10s'], [[0, { headers: { h: '1' }, body: 'café' }], [1, marked]])).out, [0], 'of a header it does not matter')
})

t.test('--dedupe forgets what was not acked when it comes again, and nothing else', async (t) => {
  const chain = new Chain(await linksOf(typed(['--dedupe', '1h']), AROUND), { add: () => undefined, flush: async () => undefined }, false)
  const passes = async (body: string, number: number): Promise<boolean> => (
    (await chain.change(batchOf(Buffer.from(`${JSON.stringify({ body })}\n`), 1, MARK), number)).count === 1
  )
  for (const [body, number] of [['acked', 1], ['held', 0], ['void', 2], ['void too', 3]] as const) t.ok(await passes(body, number), body)
  t.notOk(await passes('void', 3), 'it is in a batch before this one')
  chain.forget(1)
  t.strictSame([await passes('acked', 4), await passes('held', 4)], [false, false])
  t.strictSame([await passes('void', 4), await passes('void too', 5), await passes('void too', 6)], [true, true, false])
  chain.forget(5)
  t.notOk(await passes('void too', 7))
})

t.test('--redact takes out what is to be secret, and leaves what only looks like it', async (t) => {
  const cases: [string, string, string][] = [
    ['card', 'paid 4111 1111 1111 1111, 5500-0000-0000-0004 and 378282246310005.', 'paid [card], [card] and [card].'],
    ['card', '4111111111111112 1706933106789 41111111111111111111111 12-4111', '4111111111111112 1706933106789 41111111111111111111111 12-4111'],
    ['card', '2026-11-30 12:30:45 4111111111111111 ok', '2026-11-30 12:30:45 [card] ok'],
    ['card', '4111111111111111 200 OK, 200 4111 1111 1111 1111 200 17', '[card] 200 OK, 200 [card] 200 17'],
    ['card', '45 3782 822463 10005 7 4111-11111111-1111, 4222222222222', '45 [card] 7 4111-11111111-1111, [card]'],
    ['card', 'no: 4111-11111111-1111.', 'no: [card].'],
    ['card', '2026-11-30 20261130123045 4111 1111 1111 1112 3999 30 4500 12', '2026-11-30 20261130123045 4111 1111 1111 1112 3999 30 4500 12'],
    ['card', '1 '.repeat(1_000_000), '1 '.repeat(1_000_000)],
    ['email', 'from a.b+c@mail.example.org, not @x or a@b', 'from [email], not @x or a@b'],
    ['ip', '10.0.0.1:80 and 2001:db8::1, ::1', '[ip]:80 and [ip], [ip]'],
    ['ip', 'ip:2001:db8::1, client_ip:::1 node:fe80::1 at:10:05:03 Foo::b2::c', 'ip:[ip], client_ip:[ip] node:[ip] at:10:05:03 Foo::b2::c'],
    ['ip', '1.2.3 300.1.1.1 1.2.3.4.5 10:05:03 std::vector a::b', '1.2.3 300.1.1.1 1.2.3.4.5 10:05:03 std::vector a::b'],
    ['token', 'Authorization: Bearer abcdef.ghijkl-12', 'Authorization: Bearer [token]'],
    ['token', 'x eyJhbGciOi.eyJzdWIiOi.SflKxwRJ y', 'x [token] y'],
    ['token', 'password=hunter2&user=x {"api_key":"abc","n":1} secret: \\"s3\\"', 'password=[token]&user=x {"api_key":"[token]","n":1} secret: \\"[token]\\"'],
    ['token', 'password="two words, and; more" pwd=\'a "b"\' token="a\\"b" x=""', 'password="[token]" pwd=\'[token]\' token="[token]" x=""'],
    ['token', '{"private_key": "-----BEGIN PRIVATE KEY-----\\nMII/=\\n","n":"1"}', '{"private_key": "[token]","n":"1"}'],
    ['token', '{"log":"{\\"secret\\":\\"a b\\\\\\"c \\\\n\\",\\"n\\":\\"1\\"}"}', '{"log":"{\\"secret\\":\\"[token]\\",\\"n\\":\\"1\\"}"}'],
    ['token', 'password="cut off here\n"next line" secret=""', 'password="[token] off here\n"next line" secret=""'],
    ['token', 'AKIAIOSFODNN7EXAMPLE https://joe:pw@host/x ghp_abcdefghijklmnopqrstuvwxyz0123456789', '[token] https://joe:[token]@host/x [token]'],
    ['all', 'me@x.org 10.0.0.1 4111111111111111 pwd=1', '[email] [ip] [card] pwd=[token]'],
  ]
  for (const [what, body, expected] of cases) t.strictSame(await passed(['--redact', what], body), [{ body: expected }], body)
  t.strictSame(await passed(['--in', 'user', '--redact', 'email'], { headers: { user: 'me@x.org' }, body: 'me@x.org' }, 'x'), [{ headers: { user: '[email]' }, body: 'me@x.org' }, { body: 'x' }])
})

t.test('what cannot be typed is refused', async (t) => {
  const wrong: [string, string, RegExp][] = [
    ['--sample', '120%', /expected a share/], ['--sample', 'x', /expected a share/], ['--rate-limit', '0/s', /expected RATE/], ['--rate-limit', '10', /expected RATE/],
    ['--dedupe', '10', /expected a time/], ['--redact', 'names', /cannot redact "names": there are token, card, email, ip and all/], ['--uuid', 'flume.id', /reserved/],
  ]
  for (const [option, value, message] of wrong) await t.rejects(linksOf(typed([option, value]), AROUND), { message }, value)
})
