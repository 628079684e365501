/**
 * Events of whoever takes no acks are sent once: when the sink is killed, what it has written of them goes to its place at
 * the next start, whole lines, each once, wherever that one is killed.
 */
import t from 'tap'
import { gunzipSync } from 'node:zlib'
import { batchOf, countLines, type Batch } from '../../../src/events/batch.js'
import { decodeName, encodeName, streamOfTemporary } from '../../../src/sinks/hdfs/name.js'
import { Places } from '../../../src/sinks/hdfs/path.js'
import type { SinkOptions } from '../../../src/sinks/hdfs/sink.js'
import { FakeClock } from '../../support/clock.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { hdfsBelow, hdfsSinking, Mortal } from '../../support/hdfs-sinking.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { startProxy } from '../../support/proxy.js'
import { anyBucket, Feed, filesBelow, frame, HOST, lineOf, named, optionsOf, Sinking, TIME } from '../../support/sinking.js'

const options = optionsOf('', { path: '/out/%{k}', rollCount: 8, spool: '/state/spool' })

/** Lines without marks: events first..end-1, in turns for two buckets. */
function plain(first: number, end: number): Batch {
  const lines = Array.from({ length: end - first }, (_, n) => lineOf({ headers: { k: (first + n) % 2 === 0 ? 'even' : 'odd' }, body: String(first + n) })).join('')
  return batchOf(Buffer.from(lines), countLines(Buffer.from(lines)), null)
}

const BATCHES = [plain(0, 12), plain(12, 15), plain(15, 30), plain(30, 40)]

/** Runs until the end, or until the plan ends the process. */
async function run(disk: MemoryDisk, batches: Iterable<Batch> | AsyncIterable<Batch>, more: Partial<SinkOptions> = {}): Promise<Sinking> {
  const sinking = new Sinking({ ...options, ...more }, batches, disk.boot(), new FakeClock(TIME))
  const error = await Promise.race([sinking.ended, disk.ended])
  if (error instanceof Error) throw error
  return sinking
}

/** Numbers of whole lines in files, those with final names only. */
function numbersIn(files: Readonly<Record<string, string>>, isFinal: boolean): number[] {
  const texts = Object.entries(files).filter(([path]) => !isFinal || decodeName(path.slice(path.lastIndexOf('/') + 1)) !== undefined)
  return texts.flatMap(([, text]) => text.split('\n').slice(0, -1).map(Number)).sort((a, b) => a - b)
}

const below = async (disk: MemoryDisk, directory: string): Promise<Record<string, string>> =>
  disk.find(directory) === undefined ? {} : await filesBelow(directory, disk.boot())

/** Runs nothing but the next start, until it is whole; it dies at its step `again`. */
async function startAgain(disk: MemoryDisk, again: number | undefined, more: Partial<SinkOptions> = {}): Promise<Sinking> {
  if (again !== undefined) {
    disk.plan = { step: disk.steps + again, failure: 'end' }
    await run(disk, [], more)
    disk.kill()
  }
  return await run(disk, [], more)
}

async function stepsOf(work: (disk: MemoryDisk) => Promise<unknown>, disk = new MemoryDisk()): Promise<number> {
  const before = disk.steps
  await work(disk)
  return disk.steps - before
}

t.test('killed at each step: all that was written is in place after the next start, once, and nothing is left', async (t) => {
  const steps = await stepsOf((disk) => run(disk, BATCHES))
  t.ok(steps > 40, `${steps} steps`)
  for (let step = 1; step <= steps; step++) {
    const killed = new MemoryDisk()
    killed.plan = { step, failure: 'end' }
    await run(killed, BATCHES)
    killed.kill()
    const written = [...new Set(numbersIn(await below(killed, '/out'), false))]
    const more = await stepsOf((disk) => startAgain(disk, undefined), killed.clone())
    for (let again = 0; again <= more; again++) {
      const disk = killed.clone()
      await startAgain(disk, again === 0 ? undefined : again)
      const files = await below(disk, '/out')
      const what = `killed at step ${step}, then at ${again}`
      if (numbersIn(files, true).join() !== written.join()) t.same(numbersIn(files, true), written, what)
      if (Object.keys(files).some((name) => name.endsWith('.tmp'))) t.fail(`${what}: ${Object.keys(files).join()}`)
      const records = Object.keys(await below(disk, '/state/spool'))
      if (records.some((name) => !name.endsWith('.lock'))) t.fail(`${what}: ${records.join()}`)
    }
  }
})

/** A run that has taken these batches, written them, and is killed. */
async function killedAfter(batches: readonly Batch[], more: Partial<SinkOptions> = {}): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const feed = new Feed()
  feed.push(...batches)
  const clock = new FakeClock(TIME)
  void new Sinking({ ...options, rollCount: Infinity, ...more }, feed, disk.boot(), clock)
  await clock.idle()
  while (numbersIn(await below(disk, '/out'), false).length < 40 && more.codec === undefined) await new Promise((resolve) => setImmediate(resolve))
  disk.kill()
  return disk
}

t.test('a file that was being filled keeps the range of its events, and says where it is', async (t) => {
  const disk = await killedAfter(BATCHES)
  const { said } = await startAgain(disk, undefined)
  const names = Object.keys(await below(disk, '/out'))
  t.same(names.map((name) => name.replace(/plain=[0-9-]+\.[0-9a-f]{8}/, 'plain=RUN')), [0, 0].map((_, k) => `${k === 0 ? 'even' : 'odd'}/events.plain=RUN.${'0'.repeat(20)}-${'19'.padStart(20, '0')}.log`))
  t.same(said.map(anyBucket), names.map((name) => `an earlier run was killed, and nobody sends its events again: what it has left is in /out/${name} now`))
})

t.test('the end of a line that was cut stays out', async (t) => {
  const disk = await killedAfter(BATCHES)
  const cut = [...disk.find('/out/odd')!.entries.values()][0]!
  cut.bytes = cut.bytes.subarray(0, cut.bytes.length - 2)
  await startAgain(disk, undefined)
  t.same(numbersIn(await below(disk, '/out'), true), Array.from({ length: 39 }, (_, n) => n))
})

const noise = (n: number): string => `${n} ${Array.from({ length: 400 }, (_, k) => ((n * 7919 + k * 104729) ** 2 % 1_000_003).toString(36)).join('')}`

t.test('a compressed file that was being filled becomes a whole one, with the lines that the compressor had given out', async (t) => {
  const lines = Array.from({ length: 200 }, (_, n) => lineOf({ headers: { k: 'z' }, body: noise(n) }))
  const disk = new MemoryDisk()
  const feed = new Feed()
  feed.push(batchOf(Buffer.from(lines.join('')), lines.length, null))
  const codec = { codec: 'gzip', suffix: '.log.gz' } as const
  void new Sinking({ ...options, ...codec, rollCount: Infinity }, feed, disk.boot(), new FakeClock(TIME))
  while ([...(disk.find('/out/z')?.entries.values() ?? [])].every(({ bytes }) => bytes.length < 100_000)) await new Promise((resolve) => setImmediate(resolve))
  disk.kill()
  await startAgain(disk, undefined, codec)
  const [[name, packed] = ['', ''], ...others] = Object.entries(await below(disk, '/out'))
  t.same(others, [])
  const text = gunzipSync(Buffer.from(packed, 'latin1')).toString()
  const numbers = text.split('\n').slice(0, -1).map((line) => parseInt(line, 10))
  t.ok(numbers.length > 50, `${numbers.length} lines`)
  t.equal(text, numbers.map((n) => `${noise(n)}\n`).join(''))
  t.same(numbers, Array.from(numbers, (_, n) => n))
  t.match(name, new RegExp(`-0*${numbers.length - 1}\\.log\\.gz$`))
})

t.test('a compressed file that cannot be unpacked stays where it is and is said at each start; those of other buckets are put in place', async (t) => {
  const disk = new MemoryDisk()
  const feed = new Feed()
  const lines = Array.from({ length: 400 }, (_, n) => lineOf({ headers: { k: n % 2 === 0 ? 'even' : 'odd' }, body: noise(n) }))
  feed.push(batchOf(Buffer.from(lines.join('')), lines.length, null))
  const codec = { codec: 'gzip', suffix: '.log.gz' } as const
  void new Sinking({ ...options, ...codec, rollCount: Infinity }, feed, disk.boot(), new FakeClock(TIME))
  const bytesIn = (k: string): Buffer => [...(disk.find(`/out/${k}`)?.entries.values() ?? [])][0]?.bytes ?? Buffer.alloc(0)
  while (['even', 'odd'].some((k) => bytesIn(k).length < 100_000)) await new Promise((resolve) => setImmediate(resolve))
  disk.kill()
  const [path] = Object.keys(await below(disk, '/out/even'))
  const start = Buffer.from(bytesIn('even').subarray(0, 4096))
  bytesIn('even').fill(0, 0, 4096)
  const textIn = async (k: string): Promise<string> =>
    Object.entries(await below(disk, `/out/${k}`)).filter(([path]) => path.endsWith('.gz')).map(([, packed]) => gunzipSync(Buffer.from(packed, 'latin1')).toString()).join('')
  for (const start of ['the next', 'the one after it']) {
    const { said } = await startAgain(disk, undefined, codec)
    t.match(said.at(-1), /^cannot put in place what a run .*: cannot unpack \/out\/even\/\S+: incorrect header check; the next start tries again$/, start)
    t.equal(await textIn('even'), '')
    t.same(Object.keys(await below(disk, '/out/even')), [path])
    t.match(await textIn('odd'), new RegExp(`^${noise(1)}\n${noise(3)}\n`))
  }
  start.copy(bytesIn('even'))
  await startAgain(disk, undefined, codec)
  t.match(await textIn('even'), new RegExp(`^${noise(0)}\n${noise(2)}\n`))
  t.same(await below(disk, '/state/spool'), {})
})

t.test('a compressed file of which the compressor had given out nothing is said to have been lost', async (t) => {
  const disk = new MemoryDisk()
  const feed = new Feed()
  feed.push(plain(0, 1))
  const codec = { codec: 'gzip', suffix: '.log.gz', rollCount: Infinity } as const
  void new Sinking({ ...options, ...codec }, feed, disk.boot(), new FakeClock(TIME))
  while ((disk.find('/out/even')?.entries.size ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve))
  disk.kill()
  const [left] = [...disk.find('/out/even')!.entries.keys()]
  const { said } = await startAgain(disk, undefined, codec)
  t.same(said, [`an earlier run was killed, and nobody sends its events again: of /out/even/${left} it has left not one whole line`])
  t.same(await below(disk, '/out'), {})
  t.same((await startAgain(disk, undefined, codec)).said, [])
})

t.test('what lives is left alone, and so is what another file system holds: that is said', async (t) => {
  const disk = new MemoryDisk()
  const feed = new Feed()
  feed.push(plain(0, 4))
  const living = new Sinking({ ...options, rollCount: Infinity }, feed, disk.boot(), new FakeClock(TIME))
  while (numbersIn(await below(disk, '/out'), false).length < 4) await new Promise((resolve) => setImmediate(resolve))
  t.same((await run(disk, [])).said, [])
  t.same(numbersIn(await below(disk, '/out'), true), [])
  feed.push(plain(4, 6))
  feed.end()
  t.equal(await living.ended, undefined)
  t.same(numbersIn(await below(disk, '/out'), true), [0, 1, 2, 3, 4, 5])
  t.same(await below(disk, '/state/spool'), {})
})

t.test('a sink that ends because it may not go on leaves what it has for the next start', async (t) => {
  const disk = new MemoryDisk()
  const feed = new Feed()
  feed.push(plain(0, 10), batchOf(Buffer.from('no event\n'), 1, null))
  const run = new Sinking({ ...options, strict: true }, feed, disk.boot(), new FakeClock(TIME))
  t.match(await run.ended, { code: 'BAD_EVENT' })
  await startAgain(disk, undefined)
  t.same(numbersIn(await below(disk, '/out'), true), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.same(await below(disk, '/state/spool'), {})
})

t.test('what cannot be put in place is said, is in nobody\'s way, and waits for the next start', async (t) => {
  const disk = await killedAfter(BATCHES)
  const there = disk.find('/out/even')!.entries
  const stream = streamOfTemporary([...there.keys()][0]!)!
  const { bucket } = new Places(options, HOST).of(new Map([['k', 'even']]), undefined, TIME)
  const name = encodeName({ prefix: 'events', stream, bucket, first: 0, last: 19, suffix: '.log' })
  await disk.boot().link('/out/odd/' + [...disk.find('/out/odd')!.entries.keys()][0]!, `/out/even/${name}`)
  const sinking = (): Sinking => new Sinking({ ...options, path: '/other' }, [frame(0, [{ body: 'new' }])], disk.boot(), new FakeClock(TIME))
  const first = sinking()
  t.equal(await first.ended, undefined)
  t.match(first.said, [/^cannot put in place what a run that was killed has left in \/state\/spool: cannot name a file .*; the next start tries again$/])
  t.same(await below(disk, '/other'), { [named(0, 0)]: 'new\n' })
  await disk.boot().unlink(`/out/even/${name}`)
  t.equal(await sinking().ended, undefined)
  t.same(numbersIn(await below(disk, '/out'), true), Array.from({ length: 40 }, (_, n) => n))
})

const rule = await hadoopRules(t, (t) => startHdfs(t))
let runs = 0

for (const [what, { to, op, fault }] of Object.entries({
  'while it is uploaded': { to: 'datanode', op: 'CREATE', fault: 'drop-half' },
  'when it is uploaded': { to: 'datanode', op: 'CREATE', fault: 'delay' },
  'before its name': { to: 'namenode', op: 'RENAME', fault: 'drop-before' },
  'after its name': { to: 'namenode', op: 'RENAME', fault: 'delay' },
} as const)) {
  rule(`on HDFS a file whose sink is killed ${what}, and the one that was being filled, are in place after the next start`, async (t, hdfs) => {
    const path = `/left-${runs++}`
    const proxy = await startProxy(t, hdfs.http)
    const disk = new MemoryDisk()
    const process = new Mortal(disk)
    const feed = new Feed()
    const { struck } = proxy.inject(fault, (request) => request.to === to && request.op === op)
    void hdfsSinking({ namenodes: proxy.namenodes, path, rollCount: 16, disk: process.disk, clock: process }, feed)
    feed.push(plain(0, 16), plain(16, 20))
    await struck
    while (numbersIn(await below(disk, '/spool'), false).filter((n) => n >= 16).length < 4) await new Promise((resolve) => setImmediate(resolve))
    process.kill()
    await proxy.end()
    t.equal(await hdfsSinking({ namenodes: [hdfs.http], path, disk: disk.boot() }, []).ended, undefined)
    const files = await hdfsBelow(hdfs.http, path)
    t.same(numbersIn(files, true), Array.from({ length: 20 }, (_, n) => n))
    t.same(Object.keys(files).filter((name) => name.endsWith('.tmp')), [])
    t.same(Object.keys(await below(disk, '/spool')).filter((name) => name.endsWith('.tmp')), [])
    const again = hdfsSinking({ namenodes: [hdfs.http], path, disk: disk.boot() }, [])
    t.equal(await again.ended, undefined)
    t.same(await hdfsBelow(hdfs.http, path), files)
  })
}
