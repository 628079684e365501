/** --parse: each format by the texts of its specification, by real logs, and by what is wrong. Numbers keep every digit. */
import t from 'tap'
import { linksOf } from '../../src/interceptors/table.js'
import { AROUND, passed, typed } from '../support/intercepting.js'

/** The headers that parsing this body makes. */
async function fields(format: string, body: string, ...more: string[]): Promise<Record<string, string>> {
  const [event] = await passed([...more, '--parse', format], body)
  t.equal(event?.body, body, 'the body stays')
  return event?.headers ?? {}
}

t.test('access logs: common, combined, with virtual host and more, cut, and what clients send in place of a request', async (t) => {
  const combined = '83.149.9.216 - frank [17/May/2015:10:05:03 +0000] "GET /a b?q=\\"1\\" HTTP/1.1" 200 203023 "http://x/" "Mozilla/5.0 (X)"'
  const expected = { client: '83.149.9.216', user: 'frank', time: '17/May/2015:10:05:03 +0000', method: 'GET', path: '/a b?q=\\"1\\"', protocol: 'HTTP/1.1', status: '200', bytes: '203023', referer: 'http://x/', agent: 'Mozilla/5.0 (X)' }
  t.strictSame(await fields('apache', combined), expected)
  t.strictSame(await fields('nginx', `${combined} "10.0.0.1, 10.0.0.2" 0.003 pipe`), { ...expected, forwarded: '10.0.0.1, 10.0.0.2', rest: '0.003 pipe' })
  t.strictSame(await fields('apache', `example.org:443 ${combined}`), { vhost: 'example.org:443', ...expected })
  t.match(await fields('apache', combined.slice(0, -5)), { agent: 'Mozilla/5.0' }, 'a line that was cut')
  t.strictSame(await fields('apache', '::1 - - [17/May/2015:10:05:03 +0000] "-" 408 -'), { client: '::1', time: '17/May/2015:10:05:03 +0000', status: '408' })
  t.match(await fields('apache', '1.2.3.4 - a b [17/May/2015:10:05:03 +0000] "\\x16\\x03\\x01" 400 226'), { user: 'a b', request: '\\x16\\x03\\x01', bytes: '226' })
  t.match(await fields('apache', '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET" 400 226 "-" "-"'), { request: 'GET' })
  const wrong = ['', 'x', '- - [] "', '1.2.3.4 - - [t] "GET / HTTP/1.1', '1.2.3.4 - - [t] "GET / HTTP/1.1" xyz 1', '1.2.3.4 - - [t] "GET / HTTP/1.1" 200 1x', '1.2.3.4 - [t] "GET / HTTP/1.1" 200 1']
  for (const body of wrong) t.strictSame(Object.keys(await fields('apache', body)), ['flume.error'], body)
})

t.test('syslog: RFC 3164 and 5424 as they are sent, and as daemons write them into files', async (t) => {
  const cases: [string, Record<string, string>][] = [
    ['<34>Oct 11 22:14:15 mymachine su: \'su root\' failed for lonvick on /dev/pts/8', { priority: '34', facility: 'auth', level: 'crit', time: 'Oct 11 22:14:15', host: 'mymachine', app: 'su', message: "'su root' failed for lonvick on /dev/pts/8" }],
    ['<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It\'s time', { priority: '165', facility: 'local4', level: 'notice', time: '2003-08-24T05:14:15.000003-07:00', host: '192.0.2.1', app: 'myproc', pid: '8710', message: "%% It's time" }],
    ['<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff\'su root\' failed', { priority: '34', facility: 'auth', level: 'crit', time: '2003-10-11T22:14:15.003Z', host: 'mymachine.example.com', app: 'su', msgid: 'ID47', message: "'su root' failed" }],
    ['<165>1 - - - - - [a@1 x="1" y="\\"\\]\\\\"][b@1] msg', { priority: '165', facility: 'local4', level: 'notice', 'a@1.x': '1', 'a@1.y': '"]\\', message: 'msg' }],
    ['<165>1 - - - - - [a@1]', { priority: '165', facility: 'local4', level: 'notice', message: '' }],
    ['Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; user=root', { time: 'Jun 14 15:16:01', host: 'combo', app: 'sshd(pam_unix)', pid: '19939', message: 'authentication failure; user=root' }],
    ['Jul  1 09:00:55 mac kernel[0]: a: b', { time: 'Jul  1 09:00:55', host: 'mac', app: 'kernel', pid: '0', message: 'a: b' }],
    ['Jul  1 09:00:55 mac --- last message repeated 1 time ---', { time: 'Jul  1 09:00:55', host: 'mac', message: '--- last message repeated 1 time ---' }],
    ['2024-02-03T04:05:06.123456+01:00 web systemd[1]: Started.', { time: '2024-02-03T04:05:06.123456+01:00', host: 'web', app: 'systemd', pid: '1', message: 'Started.' }],
  ]
  for (const [body, expected] of cases) t.strictSame(await fields('syslog', body), expected, body)
  for (const body of ['', '<192>Oct 11 22:14:15 h a: b', 'Oct 11', '<34>1 2003-10-11T22:14:15Z h a', '<1>1 - - - - - [a', '<1>1 - - - - - [a x]', '<1>1 - - - - - [a]x', '<34>nothing']) {
    t.strictSame(Object.keys(await fields('syslog', body)), ['flume.error'], body)
  }
})

t.test('JSON: texts without quotes, all else as it is written; objects whole, or taken apart', async (t) => {
  const body = '{ "msg" : "a \\"b\\" \\u00e9\\n", "n":12345678901234567890, "f":1.50, "t":true, "z":null, "o":{"a":{"b":"c"},"e":{}}, "l":[1,"]",{"x":2}] }'
  const flat = { msg: 'a "b" é\n', n: '12345678901234567890', f: '1.50', t: 'true', z: 'null' }
  t.strictSame(await fields('json', body), { ...flat, o: '{"a":{"b":"c"},"e":{}}', l: '[1,"]",{"x":2}]' })
  t.strictSame(await fields('json-flat', body), { ...flat, 'o.a.b': 'c', 'o.e': '{}', l: '[1,"]",{"x":2}]' })
  t.strictSame(await fields('json', '{}'), {})
  t.strictSame(await fields('json', '{"a":1,"a":2}'), { a: '2' })
  const [again] = await passed(['--parse', 'json', '--to-json', '*'], body)
  t.strictSame(JSON.parse(again!.body!), JSON.parse(body), 'and back')
  t.equal(JSON.stringify(await fields('json', '{"__proto__":{"x":1},"constructor":"c","toString":"s"}')), '{"__proto__":"{\\"x\\":1}","constructor":"c","toString":"s"}')
  t.strictSame(await fields('json', '{"flume.gap":"x","content-transfer-encoding":"base64","":"e","body":"b"}'), { '_flume.gap': 'x', '_content-transfer-encoding': 'base64', _: 'e', body: 'b' })
  t.strictSame(await fields('json', '{"status":200}', '--prefix', 'http.'), { 'http.status': '200' })
  for (const wrong of ['', '[1]', '"a"', '{"a":}', '{"a":1', 'null', '12']) t.strictSame(Object.keys(await fields('json', wrong)), ['flume.error'], wrong)
  const name = 'x'.repeat(100_000)
  const long = `{"${name}":{${Array.from({ length: 5000 }, (_, n) => `"k${n}":1`).join(',')}}}`
  t.match(await fields('json-flat', long), { 'flume.error': /too long together/ })
  const deep = `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`
  t.match(Object.keys(await fields('json-flat', deep)), [/^(a\.){15}a$/])
})

t.test('logfmt, csv and tsv', async (t) => {
  t.strictSame(await fields('logfmt', 'level=info  msg="a \\"b\\"\\n\\u00e9" dry empty= url=http://x/?a=b'), { level: 'info', msg: 'a "b"\né', dry: 'true', empty: '', url: 'http://x/?a=b' })
  for (const wrong of ['', 'plain text', 'a=1 =2', 'a="x', '"a"=b', 'a="x"=1 "']) t.strictSame(Object.keys(await fields('logfmt', wrong)), ['flume.error'], wrong)
  t.strictSame(await fields('logfmt', 'p="C:\\dir\\bin\\u12" q="\\/\\t\\r\\\\n\\ud83d\\ude00"'), { p: 'C:\\dir\\bin\\u12', q: '/\t\r\\n😀' }, 'what is no escape stays')
  t.strictSame(await fields('logfmt', 'a=1 b="\\ud800"'), { 'flume.error': '--parse logfmt: it has half of a surrogate pair' })
  t.strictSame(await fields('csv:a,b,,c', '1,"x ""y"", z",skipped,'), { a: '1', b: 'x "y", z', c: '' })
  t.strictSame(await fields('csv:a,b', '1'), { a: '1' }, 'fewer values')
  t.strictSame(await fields('csv:a;b', '1,5;"2;3"'), { a: '1,5', b: '2;3' })
  t.strictSame(await fields('csv:a', ''), { a: '' })
  t.strictSame(await fields('csv:größe,zeit', '1,2'), { größe: '1', zeit: '2' })
  t.strictSame(await fields('csv:gro\u0308ße,@timestamp,日本', '1,2,3'), { 'gro\u0308ße': '1', '@timestamp': '2', 日本: '3' })
  t.strictSame(await fields('csv:a😀b😀c', '1😀"😀"😀3'), { a: '1', b: '😀', c: '3' })
  for (const wrong of ['1,2,3', '"1,2', '"1"x,2']) t.strictSame(Object.keys(await fields('csv:a,b', wrong)), ['flume.error'], wrong)
  t.strictSame(await fields('tsv:a,b', '"1"\t2'), { a: '"1"', b: '2' })
  t.strictSame(Object.keys(await fields('tsv:a', '1\t2')), ['flume.error'])
})

t.test('regular expressions and grok: the groups that took part, and their numbers', async (t) => {
  t.strictSame(await fields('regex:^(?<a>\\d+)(?: (?<b>x))?$', '12'), { a: '12' })
  t.match(await fields('regex:^(?<a>\\d+)$', 'x'), { 'flume.error': '--parse regex:^(?<a>\\d+)$: it does not match' })
  const pattern = 'grok:^%{TIMESTAMP_ISO8601:time} - %{LOGLEVEL:level} +\\[%{DATA:thread}\\] - %{GREEDYDATA:message}'
  t.strictSame(await fields(pattern, '2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out: 3200'), {
    time: '2015-07-29 17:41:44,747', level: 'INFO', thread: 'QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774', message: 'Notification time out: 3200',
  })
  t.strictSame(await fields('grok:%{IP:client} (?<own>\\w+) %{NUMBER:[http][ms]:float}', 'from 10.0.0.1 took 1.5ms'), { client: '10.0.0.1', own: 'took', 'http.ms': '1.5' })
  const [event] = await passed(['--parse', 'grok:%{INT:n:int} %{INT:s}', '--to-json', '*'], '7 8')
  t.equal(event?.body, '{"n":7,"s":"8"}')
  const texts: Record<string, string[]> = {
    IP: ['1.2.3.4', '::1', 'fe80::1%eth0', '::ffff:1.2.3.4'], HOSTNAME: ['web-1.example.org'], UUID: ['1b4e28ba-2fa1-11d2-883f-0016d3cca427'], MAC: ['00:1b:63:84:45:e6'],
    EMAILADDRESS: ['a.b+c@x.org'], QUOTEDSTRING: ['"a \\" b"', "'x'", '""', `"${'a '.repeat(8_000_000)}"`], PATH: ['/var/log/x'], URI: ['https://x.org/a?b=c'], HTTPDATE: ['17/May/2015:10:05:03 +0000'],
    SYSLOGTIMESTAMP: ['Jul  1 09:00:55'], LOGLEVEL: ['WARN', 'error', 'Information'], YEAR: ['2015'], TIME: ['10:05:03,123'], HOSTPORT: ['web:80'],
  }
  for (const [word, all] of Object.entries(texts)) for (const text of all) t.strictSame(await fields(`grok:^%{${word}:x}$`, text), { x: text }, word)
})

t.test('what looks like a word of grok behind a backslash is text', async (t) => {
  t.strictSame(await fields('grok:^%\\{WORD} %{INT:n}$', '%{WORD} 7'), { n: '7' })
})

t.test('a field other than the body is parsed with --in, and one that is missing is an error', async (t) => {
  const [one] = await passed(['--in', 'raw', '--parse', 'logfmt'], { headers: { raw: 'a=1' }, body: 'x' })
  t.strictSame(one, { headers: { raw: 'a=1', a: '1' }, body: 'x' })
  const [other] = await passed(['--in', 'raw', '--parse', 'logfmt'], 'a=1')
  t.strictSame(other, { headers: { 'flume.error': '--parse logfmt: there is no raw' }, body: 'a=1' })
})

t.test('formats that are none are refused', async (t) => {
  const wrong: [string, RegExp][] = [
    ['jsn', /there is no format "jsn": json, json-flat, logfmt, syslog, apache, nginx, csv:NAMES/], ['csv', /csv needs more/], ['json:a', /json takes nothing/],
    ['csv:', /names of the columns/], ['csv:"a","b"', /names of the columns stand without quotes/], ['regex:(', /Unterminated group/], ['regex:a', /names no group/], ['grok:%{NOPE:x}', /there is no %{NOPE}; there are WORD/], ['grok:%{INT}', /names nothing/],
    ['grok:%{WORD:a:bad} %{INT:b}', /^--parse .*: %{WORD:a:bad} is none of %{WORD}, %{WORD:name}, %{WORD:name:int} and %{WORD:name:float}; behind a backslash it is text$/],
    ['grok:%{INT:b} %{WORD a}', /: %{WORD a} is none of/], ['grok:%{INT:b} %{WORD', /: %{WORD is none of/], ['grok:%{INT:b} %{} ', /: %{} is none of/],
    ['grok:%{WORD:} %{INT:b}', /: %{WORD:} is none of/], ['grok:%{WORD %{INT:b}', /: %{WORD %{INT:b} is none of/],
  ]
  for (const [format, message] of wrong) await t.rejects(linksOf(typed(['--parse', format]), AROUND), { message }, format)
})
