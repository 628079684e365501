/** A reader that gives no acks: its writer ends without waiting, and may be gone when the reader is done with what it sent. */
import { closeSync, openSync } from 'node:fs'
import t from 'tap'
import { Input } from '../../src/pipe/input.js'

t.test('a reader that gives no acks sends none: a write that fails would lose the bye of a writer that has gone', async (t) => {
  for (const acks of [true, false]) {
    const fd = openSync('/dev/null', 'r')
    const input = new Input({ fd, command: 'flume-route', pid: 1, uid: 0, eventBytesMax: 1000, acks, tooLong: async () => undefined, say: () => undefined })
    const sent: number[] = []
    const mark = { partition: 'p', from: null, to: { offset: 1 }, time: 1, replayable: true, number: 7, writer: { ack: (number: number) => sent.push(number) } }
    input.ack(mark)
    t.same(sent, acks ? [7] : [])
    await input.close()
    closeSync(fd)
  }
})
