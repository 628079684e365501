/** What must hold of every text and of all bytes, with inputs by fast-check, which shrinks what goes wrong to the least. */
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { decodeLines, encodeLines, formatEvent, headOf, lineSizeMax, parseEvent, quoted } from '../../../src/events/json.js'
import { escapeText } from '../../../src/events/escape.js'
import { PUT_SIZE_MAX, putText } from '../../../src/events/put.js'
import { beginLine, markLine, parseControl } from '../../../src/pipe/control.js'
import { decodeChanges, encodeChanges } from '../../../src/channel/format.js'
import { cleaned } from '../../../src/sinks/hdfs/path.js'
import { holds, same } from './target.js'

const text = fc.string({ unit: fc.oneof(fc.constantFrom('"', '\\', '\n', '\t', '\0', '\u001b', '\u007f', 'é', '\u2028', '😀'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })) })
/** Halves of surrogate pairs too. */
const units = fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes))
const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)), text.map((each) => Buffer.from(each)))
const name = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'host', '', 'toString'), text)
const headers = fc.array(fc.tuple(name, text), { maxLength: 6 }).map((entries) => new Map(entries.filter(([key]) => key !== 'content-transfer-encoding')))

const PROPERTIES: readonly (readonly [string, fc.IRawProperty<unknown>])[] = [
  ['a text is written as JSON.stringify() writes it, and JSON.parse() reads it', fc.property(units, (each) => {
    const whole = each.replace(/\p{Surrogate}/gu, '\ufffd')
    holds(quoted(each) === JSON.stringify(whole) && JSON.parse(quoted(each)) === whole, 'quoted')
    const out = Buffer.alloc(each.length * PUT_SIZE_MAX)
    same(out.subarray(0, putText(out, 0, each)), Buffer.from(quoted(each).slice(1, -1)), 'putText')
  })],
  ['bytes of UTF-8 are written as their text is', fc.property(text, (each) => {
    const source = Buffer.from(each)
    const out = Buffer.alloc(source.length * PUT_SIZE_MAX)
    same(out.subarray(0, escapeText(source, 0, source.length, out, 0)), Buffer.from(JSON.stringify(each).slice(1, -1)), 'escapeText')
  })],
  ['an event comes back from its line, whatever its bytes', fc.property(headers, bytes, (all, body) => {
    const event = parseEvent(formatEvent({ headers: all, body }))
    same(event.body, body, 'body')
    holds(JSON.stringify([...event.headers].sort()) === JSON.stringify([...all].sort()), 'headers')
    if (isUtf8(body)) holds((JSON.parse(formatEvent({ headers: all, body }).toString()) as { body: string }).body === body.toString(), 'JSON.parse')
  })],
  ['JSON.stringify() of an event is an event', fc.property(text, text, (key, body) => {
    if (key === 'content-transfer-encoding') return
    const event = parseEvent(Buffer.from(JSON.stringify({ headers: { [key]: body }, body })))
    holds(event.headers.get(key) === body && event.body.toString() === body, 'event')
  })],
  ['raw lines come back from a block of event lines', fc.property(headers, fc.array(bytes, { maxLength: 8 }), (all, lines) => {
    const raw = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
    const head = headOf(all)
    const ends = raw.filter((byte) => byte === 10).length // more than lines, where one has some of its own
    const out = Buffer.alloc(lineSizeMax(raw.length, head) + 8 * raw.length + ends * (head.length + 200))
    const run = encodeLines(raw, 0, raw.length, out, 0, out.length, all, head)
    holds(run.consumed === raw.length, 'all are written')
    const back = Buffer.alloc(out.length)
    let [from, to] = [0, 0]
    while (from < run.written) {
      const some = decodeLines(out, from, run.written, back, to, { bytes: head, base64: all.get('content-transfer-encoding') === 'base64' })
      if (some.count === 0) {
        const end = out.indexOf(10, from) + 1
        to += Buffer.concat([parseEvent(out.subarray(from, end)).body, Buffer.from('\n')]).copy(back, to)
        from = end
      }
      from += some.consumed
      to += some.written
    }
    same(back.subarray(0, to), Buffer.from(raw.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'), 'lines')
  })],
  ['positions come back from a frame, and marks from a control line', fc.property(fc.array(fc.tuple(name, fc.nat(), text)), (all) => {
    const changes = new Map(all.map(([partition, offset, path]) => [partition, { offset, path }]))
    holds(JSON.stringify([...decodeChanges(encodeChanges(changes))].sort()) === JSON.stringify([...changes].sort()), 'positions')
    for (const [partition, to] of changes) {
      const line = parseControl(markLine('n', 1, 2, 3, { partition, from: null, to, time: 4, replayable: true }).toString())
      holds(line !== undefined && 'partition' in line && line.partition === partition && JSON.stringify(line.to) === JSON.stringify(to), 'mark')
    }
    holds(JSON.stringify(parseControl(beginLine('n', 7).toString())) === '{"begin":7}', 'begin')
  })],
  ['a header in a path is one name, and Hadoop does not hide it', fc.property(units, (each) => {
    holds(/^[^._/:\p{Cc}][^/:\p{Cc}]*$/u.test(cleaned(each)), 'name')
  })],
]

/** Throws with the least input for which one does not hold; returns how many were tried. */
export function runProperties(seed: number, runs: number): number {
  for (const [rule, property] of PROPERTIES) {
    const { failed, counterexample, errorInstance } = fc.check(property, { seed, numRuns: runs }) as fc.RunDetails<unknown>
    if (failed) throw new Error(`${rule}: not with ${fc.stringify(counterexample)}, seed ${seed}`, { cause: errorInstance })
  }
  return PROPERTIES.length * runs
}
