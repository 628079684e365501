/** flume-event(5): event to line and back. The loops are compared with the slow path, and both with JSON.parse(). */
import t from 'tap'
import assert from 'node:assert'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../../src/events/event.js'
import { decodeLines, encodeLines, formatEvent, headAt, headOf, lineSizeMax, parseEvent, type LineHead } from '../../src/events/json.js'
import { bytesOf, numbersFrom } from '../support/ndjson.js'

const HEADERS = new Map([['host', 'web1'], ['file', '/var/log/"odd"\\name']])
const NONE = new Map<string, string>()
const BASE64 = ['content-transfer-encoding', 'base64'] as const

/** Each line of raw as an event line, through encodeLines() with room for all. */
function encode(raw: Buffer, headers: ReadonlyMap<string, string> = NONE): Buffer {
  const head = headOf(headers)
  const out = Buffer.alloc(linesOf(raw).reduce((size, line) => size + lineSizeMax(line.length, head), 0))
  const run = encodeLines(raw, 0, raw.length, out, 0, out.length, headers, head)
  assert.deepEqual([run.consumed, run.count], [raw.length, linesOf(raw).length])
  return out.subarray(0, run.written)
}

/** The lines of a block, each with its \n. */
function linesOf(block: Buffer): Buffer[] {
  const lines = []
  for (let from = 0; from < block.length; ) {
    const end = block.indexOf(10, from) + 1
    lines.push(block.subarray(from, end))
    from = end
  }
  return lines
}

/** Bodies of a block of event lines, \n after each: decodeLines() where it can, else parseEvent(). */
function decode(lines: Buffer): Buffer {
  const out = Buffer.alloc(lines.length)
  let at = 0
  let head: LineHead | undefined
  for (let from = 0; from < lines.length; ) {
    const run = head === undefined ? { consumed: 0, written: 0, count: 0 } : decodeLines(lines, from, lines.length, out, at, head)
    from += run.consumed
    at += run.written
    if (from === lines.length) break
    const end = lines.indexOf(10, from) + 1
    at += Buffer.concat([parseEvent(lines.subarray(from, end)).body, Buffer.from('\n')]).copy(out, at)
    head = headAt(lines, from) ?? head
    from = end
  }
  return out.subarray(0, at)
}

function parsed(line: string | Buffer): { headers: Record<string, string>; body: string } {
  const { headers, body } = parseEvent(Buffer.from(line))
  return { headers: Object.fromEntries(headers), body: body.toString('latin1') }
}

const eventOf = (body: Buffer, headers: ReadonlyMap<string, string> = NONE): Event => ({ headers, body })
const withoutReturn = (raw: Buffer): Buffer => Buffer.from(raw.toString('latin1').replace(/\r\n/g, '\n'), 'latin1')

t.test('a head has the headers, if there are any, and ends where the body begins', async (t) => {
  t.equal(headOf(NONE).toString(), '{"body":"')
  t.equal(headOf(new Map([['a', 'é"\n']])).toString(), '{"headers":{"a":"é\\"\\n"},"body":"')
  t.equal(headOf(new Map([['__proto__', 'x']])).toString(), '{"headers":{"__proto__":"x"},"body":"')
})

t.test('every byte alone, in the middle and at the end comes back, and JSON.parse() sees the same text', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    if (byte === 10) continue
    for (const around of ['', 'a', 'abc', 'abcdefgh', '""""', '\\\u0001']) {
      const body = Buffer.concat([Buffer.from(around), Buffer.from([byte]), Buffer.from(around)])
      const lines = encode(Buffer.concat([body, Buffer.from('\n')]), HEADERS)
      const wanted = byte === 13 && around === '' ? Buffer.alloc(0) : body
      if (byte < 128) t.equal((JSON.parse(lines.toString()) as { body: string }).body, wanted.toString())
      t.ok(lines.equals(formatEvent(eventOf(wanted, HEADERS))), `formatEvent() writes 0x${byte.toString(16)} alike`)
      t.ok(parseEvent(lines).body.equals(wanted))
      t.ok(decode(lines).equals(Buffer.concat([wanted, Buffer.from('\n')])))
    }
  }
})

t.test('U+2028, DEL, NUL, a byte order mark, the last code point and an empty line stay as they are', async (t) => {
  const raw = Buffer.from('\u2028\u2029\n\u007f\n\0\n\ufeffx\n\u{10ffff}\n\n\r\n\r\r\n')
  t.equal(
    encode(raw).toString(),
    ['\u2028\u2029', '\u007f', '\\u0000', '\ufeffx', '\u{10ffff}', '', '', '\\r'].map((body) => `{"body":"${body}"}\n`).join(''),
  )
  t.ok(decode(encode(raw)).equals(withoutReturn(raw)))
})

t.test('what is not UTF-8 travels as base64, its neighbours as text', async (t) => {
  const surrogate = Buffer.from([0xed, 0xa0, 0x80])
  const raw = Buffer.concat([Buffer.from('one\n'), surrogate, Buffer.from('\r\ntwo\n'), Buffer.from([0xff, 10, 0xc3, 10, 0x28])])
  const lines = linesOf(encode(Buffer.concat([raw, Buffer.from('\n')]), HEADERS))
  t.strictSame(lines.map((line) => (JSON.parse(line.toString()) as { body: string }).body), ['one', '7aCA', 'two', '/w==', 'ww==', '('])
  t.ok(lines[1]?.equals(formatEvent(eventOf(surrogate, HEADERS))))
  t.strictSame(parseEvent(lines[1]!), eventOf(surrogate, HEADERS), 'the header that said base64 is gone')
})

t.test('text under a header that says base64 is written as base64, so that it comes back', async (t) => {
  const headers = new Map([BASE64])
  const lines = encode(Buffer.from('plain\n'), headers)
  t.equal(lines.toString(), '{"headers":{"content-transfer-encoding":"base64"},"body":"cGxhaW4="}\n')
  t.ok(lines.equals(formatEvent(eventOf(Buffer.from('plain'), headers))))
  t.strictSame(headAt(lines, 0), { bytes: headOf(headers), base64: true })
})

t.test('random bytes come back from encode and decode, less the \\r of each line end, for any cut of the block', async (t) => {
  const next = numbersFrom(3)
  for (let round = 0; round < 400; round++) {
    const raw = Buffer.concat([bytesOf(next, next(2000)), Buffer.from('\n')])
    const lines = encode(raw, round % 2 === 0 ? HEADERS : NONE)
    t.ok(decode(lines).equals(withoutReturn(raw)), `round ${round}`)
    const bodies = linesOf(withoutReturn(raw)).map((line) => line.subarray(0, -1))
    const wanted = Buffer.concat(bodies.map((body) => formatEvent(eventOf(body, round % 2 === 0 ? HEADERS : NONE))))
    t.ok(lines.equals(wanted), 'and formatEvent() writes the same')
  }
})

t.test('encodeLines() stops at a line boundary for every limit, touches nothing past it, and goes on from there', async (t) => {
  const raw = Buffer.from('first "line"\n\n\u0001\u0002\u0003\u0004\n\xff\r\nlast\n', 'latin1')
  const head = headOf(HEADERS)
  const whole = encode(raw, HEADERS)
  for (let limit = 0; limit <= whole.length + 60; limit++) {
    const out = Buffer.alloc(limit + 20, 0xaa)
    const run = encodeLines(raw, 0, raw.length, out, 7, 7 + limit, HEADERS, head)
    t.ok(run.written <= limit && out.subarray(7 + limit).every((byte) => byte === 0xaa), `limit ${limit} is kept`)
    t.equal(run.count, linesOf(raw.subarray(0, run.consumed)).length)
    t.ok(out.subarray(7, 7 + run.written).equals(encode(raw.subarray(0, run.consumed), HEADERS)))
    const first = linesOf(raw)[run.count]
    if (first !== undefined) t.ok(limit - run.written < lineSizeMax(first.length, head), 'it stops only where room might lack')
  }
})

t.test('lineSizeMax() is enough for the worst lines', async (t) => {
  for (const body of ['', '\u0001', '\u0001'.repeat(99), '\xff', '\xff'.repeat(2), '\xff'.repeat(100)]) {
    const raw = Buffer.from(`${body}\n`, 'latin1')
    for (const headers of [NONE, HEADERS]) {
      const size = lineSizeMax(raw.length, headOf(headers))
      t.equal(encodeLines(raw, 0, raw.length, Buffer.alloc(size), 0, size, headers, headOf(headers)).count, 1)
    }
  }
})

t.test('lines of 16 MiB, plain, of escapes only, and in base64, come back', async (t) => {
  for (const fill of ['x', '\u0001"\\', '\xff']) {
    const raw = Buffer.alloc(16 * 1024 * 1024, fill, 'latin1')
    raw[raw.length - 1] = 10
    t.ok(decode(encode(raw)).equals(raw))
  }
})

t.test('decodeLines() stops before a line that is otherwise, and never decodes half of it', async (t) => {
  const head = headOf(HEADERS)
  const good = `${head.toString()}ok"}\n`
  const bad = [
    ['another head', '{"headers":{"host":"web2"},"body":"x"}\n'],
    ['no headers', '{"body":"x"}\n'],
    ['an escape of more than ASCII', `${head.toString()}\\u00e9"}\n`],
    ['a surrogate pair', `${head.toString()}\\ud83d\\ude00"}\n`],
    ['a lone surrogate', `${head.toString()}abc\\ud800"}\n`],
    ['an escape that is none', `${head.toString()}a\\x"}\n`],
    ['a hexadecimal digit that is none', `${head.toString()}a\\u00g0"}\n`],
    ['an escape without its end', `${head.toString()}a\\u00"}\n`],
    ['a control character', `${head.toString()}a\tb"}\n`],
    ['another key', `${head.toString()}a","x":1}\n`],
    ['space at the end', `${head.toString()}a"} \n`],
    ['no end of the body', `${head.toString()}a\n`],
    ['no end of the object', `${head.toString()}a"\n`],
    ['half a head', `${head.toString().slice(0, -5)}\n`],
    ['not UTF-8', Buffer.concat([head, Buffer.from([0xc3, 0x28]), Buffer.from('"}\n')])],
  ] as const
  for (const [name, line] of bad) {
    for (const rest of ['', good, good + good]) {
      const lines = Buffer.concat([Buffer.from(good + good), Buffer.from(line), Buffer.from(rest)])
      const out = Buffer.alloc(lines.length)
      const { consumed, written, count } = decodeLines(lines, 0, lines.length, out, 0, { bytes: head, base64: false })
      t.strictSame({ consumed, written, count }, { consumed: 2 * good.length, written: 6, count: 2 }, name)
    }
  }
})

t.test('decodeLines() reads what encodeLines() writes, ASCII escapes in either case too', async (t) => {
  const lines = Buffer.from('{"body":"\\u001B[31m\\u001b[0m\\/\\u0041\\b\\f\\r\\t\\n\\\\\\""}\n')
  const out = Buffer.alloc(lines.length)
  const run = decodeLines(lines, 0, lines.length, out, 0, { bytes: headOf(NONE), base64: false })
  t.equal(run.count, 1)
  t.equal(out.toString('latin1', 0, run.written), '\u001b[31m\u001b[0m/A\b\f\r\t\n\\"\n')
  t.equal(parseEvent(lines).body.toString('latin1') + '\n', out.toString('latin1', 0, run.written))
})

t.test('decodeLines() stops before a line that does not fit, for every size of what it writes into', async (t) => {
  const raw = Buffer.from('first "line"\n\n\u0001\u0002\nlast\n')
  const lines = encode(raw, HEADERS)
  for (let size = 0; size <= raw.length; size++) {
    const out = Buffer.alloc(size)
    const run = decodeLines(lines, 0, lines.length, out, 0, { bytes: headOf(HEADERS), base64: false })
    t.ok(out.subarray(0, run.written).equals(raw.subarray(0, run.written)))
    t.equal(run.count, linesOf(raw.subarray(0, run.written)).length)
    t.equal(run.consumed, linesOf(lines).slice(0, run.count).reduce((sum, line) => sum + line.length, 0))
  }
  const enough = Buffer.alloc(lines.length)
  t.equal(decodeLines(lines, 0, lines.length, enough, 0, { bytes: headOf(HEADERS), base64: false }).written, raw.length)
})

t.test('headAt() gives a head of the usual shape, and the loop takes the line with it', async (t) => {
  const usual = [
    '{"body":"x"}\n',
    '{"headers":{},"body":"x"}\n',
    '{"headers":{"a":"b"},"body":""}\n',
    '{"headers":{"a":"\\"body\\":\\""},"body":"x"}\n',
    '{"headers":{"n":12345678901234567890,"b":true},"body":"x"}\n',
    '{"other":[1,{"x":null}],"body":"x"}\n',
    '{"body":"first","body":"x"}\n',
    '{"headers":{"a":"1"},"headers":{"a":"2"},"body":"x"}\n',
    '{"headers":{"content-transfer-encoding":"base64"},"body":"eA=="}\n',
    '{"headers":{"content\\u002dtransfer-encoding":"base64","a":"b"},"body":""}\n',
  ]
  for (const text of usual) {
    const line = Buffer.from(text)
    const head = headAt(Buffer.concat([Buffer.from('before\n'), line, line]), 7)
    if (text.startsWith('{"body":"first"')) continue // the first key counts as the head: the loop then stops
    t.ok(head !== undefined && line.indexOf(head.bytes) === 0, text)
    const out = Buffer.alloc(line.length)
    const run = decodeLines(line, 0, line.length, out, 0, head!)
    t.strictSame(
      { headers: parsed(`${head!.bytes.toString()}"}`).headers, body: out.toString('latin1', 0, run.written - 1) },
      parsed(line),
    )
  }
})

t.test('headAt() is not fooled', async (t) => {
  const odd = [
    '',
    '\n',
    'body":"x"}\n',
    '"body":"x"}\n',
    '{"headers":{"body":"x"}}\n',
    '{"headers":{"a":"x"}}\n{"body":"next line"}\n',
    '{"body":"x","headers":{"body":"y"}}\n{"body":"',
    '{"foo\\"body":"x"}\n',
    '{"a":"\\\\"body":"x"}\n',
    '{"a":"{"body":"x"}\n',
    '{"a,"body":"x"}\n',
    '[{"body":"x"}]\n',
    '{"a":{"body":"x"}}\n',
    '{"headers":{"a":null},"body":"x"}\n',
    '{"headers":[],"body":"x"}\n',
    '{"headers":"a","body":"x"}\n',
    '{"headers":{"a":"\\ud800"},"body":"x"}\n',
  ]
  for (const text of odd) {
    const line = Buffer.from(text)
    const head = headAt(line, 0)
    if (head === undefined) continue
    const run = decodeLines(line, 0, line.length, Buffer.alloc(line.length), 0, head)
    t.equal(run.count, 0, `${text}: a head alone is harmless, the loop stops`)
  }
  for (const text of odd.filter((line) => !line.startsWith('{"body":"x",'))) t.equal(headAt(Buffer.from(text), 0), undefined, text)
  t.equal(headAt(Buffer.concat([Buffer.from('{"headers":{"a":"'), Buffer.from([0xff]), Buffer.from('"},"body":"x"}\n')]), 0), undefined)
})

t.test('a body in base64 is decoded in a block as by itself, and what is none, does not fit or has another head is left alone', async (t) => {
  const next = numbersFrom(7)
  const bytes = headOf(new Map([...HEADERS, BASE64]))
  const pieces = ['A', 'b', '9', '+', '/', '-', '_', '=', '==', ' ', '\\/', '\\n', '\\u0041', '"', '","x":"', 'é', '"}', '\n', '{', 'QUJD', 'QUJDRA==']
  let decoded = 0
  let refused = 0
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: next(5) }, () => pieces[next(pieces.length)]!).join('')
    const line = Buffer.concat([bytes, Buffer.from(`${text}"}\n`)])
    const lines = Buffer.concat([line, Buffer.from('{"body":"x"}\n')])
    const out = Buffer.alloc(next(line.length))
    const run = decodeLines(lines, 0, lines.length, out, 0, { bytes, base64: true })
    if (run.count === 0) refused++
    if (run.count === 0) continue
    decoded++
    const first = lines.subarray(0, lines.indexOf(10) + 1)
    const { body } = parseEvent(first)
    if (run.count !== 1 || run.consumed !== first.length || run.written !== body.length + 1 || out[body.length] !== 10) t.fail(text)
    if (!body.equals(out.subarray(0, body.length))) t.fail(text)
  }
  t.ok(decoded > 1000 && refused > 1000, `${decoded} ${refused}`)
  const whole = Buffer.concat([bytes, Buffer.from('QUJDRA==","x":1}\n')])
  t.equal(decodeLines(whole, 0, whole.length, Buffer.alloc(100), 0, { bytes, base64: true }).count, 0)
})

t.test('whatever the mixture of lines, the two ways of decoding agree', async (t) => {
  const next = numbersFrom(5)
  const pieces = ['{', '}', '"', '\\', ',', ':', 'body', 'headers', '"body":"', '{"body":"', '"}', '{"headers":{"a":"b"},"body":"', 'x', '1', '\\u0041', '\\"', 'é']
  let events = 0
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + next(6) }, () => pieces[next(pieces.length)]!).join('')
    const line = Buffer.from(`${round % 2 === 0 ? '{"headers":{"a":"b"},"body":"' : ''}${text}${round % 3 === 0 ? '"}' : ''}\n`)
    const head = headAt(line, 0)
    if (head === undefined) continue
    const out = Buffer.alloc(line.length)
    const run = decodeLines(line, 0, line.length, out, 0, head)
    if (run.count === 0) continue
    events++
    const { headers, body } = parseEvent(line)
    if (!body.equals(out.subarray(0, run.written - 1))) t.fail(line.toString())
    if (!formatEvent(eventOf(body, headers)).equals(formatEvent(eventOf(body, parseEvent(Buffer.concat([head.bytes, Buffer.from('"}')])).headers)))) {
      t.fail(`headers of ${line.toString()}`)
    }
  }
  t.ok(events > 1000, `${events} lines were events`)
})

t.test('parseEvent() takes what Flume takes', async (t) => {
  t.strictSame(parsed('{}'), { headers: {}, body: '' })
  t.strictSame(parsed(' { "body" : "x" , "headers" : { "a" : "b" } } \r\n'), { headers: { a: 'b' }, body: 'x' })
  t.strictSame(parsed('{"headers":{"t":1,"u":-1.50e3,"v":true,"w":false,"1":"one"},"body":""}').headers, { t: '1', u: '-1.50e3', v: 'true', w: 'false', 1: 'one' })
  t.strictSame(parsed('{"headers":{"n":12345678901234567890}}').headers, { n: '12345678901234567890' }, 'no digit is lost')
  t.strictSame(parsed('{"headers":{"a":1,"a":"x","b":"x","b":2},"x":{"headers":{"b":3}}}').headers, { a: 'x', b: '2' }, 'the last counts')
  t.strictSame(parsed('{"headers":{"a":1},"headers":{"b":2}}').headers, { b: '2' })
  t.strictSame(parsed('{"other":{"body":"no"},"body":"a","body":"b"}'), { headers: {}, body: 'b' })
  t.strictSame(parsed('{"headers":{"content-transfer-encoding":"base64","a":"b"},"body":"AAH/"}'), { headers: { a: 'b' }, body: '\0\x01\xff' })
  t.strictSame(parsed('{"headers":{"content-transfer-encoding":"8bit"},"body":"x"}').headers, { 'content-transfer-encoding': '8bit' })
  t.equal(parseEvent(Buffer.from('{"headers":{"__proto__":"x"}}')).headers.get('__proto__'), 'x')
  t.equal(parseEvent(Buffer.from('{"body":"\\ud83d\\ude00"}')).body.toString(), '😀')
})

t.test('parseEvent() says why a line is no event', async (t) => {
  const refused: [line: string | Buffer, reason: RegExp][] = [
    ['', /no JSON at byte 0/],
    ['\n', /no JSON at byte 1/],
    ['hello', /no JSON at byte 0/],
    ['{"body":"é" x}', /no JSON at byte 13/],
    ['{"body":"x"', /no JSON at byte 11/],
    ['{"body":"x"}{', /no JSON at byte 12/],
    ['[]', /no JSON object/],
    ['"body"', /no JSON object/],
    ['null', /no JSON object/],
    ['{"body":1}', /body is no text/],
    ['{"body":null}', /body is no text/],
    ['{"body":["x"]}', /body is no text/],
    ['{"body":"\\udc00"}', /half of a surrogate pair/],
    ['{"body":"\\ud800\\ud800"}', /half of a surrogate pair/],
    ['{"headers":null}', /headers are no object/],
    ['{"headers":["a"]}', /headers are no object/],
    ['{"headers":{"a":null}}', /header "a" is no text/],
    ['{"headers":{"a":{}}}', /header "a" is no text/],
    ['{"headers":{"a":"\\ud800"}}', /header "a" has half/],
    ['{"headers":{"\\ud800":"a"}}', /has half/],
    [Buffer.from('{"body":"\xff"}', 'latin1'), /not UTF-8/],
    ['{"headers":{"content-transfer-encoding":"base64"},"body":"A"}', /no base64/],
    ['{"headers":{"content-transfer-encoding":"base64"},"body":"AA=A"}', /no base64/],
    ['{"headers":{"content-transfer-encoding":"base64"},"body":"AAAAA==="}', /no base64/],
    ['{"headers":{"content-transfer-encoding":"base64"},"body":"é==="}', /no base64/],
    ['{"headers":{"content-transfer-encoding":"base64"},"body":"===="}', /no base64/],
  ]
  for (const [line, message] of refused) {
    t.throws(() => parseEvent(Buffer.from(line)), { name: 'FlumeError', code: 'BAD_EVENT', message }, String(line))
  }
})

t.test('jq reads every line that is written, and gives the same bodies', async (t) => {
  const next = numbersFrom(7)
  const raw = Buffer.concat([bytesOf(next, 50_000), Buffer.from('\n\u2028\u007f\u0000\u{10ffff}\n')])
  const lines = encode(raw, HEADERS)
  const text = '.headers["content-transfer-encoding"] as $e | if $e == "base64" then .body else .body | @base64 end'
  const bodies = execFileSync('jq', ['-r', text], { input: lines, maxBuffer: 1 << 24 }).toString().trimEnd().split('\n')
  const wanted = linesOf(withoutReturn(raw)).map((line) => line.subarray(0, -1).toString('base64'))
  t.strictSame(bodies, wanted)
})

t.test('the examples of flume-event(5) are events, and are none, as it says', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../man/flume-event.5'), 'utf8').replaceAll('\\e', '\\')
  const examples = page.split('\n').filter((line) => /^(\.Dl )?\{"headers"/.test(line)).map((line) => line.replace('.Dl ', ''))
  t.ok(examples.length >= 3)
  for (const example of examples) t.ok(parseEvent(Buffer.from(example)), example)
})
