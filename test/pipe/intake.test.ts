/** What is read and not yet used: in memory that is used again, also after a line that no block of it has room for. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Wake } from '../../src/events/wake.js'
import { Intake } from '../../src/pipe/intake.js'

const MiB = 1024 * 1024

t.test('after a line that needed a larger block, the memory that was meant for all is used again', async (t) => {
  const path = join(t.testdir(), 'in')
  writeFileSync(path, '')
  truncateSync(path, 48 * MiB)
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  const given: Buffer[] = []
  const allocate = (size: number): Buffer => {
    const block = Buffer.alloc(size)
    given.push(block)
    return block
  }
  const news = new Wake()
  const intake = new Intake(fd, 'file', () => news.wake(), { allocate })
  const isGiven = (): boolean => given.some(({ buffer }) => buffer === intake.bytes.buffer)
  for (intake.more(); intake.length < 9 * MiB; intake.more()) await news.wait()
  t.notOk(isGiven(), 'none has room for it')
  while (!intake.ended) {
    intake.drop(intake.length)
    await news.wait()
  }
  t.ok(isGiven())
})

t.test('a FIFO that has no writer yet is seen to be empty', (t) => {
  const path = join(t.testdir(), 'fifo')
  execFileSync('mkfifo', [path])
  const intake = new Intake(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), 'pipe', () => undefined, {})
  t.teardown(() => intake.close())
  intake.more()
  intake.poll()
  t.ok(intake.empty)
  t.notOk(intake.ended)
  t.end()
})
