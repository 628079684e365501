/** Lines that share their head are done as a run, on bytes; any other by itself, as text: both must come to the same. */
import t from 'tap'
import { formatEvent } from '../../src/events/json.js'
import { logLine } from '../support/log-lines.js'
import { ran } from '../support/intercepting.js'
import { bytesOf, numbersFrom } from '../support/ndjson.js'

const RULES = [
  '--parse apache', '--parse apache', '--parse apache', '--parse json', '--parse json-flat', '--parse logfmt', '--parse syslog', '--parse csv:a,b,time', '--parse tsv:a,,b',
  '--parse regex:(?<a>\\w+)', '--parse grok:%{IP:client} .*%{INT:status:int}', '--time time', '--time time=%d/%b/%Y:%H:%M:%S', '--time body', '--prefix p.', '--in message',
  '--in body', '--filter [a-m]', '--exclude zz', '--replace s/[aeiou]/<$&>/g', '--extract (?<status>\\d+)', '--redact all', '--split json', '--split lines', '--sample 80%',
  '--static time=17/May/2015:10:05:03', '--static timestamp=1', '--default level=info', '--host name', '--uuid id', '--remove b*', '--remove host', '--keep time,host,a*',
  '--rename host=h', '--rename body=message', '--copy client=body', '--copy path=host', '--convert status,bytes=int', '--convert *=trim', '--to-json *', '--on-error drop',
  '--on-error reject', '--on-error pass',
]
const HEADS: readonly (readonly [string, string][])[] = [
  [], [['file', '/var/log/a "b".log'], ['host', 'vm'], ['timestamp', '1700000000000']], [['message', 'Feb  5 17:32:18 h a[1]: é'], ['host', ''], ['status', '007']],
]

t.test('a line comes out the same whether it is done as one of many or by itself', async (t) => {
  const next = numbersFrom(7)
  let altered = 0
  for (let round = 0; round < 400; round++) {
    const rules = Array.from({ length: 1 + next(4) }, () => RULES[next(RULES.length)]!)
    const line = [...rules, '--default end=1'].flatMap((rule) => [rule.slice(0, rule.indexOf(' ')), rule.slice(rule.indexOf(' ') + 1)])
    const events = Array.from({ length: 30 }, () => ({ headers: new Map(HEADS[next(5) === 0 ? next(HEADS.length) : round % HEADS.length]), body: body(next) }))
    const lines = events.map((event) => formatEvent(event))
    const quick = await ran(line, Buffer.concat(lines))
    const slow = await ran(line, Buffer.concat(lines.map(byItself)))
    t.equal(quick.out, slow.out, rules.join(' '))
    t.strictSame(quick.rejected.map(({ reason, at }) => [reason, at]), slow.rejected.map(({ reason, at }) => [reason, at]))
    if (quick.out !== Buffer.concat(lines).toString()) altered++
  }
  t.ok(altered > 350, 'and most of them are changed')
})

function body(next: (below: number) => number): Buffer {
  return next(12) === 0 ? bytesOf(next, next(60)) : logLine(next)
}

/** The same event, in a line that is out of the ordinary: there is something behind the body. */
function byItself(line: Buffer): Buffer {
  return Buffer.concat([line.subarray(0, -2), Buffer.from(',"more":1}\n')])
}
