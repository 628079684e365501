/** What stays in memory where the spool is full, by the disk that tells it. */
import t from 'tap'
import { Room } from '../../../src/sinks/hdfs/webhdfs/room.js'
import { Retry } from '../../../src/sinks/retry.js'
import { FakeClock } from '../../support/clock.js'
import { MemoryDisk } from '../../support/memory-disk.js'

const RESERVE = 1024 * 1024
const MOST = 64 * 1024 * 1024

t.test('where its reserve cannot be released nothing is kept, and what fails once hinders nothing that comes after', async (t) => {
  const memory = new MemoryDisk()
  const retry = new Retry(new FakeClock(0), () => undefined, new AbortController().signal)
  const room = new Room(memory.boot(), '/spool', retry)
  await room.open()
  t.equal(memory.used, RESERVE)
  memory.plan = { call: memory.calls + 1, failure: 'EIO' }
  await t.rejects(room.keep(10, true, new Error('no room')), { code: 'EIO' })
  t.equal(room.isFull, false)
  await room.keep(MOST, true, new Error('no room'))
  t.equal(memory.used, 0)
  await t.rejects(room.keep(1, false, new Error('no room')), { message: 'no room' })
  await room.release(MOST)
  t.equal(room.isFull, false)
  t.equal(memory.used, RESERVE)
})
