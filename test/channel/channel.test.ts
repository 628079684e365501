/** A queue on a real disk: put, take, readers, and what it refuses. */
import { cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Queue, type PutOptions } from '../../src/channel/channel.js'
import { nodeDisk } from '../../src/disk/node.js'
import { batchOf, type Batch } from '../../src/events/batch.js'
import type { Held, Reader } from '../../src/events/flow.js'
import { FakeClock, passing } from '../support/clock.js'
import { aroundOf, exportAll, faultOf, lineOf, numbered, putAll, stream, takeAll, takenOf, type Around } from '../support/queue.js'

const ACKS = { kind: 'acks' } as const
const PLAIN = { kind: 'plain' } as const
const SMALL: PutOptions = { segmentBytesMax: 3000, freeMin: 0 }

function open(directory: string, around: Around = aroundOf(nodeDisk), how: Parameters<typeof Queue.open>[2] = { create: true }): Promise<Queue> {
  return Queue.open(directory, around, how)
}

/** Puts the events `from` to `to` - 1 and closes. */
async function put(queue: Queue, from: number, to: number, options = SMALL): Promise<void> {
  const putter = await queue.openPut(options)
  await putAll(putter, stream(from, to))
  await putter.close()
}

async function take(queue: Queue, reader = 'r', kind: Parameters<typeof takeAll>[1] = ACKS, settle = true): ReturnType<typeof takeAll> {
  const taker = await queue.openTake(reader, { once: true })
  try {
    return await takeAll(taker, kind, settle)
  } finally {
    await taker.close()
  }
}

async function segmentsOf(directory: string): Promise<string[]> {
  return (await readdir(join(directory, 'segments'))).sort().map((name) => join(directory, 'segments', name))
}

t.test('what is put is taken, one batch for each frame, and the same again on a replay', async (t) => {
  const queue = await open(t.testdir())
  const putter = await queue.openPut({ freeMin: 0 })
  const batches = [numbered(0, 3), numbered(3, 4), numbered(4, 9)]
  const marks = await putAll(putter, batches)
  t.same(marks, batches.map(({ mark }) => mark), 'the marks of the batches, in order')
  await putter.close()
  const taken = await take(queue, 'r', PLAIN)
  t.equal(faultOf(taken, 0, 9), undefined)
  t.same(taken.map(({ from, to }) => [from, to]), [[0, 3], [3, 4], [4, 9]])
  t.same(taken.map(({ time }) => time), [1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_000], 'put time')
  t.same(await take(queue, 'r', ACKS, false), taken)
  t.same(await take(queue, 'r', ACKS), taken)
  t.same(await take(queue, 'r', ACKS), [], 'all is acked')
})

t.test('files are for their owner alone', async (t) => {
  const directory = join(t.testdir(), 'deep', 'q')
  const queue = await open(directory)
  await put(queue, 0, 20)
  await take(queue)
  for (const name of ['', ...(await readdir(directory, { recursive: true }))]) {
    const { mode } = await stat(join(directory, name))
    t.equal(mode & 0o077, 0, `${name} ${mode.toString(8)}`)
  }
})

t.test('a mark names the queue and the reader; a reader without acks is not registered and moves nothing', async (t) => {
  const queue = await open(t.testdir())
  await put(queue, 0, 4)
  const taker = await queue.openTake('looks', { once: true })
  for await (const batch of taker.open(PLAIN, new AbortController().signal)) {
    t.match(batch.mark, { partition: `queue.${queue.id}.looks`, replayable: true })
    await taker.settle(batch.mark!)
    batch.release()
  }
  await taker.close()
  t.same((await queue.stat()).readers, [])
  t.equal((await take(queue, 'looks', PLAIN)).length, (await exportAll(queue)).length)
})

t.test('a batch that is held is acked and not stored again; one that leaves something out is refused', async (t) => {
  const queue = await open(t.testdir())
  const putter = await queue.openPut(SMALL)
  await putAll(putter, [numbered(0, 5)])
  t.same(await putter.held('p'), new Map([['p', [{ offset: 5 }]]]))
  await putter.close()
  const again = await queue.openPut(SMALL)
  t.equal((await putAll(again, [numbered(0, 3), numbered(3, 5), numbered(5, 7)])).length, 3)
  t.same(await again.held('other'), new Map())
  await again.close()
  t.equal(faultOf(await exportAll(queue), 0, 7), undefined)
  for (const wrong of [numbered(9, 12), numbered(6, 9), batchOf(Buffer.from(lineOf(9)), 1, { ...numbered(0, 9).mark!, from: null })]) {
    const putter = await queue.openPut(SMALL)
    await t.rejects(putAll(putter, [wrong]), { code: 'BUG' })
    await putter.close()
  }
})

t.test('events that end where they begin are refused: the position held would tell that they are there', async (t) => {
  const queue = await open(t.testdir())
  await put(queue, 0, 5)
  for (const at of [0, 5]) {
    const putter = await queue.openPut(SMALL)
    await t.rejects(putAll(putter, [{ ...numbered(5, 6), mark: { ...numbered(at, at).mark!, from: { offset: at } } }]), { code: 'BUG' })
    await putter.close()
  }
  t.equal(faultOf(await exportAll(queue), 0, 5), undefined)
})

t.test('positions outlast segments; those that are gone are forgotten; empty batches store positions alone', async (t) => {
  const directory = t.testdir()
  const queue = await open(directory)
  const position = (partition: string, offset: number, gone?: string[]): Batch =>
    batchOf(Buffer.alloc(0), 0, { partition, from: null, to: { offset, path: `/log/${partition}` }, time: 1, replayable: true, ...(gone && { gone }) })
  const putter = await queue.openPut(SMALL)
  await putAll(putter, [position('a', 7), position('b', 3), position('c', 0)])
  await putter.close()
  await put(queue, 0, 60)
  const more = await queue.openPut(SMALL)
  await putAll(more, [position('a', 7, ['b'])])
  await more.close()
  t.ok((await segmentsOf(directory)).length > 2)
  const last = await queue.openPut(SMALL)
  t.same([...(await last.held(''))].map(([partition, [to]]) => [partition, to]).sort(), [
    ['a', { offset: 7, path: '/log/a' }],
    ['c', { offset: 0, path: '/log/c' }],
    ['p', { offset: 60 }],
  ])
  await last.close()
  t.equal(faultOf(await exportAll(queue), 0, 60), undefined, 'empty frames are not given out')
})

t.test('large batches are split at line ends, and plain ones are stored without an ack', async (t) => {
  const directory = t.testdir()
  const queue = await open(directory)
  const putter = await queue.openPut({ freeMin: 0 })
  const plain = Array.from({ length: 12_000 }, (_, n) => lineOf(n, 100 + (n % 90))).join('')
  const long = lineOf(12_000, 1_200_000)
  const batches = [batchOf(Buffer.from(plain), 12_000, null), batchOf(Buffer.from(long), 1, null), batchOf(Buffer.from(lineOf(12_001, 1_048_300) + lineOf(12_002, 500)), 2, null)]
  t.same(await putAll(putter, batches), [])
  await putter.held('')
  await putter.close()
  const taken = await take(queue)
  t.equal(faultOf(taken, 0, 12_003), undefined)
  t.equal(taken.map(({ text }) => text).join(''), plain + long + lineOf(12_001, 1_048_300) + lineOf(12_002, 500))
  t.ok(taken.length >= 5, `${taken.length} frames`)
  for (const { text, count } of taken) t.ok(text.length <= 1_048_576 || count === 1, `${text.length} bytes of ${count} events`)
})

t.test('a segment goes when all registered readers have passed it, and with no reader none goes', async (t) => {
  const directory = t.testdir()
  const queue = await open(directory)
  await put(queue, 0, 120)
  const all = await segmentsOf(directory)
  t.ok(all.length >= 4, `${all.length} segments`)
  await take(queue, 'slow', ACKS, false)
  t.equal(faultOf(await take(queue, 'fast'), 0, 120), undefined, 'the slow reader holds the fast one not up')
  t.same(await segmentsOf(directory), all)
  const { slowest, readers } = await queue.stat()
  t.equal(slowest, 'slow')
  t.match(readers, [{ reader: 'slow', next: 0, lag: 120 }, { reader: 'fast', next: 120, lag: 0 }])
  t.equal(faultOf(await take(queue, 'slow'), 0, 120), undefined)
  t.equal((await segmentsOf(directory)).length, 1)
  t.match(await queue.stat(), { next: 120, segments: 1 })
})

t.test('a forgotten reader holds nothing and begins at the oldest event', async (t) => {
  const directory = t.testdir()
  const queue = await open(directory)
  await put(queue, 0, 120)
  await take(queue, 'slow', ACKS, false)
  await take(queue, 'fast')
  await t.rejects(queue.forget('other'), { code: 'NO_INPUT', message: /it has fast, slow/ })
  await t.rejects(queue.forget('../lock'), { code: 'BAD_OPTION' })
  await queue.forget('slow')
  t.equal((await segmentsOf(directory)).length, 1)
  const taken = await take(queue, 'slow')
  t.equal(taken[0]?.from, (await queue.stat()).first)
})

t.test('one putter, and one reader of a name: the next is told who it is', async (t) => {
  const directory = t.testdir()
  const clock = new FakeClock()
  const queue = await open(directory, aroundOf(nodeDisk, clock, 1111))
  const other = await open(directory, aroundOf(nodeDisk, clock, 2222))
  const putter = await queue.openPut(SMALL)
  const taker = await queue.openTake('r', { once: true })
  let waiting = true
  const passing = (async () => {
    for (; waiting; clock.advance(100)) await new Promise((resolve) => setImmediate(resolve))
  })()
  await t.rejects(other.openPut(SMALL), { code: 'BUSY', message: /1111/ })
  await t.rejects(other.openTake('r', { once: true }), { code: 'BUSY', message: /1111/ })
  waiting = false
  await passing
  t.match(await other.stat(), { readers: [] })
  await putter.close()
  await taker.close()
  await (await other.openPut(SMALL)).close()
  await (await other.openTake('r', { once: true })).close()
})

t.test('a reader in another process sees what is on disk, and follows', async (t) => {
  const directory = t.testdir()
  const clock = new FakeClock()
  const here = await open(directory)
  const there = await open(directory, aroundOf(nodeDisk, clock))
  const putter = await here.openPut(SMALL)
  const taker = await there.openTake('r', { once: false })
  const stop = new AbortController()
  const batches = taker.open(ACKS, stop.signal)
  const first = batches.next()
  await clock.idle()
  await putAll(putter, [numbered(0, 2)])
  clock.advance(100)
  const { value } = await first
  t.equal(value && takenOf(value).text, lineOf(0) + lineOf(1))
  if (value) {
    value.release()
    await taker.settle(value.mark!)
  }
  const end = batches.next()
  await clock.idle()
  stop.abort()
  t.same(await end, { done: true, value: undefined })
  await taker.close()
  await putter.close()
})

t.test('a reader in this process is woken by the sync', async (t) => {
  const queue = await open(t.testdir())
  const putter = await queue.openPut(SMALL)
  const taker = await queue.openTake('r', { once: false })
  const batches = taker.open(ACKS, new AbortController().signal)
  const first = batches.next()
  await putAll(putter, [numbered(0, 2)])
  const { value } = await first
  t.equal(value?.count, 2)
  if (value) value.release()
  await putter.close()
  taker.finish()
  t.equal((await batches.next()).done, true)
  await taker.close()
})

t.test('what the reader holds is the truth: the cursor follows it, forward and back', async (t) => {
  const queue = await open(t.testdir())
  await put(queue, 0, 20, { freeMin: 0 })
  const partition = `queue.${queue.id}.r`
  const held = (...offsets: number[]): { kind: 'keeps'; held: Held } => ({ kind: 'keeps', held: new Map([[partition, offsets.map((offset) => ({ offset }))]]) })
  const all = await take(queue, 'r', { kind: 'keeps', held: new Map() }, false)
  t.equal(faultOf(all, 0, 20), undefined)
  const third = all[3]!.from
  t.equal(faultOf(await take(queue, 'r', held(all[5]!.from, third), false), third, 20), undefined, 'from the lowest')
  t.match((await queue.stat()).readers, [{ next: third }])
  t.equal(faultOf(await take(queue, 'r', held(all[1]!.from), false), all[1]!.from, 20), undefined)
  t.match((await queue.stat()).readers, [{ next: all[1]!.from }])
})

t.test('a reader whose places change before it has acked all is refused, naming both', async (t) => {
  const queue = await open(t.testdir())
  await put(queue, 0, 20)
  const taker = await queue.openTake('r', { once: true })
  const batches = taker.open({ kind: 'acks', binding: 'file:///old' }, new AbortController().signal)
  const { value } = await batches.next()
  value!.release()
  await batches.return(undefined)
  await taker.close()
  await t.rejects(take(queue, 'r', { kind: 'acks', binding: 'file:///new' }), { code: 'BINDING_CHANGED', message: /file:\/\/\/old.*file:\/\/\/new/ })
  t.match((await queue.stat()).readers, [{ binding: 'file:///old' }])
  t.equal(faultOf(await take(queue, 'r', { kind: 'acks', binding: 'file:///old' }), 0, 20), undefined)
  t.equal((await queue.stat()).readers[0]?.binding, undefined)
  await put(queue, 20, 25)
  t.equal(faultOf(await take(queue, 'r', { kind: 'acks', binding: 'file:///new' }), 20, 25), undefined)
})

t.test('a reader that was given nothing is not bound, and a former binding goes with the last of its acks', async (t) => {
  const queue = await open(t.testdir())
  const binding = async (): Promise<string | undefined> => (await queue.stat()).readers[0]?.binding
  t.same(await take(queue, 'r', { kind: 'acks', binding: 'file:///empty' }), [])
  t.equal(await binding(), undefined)
  await put(queue, 0, 10)
  t.equal(faultOf(await take(queue, 'r', { kind: 'acks', binding: 'file:///old' }), 0, 10), undefined)
  t.same(await take(queue, 'r', { kind: 'acks', binding: 'file:///old' }), [])
  t.equal(await binding(), undefined)
  await put(queue, 10, 20)
  t.equal(faultOf(await take(queue, 'r', { kind: 'acks', binding: 'file:///new' }, false), 10, 20), undefined)
  const stopped = await queue.openTake('r', { once: true })
  for await (const batch of stopped.open({ kind: 'acks', binding: 'file:///other', rebind: true }, AbortSignal.abort())) batch.release()
  await stopped.close()
  t.equal(await binding(), 'file:///new', 'what it holds is not acked')
})

t.test('a reader that means its new places gets them, is told which events may lie in both, and is bound to these', async (t) => {
  const around = aroundOf(nodeDisk)
  const { said } = around
  const queue = await open(t.testdir(), around)
  await put(queue, 0, 20)
  const begun = async (reader: Reader): Promise<void> => {
    const taker = await queue.openTake('r', { once: true })
    const batches = taker.open(reader, new AbortController().signal)
    const { value } = await batches.next()
    value!.release()
    await batches.return(undefined)
    await taker.close()
  }
  await begun({ kind: 'acks', binding: 'file:///old' })
  await begun({ kind: 'acks', binding: 'file:///new', rebind: true })
  t.same(said, ['reader r writes to file:///new now, no longer to file:///old: of the events 0 to 19 some may lie in both'])
  await t.rejects(take(queue, 'r', { kind: 'acks', binding: 'file:///old' }), { code: 'BINDING_CHANGED', message: /--rebind/ })
  await begun({ kind: 'acks', binding: 'file:///new', rebind: true })
  t.equal(said.length, 1)
  t.equal(faultOf(await take(queue, 'r', { kind: 'acks', binding: 'file:///new' }), 0, 20), undefined)
  t.equal((await queue.stat()).readers[0]?.binding, undefined)
})

t.test('--ack=off has a cursor of its own that holds no segment', async (t) => {
  const directory = t.testdir()
  const queue = await open(directory)
  await put(queue, 0, 120)
  t.equal(faultOf(await take(queue, 'r', { kind: 'off' }), 0, 120), undefined)
  t.same(await take(queue, 'r', { kind: 'off' }), [])
  t.same((await queue.stat()).readers, [])
  t.equal(faultOf(await take(queue, 'r'), 0, 120), undefined)
})

t.test('the place of --ack=off is given up by the name of its file, and whoever is refused there is told that name', async (t) => {
  const directory = t.testdir()
  const clock = new FakeClock()
  const queue = await open(directory, aroundOf(nodeDisk, clock))
  await put(queue, 0, 20)
  await take(queue)
  await take(queue, 'r', { kind: 'off' })
  await t.rejects(queue.forget('other.off'), { code: 'NO_INPUT', message: /it has r, r\.off$/ })
  await t.rejects(queue.forget('r.lock'), { code: 'BAD_OPTION' })
  const path = join(directory, 'cursors', 'r.off')
  const ahead = await readFile(path)
  await writeFile(path, Buffer.alloc(8192))
  await t.rejects(take(queue, 'r', { kind: 'off' }), { code: 'SEGMENT_DAMAGED', message: /--forget r\.off begins/ })
  await queue.forget('r.off')
  t.equal(faultOf(await take(queue, 'r', { kind: 'off' }), 0, 20), undefined)
  t.same(await take(queue), [], 'the reader that acks stands where it stood')

  const shorter = join(directory, 'shorter')
  await put(await open(shorter, aroundOf(nodeDisk, clock)), 0, 5)
  await writeFile(join(shorter, 'cursors', 'r.off'), ahead)
  const refused = passing((time) => open(shorter, aroundOf(nodeDisk, time)).then((restored) => take(restored, 'r', { kind: 'off' })))
  await t.rejects(refused, { code: 'OTHER_HISTORY', message: /--forget r\.off begins/ })
})

t.test('without cursors/, as some backups drop what is empty, a queue has no reader', async (t) => {
  const directory = t.testdir()
  const queue = await open(directory)
  await put(queue, 0, 5)
  const without = async (): Promise<void> => rm(join(directory, 'cursors'), { recursive: true, force: true })
  await without()
  t.match(await queue.stat(), { readers: [], next: 5 })
  await t.rejects(queue.forget('r'), { code: 'NO_INPUT', message: /it has none$/ })
  t.equal(await queue.retain({ age: 1000, bytes: null }), true)
  await without()
  t.equal(faultOf(await take(queue), 0, 5), undefined)
})

t.test('who has got the pid of one that was killed does not hold what that one held', async (t) => {
  const directory = t.testdir()
  const queue = await open(directory, aroundOf(nodeDisk, new FakeClock(), process.pid))
  await put(queue, 0, 5)
  await take(queue)
  for (const name of ['lock', 'cursors/r.lock']) await writeFile(join(directory, name), `${process.pid}\n`)
  const left = await queue.stat()
  t.same([left.pid, left.readers[0]?.pid], [undefined, undefined])
  const putter = await queue.openPut(SMALL)
  const taker = await queue.openTake('r', { once: true })
  const held = await queue.stat()
  t.same([held.pid, held.readers[0]?.pid], [process.pid, process.pid])
  await putter.close()
  await taker.close()
})

t.test('a queue that comes in the place of one that is put into, and was renamed, gets nothing of it', async (t) => {
  const directory = t.testdir()
  const [path, other] = [join(directory, 'q'), join(directory, 'other')]
  await put(await open(other), 0, 100)
  const queue = await open(path)
  const putter = await queue.openPut(SMALL)
  const names = (await segmentsOf(other)).map((name) => name.replace(other, path))
  async function* replaced(): AsyncGenerator<Batch> {
    yield* stream(0, 10)
    await rename(path, join(directory, 'renamed'))
    await rename(other, path)
    yield* stream(10, 200)
  }
  await t.rejects(putAll(putter, replaced()), { code: 'IO', message: /cannot go on with queue .*: it was renamed or removed meanwhile/ })
  await putter.close().catch(() => undefined)
  t.same(await segmentsOf(path), names)
  t.equal(faultOf(await exportAll(await open(path)), 0, 100), undefined)
})

t.test('a copy is refused until told what it is; a renamed directory is the queue itself', async (t) => {
  const root = t.testdir()
  const [first, moved, copy] = [join(root, 'q'), join(root, 'moved'), join(root, 'copy')]
  const { id } = await open(first)
  await put(await open(first), 0, 10)
  await rename(first, moved)
  t.equal((await open(moved)).id, id)
  await cp(moved, copy, { recursive: true })
  await t.rejects(open(copy), { code: 'QUEUE_COPIED', message: /--copied.*--moved/ })
  const other = await open(copy, aroundOf(nodeDisk), { create: false, accept: 'copied' })
  t.not(other.id, id)
  await put(await open(copy), 10, 20)
  t.equal(faultOf(await exportAll(await open(copy)), 0, 20), undefined, 'its old segments are its own')
  await rm(moved, { recursive: true })
  await cp(copy, first, { recursive: true })
  t.equal((await open(first, aroundOf(nodeDisk), { create: false, accept: 'moved' })).id, other.id)
  t.equal((await open(first)).id, other.id)
})

t.test('what is no queue is refused and left alone', async (t) => {
  const root = t.testdir({ file: 'text', full: { 'thesis.doc': 'years of work' }, empty: {}, future: {} })
  await t.rejects(open(join(root, 'file')), { code: 'CANNOT_CREATE', message: /it is a file/ })
  await t.rejects(open(join(root, 'full')), { code: 'CANNOT_CREATE', message: /thesis\.doc/ })
  t.same(await readdir(join(root, 'full')), ['thesis.doc'])
  await t.rejects(open(join(root, 'none'), aroundOf(nodeDisk), { create: false }), { code: 'NO_INPUT' })
  await put(await open(join(root, 'empty')), 0, 3)
  await open(join(root, 'future'))
  const path = join(root, 'future', 'queue.json')
  await writeFile(path, (await readFile(path, 'utf8')).replace('"format":1', '"format":2'))
  await t.rejects(open(join(root, 'future')), { code: 'VERSION', message: /its format is 2, this program knows 1/ })
  await writeFile(path, 'garbage')
  await t.rejects(open(join(root, 'future')), { code: 'SEGMENT_DAMAGED', message: /queue\.json/ })
})

t.test('a missing segment is one gap event; its neighbours are delivered', async (t) => {
  const directory = t.testdir()
  const around = aroundOf(nodeDisk)
  const queue = await open(directory, around)
  await put(queue, 0, 120)
  const [, second, third] = await segmentsOf(directory)
  await rm(second!)
  const taken = await take(queue, 'r', ACKS, false)
  const gap = taken.findIndex(({ text }) => text.includes('flume.gap'))
  const [from, to] = [Number(second!.slice(-24, -4)), Number(third!.slice(-24, -4))]
  t.match(taken[gap], { from, to, count: 1 })
  const { timestamp, ...headers } = (JSON.parse(taken[gap]!.text) as { headers: Record<string, string> }).headers
  t.same(headers, { 'flume.gap': 'missing', queue: queue.id, first: String(from), last: String(to - 1) })
  t.match(timestamp, /^\d+$/)
  t.equal(faultOf(taken.slice(0, gap), 0, from), undefined)
  t.equal(faultOf(taken.slice(gap + 1), to, 120), undefined)
  t.match(around.said, [new RegExp(`events ${from} to ${to - 1} are missing`)])
  t.same(await take(queue, 'r', ACKS, false), taken, 'the same on a replay')
})

t.test('a reader from before the oldest segment is told what it misses', async (t) => {
  const directory = t.testdir()
  const queue = await open(directory)
  await put(queue, 0, 120)
  await take(queue, 'r', ACKS, false)
  const [first, second] = await segmentsOf(directory)
  await rm(first!)
  const to = Number(second!.slice(-24, -4))
  const taken = await take(queue, 'r', ACKS)
  t.match(taken[0], { from: 0, to, count: 1 })
  t.match(taken[0]?.text, '"flume.gap":"removed"')
  t.equal(faultOf(taken.slice(1), to, 120), undefined)
})

t.test('an empty or missing last segment: numbers that were published are not used again', async (t) => {
  for (const spoil of [(path: string) => truncate(path, 0), (path: string) => rm(path)]) {
    const directory = join(t.testdir(), String(Math.random()).slice(2))
    const queue = await open(directory)
    await put(queue, 0, 120)
    const last = (await segmentsOf(directory)).at(-1)!
    const from = Number(last.slice(-24, -4))
    await spoil(last)
    const again = await queue.openPut(SMALL)
    const held = (await again.held('p')).get('p')![0]!.offset
    t.equal(held, from, 'what sends is asked for what was lost')
    await putAll(again, stream(held, 130))
    await again.close()
    const taken = await take(queue)
    t.match(taken.find(({ from: at }) => at === from), { to: 120, count: 1 })
    t.match(taken.at(-1), { to: 120 + 130 - from })
  }
})

t.test('a reader ahead of the queue is refused while somebody puts, else the queue goes on where the reader stands', async (t) => {
  const root = t.testdir()
  const [ahead, behind] = [join(root, 'ahead'), join(root, 'behind')]
  await put(await open(ahead), 0, 50)
  await take(await open(ahead))
  const clock = new FakeClock()
  const around = aroundOf(nodeDisk, clock)
  const queue = await open(behind, around)
  await put(queue, 0, 10)
  const putter = await queue.openPut(SMALL)
  await cp(join(ahead, 'cursors', 'r'), join(behind, 'cursors', 'r'))
  let waiting = true
  const passing = (async () => {
    for (; waiting; clock.advance(100)) await new Promise((resolve) => setImmediate(resolve))
  })()
  await t.rejects(take(queue), { code: 'OTHER_HISTORY', message: /before event 50.*before 10.*--forget r/ })
  waiting = false
  await passing
  await putter.close()
  await put(queue, 10, 20)
  t.match(around.said, [/goes on at 50/])
  const taken = await take(queue)
  t.match(taken.map(({ text }) => text).join(''), lineOf(10))
  t.equal(taken[0]?.from, 50)
})

t.test('a full queue stops pulling, says so once with its slowest reader, and goes on when there is room', async (t) => {
  const directory = t.testdir()
  const clock = new FakeClock()
  const around = aroundOf(nodeDisk, clock)
  const queue = await open(directory, around)
  const putter = await queue.openPut({ sizeMax: 12_000, freeMin: 0 })
  await take(queue, 'slow', ACKS, false)
  let pulled = 0
  const counted = async function* (): AsyncGenerator<Batch> {
    for (; pulled < 800; pulled += 4) yield numbered(pulled, pulled + 4)
  }
  const putting = putAll(putter, counted())
  let most = 0
  const taken = []
  const watch = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, (await queue.stat()).bytes)
    clock.advance(200)
  }
  while (!around.said.some((message) => message.includes('is full'))) await watch()
  for (let turn = 0; turn < 20; turn++) await watch()
  t.same(around.said.filter((message) => message.includes('is full')).length, 1)
  t.match(around.said[0], /is full: .*--size-max 12000; its slowest reader is slow, \d+ events behind/)
  while (pulled < 800 || (await queue.stat()).next < 800) {
    taken.push(...(await take(queue, 'slow')))
    await watch()
  }
  await putting
  taken.push(...(await take(queue, 'slow')))
  t.equal(faultOf(taken, 0, 800), undefined)
  t.ok(most <= 12_000, `${most} bytes`)
  t.match(around.said.at(-1), /room again/)
  await putter.close()
})

t.test('stat of a queue that nobody has put into', async (t) => {
  const queue = await open(t.testdir())
  t.match(await queue.stat(), { id: queue.id, first: 0, next: 0, segments: 0, bytes: 0, readers: [] })
  t.same(await take(queue), [])
  t.same(await exportAll(queue), [])
})

t.test('a queue directory may be half made', async (t) => {
  const directory = t.testdir({ segments: {}, 'queue.json.1.tmp': '{"for' })
  await mkdir(join(directory, 'cursors'))
  await put(await open(directory), 0, 5)
  t.equal(faultOf(await exportAll(await open(directory)), 0, 5), undefined)
})
