/** Control lines and messages of the pipe contract. */
import { parseControl, tagOf, markLine } from '../../../../src/pipe/control.js'
import { ControlSearch } from '../../../../src/pipe/control-search.js'
import { decodeDown, decodeUp, encode, haveMessages } from '../../../../src/pipe/message.js'
import { holds, type Target } from '../target.js'

const MARK = { partition: 'queue.x.y', from: null, to: { offset: 2, path: '/a' }, time: 1.5, replayable: false, gone: ['file.a.b'] }
const CONTROL = [markLine('n0nce', 7, 120, 2, MARK).toString(), '{"flume":"n0nce","begin":120}', '{"flume":"n0nce","begin":"all"}', 'null', '[]']
const UP = [
  '{"t":"hello","versions":[1],"command":"flume-buffer","pid":1,"keeps":true}', '{"t":"have","positions":{"file.a.b":[{"offset":1}],"__proto__":[{"offset":2}]}}', '{"t":"ack","mark":7}', '{"t":"bye"}',
  'null', '1', '{"t":"constructor"}',
]
const DOWN = ['{"t":"hello","version":1,"command":"flume-tail","pid":1,"nonce":"n0nce"}', '{"t":"ask","prefix":"file."}', '{"t":"flush"}', '{"t":"bye","mark":7}', 'null', '[]']
const WORDS = ['"offset":', '"positions":{', '"t":"', 'null', '-1', '1e400', '"gone":', '"__proto__":', '"mark":', '"begin":', '[', '{']

export const PIPE: readonly Target[] = [
  { name: 'control line', seeds: CONTROL, words: WORDS, take: takeControl },
  { name: 'control lines among events', seeds: [`{"body":"a"}\n${CONTROL[0]}{"body":"b"}\n${CONTROL[0]}`], words: [CONTROL[0]!, '{"flume":"n0nce"', '\n'], take: takeHeld },
  { name: 'message up the pipe', seeds: UP, words: WORDS, take: (bytes) => takeMessage(decodeUp(bytes.toString())) },
  { name: 'message down the pipe', seeds: DOWN, words: WORDS, take: (bytes) => takeMessage(decodeDown(bytes.toString())) },
  { name: 'partitions of a have', seeds: ['file.a.b', '__proto__', 'constructor'], take: takeHave, grows: false },
]

function takeControl(bytes: Buffer): void {
  const line = parseControl(bytes.toString())
  if (line === undefined) return
  if ('begin' in line) return holds(line.begin === 'all' || Number.isSafeInteger(line.begin), 'begin has a count of bytes, or all')
  const { mark, partition, from, to, gone = [] } = line
  holds(Number.isSafeInteger(mark) && typeof partition === 'string', 'a mark has a number and a partition')
  holds(Number.isSafeInteger(to.offset) && (from === null || Number.isSafeInteger(from.offset)), 'a mark has positions')
  holds(Array.isArray(gone) && gone.every((each) => typeof each === 'string'), 'what is gone are partitions')
}

function takeHeld(bytes: Buffer): void {
  const search = new ControlSearch()
  const tag = tagOf('n0nce')
  for (let held = bytes; ; ) {
    const found = search.mark(held, tag, true) ?? search.first(held, tag)
    if (found === undefined) return
    holds(found.end > found.at && found.at >= 0 && found.end < held.length, 'a control line is a part of what is held')
    held = held.subarray(found.end + 1)
    search.reset()
  }
}

function takeMessage(message: object | undefined): void {
  if (message !== undefined) holds(encode(message as never).endsWith('\n'), 'a message that is read can be written')
}

function takeHave(bytes: Buffer): void {
  const partition = bytes.toString('latin1').replaceAll(/[^A-Za-z0-9._-]/g, '') || 'x'
  const [message] = [...haveMessages(new Map([[partition, [{ offset: 1 }]]]))]
  const read = decodeUp(encode(message!)) as { positions: Record<string, unknown> } | undefined
  holds(read !== undefined && Object.hasOwn(read.positions, partition), `a have holds the partition ${partition}`)
}
