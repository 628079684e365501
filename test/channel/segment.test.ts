/** The bytes of a queue: as flume-segment(5) has them, cut at each byte, and flipped. */
import { readdirSync, readlinkSync } from 'node:fs'
import { copyFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Queue } from '../../src/channel/channel.js'
import { nodeDisk } from '../../src/disk/node.js'
import { batchOf } from '../../src/events/batch.js'
import { FakeClock } from '../support/clock.js'
import { aroundOf, exportAll, faultOf, lineOf, numbered, putAll, stream, takeAll, type Taken } from '../support/queue.js'
import { readQueue, readSlots } from '../support/stranger.js'

async function make(directory: string, segmentBytesMax = 2e6): Promise<Queue> {
  const queue = await Queue.open(directory, aroundOf(nodeDisk), { create: true })
  const putter = await queue.openPut({ freeMin: 0, segmentBytesMax })
  await putAll(putter, stream(0, 42))
  await putter.close()
  return queue
}

async function lastSegment(directory: string): Promise<string> {
  return join(directory, 'segments', (await readdir(join(directory, 'segments'))).sort().at(-1)!)
}

/** By this process. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // it was that of the directory itself
    }
  })
}

/** What is lost, as numbers of events; throws where anything else is wrong. */
function lostOf(taken: readonly Taken[], to: number): number[] {
  const lost: number[] = []
  let next = 0
  for (const batch of taken) {
    if (batch.from !== next) throw new Error(`batch ${batch.from} after ${next}`)
    next = batch.to
    if (batch.text.includes('flume.gap')) for (let n = batch.from; n < batch.to; n++) lost.push(n)
    else if (faultOf([batch], batch.from, batch.to) !== undefined) throw new Error(faultOf([batch], batch.from, batch.to))
  }
  if (next !== to) throw new Error(`ends at ${next}, not at ${to}`)
  return lost
}

t.test('a stranger can read a queue from its page', async (t) => {
  const directory = t.testdir()
  const queue = await make(directory, 3000)
  const taker = await queue.openTake('hdfs', { once: true })
  await takeAll(taker, { kind: 'acks', binding: 'file:///out' }, false)
  await taker.close()
  const segments = readQueue(directory)
  t.ok(segments.length >= 3)
  const table: Record<string, unknown> = {}
  let next = 0
  let text = ''
  for (const segment of segments) {
    t.equal(segment.queue, queue.id.replaceAll('-', ''))
    t.equal(segment.first, next)
    t.equal(segment.created, 1_700_000_000_000)
    t.same(segment.table, table)
    for (const frame of segment.frames) {
      t.equal(frame.first, next)
      t.equal(frame.time, 1_700_000_000_000)
      t.ok(frame.durable <= frame.place)
      t.equal(frame.continues, Object.keys(frame.positions).length === 0)
      next += frame.count
      text += frame.lines.toString()
      Object.assign(table, frame.positions)
    }
  }
  t.ok(segments.some(({ frames }) => frames.some(({ continues }) => continues)), 'a batch of several frames is among them')
  t.same(table, { p: { offset: 42 } })
  t.equal(text, (await exportAll(queue)).map((batch) => batch.text).join(''))
  const committed = readSlots(join(directory, 'committed'), 'flumecom', 64)
  t.equal(committed?.readBigUInt64LE(16), 42n)
  const cursor = readSlots(join(directory, 'cursors', 'hdfs'), 'flumecur', 4096)
  t.equal(cursor?.readBigUInt64LE(0), 0n)
  t.equal(cursor?.toString('utf8', 16), 'file:///out')
})

t.test('cut at any byte, what nothing says was on disk goes batch by batch, and the rest can follow', async (t) => {
  const directory = t.testdir()
  await make(directory)
  const path = await lastSegment(directory)
  const whole = await readFile(path)
  const { frames } = readQueue(directory)[0]!
  const ends = frames.filter(({ continues }) => !continues).map(({ place, size, first, count }) => ({ end: place + size, next: first + count }))
  const edges = frames.flatMap(({ place, size }) => [place - 1, place, place + 1, place + 64, place + size - 1])
  for (const cut of new Set([...edges, ...Array.from({ length: 20 }, (_, n) => Math.floor((whole.length * n) / 20))])) {
    if (cut < 64) continue
    await writeFile(path, whole.subarray(0, cut))
    await truncate(join(directory, 'committed'), 0) // as after a loss of power
    const queue = await Queue.open(directory, aroundOf(nodeDisk), { create: false })
    const putter = await queue.openPut({ freeMin: 0 })
    const held = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
    if (held !== (ends.findLast(({ end }) => end <= cut)?.next ?? 0)) t.fail(`cut at ${cut}: ${held} is held`)
    await putAll(putter, stream(held, 42))
    await putter.close()
    const fault = faultOf(await exportAll(queue), 0, 42)
    if (fault !== undefined) t.fail(`cut at ${cut}: ${fault}`)
  }
  t.pass('every cut')
})

t.test('a flipped byte costs one frame at most, wherever it is', async (t) => {
  const directory = t.testdir()
  const queue = await make(directory)
  const path = await lastSegment(directory)
  const whole = await readFile(path)
  const committed = join(directory, 'committed')
  await copyFile(committed, `${committed}.kept`)
  const { frames } = readQueue(directory)[0]!
  const start = frames[0]!.place
  const dense = [frames[0]!, frames[7]!, frames.at(-1)!].flatMap(({ place }) => Array.from({ length: 64 }, (_, n) => place + n))
  const places = new Set([...Array.from({ length: 64 }, (_, n) => n), ...dense, ...Array.from({ length: 100 }, (_, n) => start + Math.floor(((whole.length - start) * n) / 100))])
  for (const place of places) {
    const bytes = Buffer.from(whole)
    bytes[place]! ^= 1 << (place % 8)
    await writeFile(path, bytes)
    const hit = frames.find((frame) => place >= frame.place && place < frame.place + frame.size)
    const expected = Array.from({ length: hit?.count ?? 0 }, (_, n) => hit!.first + n)
    const lost = lostOf(await exportAll(queue), 42)
    if (lost.length > 0 && String(lost) !== String(expected)) t.fail(`byte ${place}: events ${String(lost)} are lost`)
    if (lost.length === 0 && hit !== undefined && place >= hit.place + hit.size - hit.lines.length) t.fail(`byte ${place}: nobody has noticed`)
    await copyFile(`${committed}.kept`, committed)
    for (const name of await readdir(join(directory, 'segments'))) if (!path.endsWith(name)) await rm(join(directory, 'segments', name))
  }
  t.pass(`${places.size} bytes`)
})

t.test('damage that was on disk stays, and what follows it is neither cut nor renumbered', async (t) => {
  const directory = t.testdir()
  await make(directory)
  const path = await lastSegment(directory)
  const bytes = await readFile(path)
  const hit = readQueue(directory)[0]!.frames[4]!
  bytes[hit.place + hit.size - 5]! ^= 1
  await writeFile(path, bytes)
  const around = aroundOf(nodeDisk)
  const queue = await Queue.open(directory, around, { create: false })
  const putter = await queue.openPut({ freeMin: 0 })
  t.match(around.said, [/damaged in 1 place/])
  t.same(await putter.held('p'), new Map([['p', [{ offset: 42 }]]]))
  await putAll(putter, stream(42, 60))
  await putter.close()
  const taken = await exportAll(queue)
  t.same(lostOf(taken, 60), Array.from({ length: hit.count }, (_, n) => hit.first + n))
  t.match(taken.find(({ text }) => text.includes('flume.gap')), { time: hit.time, count: 1 })
})

t.test('damage at the very end that was published is a gap, and the queue goes on after it', async (t) => {
  const directory = t.testdir()
  await make(directory)
  const path = await lastSegment(directory)
  const bytes = await readFile(path)
  const hit = readQueue(directory)[0]!.frames.at(-1)!
  bytes[hit.place + 5]! ^= 128
  await writeFile(path, bytes)
  const queue = await Queue.open(directory, aroundOf(nodeDisk), { create: false })
  const putter = await queue.openPut({ freeMin: 0 })
  t.same(await putter.held('p'), new Map([['p', [{ offset: hit.first }]]]), 'what sends can send it again')
  await putAll(putter, [numbered(hit.first, 50)])
  await putter.close()
  const taken = await exportAll(queue)
  t.match(taken.find(({ from }) => from === hit.first), { to: 42, count: 1 })
  t.match(taken.at(-1), { from: 42, to: 42 + 50 - hit.first })
  t.match(taken.at(-1)?.text, lineOf(49))
})

t.test('a segment whose beginning is damaged takes its positions from the one before, else the queue stops, naming the byte', async (t) => {
  const directory = t.testdir()
  await make(directory, 3000)
  for (const place of [20, 70]) {
    const path = await lastSegment(directory)
    const whole = await readFile(path)
    const bytes = Buffer.from(whole)
    bytes[place]! ^= 1
    await writeFile(path, bytes)
    const around = aroundOf(nodeDisk)
    const queue = await Queue.open(directory, around, { create: false })
    const putter = await queue.openPut({ freeMin: 0 })
    t.same(await putter.held('p'), new Map([['p', [{ offset: 42 }]]]))
    await putter.close()
    t.match(around.said, [/damaged at its beginning/])
    t.equal(faultOf(await exportAll(queue), 0, 42), undefined)
    await writeFile(path, whole)
  }
  const alone = t.testdir({ q: {} }) + '/q'
  await make(alone)
  const path = await lastSegment(alone)
  const bytes = await readFile(path)
  bytes[20]! ^= 1
  await writeFile(path, bytes)
  const queue = await Queue.open(alone, aroundOf(nodeDisk), { create: false })
  await t.rejects(queue.openPut({}), { code: 'SEGMENT_DAMAGED', message: /00000000000000000000\.seg at byte 64/ })
})

t.test('a segment of another queue, or of a later format, is refused', async (t) => {
  const root = t.testdir({ a: {}, b: {} })
  await make(join(root, 'a'))
  const queue = await make(join(root, 'b'))
  await copyFile(await lastSegment(join(root, 'a')), await lastSegment(join(root, 'b')))
  await t.rejects(queue.openPut({}), { code: 'OTHER_HISTORY', message: /segment 0 of queue/ })
  await t.rejects(exportAll(queue), { code: 'OTHER_HISTORY' })
})

t.test('one in the middle that is refused is not left open', async (t) => {
  const directory = t.testdir()
  const queue = await make(directory, 3000)
  const segments = join(directory, 'segments')
  const [first, second] = (await readdir(segments)).sort()
  await copyFile(join(segments, first!), join(segments, second!))
  await t.rejects(exportAll(queue), { code: 'OTHER_HISTORY' })
  t.strictSame(openFiles().filter((path) => path.startsWith(segments)), [])
})

t.test('a frame inside an event is not taken for one of the segment', async (t) => {
  const directory = t.testdir()
  const queue = await make(directory)
  const bytes = await readFile(await lastSegment(directory))
  const { frames } = readQueue(directory)[0]!
  const inner = bytes.subarray(frames[3]!.place, frames[3]!.place + 64)
  const line = Buffer.concat([Buffer.from('{"body":"'), inner, Buffer.from('"}\n')])
  const putter = await queue.openPut({ freeMin: 0 })
  await putAll(putter, [batchOf(line, line.toString('latin1').split('\n').length - 1, null), numbered(42, 44)])
  await putter.held('')
  await putter.close()
  const path = await lastSegment(directory)
  const spoiled = await readFile(path)
  spoiled[spoiled.indexOf('{"body":"') - 60]! ^= 1
  await writeFile(path, spoiled)
  const taken = await exportAll(queue)
  t.equal(taken.filter(({ text }) => text.includes('flume.gap')).length, 1)
  t.match(taken.at(-1)?.text, lineOf(43))
})

t.test('time of a put is the time of its batch, also when the clock goes back', async (t) => {
  const directory = t.testdir()
  const clock = new FakeClock(5000)
  const queue = await Queue.open(directory, aroundOf(nodeDisk, clock), { create: true })
  const putter = await queue.openPut({ freeMin: 0 })
  const batches = async function* (): AsyncGenerator<ReturnType<typeof numbered>> {
    yield numbered(0, 1)
    clock.time = 4000
    yield numbered(1, 2)
  }
  await putAll(putter, batches())
  await putter.close()
  t.same((await exportAll(queue)).map(({ time }) => time), [5000, 4000])
})
