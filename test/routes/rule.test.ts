/** The rules of flume-route(1): what holds for which event, and where one cannot be understood. */
import t from 'tap'
import { FlumeError } from '../../src/errors.js'
import { parseRule } from '../../src/routes/rule.js'
import { Subject } from '../../src/routes/subject.js'
import { numbersFrom } from '../support/ndjson.js'

const event = (body: string, headers: Record<string, string> = {}): Subject =>
  new Subject({ headers: new Map(Object.entries(headers)), body: Buffer.from(body) })
const JSON_BODY = '{"status":503,"path":"/health/x","ok":true,"none":null,"n":{"a b":[10,{"c":"d"}]},"text":"500","e":""}'
const subject = event(JSON_BODY, { level: 'ERROR', host: 'web12', 'x-y.z': 'q', and: 'word', empty: '', count: '7' })

const HOLD = [
  'status=503', '"ok"', 'n', 'level', 'level=ERROR', 'level = ERROR', 'level=="ERROR"', 'level = "ERR\\u004fR"', '"level" = ERROR', '"and" = word', 'x-y.z=q',
  'empty', 'empty=""', 'count=7', 'count<10', 'count>=7', 'level!=WARN', 'missing!=x', 'missing !~ x', 'not missing',
  'host glob web*', 'host glob web??', 'host glob "web[0-9][!0-1a]"', 'host glob *1*', 'host ~ ^web', 'host~"\\\\d+$"', 'host !~ x',
  '.status', '.status=503', '.status=503.0', '.status>=500 and .status<600', '.text=500', '.text>499', '.ok=true', '.none', '.none=null', '.e=""',
  '.path ~ ^/health', '.n."a b"[1].c=d', '.n."a b"[0]=10', '.n', '.n != x', '. ~ "\\"status\\":503"', '. glob "{*}"',
  'level=ERROR or missing=x and missing=y', '(level=WARN or host~web) and not (.status<500)', 'not not level', 'not level=WARN and host', '((level))',
]
const FAIL = [
  'missing', 'level=error', 'level=ERR', 'missing=x', 'missing<5', 'host<5', 'empty<5', 'level!=ERROR', 'host glob web', 'host glob web?', 'host glob WEB*', 'host~"^eb"',
  '.status<500', '.status="503 "', '.path<5', '.nothing', '.status.x', '.n[0]', '.n."a b"[2]', '.n="[object Object]"', '.n ~ .', '.none=""', '.ok=1', '.toString', '.n.length',
  'not level', 'level=WARN or host=x', 'level=ERROR and host=x',
]

t.test('what holds, and what does not', async (t) => {
  for (const rule of HOLD) t.equal(parseRule(rule)(subject), true, rule)
  for (const rule of FAIL) t.equal(parseRule(rule)(subject), false, rule)
  t.equal(parseRule('.a')(event('[1]')), false)
  t.equal(parseRule('.[0]=1')(event(' [1]')), true)
  for (const body of ['', 'text', '{"a":', '5', '"a"']) t.equal(parseRule('.a')(event(body)), false, body)
  t.equal(parseRule('.')(event('')), true)
  t.equal(parseRule('. glob "a?c"')(event('a😀c')), true, 'a character, not half of one')
  t.equal(parseRule('. glob "a\\\\*[]x]"')(event('a*]')), true)
})

t.test('numbers are compared to the last digit, as they are written', async (t) => {
  const number = (text: string): Subject => event(`{"a":"7", "a\\u0062": 8, "n":[{"x":[1,"]"], "id": -1,"id" : ${text} }]}`, { n: text })
  const id = number('1700000000000000001')
  for (const rule of ['=1700000000000000001', '=1700000000000000001.0', '=17000000000000000010e-1', '<1700000000000000002', '<=1700000000000000001', '>1700000000000000000.9', '~ "^1700000000000000001$"']) {
    t.equal(parseRule(`.n[0].id ${rule}`)(id), true, rule)
  }
  for (const rule of ['=1700000000000000002', '=1700000000000000000', '>=1700000000000000002', '>1700000000000000001', '<1700000000000000001', '=-1700000000000000001']) {
    t.equal(parseRule(`.n[0].id ${rule}`)(id), false, rule)
  }
  t.equal(parseRule('n < 1700000000000000002')(id), true, 'a header')
  t.equal(parseRule('n > 1700000000000000001')(id), false, 'a header')
  t.equal(parseRule('.ab = 8 and .a = 7')(id), true)
  const ascending = ['-1e400', '-20', '-12.5', '-12.05', '-3e-400', '0', '1e-400', '0.0019', '0.002', '1', '9', '9.99', '10', '100.01', '9007199254740992', '9007199254740993', '1e16', '1e400', '2e400']
  ascending.forEach((low, index) => {
    for (const [other, high] of ascending.entries()) {
      for (const operator of ['<', '<=', '>', '>=', '=']) {
        const holds = { '<': index < other, '<=': index <= other, '>': index > other, '>=': index >= other, '=': index === other }[operator]
        t.equal(parseRule(`.n[0].id ${operator} ${high}`)(number(low)), holds, `${low} ${operator} ${high}`)
      }
    }
  })
  for (const one of ['1', '1.0', '1e0', '10e-1', '0.1E1', '100E-2']) t.equal(parseRule(`.n[0].id = ${one} and .n[0].id = +01`)(number(one)), true, one)
  for (const zero of ['0', '-0', '0.0', '0e9', '-0.00E-7']) t.equal(parseRule('.n[0].id = 0 and .n[0].id >= -0')(number(zero)), true, zero)
})

t.test('a rule that cannot be understood is refused, with its place', async (t) => {
  const wrong: Record<string, RegExp> = {
    '': /at its end: a header, or a field/,
    'level=': /at its end: a value is missing/,
    'level=ERROR && x': /at character 13, "&& x": the rule should end here/,
    '(level=a': /at its end: a bracket is not closed/,
    'level)': /at character 6, "\)"/,
    'a and': /at its end/,
    'and=5': /at character 1, .*written \\?"and/,
    'a="\\d"': /at character 3.*a backslash is written/,
    'a<b': /at character 3, "b": a number is missing/,
    'a<""': /a number is missing/,
    'a~"("': /at character 3.*Invalid regular expression/,
    'a~"\\\\y"': /Invalid/,
    'a glob [z-a]': /at character 8.*Invalid/,
    '.a..b': /at character 4, "\.b": the name of a field/,
    '.a[x]': /at character 3/,
    'a b': /at character 3, "b"/,
    '=x': /at character 1/,
    'not': /at its end/,
    [`${'('.repeat(200)}a${')'.repeat(200)}`]: /nested too deeply/,
  }
  for (const [rule, reason] of Object.entries(wrong)) t.throws(() => parseRule(rule), { code: 'BAD_OPTION', message: reason }, rule)
})

t.test('whatever the text, it is a rule or is refused; and a rule answers yes or no for any event', async (t) => {
  const next = numbersFrom(20_261_124)
  const pieces = [...HOLD, ...FAIL, '(', ')', 'and', 'or', 'not', '"', '\\', '.', '[', ']', '=', '~', '<', 'glob', ' ', '\n', '*', '😀', '\ud800', '0', '{', '^', '$']
  const subjects = [subject, event(''), event('[[[]]]'), event('\0'), event('{"status":{}}', { level: '\u2028' })]
  let understood = 0
  for (let n = 0; n < 20_000; n++) {
    const text = Array.from({ length: 1 + next(6) }, () => {
      const piece = pieces[next(pieces.length)]!
      const from = next(2) * next(piece.length)
      return piece.slice(from, from + 1 + next(piece.length))
    }).join(next(2) === 0 ? ' ' : '')
    try {
      const rule = parseRule(text)
      understood++
      for (const each of subjects) if (typeof rule(each) !== 'boolean') t.fail(`${JSON.stringify(text)} is neither true nor false`)
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'BAD_OPTION') t.fail(`${JSON.stringify(text)}: ${String(error)}`)
    }
  }
  t.ok(understood > 1000, `${understood} of them were rules`)
})
