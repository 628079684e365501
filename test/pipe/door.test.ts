/** What readers say that come to a writer, at real sockets of one FIFO in this process. */
import { once } from 'node:events'
import { closeSync, existsSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { statOfFd } from '../../src/disk/fd.js'
import { addressesOf } from '../../src/disk/sockets.js'
import { systemClock, type Source } from '../../src/events/flow.js'
import { deliver } from '../../src/pipe/output.js'
import { seekWriter } from '../../src/pipe/rendezvous.js'
import { fifo, until } from '../support/fifo.js'

const uid = process.getuid!()

/** What becomes of a writer whose reader says this, one after the other: the next when there is an answer. */
async function ended(t: Test, ...says: readonly string[]): Promise<unknown> {
  const { reading, writing } = fifo(t)
  t.teardown(() => closeSync(reading))
  const pipe = statOfFd(writing)
  const [{ path }] = addressesOf(pipe, uid)
  t.teardown(() => rmSync(path, { force: true }))
  const source: Source = {
    async *open(_reader, stop) {
      if (!stop.aborted) await once(stop, 'abort')
      yield* []
    },
    settle: async () => undefined,
  }
  const options = { fd: writing, pid: process.pid, uid, command: 'writer', ack: 'auto', grace: 1000, clock: systemClock, nonce: () => 'n', say: () => undefined } as const
  const end = deliver(source, options, new AbortController().signal).catch((error: unknown) => error)
  await until(() => existsSync(path))
  const reader = (await seekWriter(pipe, uid, true)) as Socket
  for (const [index, line] of says.entries()) {
    if (index > 0) await once(reader, 'data')
    reader.write(`${line}\n`)
  }
  reader.resume()
  return end
}

t.test('a writer whose reader says what it cannot understand says so, as a reader does', async (t) => {
  const hello = '{"t":"hello","version":1,"command":"reader","pid":1,"keeps":false}'
  t.match(await ended(t, 'good day'), { code: 'VERSION', message: 'cannot understand the other end of the pipe' })
  t.match(await ended(t, '{"t":"hello","version":2}'), { code: 'VERSION', message: /: hello without command$/ })
  t.match(await ended(t, hello, '{"t":"ack"}'), { code: 'VERSION', message: /: ack without mark$/ })
})
