/** Interceptors that filter, replace, extract, convert and make JSON. */
import t from 'tap'
import { linksOf, rulesOf } from '../../src/interceptors/table.js'
import { AROUND, passed, ran, typed } from '../support/intercepting.js'

t.test('--filter and --exclude look at the body or at the header of --in, anywhere in it', async (t) => {
  const events = [{ headers: { level: 'ERROR' }, body: 'a cat' }, { headers: { level: 'info' }, body: 'a dog' }, { body: 'CATTLE' }]
  const bodies = async (...line: string[]): Promise<(string | undefined)[]> => (await passed(line, ...events)).map(({ body }) => body)
  t.strictSame(await bodies('--filter', 'cat'), ['a cat'])
  t.strictSame(await bodies('--filter', '(?i)cat'), ['a cat', 'CATTLE'])
  t.strictSame(await bodies('--exclude', '^a'), ['CATTLE'])
  t.strictSame(await bodies('--in', 'level', '--filter', 'R{2}'), ['a cat'])
  t.strictSame(await bodies('--in', 'level', '--exclude', '^info$'), ['a cat', 'CATTLE'], 'what is missing does not match')
  t.strictSame(await bodies('--in', 'level', '--filter', '.', '--in', 'body', '--filter', 'dog'), ['a dog'])
})

t.test('--replace is the s of sed, with the regular expressions and replacements of JavaScript', async (t) => {
  const cases: [string, string, string][] = [
    ['s/o/0/', 'foo boo', 'f0o boo'],
    ['s/o/0/g', 'foo boo', 'f00 b00'],
    ['s|/a/|\\|/|g', '/a/b/a/', '|/b|/'],
    ['s/\\//:/g', '/a/b', ':a:b'],
    ['s/(?<x>\\d+)-(\\d+)/$2-$<x>/', '1-22', '22-1'],
    ['s/ /\\n/g', 'a b', 'a\nb'],
    ['s/A/b/gi', 'aA', 'bb'],
    ['s,\\s+,,g', ' a b ', 'ab'],
    ['s/é/e/', 'café 😀', 'cafe 😀'],
    ['s/$/!/', '', '!'],
  ]
  for (const [rule, body, expected] of cases) t.strictSame(await passed(['--replace', rule], body), [{ body: expected }], rule)
  t.strictSame(await passed(['--in', 'h', '--replace', 's/a/b/'], { headers: { h: 'a' }, body: 'a' }, 'a'), [{ headers: { h: 'b' }, body: 'a' }, { body: 'a' }])
})

t.test('half of a surrogate pair is no text: what would make one is an error, and the event stays as it was', async (t) => {
  const u = ': it cuts a character in two, which the flag u takes as one'
  const half = ': it has half of a surrogate pair'
  const cases: [line: string[], body: string, reason: string][] = [
    [['--replace', 's/[\\ud83d]//'], '😀', u],
    [['--replace', 's/./x/'], '😀b', u],
    [['--extract', '^(?<c>.)'], '😀abc', u],
    [['--parse', 'regex:^(?<c>.)'], '😀abc', u],
    [['--parse', 'grok:^(?<c>.)%{GREEDYDATA:rest}'], '😀abc', u],
    [['--parse', 'json'], '{"a":1,"s":"\\ud800"}', half],
    [['--parse', 'json'], '{"\\udc00":1}', half],
    [['--parse', 'json-flat'], '{"a":{"s":"x\\ud800\\u0041"}}', half],
    [['--split', 'json'], '["a","\\ud800"]', half],
  ]
  for (const [line, body, reason] of cases) {
    t.strictSame(await passed(line, body), [{ headers: { 'flume.error': `${line.join(' ')}${reason}` }, body }], line.join(' '))
    const event = Buffer.from(`${JSON.stringify({ body })}\n`)
    t.match(await ran(['--on-error', 'reject', ...line], event), { count: 0, rejected: [{ line: event.toString('latin1') }] })
  }
  t.strictSame(await passed(['--replace', 's/./x/u', '--extract', '(?u)(?<b>b)'], '😀b'), [{ headers: { b: 'b' }, body: 'xb' }])
  t.strictSame(await passed(['--extract', '(?u)^(?<c>.)'], '😀abc'), [{ headers: { c: '😀' }, body: '😀abc' }])
  const whole = '{"s":"\\ud83d\\ude00","o":{"h":"\\ud800"}}'
  t.strictSame(await passed(['--parse', 'json'], whole), [{ headers: { s: '😀', o: '{"h":"\\ud800"}' }, body: whole }], 'what stays JSON stays as it is written')
})

t.test('bytes that are not UTF-8 are characters of Latin-1 to a rule, and stay what they are', async (t) => {
  const body = Buffer.from([0x61, 0xff, 0xe9, 0x62, 0x61])
  const { out } = await ran(['--replace', 's/a/c/g', '--filter', '\u00ff', '--extract', '(?<e>\u00e9)'], `{"headers":{"content-transfer-encoding":"base64"},"body":"${body.toString('base64')}"}\n`)
  const event = JSON.parse(out) as { headers: Record<string, string>; body: string }
  t.strictSame(Buffer.from(event.body, 'base64'), Buffer.from([0x63, 0xff, 0xe9, 0x62, 0x63]))
  t.strictSame(event.headers, { e: 'é', 'content-transfer-encoding': 'base64' })
})

t.test('--extract makes headers of the groups that took part', async (t) => {
  const line = ['--prefix', 'x.', '--extract', '(?<status>\\d{3})(?: (?<bytes>\\d+))?']
  t.strictSame(await passed(line, 'GET 200 17', 'GET 404', 'none'), [
    { headers: { 'x.status': '200', 'x.bytes': '17' }, body: 'GET 200 17' },
    { headers: { 'x.status': '404' }, body: 'GET 404' },
    { body: 'none' },
  ])
  t.strictSame(await passed(['--in', 'x', '--extract', '(?<all>.*)'], { headers: { x: '' }, body: 'a' }, 'a'), [{ headers: { x: '', all: '' }, body: 'a' }, { body: 'a' }], 'a header that is missing is not an empty one')
  t.strictSame(JSON.stringify(await passed(['--extract', '(?<__proto__>a)'], 'a')), '[{"headers":{"__proto__":"a"},"body":"a"}]')
})

t.test('--convert makes texts plain, and says which of them are no numbers', async (t) => {
  const cases: [type: string, text: string, expected: string | undefined][] = [
    ['int', '007', '7'], ['int', '-0', '0'], ['int', ' +12 ', '12'], ['int', '123456789012345678901', '123456789012345678901'], ['int', '1.5', undefined], ['int', '', undefined],
    ['float', '1.50', '1.50'], ['float', '.5', '0.5'], ['float', '1e400', '1e400'], ['float', '+1e400', undefined], ['float', 'NaN', undefined],
    ['bool', 'Yes', 'true'], ['bool', '0', 'false'], ['bool', 'maybe', undefined],
    ['json', '{"a":[1]}', '{"a":[1]}'], ['json', '{a}', undefined],
    ['size', '1.5K', '1536'], ['size', '10 MiB', '10485760'], ['size', '10 apples', undefined],
    ['duration', '1.5s', '1500'], ['duration', '250us', '0'], ['duration', '5', undefined],
    ['lower', 'ÀB', 'àb'], ['upper', 'àb', 'ÀB'], ['trim', ' a ', 'a'],
  ]
  for (const [type, text, expected] of cases) {
    const [event] = await passed(['--convert', `h=${type}`], { headers: { h: text }, body: '' })
    if (expected !== undefined) t.strictSame(event?.headers, { h: expected }, `${text} as ${type}`)
    else t.match(event?.headers, { h: text, 'flume.error': new RegExp(`^--convert h=${type}: h is no ${type}: `) }, `${text} as ${type}`)
  }
  const [event] = await passed(['--convert', 'n*,b=int', '--convert', 'b=text', '--to-json', '*'], { headers: { n1: '1', n2: '02', b: '3', c: '4"' }, body: '' })
  t.equal(event?.body, '{"n1":1,"n2":2,"b":"3","c":"4\\""}')
})

t.test('--convert takes texts of any length and events of any number of headers', async (t) => {
  const long = (text: string): string => text.repeat(500_000)
  const cases: [type: string, text: string, expected: string | undefined][] = [
    ['int', `${long('0')}x`, undefined], ['int', `-${long('0')}7`, '-7'], ['float', `${long('1')}x`, undefined], ['float', `${long(' ')}1.`, '1'],
    ['size', `1${long(' ')}x`, undefined], ['size', ` 1${long(' ')}k `, '1024'], ['duration', `1${long(' ')}x`, undefined], ['bool', `${long(' ')}x`, undefined],
  ]
  for (const [type, text, expected] of cases) {
    const [event] = await passed(['--convert', `h=${type}`], { headers: { h: text }, body: '' })
    t.ok(event?.headers?.['h'] === (expected ?? text), `${text.slice(0, 3)}… as ${type}`)
    t.equal(event?.headers?.['flume.error'] === undefined, expected !== undefined)
  }
  const headers = Object.fromEntries(Array.from({ length: 60_000 }, (_, n) => [`h${n}`, `A${n}`]))
  const [event] = await passed(['--convert', '*=lower', '--convert', 'h1*=upper'], { headers, body: '' })
  t.strictSame([Object.keys(event?.headers ?? {}).length, event?.headers?.['h0'], event?.headers?.['h59999'], event?.headers?.['h19999']], [60_000, 'a0', 'a59999', 'A19999'])
})

t.test('an event on which the memory of an expression or of a text does not suffice is one that cannot be done', async (t) => {
  const text = `"${'a '.repeat(4_500_000)}`
  const beyond = /: it is too large for that: Maximum call stack size exceeded$/
  const cases: [line: string[], body: string, reason: RegExp][] = [
    [['--exclude', '^(?:\\w|[ "])*$'], text, beyond],
    [['--extract', '^(?<all>(?:\\w|[ "])*)$'], text, beyond],
    [['--parse', 'regex:^(?<all>(?:\\w|[ "])*)$'], text, beyond],
    [['--replace', 's/^(?:\\w|[ "])*$/x/'], text, beyond],
    [['--replace', `s/./${'0123456789'.repeat(6)}/g`], text, /: it is too large for that: Invalid string length$/],
    [['--replace', 's/a/0123456789012/g'], text, /: it becomes too large$/],
  ]
  for (const [line, body, reason] of cases) {
    const lines = `${JSON.stringify({ body })}\n{"body":"b"}\n`
    const { count, rejected } = await ran(['--on-error', 'reject', ...line], lines)
    t.match({ count, reasons: rejected.map(({ reason }) => reason) }, { count: line[0] === '--exclude' ? 0 : 1, reasons: [reason] }, line[0]!)
  }
})

t.test('what an interceptor cannot do is passed, dropped, rejected or fatal, as typed before it', async (t) => {
  const lines = '{"headers":{"n":"x"},"body":"a"}\n{"headers":{"n":"1"},"body":"b"}\n'
  const passing = await ran(['--convert', 'n=int'], lines)
  t.match(passing, { count: 2, out: /"flume.error":"--convert n=int: n is no int: /, rejected: [] })
  const dropping = await ran(['--on-error', 'drop', '--convert', 'n=int'], lines)
  t.match(dropping, { count: 1, out: /^.*"body":"b"}\n$/, rejected: [] })
  for (const line of [['--on-error', 'reject', '--convert', 'n=int'], ['--filter', '.', '--on-error', 'reject', '--convert', 'n=int']]) {
    const rejecting = await ran(line, lines)
    t.match(rejecting, { count: 1, out: /^.*"body":"b"}\n$/, rejected: [{ line: '{"headers":{"n":"x"},"body":"a"}\n', reason: /^--convert n=int: n is no int/ }] })
  }
  const twice = await ran(['--on-error', 'reject', '--convert', 'n=int'], lines.replace('"1"', '"x"'), { partition: 'queue.x.y', from: { offset: 10 }, to: { offset: 12 }, time: 1, replayable: true })
  t.match(twice, { count: 0, out: '', rejected: [{ at: 11 }, { at: 12 }] }, 'of lines with one head each is rejected, with a position of its own')
  await t.rejects(ran(['--on-error', 'fail', '--convert', 'n=int'], lines), { code: 'BAD_EVENT', message: /at 1000: --convert n=int/ })
  const both = await passed(['--convert', 'n=int', '--convert', 'n=bool'], { headers: { n: 'x' }, body: '' })
  t.match(both, [{ headers: { 'flume.error': /n=int/ } }], 'the first reason stays')
})

t.test('what headers follow from are the rules that change one, or a body that becomes one, and what these stand for; all of an event follows from more', async (t) => {
  const cases: [line: string[], headers: string, events: string][] = [
    [['--filter', 'a', '--sample', '10%'], '', ''],
    [['--redact', 'all'], '', '--redact all'],
    [['--replace', 's/a/b/', '--extract', '(?<k>.)', '--redact', 'all'], '--replace s/a/b/ --extract (?<k>.)', '--replace s/a/b/ --extract (?<k>.) --redact all'],
    [['--filter', 'a', '--redact', 'all', '--static', 'k=v', '--sample', '10%'], '--static k=v', '--redact all --static k=v'],
  ]
  for (const [line, headers, events] of cases) {
    const links = await linksOf(typed(line), AROUND)
    t.equal(rulesOf(typed(line), links, 'headers'), headers)
    t.equal(rulesOf(typed(line), links, 'events'), events)
  }
  const rules = async (content: string): Promise<string> => {
    const line = typed(['--file', 'k=there'])
    return rulesOf(line, await linksOf(line, { ...AROUND, readFile: async () => Buffer.from(content) }), 'headers')
  }
  t.not(await rules('secret'), await rules('other'))
  t.equal((await rules('secret')).length, (await rules('x'.repeat(5_000_000))).length)
  t.notMatch(await rules('secret'), /secret/)
})

t.test('what cannot be typed is refused, and names the option', async (t) => {
  const wrong: [string[], RegExp][] = [
    [['--filter', '('], /^--filter \(: Invalid regular expression: .*Unterminated group/],
    [['--extract', 'a(b)'], /^--extract a\(b\): it names no group/],
    [['--extract', '(?<content>a)', '--prefix', 'flume.', '--extract', '(?<x>a)'], /reserved/],
    [['--replace', 'a/b'], /expected s\/REGEX\/TEXT\//],
    [['--replace', 's/a/b'], /expected s\/REGEX\/TEXT\//],
    [['--replace', 's/a/b/x'], /expected s\/REGEX\/TEXT\//],
    [['--convert', 'a=date'], /unknown type "date": there are int, float/],
    [['--convert', 'body=int'], /the body has no type/],
    [['--in', ''], /empty/],
  ]
  for (const [line, message] of wrong) await t.rejects(linksOf(typed(line), AROUND), { message }, line.join(' '))
})
