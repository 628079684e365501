/** The writer's side of one handshake, message by message. */
import t from 'tap'
import type { Writer } from '../../src/disk/fd.js'
import { Conversation } from '../../src/pipe/conversation.js'
import type { Visitor } from '../../src/pipe/door.js'

t.test('a reader is asked where it stands only when all that was sent is acked: what it has yet to read would be missing from the answer', async (t) => {
  const asked: string[] = []
  const sent: object[] = []
  const visitor = {
    hello: { t: 'hello', version: 1, command: 'flume-buffer', pid: 1, keeps: true }, saidBye: false, gone: false, answered: false, held: new Map(),
    link: { send: (message: object) => void sent.push(message) },
    ask: (prefix: string) => void asked.push(prefix),
  }
  const writer = { push: () => undefined }
  const conversation = new Conversation(visitor as unknown as Visitor, 'nonce', writer as unknown as Writer, undefined)
  const stop = new AbortController().signal
  const mark = { partition: 'file.x.1', from: null, to: { offset: 5 }, time: 1, replayable: true }
  conversation.send({ lines: Buffer.from('{}\n'), count: 1, mark, release: () => undefined })
  let changed: () => void = () => undefined
  const steps = (): Promise<void> => new Promise((resolve) => (changed = resolve))
  const held = conversation.standing('file.', false, steps, stop)
  t.same(asked, [])
  t.same(sent, [{ t: 'flush', mark: 1 }], 'it is told to make it durable')
  conversation.ack(1)
  changed()
  await new Promise((resolve) => setImmediate(resolve))
  t.same(asked, ['file.'])
  visitor.answered = true
  changed()
  t.match(await held, { kind: 'keeps' })
})

t.test('the partitions of what a sink gets say what its places follow from: what it made of the same events by other rules says nothing', async (t) => {
  const sentTo = async (hello: object, relays: boolean): Promise<string> => {
    const lines: string[] = []
    const visitor = { hello: { t: 'hello', version: 1, command: 'flume-sink-hdfs', pid: 1, keeps: false, ...hello } }
    const writer = { push: (pieces: readonly Buffer[]) => void lines.push(String(pieces[1])) }
    const conversation = new Conversation(visitor as unknown as Visitor, 'nonce', writer as unknown as Writer, undefined)
    await conversation.standing(undefined, relays, () => Promise.resolve(), new AbortController().signal)
    const mark = { partition: 'file.x.1', from: null, to: { offset: 5 }, time: 1, replayable: true, gone: ['file.x.2'] }
    conversation.send({ lines: Buffer.from('{}\n'), count: 1, mark, release: () => undefined })
    const { partition, gone } = JSON.parse(lines[0]!) as { partition: string; gone: string[] }
    return [partition, ...gone].join(' ')
  }
  t.match(await sentTo({ binding: 'path=/a' }, false), /^file\.x\.1(\.\.[0-9a-f]{8}) file\.x\.2\1$/)
  t.equal(await sentTo({ binding: 'path=/a' }, false), await sentTo({ binding: 'path=/a', acks: false }, false))
  t.not(await sentTo({ binding: 'path=/a' }, false), await sentTo({ binding: 'path=/b' }, false))
  t.equal(await sentTo({ binding: 'path=/a' }, true), 'file.x.1 file.x.2', 'a stage before this one has seen to it')
  t.equal(await sentTo({}, false), 'file.x.1 file.x.2')
})
