/** Rules that do not look at the body do not decode it: here whoever decodes fails. */
import t from 'tap'
import { plainEscaping } from '../../src/events/escape-plain.js'
import { simdEscaping } from '../../src/events/escape-simd.js'
import { formatEvent } from '../../src/events/json.js'
import { ran } from '../support/intercepting.js'

const HEADERS = new Map([['file', '/var/log/app.log'], ['time', '2015-07-29 17:41:44'], ['fields', '{"a":1}']])
const LINES = Buffer.concat(Array.from({ length: 100 }, (_, n) => formatEvent({ headers: HEADERS, body: Buffer.from(`a "b"\\ ${n}\té\n`) })))

const decodes = (): never => {
  throw new Error('a body is decoded')
}
for (const escaping of [plainEscaping, Object.getPrototypeOf(simdEscaping() ?? {}) as object]) Object.assign(escaping, { unescapeLines: decodes })

t.test('each interceptor that is told to look at headers, and those that look at none', async (t) => {
  const rules = [
    '--static a=b', '--default a=b', '--host name', '--timestamp', '--env a=TIER', '--file a=there', '--remove file', '--keep time', '--rename file=path', '--copy file=path',
    '--convert time=upper', '--in file --filter app', '--in file --exclude other', '--in file --replace s/var/VAR/', '--in file --extract (?<name>\\w+).log', '--in file --redact all',
    '--in fields --parse json', '--in fields --parse json-flat', '--in fields --to-json *', '--time time', '--uuid id', '--sample 100%', '--rate-limit 1000/s', '--rate-limit file=1000/s',
    '--in time --dedupe 1ms --static a=b',
  ]
  for (const rule of rules) {
    const { out, count, rejected } = await ran(rule.split(' '), LINES)
    t.equal(count, rule.includes('dedupe') ? 1 : 100, rule)
    t.match(out, /"body":"a \\"b\\"\\\\ 0\\té\\n"\}\n/, rule)
    t.strictSame(rejected, [])
  }
})

t.test('what looks at the body decodes it', async (t) => {
  for (const rule of ['--filter a', '--in file --copy body=x', '--uuid body', '--dedupe 1s', '--rate-limit body=1/s', '--parse json']) {
    await t.rejects(ran(rule.split(' '), LINES), /a body is decoded/, rule)
  }
})
