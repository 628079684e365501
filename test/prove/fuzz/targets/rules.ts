/** Rules of flume-route, parsers and options of flume-intercept, and the command lines of all. */
import { AROUND, MARK, typed } from '../../../support/intercepting.js'
import { logLine } from '../../../support/log-lines.js'
import { numbersFrom } from '../../../support/ndjson.js'
import { batchOf } from '../../../../src/events/batch.js'
import { formatEvent, parseEvent } from '../../../../src/events/json.js'
import { Chain } from '../../../../src/interceptors/chain.js'
import { linksOf } from '../../../../src/interceptors/table.js'
import { parseRule } from '../../../../src/routes/rule.js'
import { Subject } from '../../../../src/routes/subject.js'
import { parseCount, parseDuration, parseSize } from '../../../../src/events/units.js'
import { parse } from '../../../../src/cli/parse.js'
import { command as buffer } from '../../../../src/cli/commands/buffer.js'
import { command as intercept } from '../../../../src/cli/commands/intercept.js'
import { command as route } from '../../../../src/cli/commands/route.js'
import { command as sinkHdfs } from '../../../../src/cli/commands/sink-hdfs.js'
import { command as spool } from '../../../../src/cli/commands/spool.js'
import { command as tail } from '../../../../src/cli/commands/tail.js'
import { holds, type Target } from '../target.js'

const next = numbersFrom(3)
const LOGS = Array.from({ length: 40 }, () => logLine(next))
/** With what each of them takes. */
const PARSERS: readonly (readonly [option: string, ...bodies: string[]])[] = [
  ['--parse apache', 'a.example:80 10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=\\"c\\" HTTP/1.0" 200 2326 "http://b.example/" "Mozilla/5.0 (X11)" "-" more'],
  ['--parse json', '{"a":"x \\"y\\" \\u00e9","b":[1,{"c":null}],"d":-1.5e3}'],
  ['--parse json-flat', '{"a":{"b":{"c":"x \\"y\\" \\u00e9"},"d":[1,{"e":null}]},"f":-1.5e3}'],
  ['--parse logfmt', 'level=info msg="all is \\"well\\" \\u00e9" n=5 dry'],
  ['--parse syslog', '<165>1 2003-10-11T22:14:15.003Z host app 42 ID47 [a@32473 b="3" c="d\\"]"][e@1 f="g"] text', '<34>Oct 11 22:14:15 host su[230]: failed for root'],
  ['--parse csv:a,b,c', '1,"x ""y"", z",3'],
  ['--parse tsv:a,b', '1\tx y'],
  ['--time body', '2026-11-29T15:00:00.123+01:00'],
  ['--split json', '[{"a":1}, "two", [3]]'],
  ['--split lines', 'one\r\ntwo\n\nthree'],
  ['--redact all', 'from 10.0.0.1 and fe80::1 by a.b@example.org with password="x y" and 4111 1111 1111 1111, Authorization: Bearer abc.def-1 https://u:p@c.example/?token=t'],
  ['--parse grok:%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} %{GREEDYDATA:message}', '2026-11-29T15:00:00,123Z ERROR it broke'],
  ['--parse grok:%{IPORHOST:client} %{USER:ident} %{NUMBER:n:int} %{QUOTEDSTRING:q} %{URI:u}', 'web1.example.org frank 5 "a \\"b\\"" http://u:p@c.example:80/x?y=1#z'],
  ['--convert *=float'],
  ['--to-json *'],
  ['--extract (?<a>[a-z]+)=(?<b>\\d+)', 'abc=12 def=3'],
]
/** Patterns of the user's that begin with a repetition are tried at each byte of a long run, as flume-intercept(1) says. */
const SEARCHING = /^--extract |grok:%\{IPORHOST/
const OPTIONS = [
  'parse=csv:a,b', 'parse=grok:%{IP:client} %{WORD}', 'time=t=%d/%b/%Y:%H:%M:%S %z', 'replace=s/a/b/g', 'redact=card,ip', 'sample=1/10', 'rate-limit=host=100/s', 'dedupe=10s', 'convert=a,b*=int',
  'rename=a=b', 'keep=a*,?b', 'env=a=TIER', 'static=a=b', 'split=json', 'time-zone=Europe/Berlin', 'year=2005', 'on-error=drop', 'to-json=*', 'uuid=id', 'host=constructor', 'convert=a=__proto__',
]
const RULES = ['level = ERROR and not (status >= 500 or .a.b[0] ~ "x.*")', 'file glob "*.log"', '. ~ "[02468]"', 'host', '."__proto__".constructor = null', '(((a)))']
const COMMANDS = { buffer, intercept, route, 'sink-hdfs': sinkHdfs, spool, tail }
const LINES = ['tail\0--once\0a.log', 'buffer\0./q\0--size-max=1G\0--reader\0x', 'intercept\0--parse\0json\0--static\0a=b', 'route\0--to\0cat\0--when\0a = b', 'sink-hdfs\0--path\0/x\0--roll-bytes=1M', 'spool\0DIR\0--__proto__=x']
const event = parseEvent(Buffer.from('{"headers":{"level":"ERROR","file":"a.log"},"body":"{\\"a\\":{\\"b\\":[\\"xy\\"]},\\"status\\":503}"}'))

export const RULE_TARGETS: readonly Target[] = [
  ...PARSERS.map(([line, ...bodies]): Target => ({ name: `flume-intercept ${line}`, seeds: [...bodies, ...LOGS], take: bodyTaker(line), ...(SEARCHING.test(line) && { grows: false }) })),
  { name: 'options of interceptors', seeds: OPTIONS, words: OPTIONS.map((text) => text.slice(0, text.indexOf('=') + 1)), take: takeOption, grows: false },
  { name: 'rule of flume-route', seeds: RULES, words: ['and', 'or', 'not', '(', ')', '=', '!=', '>=', '~', 'glob', '"', '.a', '[0]', "'"], take: (bytes) => void parseRule(bytes.toString())(new Subject(event)) },
  { name: 'command line', seeds: LINES, words: ['\0', '--', '--no-', '=', '-', '--constructor', '--__proto__', '--to', '--parse'], take: takeCommand, grows: false },
  { name: 'sizes and times', seeds: ['10G', '1.5h', '500ms', '1e9', '0'], words: ['9', '.', 'K', 'ms'], take: takeUnits },
]

function bodyTaker(line: string): (body: Buffer) => Promise<void> {
  const [option = '', ...rest] = line.split(' ')
  const refused = { add: () => undefined, flush: async () => undefined }
  const chain = linksOf(typed([option, rest.join(' ')]), AROUND).then((links) => new Chain(links, refused, false))
  const headers = new Map([['host', 'a'], ['__proto__', 'b']])
  return async (body) => {
    const { lines, count } = await (await chain).change(batchOf(formatEvent({ headers, body }), 1, MARK))
    const out = lines.toString().split('\n').slice(0, -1)
    holds(out.length === count, 'as many lines come out as are counted')
    const field = body.includes('__proto__') // of the body, and may be a header now
    for (const each of out) {
      const header = parseEvent(Buffer.from(each)).headers.get('__proto__')
      holds(field ? typeof header === 'string' : header === 'b', 'what comes out is an event with the headers that it had')
    }
  }
}

async function takeOption(bytes: Buffer): Promise<void> {
  const text = bytes.toString()
  const equals = text.indexOf('=')
  if (equals < 1) return
  await linksOf(typed([`--${text.slice(0, equals)}`, text.slice(equals + 1)]), AROUND)
}

function takeCommand(bytes: Buffer): void {
  const [name = '', ...argv] = bytes.toString().split('\0')
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name as keyof typeof COMMANDS] : tail
  const { values } = parse(command.name, command.options, argv, {})
  holds(Object.getPrototypeOf(values) === Object.prototype, 'values are a plain object')
}

function takeUnits(bytes: Buffer): void {
  for (const parsed of [parseSize, parseDuration, parseCount].map((read) => read(bytes.toString()))) {
    holds(parsed === undefined || (Number.isSafeInteger(parsed) && parsed >= 0), 'a size or a time is a whole number')
  }
}
