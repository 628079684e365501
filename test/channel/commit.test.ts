/** Group commit and full disks, on a disk in memory that counts what is asked of it. */
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Queue } from '../../src/channel/channel.js'
import { Cursor } from '../../src/channel/cursor.js'
import { Paths } from '../../src/channel/surroundings.js'
import type { Batch } from '../../src/events/batch.js'
import { FakeClock } from '../support/clock.js'
import { MemoryDisk } from '../support/memory-disk.js'
import { aroundOf, exportAll, faultOf, lineOf, numbered, putAll, stream, takeAll } from '../support/queue.js'

const SEGMENT = /segments\/0+\.seg/

t.test('what arrives during a sync shares the next; no batch is acked before a sync that began after it was written', async (t) => {
  const disk = new MemoryDisk()
  const queue = await Queue.open('/q', aroundOf(disk.boot()), { create: true })
  const putter = await queue.openPut({ freeMin: 0 })
  const before = disk.log.length
  let durable = 0
  for await (const mark of putter.put(stream(0, 35))) {
    if (mark.to.offset <= durable) continue
    const copy = disk.clone()
    copy.losePower(() => 0)
    const after = await Queue.open('/q', aroundOf(copy.boot()), { create: false })
    const other = await after.openPut({ freeMin: 0 })
    durable = (await other.held('p')).get('p')?.[0]?.offset ?? 0
    if (durable < mark.to.offset) t.fail(`${mark.to.offset} is acked, ${durable} is on disk`)
  }
  const syncs = disk.log.slice(before).filter((name) => name.startsWith('sync') && SEGMENT.test(name)).length
  const writes = disk.log.slice(before).filter((name) => name.startsWith('write') && SEGMENT.test(name)).length
  t.ok(syncs <= 4, `${syncs} syncs of 13 batches`)
  t.ok(writes <= 8, `${writes} writes`)
  await putter.close()
})

t.test('the memory of a batch is free when its bytes are written, before its ack', async (t) => {
  const disk = new MemoryDisk()
  const queue = await Queue.open('/q', aroundOf(disk.boot()), { create: true })
  const putter = await queue.openPut({ freeMin: 0 })
  const events: string[] = []
  const batches = async function* (): AsyncGenerator<Batch> {
    yield { ...numbered(0, 2), release: () => events.push('released') }
  }
  for await (const mark of putter.put(batches())) events.push(`acked ${mark.to.offset}`)
  t.same(events, ['released', 'acked 2'])
  await putter.close()
})

t.test('a batch that is skipped is released too, and acked after those before it', async (t) => {
  const disk = new MemoryDisk()
  const queue = await Queue.open('/q', aroundOf(disk.boot()), { create: true })
  const putter = await queue.openPut({ freeMin: 0 })
  let released = 0
  const batches = [numbered(0, 2), numbered(0, 1), numbered(2, 3)].map((batch) => ({ ...batch, release: () => released++ }))
  t.same((await putAll(putter, batches)).map(({ to }) => to.offset), [2, 1, 3])
  t.equal(released, 3)
  await putter.close()
  t.equal(faultOf(await exportAll(queue), 0, 3), undefined)
})

t.test('after a failed sync nothing is acked or written any more; the next process goes on', async (t) => {
  const disk = new MemoryDisk()
  const around = aroundOf(disk.boot())
  const queue = await Queue.open('/q', around, { create: true })
  const putter = await queue.openPut({ freeMin: 0 })
  await putter.held('')
  const marks: number[] = []
  let over = false
  const batches = async function* (): AsyncGenerator<Batch> {
    yield numbered(0, 2)
    while (marks.length === 0) await setImmediate()
    disk.plan = { step: disk.steps + 2, failure: 'EIO' } // the write, then the sync
    yield numbered(2, 4)
    while (!over) await setImmediate()
  }
  await t.rejects(
    async () => {
      for await (const { to } of putter.put(batches())) marks.push(to.offset)
    },
    { code: 'SEGMENT_WRITE', cause: { code: 'EIO' } },
  )
  over = true
  t.same(marks, [2])
  await t.rejects(putter.held(''), { code: 'SEGMENT_WRITE' })
  await putter.close()
  disk.losePower(() => 1)
  const again = await Queue.open('/q', aroundOf(disk.boot()), { create: false })
  const next = await again.openPut({ freeMin: 0 })
  const held = (await next.held('p')).get('p')?.[0]?.offset ?? 0
  await putAll(next, stream(held, 20))
  await next.close()
  t.equal(faultOf(await exportAll(again), 0, 20), undefined)
})

t.test('a reader whose place cannot be synced ends with the next ack, and syncs that file no more', async (t) => {
  const disk = new MemoryDisk()
  const clock = new FakeClock(1_700_000_000_000)
  const around = aroundOf(disk.boot(), clock)
  await Queue.open('/q', around, { create: true })
  const cursor = await Cursor.register(new Paths('/q'), 'r', 0, around)
  await cursor.move(2)
  disk.plan = { step: disk.steps + 2, failure: 'EIO' } // the write, then the sync
  clock.advance(1000)
  while (disk.plan !== undefined) await setImmediate()
  const before = disk.log.length
  await t.rejects(cursor.move(3), { code: 'SEGMENT_WRITE', message: 'cannot write the place of reader r, 2', cause: { code: 'EIO' } })
  await t.rejects(cursor.close(), { code: 'SEGMENT_WRITE' })
  t.same(disk.log.slice(before), [])
})

t.test('a full disk is waited for: said once, nothing half written, nothing lost', async (t) => {
  const disk = new MemoryDisk()
  const clock = new FakeClock(1_700_000_000_000)
  const around = aroundOf(disk.boot(), clock)
  const queue = await Queue.open('/q', around, { create: true })
  const putter = await queue.openPut({ freeMin: 0, segmentBytesMax: 2000 })
  const taker = await queue.openTake('r', { once: false })
  disk.capacity = disk.used + 2500
  let done = false
  const putting = putAll(putter, stream(0, 34)).then(() => (done = true))
  while (around.said.length === 0) await setImmediate()
  for (let turn = 0; turn < 10; turn++) {
    clock.advance(200)
    await setImmediate()
  }
  t.equal(done, false)
  t.equal(around.said.length, 1, around.said.join())
  t.match(around.said[0], /it has no reader/)
  disk.capacity = Infinity
  while (!done) {
    clock.advance(200)
    await setImmediate()
  }
  await putting
  t.match(around.said[1], /room again/)
  await putter.close()
  t.equal(faultOf(await takeAll(taker, { kind: 'acks' }), 0, 34), undefined)
  await taker.close()
})

t.test('what is put while the clock stands before 1970 was put when that began, now and on every replay', async (t) => {
  const disk = new MemoryDisk()
  const queue = await Queue.open('/q', aroundOf(disk.boot(), new FakeClock(-86_400_000)), { create: true })
  const putter = await queue.openPut({ freeMin: 0 })
  await putAll(putter, stream(0, 10))
  const taker = await queue.openTake('r', { once: true })
  const taken = await takeAll(taker, { kind: 'acks' })
  t.equal(faultOf(taken, 0, 10), undefined)
  t.ok(taken.every(({ time }) => time === 0))
  await taker.close()
  await putter.close()
})

t.test('--free-min keeps room for others, and a queue that waits can be closed', async (t) => {
  const disk = new MemoryDisk()
  const clock = new FakeClock(1_700_000_000_000)
  const around = aroundOf(disk.boot(), clock)
  const queue = await Queue.open('/q', around, { create: true })
  disk.capacity = 100_000
  const putter = await queue.openPut({ freeMin: 90_000 })
  const putting = putAll(putter, stream(0, 400))
  while (around.said.length === 0) {
    clock.advance(1000)
    await setImmediate()
  }
  t.match(around.said[0], /--free-min is 90000, and the next batch has \d+;/)
  t.ok(disk.capacity - disk.used >= 90_000, `${disk.capacity - disk.used} bytes are free`)
  await putter.close()
  const acked = (await putting).at(-1)?.to.offset ?? 0
  disk.losePower(() => 0)
  const after = await Queue.open('/q', aroundOf(disk.boot()), { create: false })
  t.equal(faultOf((await exportAll(after)).filter(({ to }) => to <= acked), 0, acked), undefined)
})

t.test('told to stop, a full queue is waited for no more: what was not written is not acked', async (t) => {
  const disk = new MemoryDisk()
  const clock = new FakeClock(1_700_000_000_000)
  const around = aroundOf(disk.boot(), clock)
  const queue = await Queue.open('/q', around, { create: true })
  const stop = new AbortController()
  const putter = await queue.openPut({ freeMin: 0, sizeMax: 2000, stop: stop.signal })
  const putting = putAll(putter, stream(0, 34))
  while (around.said.length === 0) await setImmediate()
  stop.abort()
  const acked = (await putting).at(-1)?.to.offset ?? 0
  await putter.close()
  t.ok(acked > 0 && acked < 34, `${acked} are acked`)
  t.equal(faultOf(await exportAll(queue), 0, acked), undefined)
})

t.test('what a full queue waits for is made once, not with each look', async (t) => {
  const disk = new MemoryDisk()
  const clock = new FakeClock(1_700_000_000_000)
  const around = aroundOf(disk.boot(), clock)
  const queue = await Queue.open('/q', around, { create: true })
  const stop = new AbortController()
  const made = t.capture(AbortSignal, 'any', AbortSignal.any.bind(AbortSignal))
  const putter = await queue.openPut({ freeMin: 0, sizeMax: 2000, stop: stop.signal })
  const putting = putAll(putter, stream(0, 34))
  while (around.said.length === 0) await setImmediate()
  for (let look = 0; look < 10; look++) {
    clock.advance(200)
    await setImmediate()
  }
  stop.abort()
  await putting
  await putter.close()
  t.equal(made().length, 1)
})

t.test('by default a twentieth of a small disk stays free', async (t) => {
  const disk = new MemoryDisk()
  const clock = new FakeClock(1_700_000_000_000)
  const around = aroundOf(disk.boot(), clock)
  const queue = await Queue.open('/q', around, { create: true })
  disk.capacity = 100_000
  const putter = await queue.openPut({})
  const putting = putAll(putter, [numbered(0, 1, 92_000), numbered(1, 2, 3000)])
  while (around.said.length === 0) {
    clock.advance(1000)
    await setImmediate()
  }
  t.match(around.said[0], /--free-min is 5000, and the next batch has \d+;/)
  await putter.close()
  t.equal((await putting).length, 1)
})

t.test('an event larger than --size-max goes through an empty queue alone', async (t) => {
  const disk = new MemoryDisk()
  const clock = new FakeClock(1_700_000_000_000)
  const queue = await Queue.open('/q', aroundOf(disk.boot(), clock), { create: true })
  const putter = await queue.openPut({ freeMin: 0, sizeMax: 1000 })
  const taker = await queue.openTake('r', { once: false })
  const batches = taker.open({ kind: 'acks' }, new AbortController().signal)
  const putting = putAll(putter, [numbered(0, 1, 5000), numbered(1, 2, 5000)])
  const pull = async (): Promise<Batch | undefined> => {
    const next = batches.next()
    let there = false
    void next.then(() => (there = true))
    while (!there) {
      clock.advance(1000)
      await setImmediate()
    }
    return (await next).value ?? undefined
  }
  let asked = 0
  for (const n of [0, 1]) {
    let batch = await pull()
    for (; batch?.flush; asked++) batch = await pull()
    t.equal(batch?.lines.toString(), lineOf(n, 5000))
    if (n === 0) {
      const flush = await pull()
      t.equal(flush?.flush, true, 'all is given out, and the queue is full: acks are asked for')
    }
    if (batch) await taker.settle(batch.mark!)
    batch?.release()
  }
  t.equal(asked, 0, 'once for each place')
  t.equal((await putting).length, 2)
  await putter.close()
  await taker.close()
})
