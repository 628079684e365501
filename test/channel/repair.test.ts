/** --repair: afterwards nothing is wrong, everything is given out as it was, and what was replaced is still there. */
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Queue } from '../../src/channel/channel.js'
import { encodeFrameHeader, encodeSegmentStart, placeFrame } from '../../src/channel/format.js'
import { Slots } from '../../src/channel/slots.js'
import { Paths } from '../../src/channel/surroundings.js'
import { checkAll, flip, PUT, queueOn, segmentsOn, short, spoil } from '../support/checking.js'
import { passing } from '../support/clock.js'
import { chooser, MemoryDisk, type Failure } from '../support/memory-disk.js'
import { aroundOf, exportAll, faultOf, numbered, putAll, type Taken } from '../support/queue.js'
import { faultOfRepair, given, plan, repair } from '../support/repairing.js'
import { shell } from '../support/shell.js'

const EVENTS = 90
const NAMES = ['r', 'new']
/** Queues that are ruined at random. */
const SEEDS = Number(process.env['FLUME_RUINS'] ?? 200)

async function made(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await queueOn(disk, EVENTS, short(0, EVENTS))
  return disk
}

t.test('a queue as it was written needs nothing', async (t) => {
  const disk = await made()
  t.same((await plan(disk)).steps, [])
  const print = disk.print()
  t.equal(await faultOfRepair(disk, NAMES), undefined)
  t.equal(disk.find('/q/originals'), undefined)
  t.equal(print, disk.print(), 'and gets nothing, but that its lock was held')
})

t.test('whatever byte of a segment is wrong', async (t) => {
  const disk = await made()
  for (const path of segmentsOn(disk)) {
    const size = disk.find(path)!.bytes.length
    for (let at = 0; at < size; at += at < 200 ? 11 : 211) {
      const spoiled = disk.clone()
      flip(spoiled, path, at)
      const fault = await faultOfRepair(spoiled, NAMES)
      if (fault !== undefined) t.fail(`byte ${at} of ${path}: ${fault}`)
    }
  }
  t.pass('all of them')
})

t.test('segments that are missing, cut short or empty', async (t) => {
  const disk = await made()
  for (const path of segmentsOn(disk)) {
    for (const size of [undefined, 0, 30, 64, 300, 700]) {
      const spoiled = disk.clone()
      if (size === undefined) await spoiled.boot().unlink(path)
      else spoil(spoiled, path, (bytes) => bytes.subarray(0, size))
      t.equal(await faultOfRepair(spoiled, NAMES), undefined, `${path}, ${size} bytes`)
    }
  }
})

t.test('whatever has happened to it, and several things at once', async (t) => {
  const [disk, packed] = [await made(), await made()]
  await (await Queue.open('/q', aroundOf(packed.boot()), { create: false })).compressNow(new AbortController().signal)
  for (let seed = 1; seed <= SEEDS; seed++) {
    const spoiled = (seed % 3 === 0 ? packed : disk).clone()
    const what = ruined(spoiled, seed)
    const fault = await faultOfRepair(spoiled, NAMES).catch((error: unknown) => (error instanceof Error ? error.stack : String(error)))
    if (fault !== undefined) t.fail(`seed ${seed}, ${what.join(', ')}: ${fault}`)
  }
  t.pass('all of them')
})

/** A cursor before event `next`. */
function cursorAt(next: number): Buffer {
  const record = Buffer.alloc(16)
  record.writeUInt32LE(next, 0)
  return Slots.whole('flumecur', 4096, record)
}

t.test('killed at any step, or after a loss of power, the next run does the rest', async (t) => {
  for (const seed of [4, 9, 11]) {
    const spoiled = await made()
    const what = ruined(spoiled, seed)
    spoiled.settle()
    const whole = spoiled.clone()
    await repair(aroundOf(whole.boot()))
    const wanted = JSON.stringify([...(await given(whole, NAMES))])
    for (let step = 1; ; step++) {
      const disk = spoiled.clone()
      disk.plan = { step, failure: 'end' }
      if ((await Promise.race([repair(aroundOf(disk.boot())).then(() => 'done'), disk.ended])) === 'done') break
      for (const choose of [undefined, () => 0, chooser(step)]) {
        const dark = disk.clone()
        if (choose === undefined) dark.kill()
        else dark.losePower(choose)
        await repair(aroundOf(dark.boot()))
        const { findings, summary } = await checkAll(aroundOf(dark.boot()))
        const now = JSON.stringify([...(await given(dark, NAMES))])
        if (summary.wrong > 0 || now !== wanted) t.fail(`seed ${seed}, ${what.join(', ')}: step ${step}, ${disk.log.at(-1)}: ${JSON.stringify(findings)} ${now.slice(0, 300)}`)
      }
    }
  }
  t.pass('all of them')
})

t.test('whatever call fails, nothing is lost, and the next run does the rest', async (t) => {
  for (const failure of ['EIO', 'ENOSPC'] satisfies Failure[]) {
    const spoiled = await made()
    ruined(spoiled, 4)
    const whole = spoiled.clone()
    await repair(aroundOf(whole.boot()))
    const wanted = JSON.stringify([...(await given(whole, NAMES))])
    for (let step = 1; ; step++) {
      const disk = spoiled.clone()
      disk.plan = { step, failure }
      const failed = await repair(aroundOf(disk.boot())).catch((error: unknown) => error)
      if (disk.plan !== undefined) break
      if (failed === undefined) continue // a pid could not be written into a lock
      disk.kill()
      await repair(aroundOf(disk.boot()))
      if (JSON.stringify([...(await given(disk, NAMES))]) !== wanted) t.fail(`${failure} at step ${step}, ${disk.log.at(-1)}`)
    }
  }
  t.pass('all of them')
})

t.test('with its positions lost a queue takes what comes again; without the repair it refuses', async (t) => {
  const disk = new MemoryDisk()
  const queue = await queueOn(disk, 5, [numbered(0, 5)])
  const [alone] = segmentsOn(disk)
  flip(disk, alone!, 50)
  await t.rejects(queue.openPut(PUT), { code: 'SEGMENT_DAMAGED', message: /--repair/ })
  t.match((await plan(disk)).steps, [{ kind: 'positions', byte: 0, costs: /sends them from their beginning/ }])
  t.equal(await faultOfRepair(disk, NAMES), undefined)
  const putter = await queue.openPut(PUT)
  t.same(await putter.held(''), new Map([['p', [{ offset: 5 }]]]), 'the one that a frame names is known')
  await putAll(putter, [numbered(5, 9)])
  await putter.close()
  t.equal(faultOf(await exportAll(queue), 0, 9), undefined)
})

t.test('a segment of another queue is moved away; where all are, queue.json is what is wrong', async (t) => {
  const other = new MemoryDisk()
  await queueOn(other, EVENTS, short(0, EVENTS))
  const disk = await made()
  const [, second] = segmentsOn(disk)
  const all = disk.clone()
  spoil(all, '/q/queue.json', () => Buffer.from(other.find('/q/queue.json')!.bytes))
  spoil(disk, second!, () => other.find(second!)!.bytes)
  const { steps } = await plan(disk)
  t.match(steps, [{ kind: 'stray', file: second, does: 'is moved away' }, { kind: 'lost', file: second, first: 23, does: /is made/ }])
  t.equal(await faultOfRepair(disk, NAMES), undefined)
  t.match((await plan(all)).steps, [{ kind: 'identity', reason: /another queue/ }])
  t.equal(await faultOfRepair(all, NAMES), undefined)
  t.equal(faultOf((await given(all, ['new'])).get('new') as readonly Taken[], 0, EVENTS), undefined)
})

t.test('events that stand twice come once, and what only one of the two holds stays', async (t) => {
  const disk = await made()
  const [, second] = segmentsOn(disk)
  const twice = disk.clone()
  const bytes = Buffer.from(disk.find(second!)!.bytes)
  const early = 20
  const header = encodeSegmentStart((await Queue.open('/q', aroundOf(disk.boot()), { create: false })).id, early, 1, new Map())
  const frames: Buffer[] = []
  for (const n of [20, 23]) {
    const lines = n === 20 ? numbered(20, 23).lines : numbered(23, 25).lines
    const frame = encodeFrameHeader({ first: n, count: n === 20 ? 3 : 2, time: 1, continues: false, lost: false }, Buffer.alloc(0), lines)
    placeFrame(frame, header.length + Buffer.concat(frames).length, 0)
    frames.push(frame, lines)
  }
  spoil(twice, second!, () => Buffer.concat([bytes]))
  const added = Buffer.concat([header, ...frames])
  twice.directory('/q/segments').entries.set(`${String(early).padStart(20, '0')}.seg`, Object.assign(twice.make('file'), { bytes: added, durable: added }))
  t.equal(await faultOfRepair(twice, []), undefined)
  t.equal(faultOf((await given(twice, ['new'])).get('new') as readonly Taken[], 0, EVENTS), undefined)
})

t.test('a double as the last segment, with `committed` lost: no number is used again', async (t) => {
  const disk = await made()
  const queue = await Queue.open('/q', aroundOf(disk.boot()), { create: false })
  const last = Number(segmentsOn(disk).at(-1)!.slice(-24, -4))
  const header = encodeSegmentStart(queue.id, last + 1, 1, new Map([['p', { offset: EVENTS }]]))
  const lines = numbered(last + 1, last + 2).lines
  const frame = encodeFrameHeader({ first: last + 1, count: 1, time: 1, continues: false, lost: false }, Buffer.alloc(0), lines)
  placeFrame(frame, header.length, 0)
  const bytes = Buffer.concat([header, frame, lines])
  const name = `${String(last + 1).padStart(20, '0')}.seg`
  disk.directory('/q/segments').entries.set(name, Object.assign(disk.make('file'), { bytes, durable: bytes }))
  spoil(disk, '/q/committed', (old) => old.fill(7))
  const mended = disk.clone()
  for (const each of [disk, mended]) {
    if (each === mended) t.equal(await faultOfRepair(each, ['new']), undefined)
    const putter = await (await Queue.open('/q', aroundOf(each.boot()), { create: false })).openPut(PUT)
    await putAll(putter, [numbered(EVENTS, EVENTS + 5)])
    await putter.close()
    const all = await exportAll(await Queue.open('/q', aroundOf(each.boot()), { create: false }))
    t.equal(faultOf(all, 0, EVENTS + 5), undefined)
  }
})

t.test('that events before the oldest are gone is told to the reader that misses them, and to no new one', async (t) => {
  const disk = await made()
  await disk.boot().unlink(segmentsOn(disk)[0]!)
  const before = await given(disk, ['r'])
  const first = Number(segmentsOn(disk)[0]!.slice(-24, -4))
  await repair(aroundOf(disk.boot()))
  const after = await given(disk, NAMES)
  t.same(after.get('r'), before.get('r'))
  t.match(after.get('r'), [{ from: 0, to: first, text: /"flume\.gap":"removed"/ }])
  t.equal(faultOf(after.get('new') as readonly Taken[], first, EVENTS), undefined)
  t.equal(faultOf(await exportAll(await Queue.open('/q', aroundOf(disk.boot()), { create: false })), first, EVENTS), undefined)
})

t.test('more lost events than a frame can count are lost in several', async (t) => {
  const disk = new MemoryDisk()
  const queue = await queueOn(disk, 5)
  const first = 3 * 2 ** 32 + 10
  const line = Buffer.from('{"body":"after"}\n')
  const start = encodeSegmentStart(queue.id, first, 1_600_000_000_000, new Map())
  const header = encodeFrameHeader({ first, count: 1, time: 1_600_000_000_000, continues: false, lost: false }, Buffer.alloc(0), line)
  placeFrame(header, start.length, start.length)
  const path = new Paths('/q').segment(first)
  await (await disk.boot().open(path, 'create')).close()
  spoil(disk, path, () => Buffer.concat([start, header, line]))
  await repair(aroundOf(disk.boot()))
  t.same((await plan(disk)).steps, [])
  const taken = (await given(disk, ['r'])).get('r') as readonly Taken[]
  const gaps = taken.filter(({ text }) => text.includes('flume.gap'))
  t.equal(gaps.length, 4)
  t.same(gaps.map(({ from }) => from), [5, ...gaps.slice(0, -1).map(({ to }) => to)])
  t.match(taken.at(-1), { from: first, text: line.toString() })
  t.equal(gaps.at(-1)?.to, first)
})

t.test('a copy is told what it must say first, and nothing is done to it', async (t) => {
  const disk = await made()
  flip(disk, segmentsOn(disk)[1]!, 100)
  spoil(disk, '/q/queue.json', (bytes) => Buffer.from(bytes.toString().replace(/"inode":"\d+"/, '"inode":"1"')))
  t.match((await plan(disk)).steps, [{ kind: 'copied', left: true }, { kind: 'lost' }])
  const print = disk.print('/q/segments')
  await t.rejects(repair(aroundOf(disk.boot())), { code: 'QUEUE_COPIED' })
  t.equal(disk.print('/q/segments'), print)
  const before = disk.find('/q/queue.json')!.bytes.toString()
  await repair(aroundOf(disk.boot()), 'copied')
  t.match((await checkAll(aroundOf(disk.boot()))).summary, { wrong: 0 })
  t.match(JSON.parse(disk.find('/q/queue.json')!.bytes.toString()), { formerly: [(JSON.parse(before) as { queue: string }).queue] })
})

t.test('nobody may use the queue meanwhile, and whoever comes is told who does', async (t) => {
  const disk = await made()
  const queue = await Queue.open('/q', aroundOf(disk.boot(), undefined, 1111), { create: false })
  const busy = (): Promise<unknown> => passing((clock) => repair(aroundOf(disk.boot(), clock, 2222)).catch((error: unknown) => error))
  const putter = await queue.openPut(PUT)
  t.match(await busy(), { code: 'BUSY', message: /for a repair: process 1111/ })
  await putter.close()
  const taker = await queue.openTake('r', { once: true })
  t.match(await busy(), { code: 'BUSY', message: /1111/ })
  await taker.close()
  t.equal(await busy(), undefined)
  await t.rejects(plan(new MemoryDisk()), { code: 'NO_INPUT' })
})

t.test('in a shell: a line is spoiled, mended with a kill in the middle, and goes on; the sink has all that is not lost, once', async (t) => {
  const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, n) => `line ${from + n} ${'x'.repeat(200)}\n`).join('')
  const directory = t.testdir({ log: lines(0, 20_000) })
  const line = 'flume-tail --once log | flume-buffer ./q --size-max 8M | flume-sink-hdfs --path "file://$PWD/out"'
  t.equal((await shell('flume-tail --once log | flume-buffer --put --size-max 40M ./q', directory)).status, 0)
  const [first, second] = readdirSync(join(directory, 'q/segments')).sort()
  const at = join(directory, 'q/segments', second ?? first!)
  const bytes = readFileSync(at)
  bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 10)
  writeFileSync(at, bytes)
  writeFileSync(join(directory, 'q/queue.json'), '{')
  const refused = await shell(line, directory)
  t.match(refused.err, /queue\.json.*--repair says what can be done/)
  const planned = await shell('flume-buffer --repair ./q --json', directory)
  t.equal(planned.status, 1)
  const [, step] = planned.out.trim().split('\n').map((text) => JSON.parse(text) as { first: number; last: number; kind: string })
  t.match(step, { kind: 'lost', first: Number, last: Number })
  for (let ms = 60; ms < 400; ms += 45) await shell(`flume-buffer --repair --apply ./q & sleep 0.${String(ms).padStart(3, '0')}; kill -9 $!`, directory)
  t.equal((await shell('flume-buffer --repair --apply ./q', directory)).status, 0)
  const check = await shell('flume-buffer --check ./q; flume-buffer --repair ./q', directory)
  t.match(check.out, /nothing is wrong; \d+ events are lost\n.*nothing to mend/s)
  appendFileSync(join(directory, 'log'), lines(20_000, 20_100))
  const after = await shell(`${line} && cat out/*`, directory)
  t.equal(after.status, 0, after.err)
  const wanted = lines(0, 20_100).split('\n').filter((_, n) => n < step!.first || n > step!.last).join('\n')
  t.equal(after.out === wanted, true, `${after.out.length} bytes, ${wanted.length} are wanted`)
})

/** One to four things happen to it; which they are. */
function ruined(disk: MemoryDisk, seed: number): string[] {
  const choose = chooser(seed)
  return Array.from({ length: 1 + choose(4) }, () => ruin(disk, choose))
}

function ruin(disk: MemoryDisk, choose: (count: number) => number): string {
  const all = segmentsOn(disk)
  const path = all[choose(all.length)]!
  const entries = disk.directory('/q/segments').entries
  const size = disk.find(path)!.bytes.length
  const at = choose(Math.max(1, size))
  const ways: (() => string)[] = [
    () => (spoil(disk, path, (bytes) => bytes.fill(0, at, Math.min(bytes.length, at + 500))), `zeros at ${at} of ${path}`),
    () => (spoil(disk, path, (bytes) => bytes.subarray(0, at)), `${path} cut to ${at}`),
    () => (spoil(disk, path, (bytes) => Buffer.concat([bytes.subarray(0, at), Buffer.from('between'), bytes.subarray(at)])), `bytes between at ${at} of ${path}`),
    () => (spoil(disk, path, (bytes) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 700)])), `bytes missing at ${at} of ${path}`),
    () => (spoil(disk, path, (bytes) => Buffer.concat([bytes, Buffer.from('after the end')])), `bytes after the end of ${path}`),
    () => (entries.delete(path.slice(12)), `${path} removed`),
    () => {
      const other = all[choose(all.length)]!
      const [mine, its] = [entries.get(path.slice(12))!, entries.get(other.slice(12))!]
      entries.set(path.slice(12), its).set(other.slice(12), mine)
      return `${path} and ${other} in each other's place`
    },
    () => (entries.set('00000000000000000777.seg', entries.get(path.slice(12))!), entries.delete(path.slice(12)), `${path} under another name`),
    () => (spoil(disk, '/q/queue.json', (bytes) => bytes.subarray(choose(50))), 'queue.json is garbage'),
    () => (spoil(disk, '/q/cursors/r', (bytes) => bytes.fill(7)), 'the reader is garbage'),
    () => (spoil(disk, '/q/cursors/r', () => cursorAt(EVENTS + choose(9))), 'the reader is ahead'),
    () => (spoil(disk, '/q/cursors/r', () => cursorAt(choose(EVENTS))), 'the reader is elsewhere'),
    () => (spoil(disk, '/q/committed', (bytes) => bytes.fill(7)), 'committed is garbage'),
  ]
  const sized = size === 0 ? ways.slice(5) : ways
  return sized[choose(sized.length)]!()
}
