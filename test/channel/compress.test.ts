/** --compress: the same events from fewer bytes, whatever is damaged, killed or full; a crash leaves the old file or the new one. */
import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Queue } from '../../src/channel/channel.js'
import type { Disk } from '../../src/disk/disk.js'
import { batchOf, type Batch } from '../../src/events/batch.js'
import { checkAll, flip, gapEventsIn, gapEventsOf, gapsIn, lostIn, PUT, queueOn, segmentsOn, short, spoil } from '../support/checking.js'
import { passing } from '../support/clock.js'
import { chooser, MemoryDisk, type Failure } from '../support/memory-disk.js'
import { aroundOf, exportAll, faultOf, numbered, putAll, stream, takeAll, takenOf, type Taken } from '../support/queue.js'
import { faultOfRepair, given } from '../support/repairing.js'
import { shell } from '../support/shell.js'

const EVENTS = 90
const NAMES = ['r', 'new']
const never = new AbortController().signal

async function open(disk: MemoryDisk): Promise<Queue> {
  return Queue.open('/q', aroundOf(disk.boot()), { create: false })
}

async function compressNow(disk: MemoryDisk): Promise<number> {
  return (await (await open(disk)).compressNow(never)).segments
}

/** Plain and compressed. */
async function both(events = EVENTS, batches: Iterable<Batch> | AsyncIterable<Batch> = short(0, events)): Promise<{ plain: MemoryDisk; packed: MemoryDisk }> {
  const plain = new MemoryDisk()
  await queueOn(plain, events, batches)
  plain.settle()
  const packed = plain.clone()
  t.equal(await compressNow(packed), segmentsOn(plain).length - 1)
  packed.settle()
  return { plain, packed }
}

const sizesOn = (disk: MemoryDisk): number[] => segmentsOn(disk).map((path) => disk.find(path)!.bytes.length)

t.test('what is compressed is given out as it was: to every reader, as an export, and as a replay by number and time', async (t) => {
  const { plain, packed } = await both()
  const [before, after] = [sizesOn(plain), sizesOn(packed)]
  t.ok(before.slice(0, -1).every((size, n) => after[n]! < size / 2), `${before.join(' ')}: ${after.join(' ')}`)
  t.equal(after.at(-1), before.at(-1), 'the last one stays')
  t.same(await exportAll(await open(packed)), await exportAll(await open(plain)))
  t.same([...(await given(packed, NAMES))], [...(await given(plain, NAMES))])
  const times = (await exportAll(await open(plain))).map(({ time }) => time)
  for (const asked of [{ from: { kind: 'sequence', sequence: 30 } as const }, { from: { kind: 'time', time: times[20]! } as const, to: { kind: 'time', time: times[29]! } as const }]) {
    const of = async (disk: MemoryDisk): Promise<unknown> => {
      const all = []
      for await (const batch of (await open(disk)).export(asked)) all.push(takenOf(batch))
      return all
    }
    t.same(await of(packed), await of(plain))
  }
  t.match(await checkAll(aroundOf(packed.boot())), { findings: [], summary: { wrong: 0, lost: 0, bytes: after.reduce((sum, size) => sum + size) } })
  t.equal(await faultOfRepair(packed, NAMES), undefined, 'and there is nothing to mend')
  t.equal(await compressNow(packed), 0, 'nothing is compressed twice')
})

t.test('frames larger than a block, and batches of several frames', async (t) => {
  const { plain, packed } = await both(60, stream(0, 60))
  t.equal(faultOf(await exportAll(await open(packed)), 0, 60), undefined)
  t.same((await checkAll(aroundOf(packed.boot()))).findings, [])
  t.ok(plain)
})

t.test('whatever byte is wrong, --check tells what is given out, what it costs is in its block, and --repair mends it', async (t) => {
  const { packed } = await both()
  const [first, second] = segmentsOn(packed)
  for (const path of [first!, second!]) {
    const size = packed.find(path)!.bytes.length
    for (let at = 0; at < size; at += at < 200 ? 7 : 61) {
      const spoiled = packed.clone()
      flip(spoiled, path, at)
      const taken = await exportAll(await open(spoiled.clone()))
      const { findings } = await checkAll(aroundOf(spoiled.clone().boot()))
      t.same(gapEventsIn(taken), gapEventsOf(findings), `byte ${at} of ${path}`)
      t.same(gapsIn(taken), lostIn(findings))
      const fault = await faultOfRepair(spoiled, NAMES)
      if (fault !== undefined) t.fail(`byte ${at} of ${path}: ${fault}`)
    }
    for (const cut of [0, 30, 64, 100, size >> 1, size - 1]) {
      const spoiled = packed.clone()
      spoil(spoiled, path, (bytes) => bytes.subarray(0, cut))
      t.equal(await faultOfRepair(spoiled, NAMES), undefined, `${cut} bytes of ${path}`)
    }
  }
})

t.test('killed at any step, or after a loss of power, the queue is what it was, and the next run does the rest', async (t) => {
  const plain = new MemoryDisk()
  await queueOn(plain, EVENTS, short(0, EVENTS))
  plain.settle()
  const wanted = await exportAll(await open(plain.clone()))
  for (let step = 1; ; step++) {
    const disk = plain.clone()
    disk.plan = { step, failure: 'end' }
    if ((await Promise.race([compressNow(disk).then(() => 'done'), disk.ended])) === 'done') break
    for (const choose of [undefined, () => 0, () => 1, chooser(step), chooser(step + 1000)]) {
      const dark = disk.clone()
      if (choose === undefined) dark.kill()
      else dark.losePower(choose)
      t.same((await checkAll(aroundOf(dark.boot()))).findings, [], `step ${step}: ${disk.log.at(-1)}`)
      t.same(await exportAll(await open(dark)), wanted, `step ${step}: ${disk.log.at(-1)}`)
      await compressNow(dark)
      t.same(await exportAll(await open(dark)), wanted, `step ${step}, then all of it`)
    }
  }
})

t.test('whatever call fails, nothing is lost and nothing is left behind', async (t) => {
  const plain = new MemoryDisk()
  await queueOn(plain, EVENTS, short(0, EVENTS))
  const wanted = await exportAll(await open(plain.clone()))
  for (const failure of ['EIO', 'ENOSPC'] satisfies Failure[]) {
    for (let step = 1; ; step++) {
      const disk = plain.clone()
      disk.plan = { step, failure }
      await compressNow(disk).catch(() => undefined)
      if (disk.plan !== undefined) break
      disk.kill()
      t.same(await exportAll(await open(disk)), wanted, `${failure} at step ${step}: ${disk.log.at(-1)}`)
      t.same([...disk.directory('/q/segments').entries.keys()].filter((name) => name.endsWith('.tmp')), [])
    }
  }
})

t.test('a reader in the middle of a segment goes on in it, and whoever puts compresses what is ten seconds old', async (t) => {
  const disk = new MemoryDisk()
  await passing(async (clock) => {
    disk.now = () => clock.now()
    const queue = await Queue.open('/q', aroundOf(disk.boot(), clock), { create: true })
    t.ok(await queue.compress(true))
    const putter = await queue.openPut(PUT)
    await putAll(putter, short(0, EVENTS))
    const [before, written, modified] = [sizesOn(disk), clock.now(), disk.find(segmentsOn(disk)[0]!)!.modified]
    const reading = (await open(disk)).export()
    const taken = [takenOf((await reading.next()).value as Batch)]
    while (sizesOn(disk)[0]! >= before[0]! / 2) await clock.sleep(100)
    t.ok(clock.now() - written >= 9000)
    t.equal(disk.find(segmentsOn(disk)[0]!)!.modified, modified, 'for --retain they are as old as they were')
    for await (const batch of reading) taken.push(takenOf(batch))
    t.equal(faultOf(taken, 0, EVENTS), undefined)
    await putter.close()
    t.equal(faultOf(await exportAll(queue), 0, EVENTS), undefined)
    t.notOk(await queue.compress(true))
    t.ok(await queue.compress(false))
    t.notOk((await queue.stat()).compress)
  })
})

t.test('what has damage, or gets no smaller, stays as it is', async (t) => {
  const disk = new MemoryDisk()
  const choose = chooser(1)
  const noise = (): Buffer => Buffer.from([...Array.from({ length: 1000 }, () => 11 + choose(245)), 10])
  const queue = await queueOn(disk, 20, Array.from({ length: 20 }, () => batchOf(noise(), 1, null)))
  const before = disk.print('/q/segments')
  t.same(await queue.compressNow(never), { segments: 0, before: 0, after: 0, room: true })
  t.equal(disk.print('/q/segments'), before)
  const { plain } = await both()
  const [, second] = segmentsOn(plain)
  flip(plain, second!, 900)
  const bytes = plain.find(second!)!.bytes
  await compressNow(plain)
  t.ok(plain.find(second!)!.bytes.equals(bytes))
})

t.test('where nothing can be written, or somebody holds the queue of whom nobody knows more, nothing is said to be compressed', async (t) => {
  const { plain } = await both()
  const before = plain.print('/q/segments')
  const disk = plain.boot()
  const readOnly: Disk['open'] = (path, mode) => (mode === 'read' ? disk.open(path, mode) : Promise.reject(Object.assign(new Error('EROFS'), { code: 'EROFS' })))
  const queue = await Queue.open('/q', { ...aroundOf(disk), disk: Object.assign(plain.boot(), { open: readOnly }) }, { create: false })
  await t.rejects(queue.compressNow(never), { code: 'EROFS' })
  await passing(async (clock) => {
    const around = aroundOf(plain.boot(), clock)
    const putter = await (await Queue.open('/q', around, { create: false })).openPut(PUT)
    await t.rejects((await Queue.open('/q', aroundOf(plain.boot(), clock), { create: false })).compressNow(never), { code: 'BUSY', message: /^cannot use queue \/q for compressing: process \d+ holds it$/ })
    await putter.close()
  })
  t.equal(plain.print('/q/segments'), before)
})

t.test('a full queue that compresses gets room of it, without a reader', async (t) => {
  const disk = new MemoryDisk()
  await passing(async (clock) => {
    disk.now = () => clock.now()
    const queue = await Queue.open('/q', aroundOf(disk.boot(), clock), { create: true })
    await queue.compress(true)
    const stop = new AbortController()
    const putter = await queue.openPut({ ...PUT, sizeMax: 12_000, stop: stop.signal })
    const acked = (await putAll(putter, short(0, 300))).at(-1)?.to.offset
    await putter.close()
    t.equal(acked, 300)
    t.equal(faultOf(await exportAll(queue), 0, 300), undefined)
    t.ok(sizesOn(disk).reduce((sum, size) => sum + size) <= 12_000)
  })
})

t.test('where the newest segment is gone, the compressed one before it is the last: numbers go on, nothing is written into it', async (t) => {
  const { packed } = await both()
  const last = segmentsOn(packed).at(-1)!
  packed.directory('/q/segments').entries.delete(last.slice('/q/segments/'.length))
  const first = Number(last.slice(-24, -4))
  const kept = packed.find(segmentsOn(packed).at(-1)!)!.bytes
  const queue = await open(packed)
  const putter = await queue.openPut(PUT)
  const [mark] = await putAll(putter, [batchOf(Buffer.from('{}\n'), 1, { partition: 'x', from: null, to: { offset: 1 }, time: 1, replayable: true })])
  await putter.close()
  t.ok(mark)
  t.ok(segmentsOn(packed).some((path) => packed.find(path)!.bytes.equals(kept)))
  const taken = await exportAll(queue)
  t.equal(faultOf(taken.filter(({ to }) => to <= first), 0, first), undefined)
  t.same(taken.at(-1)?.from, EVENTS)
})

t.test('in a shell: a queue of format 1 is compressed in place, killed in the middle of it and typed again, and refused by nobody', async (t) => {
  const directory = t.testdir()
  cpSync(fileURLToPath(new URL('../fixtures/queue-1', import.meta.url)), directory, { recursive: true })
  await shell('flume-buffer --moved --stat q', directory)
  const more = await shell(`seq -f '{"body":"event %.0f of many that are much like each other"}' 400000 >more; flume-buffer --put --size-max 64M q <more; ls q/segments | wc -l; flume-buffer --export q >before`, directory)
  t.equal(Number(more.out), 4, more.err)
  const segments = join(directory, 'q/segments')
  const size = (): number => readdirSync(segments).reduce((sum, name) => sum + statSync(join(segments, name)).size, 0)
  const old = size()
  for (let ms = 150; ms < 600; ms += 90) await shell(`flume-buffer --compress q </dev/null >o 2>&1 & sleep 0.${ms}; kill -9 $!; wait; flume-buffer --check q >o; flume-buffer --export q | cmp - before`, directory).then(({ status, out }) => t.equal(status, 0, out))
  t.match(await shell('flume-buffer --compress --stat q </dev/null', directory), { status: 0, out: /^compresses its segments once they are full$/m, err: /compressed \d+ segments?: .* are .* now|nothing was left to compress/ })
  t.ok(size() < old / 2, `${old} bytes, ${size()}`)
  t.match(await shell('flume-buffer --check q && flume-buffer --export q | cmp - before; flume-buffer --no-compress --stat q >o', directory), { status: 0, out: /nothing is wrong/, err: 'flume-buffer: queue q compresses no more from now on\n' })
  const line = await shell('flume-buffer q --reader all --once </dev/null | flume-sink-hdfs --path out; cat out/* | cut -c-5 | sort | uniq -c', directory)
  t.equal(line.out.replaceAll(/ +/g, ' '), ' 400000 event\n 19 line \n', line.err)
  t.equal(readFileSync(join(segments, readdirSync(segments).sort()[1]!)).readUInt32LE(8), 2, 'an older program sees a format that it does not know')
})

t.test('a queue that is full, and has nothing left to compress, waits for its reader, however little it may hold', async (t) => {
  const disk = new MemoryDisk()
  const taken = await passing(async (clock) => {
    const queue = await Queue.open('/q', aroundOf(disk.boot(), clock), { create: true })
    await queue.compress(true)
    const taker = await queue.openTake('r', { once: true })
    const putter = await queue.openPut({ freeMin: 0, sizeMax: 1000 })
    const putting = putAll(putter, Array.from({ length: 60 }, (_, n) => numbered(n, n + 1, 5000)))
    putting.catch(() => undefined)
    for (let n = 0; n < 100; n++) await clock.sleep(200)
    const got: Taken[] = []
    for (let done = false; !done; await clock.sleep(200)) {
      got.push(...(await takeAll(taker, { kind: 'acks' })))
      done = got.at(-1)?.to === 60
    }
    await putting
    await taker.close()
    await putter.close()
    return got
  })
  t.equal(faultOf(taken, 0, 60), undefined)
})
