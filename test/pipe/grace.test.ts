/** How long a writer at its end waits for the last acks: two ends of one FIFO in this process, and a clock that the test moves. */
import { randomBytes } from 'node:crypto'
import { setImmediate as immediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { batchOf, type Mark } from '../../src/events/batch.js'
import type { Source } from '../../src/events/flow.js'
import { Input } from '../../src/pipe/input.js'
import { deliver } from '../../src/pipe/output.js'
import { FakeClock } from '../support/clock.js'
import { fifo, until } from '../support/fifo.js'

const GRACE = 60_000

/** One batch, and the end once its reader acks. */
const source: Source = {
  async *open(reader, stop) {
    const mark = { partition: 'queue.q.default', from: null, to: { offset: 1 }, time: 0, replayable: true }
    yield batchOf(Buffer.from('{"body":"one"}\n'), 1, mark)
    if (reader.kind === 'plain') await new Promise((resolve) => stop.addEventListener('abort', resolve))
  },
  settle: async () => undefined,
  progress: () => void told++,
}

/** How often the source, a stage in the middle say, was told that its reader gets on. */
let told = 0

interface Waiting {
  readonly clock: FakeClock
  /** 0, or the error. */
  readonly ended: Promise<unknown>
  readonly input: Input
  /** What the writer waits for. */
  readonly mark: Mark
}

/** A writer at its end, and a reader that has its batch. */
async function waiting(t: Test): Promise<Waiting> {
  const { reading, writing } = fifo(t)
  const clock = new FakeClock()
  const both = { pid: process.pid, uid: process.getuid!(), say: () => undefined }
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const options = { ...both, fd: writing, command: 'writer', ack: 'auto', grace: GRACE, clock, nonce: () => randomBytes(12).toString('base64url') } as const
  const ended = deliver(source, options, stop.signal).catch((error: unknown) => error)
  const input = new Input({ ...both, fd: reading, command: 'reader', eventBytesMax: 1024, tooLong: async () => undefined })
  const marks: Mark[] = []
  void (async () => {
    for await (const { mark } of input.batches(stop.signal)) if (mark !== null) marks.push(mark)
  })()
  await until(() => marks.length > 0 && clock.sleeping > 0)
  return { clock, ended, input, mark: marks[0]! }
}

/** The reader says that it gets on, and the writer has heard it. */
async function progress(input: Input): Promise<void> {
  input.progress()
  for (let turn = 0; turn < 20; turn++) await immediate() // from one socket of this process to another
}

t.test('a reader that says that it gets on is waited for, however long it takes', async (t) => {
  const { clock, ended, input, mark } = await waiting(t)
  for (let minute = 0; minute < 5; minute++) {
    clock.advance(GRACE - 1)
    await progress(input)
  }
  input.ack(mark)
  t.equal(await ended, 0)
  t.equal(told, 5)
})

t.test('one that says nothing more is waited for no longer than --grace', async (t) => {
  const { clock, ended, input } = await waiting(t)
  clock.advance(GRACE / 2)
  await progress(input)
  clock.set(-86_400_000) // that delays nothing
  clock.advance(GRACE - 1)
  await until(() => clock.sleeping > 0)
  clock.advance(1)
  t.match(await ended, { code: 'PIPE_BROKEN', message: /has not acked within 60 s/ })
})
