/** Event lines, their heads, their escapes, and the JSON around them. */
import { isUtf8 } from 'node:buffer'
import { decodeLines, encodeLines, formatEvent, headAt, headOf, lineSizeMax, parseEvent } from '../../../../src/events/json.js'
import { Heads } from '../../../../src/events/heads.js'
import { walkJson } from '../../../../src/events/syntax.js'
import { splitAtPositions } from '../../../../src/events/positions-line.js'
import { holds, same, type Target } from '../target.js'

const LINES = [
  '{"headers":{"host":"web1","timestamp":"1700000000000"},"body":"GET / \\"200\\" \\\\ \\t\\u0007\\u00e9 é"}',
  '{"headers":{"content-transfer-encoding":"base64"},"body":"/w=="}', '{"headers":{"n":1.50,"t":true,"__proto__":"x"},"body":""}', '{"body":"x","more":[1,{"a":null}]}', '{}',
  '{"headers":{"a":"\\ud83d\\ude00"},"body":"\\ud800"}',
]
const WORDS = ['"body":"', '"headers":{', '"}', '\\u0000', '\\ud800', '\\udc00', '{"headers":{"__proto__":"x"},', '"timestamp":"', '\\"', '\\\\', 'é', '"content-transfer-encoding":"base64"']
const heads = new Heads(true)
const decoded = Buffer.alloc(1024 * 1024)
const encoded = Buffer.alloc(4 * 1024 * 1024)

export const EVENTS: readonly Target[] = [
  { name: 'event line', seeds: LINES, words: WORDS, take: takeLine },
  { name: 'event lines with heads', seeds: [`${LINES.join('\n')}\n`], words: WORDS, take: takeLines },
  { name: 'JSON by its bytes', seeds: [...LINES, '[1,-2.5e+3,"x",[[]],{"a":{}}]'], words: ['[', ']', '{"a":', '-0', '1e5', 'null', 'true'], take: takeJson },
  { name: 'raw lines', seeds: ['one\r\ntwo "quoted" \\ back\n\n', 'é\u0000\t\u001b[1m\r\r\n', Buffer.from([0xff, 10, 0xc3, 10, 65, 10])], take: takeRaw },
  { name: 'lines of a queue with positions', seeds: ['{"body":"a"}\n{"flume.positions":{"file.a.b":{"offset":1}}}\n{"body":"b"}\n'], take: takePositions },
]

function takePositions(bytes: Buffer): void {
  const lines = Buffer.concat([bytes, Buffer.from('\n')])
  let size = 0
  for (const piece of splitAtPositions(lines)) size += 'positions' in piece ? piece.size : piece.length
  holds(size === lines.length, 'the pieces are all of the lines')
}

function takeLine(bytes: Buffer): void {
  const event = parseEvent(bytes)
  const line = formatEvent(event)
  const again = parseEvent(line)
  same(again.body, event.body, 'an event that is written and read is the same')
  holds(JSON.stringify([...again.headers]) === JSON.stringify([...event.headers]), 'headers that are written and read are the same')
  const { headers, body } = JSON.parse(line.toString()) as { headers?: Record<string, string>; body: string }
  holds(typeof body === 'string' && Object.values(headers ?? {}).every((text) => typeof text === 'string'), 'JSON.parse reads what is written')
}

/** What decodeLines() and Heads find of a line is what parseEvent() finds. */
function takeLines(bytes: Buffer): void {
  const lines = Buffer.concat([bytes, Buffer.from('\n')])
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf(10, at) + 1
    const head = heads.find(lines, at, end)
    const parsed = headAt(lines, at)
    holds((head === undefined) === (parsed === undefined), 'a head is found again or not at all')
    if (head !== undefined) {
      const run = decodeLines(lines, at, end, decoded, 0, head)
      if (run.count === 1) {
        const event = parseEvent(lines.subarray(at, end))
        same(event.body, decoded.subarray(0, run.written - 1), 'a body is the same in a block as by itself')
        const headers = head.timestamp === undefined ? head.headers : new Map(head.headers).set('timestamp', head.timestamp)
        holds(JSON.stringify([...headers]) === JSON.stringify([...event.headers]), 'headers are the same in a block as by themselves')
      }
    }
    at = end
  }
}

function takeJson(bytes: Buffer): void {
  const at = walkJson(bytes)
  holds(at >= -1 && at <= bytes.length, 'it names a byte of what it was given')
  if (!isUtf8(bytes)) return
  let sound = true
  try {
    JSON.parse(bytes.toString())
  } catch {
    sound = false
  }
  holds(sound === (at === -1), 'it is JSON where JSON.parse takes it')
}

const HEADERS = new Map([['file', '/var/log/"a".log']])
const HEAD = headOf(HEADERS)

function takeRaw(bytes: Buffer): void {
  const raw = Buffer.concat([bytes, Buffer.from('\n')])
  const size = Math.min(encoded.length, raw.length * 8 + lineSizeMax(raw.length, HEAD))
  const run = encodeLines(raw, 0, raw.length, encoded, 0, size, HEADERS, HEAD)
  let from = 0
  for (let at = 0; at < run.written; ) {
    const end = encoded.indexOf(10, at) + 1
    const next = raw.indexOf(10, from) + 1
    const line = raw.subarray(from, raw[next - 2] === 0x0d && next - 2 >= from ? next - 2 : next - 1)
    same(parseEvent(encoded.subarray(at, end)).body, line, 'a line comes back from its event')
    from = next
    at = end
  }
  holds(from === run.consumed, 'as many lines are written as are consumed')
}
