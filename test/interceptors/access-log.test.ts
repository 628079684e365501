/** --parse apache takes a line apart by its bytes. Here the same is done with regular expressions, and both must find the same. */
import t from 'tap'
import { formatEvent } from '../../src/events/json.js'
import { ran } from '../support/intercepting.js'
import { mutated } from '../support/log-lines.js'
import { numbersFrom } from '../support/ndjson.js'

type Next = (below: number) => number
type Fields = Record<string, string>

const LINE = /^(?<who>(?:(?! \[)[^])*) \[(?<time>(?:(?!\] ")[^])*)\] "(?<request>(?:[^"\\]|\\[^])*)" (?<status>[1-9]\d\d) (?<bytes>-|0|[1-9]\d*)(?= |$)(?<more>[^]*)$/
const WHO = /^(?:(?<vhost>[^ ]+:\d+) (?=[^ ]* [^ ]* ))?(?<client>[^ ]*) (?<ident>[^ ]*) (?<user>[^]*)$/
const REQUEST = /^(?<method>[^ ]+) (?<path>[^]*) (?<protocol>HTTP\/[^ ]*)$/
const QUOTED = /^ "((?:[^"\\]|\\[^])*)"/
const AROUND = /^[ \t-\r]+|[ \t-\r]+$/g

function byRegex(line: string): Fields | undefined {
  const all = LINE.exec(line)?.groups
  const who = WHO.exec(all?.['who'] ?? '')?.groups
  if (all === undefined || who === undefined) return undefined
  const { time = '', request = '', status = '', bytes = '', more = '' } = all
  const asked = REQUEST.exec(request)?.groups ?? { request: unlessDash(request) }
  const { vhost, client, ident = '', user = '' } = who
  const head = { vhost, client, ident: unlessDash(ident), user: unlessDash(user), time, ...asked, status, bytes: unlessDash(bytes), ...rest(more) }
  return Object.fromEntries(Object.entries(head).filter((field): field is [string, string] => field[1] !== undefined))
}

function rest(text: string): Partial<Fields> {
  const found: Record<string, string | undefined> = {}
  let left = text
  for (const name of ['referer', 'agent', 'forwarded']) {
    if (!left.startsWith(' "')) break
    const whole = QUOTED.exec(left) // else the line was cut in the middle of it
    found[name] = unlessDash(whole?.[1] ?? left.slice(2))
    left = left.slice(whole?.[0].length ?? left.length)
  }
  const trimmed = left.replace(AROUND, '')
  return { ...found, rest: trimmed === '' ? undefined : trimmed }
}

const unlessDash = (text: string): string | undefined => (text === '-' ? undefined : text)

const PARTS: readonly (readonly string[])[] = [
  ['', '', '', 'www.example.org:443 ', ':80 ', 'a: '], ['83.149.9.216', '::1', ''], [' '], ['-', 'id', ''], [' '], ['-', 'frank', 'a b', ' ', 'x [y'], [' ['],
  ['17/May/2015:10:05:03 +0000', '', 'a]b'], ['] "'],
  ['GET /a/b.png?x=1 HTTP/1.1', 'GET /a b HTTP/1.0', '-', 'GET', '\\x16\\x03', 'a \\"b\\" HTTP/', 'GET  HTTP/1.1', ' / HTTP/2', '', `POST /${'é'.repeat(20)} HTTP/2.0`], ['" '],
  ['200', '404', '099', '20'], [' '], ['203023', '-', '0', '007', ''],
  ['', ' "http://a.example/"', ' "-"', ' "\\\\"', ' more'], ['', ' "Mozilla/5.0 (X11; Linux) A/1.0 and more than sixteen bytes"', ' "-"', ' "cut'], ['', '', ' "10.0.0.1, 10.0.0.2"', ' \t0.003 pipe \r'],
]

function accessLine(next: Next): string {
  let line = Buffer.from(PARTS.map((texts) => texts[next(next(3) === 0 ? texts.length : 1)]!).join(''))
  for (let changes = next(2) * next(4); changes > 0; changes--) line = mutated(line, next)
  return line.toString()
}

t.test('access logs, by their bytes, are taken apart as by regular expressions: whole lines, cut ones, and mixed up', async (t) => {
  const next = numbersFrom(23)
  const lines = Array.from({ length: 20_000 }, () => accessLine(next))
  const { out } = await ran(['--parse', 'apache'], Buffer.concat(lines.map((line) => formatEvent({ headers: new Map(), body: Buffer.from(line) }))))
  let fit = 0
  for (const [n, line] of out.split('\n').slice(0, -1).entries()) {
    const { headers = {} } = JSON.parse(line) as { headers?: Fields }
    const expected = byRegex(lines[n]!)
    if (expected !== undefined) fit++
    const found = 'flume.error' in headers ? undefined : headers
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      t.strictSame(found, expected, lines[n]!)
      break
    }
  }
  t.ok(fit > 5000 && fit < 19_000, `${fit} of them can be taken apart`)
})
