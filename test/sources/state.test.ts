/** The state file: whatever moment the power fails at, it holds positions that were acked, none before the last flush(). */
import t from 'tap'
import type { Disk } from '../../src/disk/disk.js'
import { FlumeError } from '../../src/errors.js'
import { filePosition, printOf, type FilePosition } from '../../src/sources/position.js'
import { spoolPosition } from '../../src/sources/spool/file.js'
import { State, stateName } from '../../src/sources/state.js'
import { MemoryDisk, chooser } from '../support/memory-disk.js'

const PATH = '/state/flume/tail.json'
const print = printOf(Buffer.from('x'.repeat(256)))

function at(offset: number): FilePosition {
  const head = { size: Math.min(offset, 1024), hash: 'h' }
  return { offset, path: '/log', device: '1', inode: '2', head, tail: print, time: 1, size: offset }
}

/** Positions in ascending order; returns the last one of which flush() has returned. */
async function write(disk: Disk, done: (offset: number) => void): Promise<void> {
  const state = new State(PATH, disk, 'file.', filePosition)
  await state.lock()
  await state.load()
  for (let offset = 1000; offset < 1005; offset++) {
    state.set('file.x.1', at(offset))
    state.write()
    state.set('file.x.2', at(offset))
    await state.flush()
    done(offset)
  }
}

t.test('after a loss of power at any step the file holds what was flushed last, or what was set since', async (t) => {
  const whole = new MemoryDisk()
  await write(whole.boot(), () => undefined)
  t.ok(whole.steps > 20)
  for (let step = 1; step <= whole.steps; step++) {
    for (let seed = 0; seed < 8; seed++) {
      const memory = new MemoryDisk()
      memory.plan = { step, failure: 'end' }
      let flushed = 0
      await Promise.race([write(memory.boot(), (offset) => (flushed = offset)), memory.ended])
      memory.losePower(chooser(seed))
      const state = new State(PATH, memory.boot(), 'file.', filePosition)
      await state.lock()
      const positions = await state.load()
      const offset = positions.get('file.x.2')?.offset ?? 0
      t.ok(flushed === 0 ? offset === 0 || offset === 1000 : offset === flushed || offset === flushed + 1, `step ${step}, seed ${seed}: ${offset}, ${flushed}`)
    }
  }
})

t.test('a write that fails is told by write() and flush() from then on, and the old positions stay', async (t) => {
  const whole = new MemoryDisk()
  await write(whole.boot(), () => undefined)
  for (let step = 1; step <= whole.steps; step++) {
    const memory = new MemoryDisk()
    memory.plan = { step, failure: 'ENOSPC' }
    let flushed = 0
    const disk = memory.boot()
    const error: unknown = await write(disk, (offset) => (flushed = offset)).then(() => undefined, (error: unknown) => error)
    if (error === undefined) continue
    if (flushed > 0) t.match(error, { code: 'IO' })
    const state = new State(PATH, disk, 'file.', filePosition)
    t.ok([flushed, flushed + 1, 0, 1000].includes((await state.load()).get('file.x.2')?.offset ?? 0), `step ${step}`)
  }
})

t.test('what a source of another kind keeps in the same file stays there as it is', async (t) => {
  const disk = new MemoryDisk()
  const spool = new State(PATH, disk.boot(), 'spool.', spoolPosition)
  const place = { ...at(1024), born: '7', modified: 8, bytes: 2000 }
  await spool.lock()
  await spool.load()
  spool.set('spool.x.1', place)
  await spool.flush()
  const tail = new State(PATH, disk.boot(), 'file.', filePosition)
  t.same([...(await tail.load())], [])
  tail.set('file.x.1', at(2000))
  await tail.flush()
  t.same([...(await spool.load())], [['spool.x.1', place]])
  t.same([...(await tail.load())], [['file.x.1', at(2000)]])
})

t.test('the file is named after the absolute patterns, in whatever order they are given', async (t) => {
  t.equal(stateName(['/a', '/b']), stateName(['/b', '/a']))
  t.not(stateName(['/a', '/b']), stateName(['/a', '/b/']))
  t.match(stateName(['/a']), /^tail-[0-9a-f]{16}\.json$/)
})

t.test('a file of which one bit is wrong is refused, whichever it is; one of the first version, which had no checksum, is read', async (t) => {
  const disk = new MemoryDisk()
  await write(disk.boot(), () => undefined)
  const good = disk.find(PATH)!.bytes
  const load = (bytes: Buffer): Promise<unknown> => {
    const damaged = disk.clone()
    Object.assign(damaged.find(PATH)!, { bytes })
    return new State(PATH, damaged.boot(), 'file.', filePosition).load()
  }
  t.equal((await load(good) as ReadonlyMap<string, FilePosition>).get('file.x.2')?.offset, 1004)
  const wrong: number[] = []
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bytes = Buffer.from(good)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    const error = await load(bytes).catch((error: unknown) => error)
    if (!(error instanceof FlumeError) || !['STATE_DAMAGED', 'VERSION'].includes(error.code)) wrong.push(bit)
  }
  t.same(wrong, [])
  for (let size = 0; size < good.length; size++) await t.rejects(load(good.subarray(0, size)), { code: 'STATE_DAMAGED', message: /all is sent again from its beginning/ })
  const first = Buffer.from(good.toString().replace('"version":2', '"version":1').replace(/,"crc32":"[0-9a-f]{8}"/, ''))
  t.equal((await load(first) as ReadonlyMap<string, FilePosition>).get('file.x.2')?.offset, 1004)
})
