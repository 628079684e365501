import t from 'tap'
import { headAt, parseEvent } from '../../src/events/json.js'
import { Heads } from '../../src/events/heads.js'

/** Heads are looked up over and over; each time they must say what parsing the line says. */
const STARTS = [
  '{"body":"', '{"headers":{},"body":"', '{"headers":{"timestamp":"1"},"body":"', '{"headers":{"timestamp":"22"},"body":"', '{"headers":{"timestamp":""},"body":"',
  '{"headers":{"timestamp":"x"},"body":"', '{"headers":{"timestamp":"007"},"body":"', '{"headers":{"timestamp":"12345678901234567"},"body":"',
  '{"headers":{"host":"a","timestamp":"1"},"body":"', '{"headers":{"host":"a","timestamp":"2"},"body":"', '{"headers":{"host":"b","timestamp":"2"},"body":"',
  '{"headers":{"timestamp":"1","timestamp":"2"},"body":"', '{"headers":{"timestamp":"3","timestamp":"2"},"body":"', '{"headers":{"timestamp":"1","timestamp" : "9"},"body":"',
  '{"headers":{"a":"x,\\"timestamp\\":\\"5\\""},"body":"', '{"headers":{"x\\"timestamp":"5","timestamp":"6"},"body":"', '{"headers":{"x\\"timestamp":"7","timestamp":"6"},"body":"',
  '{"timestamp":"5","headers":{"host":"a"},"body":"', '{"timestamp":"6","headers":{"host":"a"},"body":"', '{"more":{"timestamp":"5"},"headers":{"timestamp":"8"},"body":"',
  '{"more":{"timestamp":"4"},"headers":{"timestamp":"8"},"body":"', '{"headers":{"timestamp":5},"body":"', '{"headers":{"content-transfer-encoding":"base64"},"body":"',
  '{"headers":{"time\\u0073tamp":"5","timestamp":"3"},"body":"', '{"headers":{"timestamp":"5","time\\u0073tamp":"5"},"body":"',
  '{"headers":{"timestamp":"6","time\\u0073tamp":"5"},"body":"', '{"headers":{"timestamp" : "5"},"timestamp":"5","body":"', '{"headers":{"timestamp" : "5"},"timestamp":"6","body":"',
  '{"headers":[],"body":"', '{"headers":{"timestamp":"1"}},"body":"', '"x{"body":"', '{"headers":{"h":"é"},"body":"',
]

for (const base64 of [false, true]) t.test(`a head found again says the same as the line itself${base64 ? ', also where the body is base64' : ''}`, async (t) => {
  const heads = new Heads(base64)
  let found = 0
  for (let n = 0; n < 5 * STARTS.length ** 2; n++) {
    const start = STARTS[(n % 2 === 0 ? n * 7 : Math.floor(n / STARTS.length)) % STARTS.length] as string
    const lines = Buffer.from(`before\n${start}text"}\n${start}other"}\n`)
    const at = 'before\n'.length
    const head = heads.find(lines, at, lines.indexOf(10, at) + 1)
    const read = headAt(lines, at)
    const parsed = read?.base64 === true && !base64 ? undefined : read
    if ((head === undefined) !== (parsed === undefined)) t.fail(start)
    if (head === undefined || parsed === undefined) continue
    found++
    const { headers } = parseEvent(Buffer.from(`${start}text"}`))
    const others = (all: ReadonlyMap<string, string>): string => JSON.stringify([...all].filter(([name]) => name !== 'timestamp'))
    if (!head.bytes.equals(parsed.bytes) || head.base64 !== parsed.base64 || head.timestamp !== headers.get('timestamp') || others(head.headers) !== others(headers)) t.fail(`${n}: ${start}`)
  }
  t.ok(found > STARTS.length)
})

t.test('a head that is not within the line is not that of the line', async (t) => {
  const lines = Buffer.from('{"headers":{}}\n{"body":"x"}\n')
  t.equal(new Heads().find(lines, 0, 15), undefined)
})

t.test('heads are kept up to so many bytes, and a long one is parsed each time', async (t) => {
  const heads = new Heads()
  const headersOf = (name: string, size: number): unknown => {
    const line = Buffer.from(`{"headers":{"${name}":"${'x'.repeat(size)}"},"body":""}\n`)
    return heads.find(line, 0, line.length)?.headers
  }
  const short = headersOf('short', 10)
  const long = headersOf('long', 100_000)
  t.not(headersOf('other', 10), short)
  t.equal(headersOf('short', 10), short)
  t.not(headersOf('long', 100_000), long)
  for (let n = 0; n < 1000; n++) headersOf(`h${n}`, 8000)
  t.not(headersOf('short', 10), short, 'there was more than all may take')
})
