/** Interceptors that only look at headers, and what the chain does with lines of every shape. */
import t from 'tap'
import { linksOf } from '../../src/interceptors/table.js'
import { AROUND, passed, ran, typed } from '../support/intercepting.js'

t.test('headers are set, removed and renamed in the order typed', async (t) => {
  const event = { headers: { file: '/a', host: 'h', 'x-1': '1' }, body: 'b' }
  const cases: [line: string[], headers: Record<string, string>, body?: string][] = [
    [['--static', 'env=prod'], { file: '/a', host: 'h', 'x-1': '1', env: 'prod' }],
    [['--static', 'host=a=b'], { file: '/a', host: 'a=b', 'x-1': '1' }],
    [['--default', 'host=other', '--default', 'env=prod'], { file: '/a', host: 'h', 'x-1': '1', env: 'prod' }],
    [['--rename', 'host=web', '--host', 'fqdn'], { file: '/a', 'x-1': '1', web: 'h', host: 'web1.example.org' }],
    [['--host', 'ip', '--rename', 'host=web'], { file: '/a', 'x-1': '1', web: '10.0.0.1' }],
    [['--remove', 'x-*, file'], { host: 'h' }],
    [['--remove', '?ost,none'], { file: '/a', 'x-1': '1' }],
    [['--keep', 'host'], { host: 'h' }],
    [['--timestamp'], { file: '/a', host: 'h', 'x-1': '1', timestamp: '1700000000000' }],
    [['--env', 'tier=TIER', '--file', 'text=there'], { file: '/a', host: 'h', 'x-1': '1', tier: 'gold', text: 'content' }],
    [['--copy', 'body=raw', '--keep', 'raw'], { raw: 'b' }],
    [['--rename', 'body=raw', '--keep', 'raw'], { raw: 'b' }, ''],
    [['--copy', 'host=body', '--remove', '*'], {}, 'h'],
    [['--static', 'body=c', '--keep', 'none'], {}, 'c'],
    [['--rename', 'none=file', '--copy', 'host=host'], { file: '/a', host: 'h', 'x-1': '1' }],
    [['--static', '__proto__=x', '--rename', 'host=constructor'], JSON.parse('{"file":"/a","x-1":"1","__proto__":"x","constructor":"h"}') as Record<string, string>],
  ]
  for (const [line, headers, body = 'b'] of cases) {
    const [one = {}] = await passed(line, event)
    t.strictSame(JSON.stringify(one.headers ?? {}), JSON.stringify(headers), line.join(' '))
    t.equal(one.body, body, line.join(' '))
  }
})

t.test('what cannot be typed is refused, and names the option', async (t) => {
  const wrong: [string[], RegExp][] = [
    [['--static', 'env'], /^--static env: expected NAME=VALUE, not "env"$/],
    [['--static', '=x'], /^--static =x: expected NAME=VALUE/],
    [['--static', 'flume.gap=x'], /reserved/],
    [['--rename', 'a=content-transfer-encoding'], /not set by hand/],
    [['--remove', 'a,,b'], /names with commas/],
    [['--env', 'a=NOT_THERE'], /there is no NOT_THERE in the environment/],
    [['--file', 'a=missing'], /there is no file missing/],
  ]
  for (const [line, message] of wrong) await t.rejects(linksOf(typed(line), AROUND), { message }, line.join(' '))
})

t.test('each line comes out once and in its place, whatever its shape, and its bytes stay', async (t) => {
  const binary = Buffer.from([0xff, 0x00, 0x41]).toString('base64')
  const lines = [
    '{"headers":{"a":"1"},"body":"plain"}',
    '{"headers":{"a":"1"},"body":"tab\\t quote \\" line\\nbreak"}',
    '{"headers":{"a":"1"},"body":"\\u00e9 und \\ud83d\\ude00"}',
    '{"headers":{"a":"2"},"body":"é 😀"}',
    `{"headers":{"content-transfer-encoding":"base64"},"body":"${binary}"}`,
    '{"body":"x","headers":{"a":"3"}}',
    '{"headers":{"a":4},"body":"number"}',
    '{"body":"","z":[1]}',
    '{"headers":{"flume.gap":"removed","first":"1"},"body":""}',
    '{ "headers" : { "a" : "5" }, "body" : "blanks" }',
    '{}',
  ]
  const given = lines.map((line) => JSON.parse(line) as { headers?: Record<string, string | number>; body?: string })
  for (const line of [['--static', 's=v'], ['--copy', 'body=t', '--remove', 't', '--static', 's=v']]) {
    const { out, count, rejected } = await ran(line, `${lines.join('\n')}\n`)
    const came = out.split('\n').slice(0, -1).map((each) => JSON.parse(each) as { headers: Record<string, string>; body: string })
    const expected = given.map(({ headers = {}, body = '' }) => {
      const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
      return { headers: 'flume.gap' in texts ? texts : { ...texts, s: 'v' }, body }
    })
    t.strictSame(came.map(({ headers, body }) => ({ headers: Object.fromEntries(Object.entries(headers).sort()), body })), expected.map(({ headers, body }) => ({ headers: Object.fromEntries(Object.entries(headers).sort()), body })), line.join(' '))
    t.equal(count, lines.length)
    t.strictSame(rejected, [])
  }
})

t.test('lines that are no events go to the rejects, their neighbours go on; with strict it ends', async (t) => {
  const lines = '{"body":"a"}\nnonsense\n{"body":1}\n{"body":"half \\ud83d"}\n{"body":"b"}\n\n'
  for (const line of [['--static', 's=v'], ['--copy', 'body=t']]) {
    const { out, count, rejected } = await ran(line, lines)
    t.equal(count, 2)
    t.match(out, /^.*"body":"a"}\n.*"body":"b"}\n$/)
    t.match(rejected, [{ line: 'nonsense\n', reason: /no JSON/ }, { reason: /no text/ }, { reason: /surrogate/ }, { line: '\n' }])
  }
  await t.rejects(ran(['--static', 's=v'], lines, undefined, true), { code: 'BAD_EVENT', message: /at 1001: / })
})
