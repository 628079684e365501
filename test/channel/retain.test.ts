/** --retain: what stays although all readers have acked it, and how it makes room. */
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Queue } from '../../src/channel/channel.js'
import type { Batch } from '../../src/events/batch.js'
import type { Retain } from '../../src/channel/retain.js'
import { checkAll, segmentsOn, spoil } from '../support/checking.js'
import { FakeClock, passing } from '../support/clock.js'
import { MemoryDisk, type Failure } from '../support/memory-disk.js'
import { aroundOf, exportAll, faultOf, numbered, putAll, takeAll, type Around } from '../support/queue.js'
import { shell } from '../support/shell.js'

const MINUTE = 60_000
const PUT = { segmentBytesMax: 1000, freeMin: 0 }
const ACKS = { kind: 'acks' } as const
const ALL = { age: null, bytes: null }

interface Made {
  readonly disk: MemoryDisk
  readonly clock: FakeClock
  readonly around: Around
  readonly queue: Queue
}

/** A queue that retains; ten batches a minute apart, two a segment, all acked by the reader `r`. */
async function made(retain: Retain | undefined): Promise<Made> {
  const disk = new MemoryDisk()
  const clock = new FakeClock(1_700_000_000_000)
  disk.now = () => clock.now()
  const around = aroundOf(disk.boot(), clock)
  const queue = await Queue.open('/q', around, { create: true })
  await queue.retain(retain)
  const putter = await queue.openPut(PUT)
  const minutely = async function* (): AsyncGenerator<Batch> {
    for (let n = 0; n < 40; n += 4) {
      yield numbered(n, n + 4)
      await putter.held('') // it is written, at this minute
      clock.time += MINUTE // whoever sleeps goes on sleeping
    }
  }
  await putAll(putter, minutely())
  await putter.close()
  await take(queue)
  return { disk, clock, around, queue }
}

async function take(queue: Queue, reader = 'r'): ReturnType<typeof takeAll> {
  const taker = await queue.openTake(reader, { once: true })
  const taken = await takeAll(taker, ACKS)
  await taker.close()
  return taken
}

function firstsOn(disk: MemoryDisk): number[] {
  return segmentsOn(disk).map((path) => Number(path.slice(-24, -4)))
}

t.test('without it only the last segment stays; with all, all; the next reader begins with what is there', async (t) => {
  const none = await made(undefined)
  t.same(firstsOn(none.disk), [32])
  const all = await made(ALL)
  t.same(firstsOn(all.disk), [0, 8, 16, 24, 32])
  t.equal(faultOf(await take(all.queue, 'new'), 0, 40), undefined)
  t.equal(faultOf(await exportAll(all.queue), 0, 40), undefined, 'and a replay')
  t.match(await all.queue.stat(), { first: 0, retain: ALL, passed: { segments: 4 } })
  t.equal(await all.queue.retain(ALL), false, 'that is nothing new')
  t.equal(await all.queue.retain(undefined), true)
  t.same(firstsOn(all.disk), [32], 'it holds no longer')
})

t.test('a reader that is forgotten does not come back without power, behind segments that it held', async (t) => {
  const { disk, around, queue } = await made(ALL)
  const taker = await queue.openTake('slow', { once: true })
  await takeAll(taker, ACKS, false)
  await taker.close()
  disk.settle()
  await around.disk.unlink('/q/cursors/slow') // and killed, in the middle of forgetting it
  await queue.retain(undefined)
  t.same(firstsOn(disk), [32])
  disk.losePower(() => 0)
  const again = await Queue.open('/q', aroundOf(disk.boot(), new FakeClock()), { create: false })
  t.same((await again.stat()).readers.map(({ reader }) => reader), ['r'])
})

t.test('segments that go while a reader is registered are not missing to it', async (t) => {
  const { disk, queue } = await made(ALL)
  const boot = disk.boot()
  const open = boot.open.bind(boot)
  boot.open = async (path, mode) => {
    if (path === '/q/cursors/new.tmp') await queue.retain(undefined)
    return open(path, mode)
  }
  const late = await Queue.open('/q', aroundOf(boot), { create: false })
  t.equal(faultOf(await take(late, 'new'), 0, 40), undefined)
  t.same(firstsOn(disk), [32])
})

t.test('what somebody left who was killed while he said what a new queue keeps does not stop its making', async (t) => {
  const disk = new MemoryDisk()
  await disk.boot().makeDirectory('/q')
  await (await disk.boot().open('/q/retain.8e6f.tmp', 'create')).close()
  t.match(await (await Queue.open('/q', aroundOf(disk.boot()), { create: true })).stat(), { next: 0 })
})

t.test('by age: a segment stays so long after its last event', async (t) => {
  // segments end with the batches of minutes 1, 3, 5, 7 and 9; the reader comes at 10
  for (const [minutes, kept] of [[2, [32]], [3, [32]], [4, [24, 32]], [6, [16, 24, 32]], [8, [8, 16, 24, 32]], [99, [0, 8, 16, 24, 32]]] as const) {
    t.same(firstsOn((await made({ age: minutes * MINUTE, bytes: null })).disk), kept, `${minutes} minutes`)
  }
})

t.test('by age: while somebody puts, what is too old goes by itself', async (t) => {
  const { disk, clock, queue } = await made({ age: 20 * MINUTE, bytes: null })
  const putter = await queue.openPut(PUT)
  t.equal(firstsOn(disk).length, 5)
  clock.time += 15 * MINUTE
  while (firstsOn(disk).length > 2) {
    clock.advance(1000)
    await setImmediate()
  }
  await putter.close()
})

t.test('by size: the newest segments that hold so much, and no more than is needed for it', async (t) => {
  const { disk } = await made(ALL)
  const size = disk.find(segmentsOn(disk)[1]!)!.bytes.length
  for (const [bytes, kept] of [[0, 1], [1, 1], [size, 1], [size + 200, 2], [3 * size + 200, 4], [1e9, 5]] as const) {
    const one = await made({ age: null, bytes })
    t.equal(firstsOn(one.disk).length, kept, `${bytes} bytes`)
  }
  t.same(firstsOn((await made({ age: 4 * MINUTE, bytes: 1e9 })).disk), [24, 32], 'and young enough')
  t.same(firstsOn((await made({ age: 99 * MINUTE, bytes: 1 })).disk), [32], 'and among the newest')
})

t.test('with no reader nothing goes, and what a reader needs stays however old', async (t) => {
  const { disk, queue } = await made({ age: 0, bytes: 0 })
  t.same(firstsOn(disk), [32])
  await queue.forget('r')
  const putter = await queue.openPut(PUT)
  await putAll(putter, Array.from({ length: 10 }, (_, n) => numbered(40 + 4 * n, 44 + 4 * n)))
  await putter.close()
  t.equal(firstsOn(disk).length > 4, true)
  t.equal(faultOf(await exportAll(queue), 32, 80), undefined)
})

t.test('a queue that is full gives up what it retains, the oldest first and no more than needed, and waits for nobody', async (t) => {
  for (const full of ['--size-max', 'ENOSPC', '--free-min'] as const) {
    const { disk, clock, around, queue } = await made(ALL)
    const held = (await queue.stat()).bytes
    const putter = await queue.openPut({
      segmentBytesMax: 1000, freeMin: full === '--free-min' ? 3000 : 0, ...(full === '--size-max' ? { sizeMax: held + 1000 } : {}),
    })
    if (full !== '--size-max') disk.capacity = disk.used + (full === '--free-min' ? 4000 : 1000)
    let done = false
    const putting = putAll(putter, Array.from({ length: 4 }, (_, n) => numbered(40 + 4 * n, 44 + 4 * n))).finally(() => (done = true))
    for (let turn = 0; !done; turn++) {
      if (turn > 10_000) throw new Error(around.said.join())
      await setImmediate()
    }
    await putting
    t.equal(clock.now(), 1_700_000_000_000 + 10 * MINUTE, 'no time has passed')
    await putter.close()
    const said = around.said.filter((message) => !message.includes('retains'))
    t.equal(said.length, 1, `${full}: ${said.join()}`)
    t.match(said[0], /gives up what --retain keeps, from event 0 on: /)
    const { first } = await queue.stat()
    t.ok(first > 0 && first < 40, `${full}: begins at ${first}`)
    t.equal(faultOf(await exportAll(queue), first, 56), undefined)
    t.equal(faultOf(await take(queue), 40, 56), undefined, 'what the reader needs is there')
  }
})

t.test('a record that is garbage keeps everything, is told by --check, and is mended by the next --retain', async (t) => {
  const { disk, around, queue } = await made(ALL)
  for (const garbage of ['', 'garbage', '{}', '{"age":"7d","bytes":null}', '{"age":-1,"bytes":null}', 'null']) {
    spoil(disk, '/q/retain', () => Buffer.from(garbage))
    await queue.forget('r')
    await take(queue)
    t.equal(firstsOn(disk).length, 5, garbage)
    t.match(await queue.stat(), { retain: ALL })
    t.match((await checkAll(around)).findings, [{ kind: 'retain', file: '/q/retain', byte: 0 }])
  }
  t.equal(around.said.filter((message) => message.includes('cannot read /q/retain')).length, 1)
  await queue.retain({ age: 0, bytes: 0 })
  await queue.forget('r')
  await take(queue)
  t.equal(firstsOn(disk).length, 1)
})

t.test('whatever step is the last when it is set, it is what it was or what it is to be', async (t) => {
  const before = { age: 7, bytes: null }
  for (const after of [undefined, { age: null, bytes: 9 }]) {
    for (let step = 1; ; step++) {
      const { disk, queue } = await made(before)
      disk.plan = { step: disk.steps + step, failure: 'end' }
      const set = await passing(() => Promise.race([queue.retain(after), disk.ended]))
      if (set === true) break
      for (const choose of [undefined, () => 0, () => 1]) {
        const dark = disk.clone()
        if (choose === undefined) dark.kill()
        else dark.losePower(choose)
        const { retain } = await (await Queue.open('/q', aroundOf(dark.boot()), { create: false })).stat()
        t.ok([before, after].some((each) => JSON.stringify(each) === JSON.stringify(retain)), `step ${step}: ${JSON.stringify(retain)}`)
      }
    }
    for (const failure of ['EIO', 'ENOSPC'] satisfies Failure[]) {
      const { disk, queue } = await made(before)
      disk.plan = { step: disk.steps + 1, failure }
      await t.rejects(queue.retain(after), { code: failure })
      t.same((await queue.stat()).retain, before)
    }
  }
})

t.test('in a shell: an option of one run holds for the next, --stat tells it, and a replay reaches what all have acked', async (t) => {
  const directory = t.testdir({ log: Array.from({ length: 3000 }, (_, n) => `line ${n}\n`).join('') })
  const line = 'flume-tail --once log | flume-buffer ./q --size-max 2M --retain all | flume-sink-hdfs --path "file://$PWD/out"'
  const first = await shell(line, directory)
  t.equal(first.status, 0, first.err)
  t.match(first.err, /queue \.\/q retains all from now on/)
  await shell('for n in 1 2; do seq -f "%010.0f" 100000 >> log; flume-tail --once log | flume-buffer ./q --size-max 50M | flume-sink-hdfs --path "file://$PWD/out"; done', directory)
  const stat = await shell('flume-buffer --stat ./q', directory)
  t.match(stat.out, /retains all: \d/)
  const again = await shell('flume-buffer ./q --from 0 --to 2999 | flume-sink-hdfs --path "file://$PWD/again" && cat again/* | cmp - <(head -3000 log)', directory)
  t.equal(again.status, 0, again.err)
  const less = await shell('flume-buffer --retain 0 --stat ./q && flume-buffer --stat ./q', directory)
  t.notMatch(less.out, /retains/)
  for (const wrong of ['10', '7d,8d', '7d,', 'ever', '']) {
    const { status, err } = await shell(`flume-buffer --stat ./q --retain '${wrong}'`, directory)
    t.equal(status, 64, wrong)
    t.match(err, /expected a time such as 7d/)
  }
})
