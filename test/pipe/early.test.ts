/** What is on its way before a reader's hello, which makes it void: little. Two ends of one FIFO in this process. */
import { closeSync, readSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { batchOf, BATCH_BYTES_MAX } from '../../src/events/batch.js'
import { systemClock, type Source } from '../../src/events/flow.js'
import { Intake } from '../../src/pipe/intake.js'
import { deliver } from '../../src/pipe/output.js'
import { fifo, until } from '../support/fifo.js'

t.test('a batch at a time goes to a reader that may say hello yet, and several once much was read without', async (t) => {
  const { reading, writing } = fifo(t)
  const lines = Buffer.alloc(BATCH_BYTES_MAX, 'x')
  let made = 0
  const source: Source = {
    async *open(_reader, stop) {
      while (!stop.aborted) {
        made++
        yield batchOf(lines, 1, null)
      }
    },
    settle: async () => undefined,
  }
  const stop = new AbortController()
  const both = { pid: 0, uid: process.getuid!(), say: () => undefined }
  // not our pid: a writer that runs for a second looks who reads, and leaves itself out
  const options = { ...both, fd: writing, command: 'writer', ack: 'auto', grace: 0, clock: systemClock, nonce: () => randomBytes(12).toString('base64url') } as const
  const ended = deliver(source, options, stop.signal)
  let read = 0
  const some = Buffer.alloc(BATCH_BYTES_MAX)
  const readUpTo = (bytes: number): Promise<void> => until(() => (read += readNow(reading, some.subarray(0, bytes - read))) === bytes)
  await readUpTo(1.5 * BATCH_BYTES_MAX)
  t.ok(made <= 2, `${made} made`)
  await readUpTo(5.5 * BATCH_BYTES_MAX)
  await until(() => made >= 5.5 + 1.5)
  stop.abort()
  closeSync(reading)
  await ended
})

t.test('nothing is read while a reader looks for its writer', async (t) => {
  const { reading, writing } = fifo(t)
  t.teardown(() => closeSync(writing))
  const stop = new AbortController()
  const options = { fd: writing, pid: process.pid, uid: process.getuid!(), say: () => undefined, command: 'writer', ack: 'off', grace: 0, clock: systemClock } as const
  const source: Source = {
    async *open() {
      yield batchOf(Buffer.from('a line\n'), 1, null)
    },
    settle: async () => undefined,
  }
  await deliver(source, { ...options, nonce: () => '' }, stop.signal)
  let look: () => void = () => undefined
  const intake = new Intake(reading, 'pipe', () => undefined, {})
  t.teardown(() => intake.close())
  const looking = intake.pausedFor(new Promise<void>((resolve) => (look = resolve)))
  intake.more()
  const other = fifo(t)
  const beside = new Intake(other.reading, 'pipe', () => undefined, {})
  t.teardown(() => (beside.close(), closeSync(other.writing)))
  await deliver(source, { ...options, fd: other.writing, nonce: () => '' }, stop.signal)
  beside.more()
  await until(() => beside.length > 0)
  t.equal(intake.length, 0)
  look()
  await looking
  await until(() => intake.length > 0)
})

/** 0: there is nothing. */
function readNow(fd: number, into: Buffer): number {
  try {
    return readSync(fd, into)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}
