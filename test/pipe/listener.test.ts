/** A writer that keeps its socket in place, at real sockets of one FIFO in this process. */
import { closeSync, readdirSync, rmSync } from 'node:fs'
import t from 'tap'
import { FdWriter, statOfFd } from '../../src/disk/fd.js'
import { addressesOf } from '../../src/disk/sockets.js'
import { systemClock } from '../../src/events/flow.js'
import { Audience } from '../../src/pipe/audience.js'
import { Listener } from '../../src/pipe/listener.js'
import type { OutputOptions } from '../../src/pipe/output-options.js'
import { fifo } from '../support/fifo.js'

const uid = process.getuid!()

t.test('a writer whose socket was removed binds again once, however many ask for it at a time', async (t) => {
  const { reading, writing } = fifo(t)
  t.teardown(() => [reading, writing].forEach((fd) => closeSync(fd)))
  const pipe = statOfFd(writing)
  const [{ path }] = addressesOf(pipe, uid)
  const options: OutputOptions = {
    fd: writing, pid: process.pid, uid, command: 'writer', ack: 'auto', grace: 0, clock: systemClock, nonce: () => 'n', say: () => undefined,
  }
  const audience = new Audience(pipe, new FdWriter(writing, () => undefined), options)
  const listener = new Listener(audience, options, () => undefined, () => undefined)
  t.teardown(() => listener.leave('remove'))
  await listener.open()
  const open = readdirSync('/proc/self/fd').length
  for (let losses = 0; losses < 2; losses++) {
    rmSync(path)
    await Promise.all([listener.bindAgain(), listener.bindAgain()])
    t.equal(listener.door?.lost, false)
  }
  t.equal(readdirSync('/proc/self/fd').length, open)
})
