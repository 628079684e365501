/** What others have written before a writer begins: two ends of one FIFO in this process, and a third that writes. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, writeSync } from 'node:fs'
import t, { type Test } from 'tap'
import { statOfFd } from '../../src/disk/fd.js'
import { addressesOf } from '../../src/disk/sockets.js'
import { batchOf } from '../../src/events/batch.js'
import { systemClock, type Source } from '../../src/events/flow.js'
import { Input } from '../../src/pipe/input.js'
import { deliver } from '../../src/pipe/output.js'
import { fifo, until } from '../support/fifo.js'

const uid = process.getuid!()
const OURS = '{"body":"ours"}\n'

/** One batch for whoever gives acks. */
const source: Source = {
  async *open(reader, stop) {
    const mark = { partition: 'queue.q.default', from: null, to: { offset: 1 }, time: 0, replayable: true }
    if (reader.kind !== 'plain') yield batchOf(Buffer.from(OURS), 1, mark)
    else if (!stop.aborted) await once(stop, 'abort')
  },
  settle: async () => undefined,
}

/** What comes of the bytes of others: those of `before` are there before there is a writer. */
async function read(t: Test, before: string, beside: string): Promise<{ readonly lines: string; readonly long: readonly (readonly [number, boolean, number])[] }> {
  const { reading, writing } = fifo(t)
  const both = { pid: process.pid, uid, say: () => undefined }
  const stop = new AbortController()
  const long: [number, boolean, number][] = []
  const tooLong = async (piece: Buffer, last: boolean, nth: number): Promise<void> => void long.push([piece.length, last, nth])
  const input = new Input({ ...both, fd: reading, command: 'reader', eventBytesMax: 1024, tooLong })
  writeSync(writing, before)
  let lines = ''
  const taken = (async () => {
    for await (const batch of input.batches(stop.signal)) {
      lines += batch.lines.toString()
      batch.release()
      if (batch.mark !== null) input.ack(batch.mark)
    }
  })()
  if (before !== '') await until(() => long.length > 0)
  const options = { ...both, fd: writing, command: 'writer', ack: 'auto', grace: 60_000, clock: systemClock, nonce: () => randomBytes(12).toString('base64url') } as const
  const ended = deliver(source, options, stop.signal)
  await until(() => existsSync(addressesOf(statOfFd(reading), uid)[0].path))
  writeSync(writing, beside)
  await ended
  await taken
  return { lines, long }
}

const event = (body: string): string => `{"body":"${body}"}\n`

t.test('a line of others that is longer than an event may be goes aside also where a writer begins after it', async (t) => {
  const { lines, long } = await read(t, '', `${event('a')}${'x'.repeat(3000)}\n${event('b')}${'y'.repeat(2000)}`)
  t.equal(lines, event('a') + event('b') + OURS)
  t.same(long, [[3000, true, 2], [2000, true, 4]])
})

t.test('a line of others that is too long ends where it ends, or where a writer begins', async (t) => {
  for (const [rest, after] of [['xxx\n', event('a')], ['xxx', ''], ['\n', '']] as const) {
    const { lines, long } = await read(t, 'x'.repeat(3000), rest + after)
    t.equal(lines, after + OURS)
    t.same(long, [[3000, false, 1], [rest.trim().length, true, 1]])
  }
})
