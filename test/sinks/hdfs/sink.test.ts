import t from 'tap'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FlumeError } from '../../../src/errors.js'
import { batchOf, type Batch } from '../../../src/events/batch.js'
import { nodeDisk } from '../../../src/disk/node.js'
import { systemClock } from '../../../src/events/flow.js'
import type { FileSystem } from '../../../src/sinks/hdfs/filesystem.js'
import { localFileSystem } from '../../../src/sinks/hdfs/local.js'
import { FakeClock } from '../../support/clock.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { anyBucket, Feed, PARTITION, STREAM, Sinking, TIME, filesBelow, frame, lineOf, named, optionsOf } from '../../support/sinking.js'

const HOUR = 3_600_000
const body = (text: string): { body: string } => ({ body: text })
/** Bodies a..b in frames of `size`. */
function frames(from: number, to: number, size = 10): Batch[] {
  const batches: Batch[] = []
  for (let first = from; first < to; first += size) batches.push(frame(first, Array.from({ length: size }, (_, n) => body(`line ${first + n}`))))
  return batches
}
const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, n) => `line ${from + n}\n`).join('')
/** Final names below `out`. */
function finals(dir: string): string[] {
  if (!existsSync(join(dir, 'out'))) return []
  return readdirSync(join(dir, 'out'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log')).map(anyBucket).sort()
}
/** A tick of the event loop, and what it sets off: for what must not happen. */
async function settle(): Promise<void> {
  for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve))
}

t.test('the body and a newline, the bytes as they are', async (t) => {
  const dir = t.testdir({})
  const odd = ['', ' ', '"quoted" \\ back\\slash', 'tab\there', 'cr\r', 'nul\0', 'é ☃ 😀', '\u2028', '\u001b[31m', '\ufeffbom', '"}', '"body":"']
  const raw = Buffer.from([0xff, 0x00, 0x0d, 0xfe])
  const run = new Sinking(optionsOf(dir), [
    frame(0, [
      ...odd.map(body), '{}', '{"headers":{}}', '{"body":"x","headers":{"a":"b"}}', ' { "body" : "spaced" } ', '{"body":"\\u0041\\u00e9\\/"}', '{"extra":[1],"body":"y"}',
      { headers: { 'content-transfer-encoding': 'base64' }, body: raw.toString('base64') }, { headers: { n: 5, b: true }, body: 'z' },
    ]),
  ])
  t.equal(await run.ended, undefined)
  const expected = Buffer.concat([Buffer.from(odd.map((text) => `${text}\n`).join('') + '\n\nx\nspaced\nAé/\ny\n'), raw, Buffer.from('\nz\n')])
  t.same(await filesBelow(join(dir, 'out')), { [named(0, 19)]: expected.toString('latin1') })
  t.same(run.rejects, [])
  t.equal(run.released, run.taken)
})

t.test('ndjson holds the lines as they came, gaps too', async (t) => {
  const dir = t.testdir({})
  const events = ['{"body":"a"}', '{"headers":{"x":"1"},"body":"b"}', ' {"body" : "c"}', '{"headers":{"flume.gap":"q 1 2"},"body":""}', '{"headers":{"content-transfer-encoding":"base64"},"body":"/wA="}']
  const run = new Sinking(optionsOf(dir, { format: 'ndjson', suffix: '.ndjson' }), [frame(0, events)])
  t.equal(await run.ended, undefined)
  t.same(await filesBelow(join(dir, 'out')), { [named(0, 4, 'events', '.ndjson')]: events.map(lineOf).join('') })
})

t.test('each event goes to the bucket of its headers; a file is named after the marks it covers', async (t) => {
  const dir = t.testdir({})
  const at = (hour: number, host: string, text: string): { headers: Record<string, string>; body: string } => ({ headers: { timestamp: String(TIME + hour * HOUR), host }, body: text })
  const run = new Sinking(optionsOf(dir, { path: `${dir}/out/%Y-%m-%d/%H`, prefix: 'h-%{host}' }), [
    frame(0, [at(0, 'a', '1'), at(0, 'a', '2'), at(1, 'a', '3'), at(0, 'b', '4'), at(0, 'a', '5')]),
    frame(5, [at(2, 'a', '6'), at(2, 'a', '7')]),
    frame(7, [at(0, 'b', '8'), { headers: { timestamp: 'soon' }, body: 'x' }, at(0, 'a', '9')]),
  ])
  t.equal(await run.ended, undefined)
  t.same(await filesBelow(join(dir, 'out')), {
    [`2023-11-14/22/${named(0, 9, 'h-a')}`]: '1\n2\n5\n9\n',
    [`2023-11-14/22/${named(0, 9, 'h-b')}`]: '4\n8\n',
    [`2023-11-14/23/${named(0, 4, 'h-a')}`]: '3\n',
    [`2023-11-15/00/${named(5, 6, 'h-a')}`]: '6\n7\n',
  })
  t.match(run.rejects, [{ line: lineOf({ headers: { timestamp: 'soon' }, body: 'x' }), reason: /timestamp/, partition: PARTITION, position: { offset: 9 } }])
  t.same(run.offsets.at(-1), 10)
})

t.test('what is no event goes to the rejects with its reason, and stops nothing', async (t) => {
  const dir = t.testdir({})
  const bad = ['nonsense', '[]', '[{"body":"x"}]', 'null', '5', '""', '{"body":5}', '{"body":null}', '{"headers":[]}', '{"headers":{"a":null}}', '{"body":"\\ud800"}', '{"body":"x"', '', '\0', '{"body":"a\tb"}', '{"headers":{"content-transfer-encoding":"base64"},"body":"*"}']
  const run = new Sinking(optionsOf(dir, { eventBytesMax: 100 }), [frame(0, [body('a'), ...bad, body('x'.repeat(100)), body('b')])])
  t.equal(await run.ended, undefined)
  t.same(Object.values(await filesBelow(join(dir, 'out'))), ['a\nb\n'])
  t.same(run.rejects.map(({ line }) => line), [...bad, JSON.stringify(body('x'.repeat(100)))].map((line) => `${line}\n`))
  t.ok(run.rejects.every(({ reason }) => reason.length > 5))
  t.same(run.offsets, [bad.length + 3])
})

t.test('strict: the first line that is no event ends the sink, and nothing after the last mark is acked', async (t) => {
  const dir = t.testdir({})
  const run = new Sinking(optionsOf(dir, { strict: true, rollCount: 1 }), [frame(0, [body('a')]), frame(1, [body('b'), 'nonsense'])])
  t.match(await run.ended, { code: 'BAD_EVENT', message: new RegExp(`of ${PARTITION}, before 3: `) })
  t.notOk(run.offsets.includes(3))
  t.same(readdirSync(join(dir, 'out')).filter((name) => name.endsWith('.tmp')), [])
})

t.test('a gap is no line of a text file: it is said, and kept, also when strict', async (t) => {
  const dir = t.testdir({})
  const gap = { headers: { 'flume.gap': 'queue 4f0c2a9e, 3 to 7: damaged' }, body: '' }
  const run = new Sinking(optionsOf(dir, { strict: true }), [frame(0, [body('a'), gap, body('b')])])
  t.equal(await run.ended, undefined)
  t.same(Object.values(await filesBelow(join(dir, 'out'))), ['a\nb\n'])
  t.match(run.rejects, [{ line: lineOf(gap), reason: /missing/ }])
  t.match(run.said, [/missing.*3 to 7/])
})

t.test('an event without a timestamp takes the time of its mark, which is said once', async (t) => {
  const dir = t.testdir({})
  const run = new Sinking(optionsOf(dir, { path: `${dir}/out/%H` }), [frame(0, [body('a'), body('b')]), frame(2, [body('c')], { time: TIME + HOUR })])
  t.equal(await run.ended, undefined)
  t.same(Object.values(await filesBelow(join(dir, 'out'))), ['a\nb\n', 'c\n'])
  t.equal(run.said.filter((message) => /timestamp/.test(message)).length, 1)
})

t.test('files are rolled at marks: by bytes, by count', async (t) => {
  const dir = t.testdir({})
  const run = new Sinking(optionsOf(dir, { path: `${dir}/bytes`, rollBytes: 150 }), frames(0, 60))
  t.equal(await run.ended, undefined)
  t.same(await filesBelow(join(dir, 'bytes')), { [named(0, 19)]: lines(0, 20), [named(20, 39)]: lines(20, 40), [named(40, 59)]: lines(40, 60) })
  const counted = new Sinking(optionsOf(dir, { path: `${dir}/count`, rollCount: 11 }), frames(0, 50))
  t.equal(await counted.ended, undefined)
  t.same(Object.keys(await filesBelow(join(dir, 'count'))), [named(0, 19), named(20, 39), named(40, 49)])
})

t.test('files are rolled when those being filled hold half of the spool, and no more is read while all of it waits', async (t) => {
  const dir = t.testdir({})
  const keyed = (first: number): Batch => frame(first, Array.from({ length: 10 }, (_, n) => ({ headers: { k: 'ab'[n % 2] }, body: 'x'.repeat(99) })))
  const options = optionsOf(dir, { path: `${dir}/out/%{k}`, spoolBytesMax: 4000 })
  let goOn = (): void => undefined
  const gate = new Promise<void>((resolve) => (goOn = resolve))
  const slow: FileSystem = {
    ...localFileSystem(nodeDisk),
    publish: (file, path) => gate.then(() => localFileSystem(nodeDisk).publish(file, path)),
  }
  const run = new Sinking(options, Array.from({ length: 20 }, (_, n) => keyed(10 * n)), nodeDisk, systemClock, new AbortController(), () => slow)
  while (run.taken < 6) await settle()
  await settle()
  t.equal(run.taken, 6, 'bytes of 4 frames, what went over, and the one that is waited with')
  goOn()
  t.equal(await run.ended, undefined)
  const names = Array.from({ length: 6 }, (_, n) => named(30 * n, 30 * n + 29))
  t.same(finals(dir), [...names, named(180, 199)].flatMap((name) => [`a/${name}`, `b/${name}`]).sort())
})

t.test('files are rolled by time while nothing arrives: so long after they were opened, or without an event', async (t) => {
  const dir = t.testdir({})
  const clock = new FakeClock(TIME)
  const feed = new Feed()
  const run = new Sinking(optionsOf(dir, { rollInterval: 60_000, idleTimeout: 10_000, path: `${dir}/out/%{k}` }), feed, nodeDisk, clock)
  const keyed = (k: string): { headers: { k: string }; body: string } => ({ headers: { k }, body: k })
  feed.push(frame(0, [keyed('a')]))
  await clock.idle()
  for (let n = 1; n <= 5; n++) {
    clock.advance(9_000)
    feed.push(frame(n, [keyed('a')]))
    await settle()
  }
  t.same(run.offsets, [], 'busy, and not yet old')
  clock.advance(10_000)
  await run.untilAcked(6)
  feed.push(frame(6, [keyed('b')]))
  await clock.idle()
  clock.advance(5_000)
  for (let n = 7; n < 18; n++) {
    feed.push(frame(n, [keyed('b')]))
    await settle()
    clock.advance(5_000)
  }
  await run.untilAcked(16)
  t.same(finals(dir), [`a/${named(0, 5)}`, `b/${named(6, 17)}`])
  feed.end()
  t.equal(await run.ended, undefined)
})

t.test('an ack waits for every file that holds an event of its mark, or of one before', async (t) => {
  const dir = t.testdir({})
  const keyed = (k: string): { headers: { k: string }; body: string } => ({ headers: { k }, body: k })
  const feed = new Feed()
  const run = new Sinking(optionsOf(dir, { path: `${dir}/out/%{k}`, rollCount: 2 }), feed)
  feed.push(frame(0, [keyed('a'), keyed('a')]))
  await run.untilAcked(2)
  feed.push(frame(2, [keyed('slow')]), frame(3, [keyed('a'), keyed('a')]), frame(5, [keyed('a'), keyed('a')]))
  while (finals(dir).length < 3) await settle()
  await settle()
  t.same(run.offsets, [2], 'two files of `a` are in place, but sequence 2 is not')
  feed.push(frame(7, [keyed('slow')]))
  await run.untilAcked(8)
  feed.push({ ...batchOf(Buffer.alloc(0), 0, null), flush: true }, frame(8, [keyed('b')]), { ...batchOf(Buffer.alloc(0), 0, null), flush: true })
  await run.untilAcked(9)
  t.pass('flush makes all final')
  feed.push(frame(9, [], { to: { offset: 30 } }))
  await run.untilAcked(30)
  t.pass('a mark without events needs no file')
  feed.end()
  t.equal(await run.ended, undefined)
})

t.test('a replay writes nothing twice, whatever files were moved away or whose record is lost', async (t) => {
  for (const lost of ['nothing', 'files', 'record']) {
    const dir = t.testdir({})
    const options = optionsOf(dir, { rollCount: 10 })
    t.equal(await new Sinking(options, frames(0, 30)).ended, undefined)
    t.same(await filesBelow(join(dir, 'out')), { [named(0, 9)]: lines(0, 10), [named(10, 19)]: lines(10, 20), [named(20, 29)]: lines(20, 30) })
    if (lost === 'files') renameSync(join(dir, 'out'), join(dir, 'taken'))
    if (lost === 'record') rmSync(join(dir, 'spool'), { recursive: true })
    const again = new Sinking(options, frames(10, 50))
    t.equal(await again.ended, undefined)
    t.equal(again.offsets.at(-1), 50)
    const files = await filesBelow(join(dir, 'out'))
    const kept = lost === 'files' ? {} : { [named(0, 9)]: lines(0, 10), [named(10, 19)]: lines(10, 20), [named(20, 29)]: lines(20, 30) }
    t.same(files, { ...kept, [named(30, 39)]: lines(30, 40), [named(40, 49)]: lines(40, 50) }, `lost: ${lost}`)
  }
})

t.test('buckets that stand apart are each continued where they are', async (t) => {
  const dir = t.testdir({})
  const keyed = (k: string, n: number): { headers: { k: string }; body: string } => ({ headers: { k }, body: `${k}${n}` })
  const all = Array.from({ length: 10 }, (_, n) => frame(n * 3, [keyed('a', n), keyed('b', n), keyed('a', n)]))
  const feed = new Feed()
  // b's file is never finished: it goes with the first run.
  const first = new Sinking(optionsOf(dir, { path: `${dir}/out/%{k}`, rollCount: 4 }), feed)
  feed.push(...all.slice(0, 3))
  while (!finals(dir).includes(`a/${named(0, 5)}`)) await settle()
  feed.push(frame(9, ['x'], { partition: 'queue.other.r', to: { offset: 5 } })) // straddles nothing, ends nothing
  feed.end()
  await first.ended
  rmSync(join(dir, 'out/b'), { recursive: true })
  rmSync(join(dir, 'spool'), { recursive: true })
  const again = new Sinking(optionsOf(dir, { path: `${dir}/out/%{k}` }), all)
  t.equal(await again.ended, undefined)
  const files = await filesBelow(join(dir, 'out'))
  const of = (k: string): string[] => Object.entries(files).filter(([name]) => name.startsWith(`${k}/`)).flatMap(([, text]) => text.trim().split('\n'))
  t.same(of('a'), Array.from({ length: 10 }, (_, n) => [`a${n}`, `a${n}`]).flat())
  t.same(of('b'), Array.from({ length: 10 }, (_, n) => `b${n}`))
})

t.test('a writer that comes again in the same run, and begins earlier, gives nothing twice', async (t) => {
  const dir = t.testdir({})
  const feed = new Feed()
  const run = new Sinking(optionsOf(dir), feed)
  feed.push(...frames(0, 30), ...frames(10, 50), ...frames(40, 50))
  feed.end()
  t.equal(await run.ended, undefined)
  t.same(await filesBelow(join(dir, 'out')), { [named(0, 49)]: lines(0, 50) })
  t.same(run.offsets, [50])
})

t.test('a mark that straddles what is in place is another history: nothing is passed over or overwritten', async (t) => {
  const dir = t.testdir({ out: { [named(0, 14)]: 'theirs' } })
  const run = new Sinking(optionsOf(dir), frames(0, 30))
  t.match(await run.ended, { code: 'OTHER_HISTORY', message: /10 to 19 .* end at 14/ })
  t.same(run.offsets, [10], 'nothing is acked from there on')
  t.same(await filesBelow(join(dir, 'out')), { [named(0, 14)]: 'theirs' })
})

t.test('a final name that another file has got meanwhile is another history', async (t) => {
  const dir = t.testdir({})
  const feed = new Feed()
  const run = new Sinking(optionsOf(dir), feed)
  feed.push(...frames(0, 10))
  while (!existsSync(join(dir, 'out')) || readdirSync(join(dir, 'out')).length === 0) await settle()
  writeFileSync(join(dir, 'out', named(0, 9)), 'theirs')
  feed.end()
  t.match(await run.ended, { code: 'OTHER_HISTORY' })
  t.equal((await filesBelow(join(dir, 'out')))[named(0, 9)], 'theirs')
  t.same(run.offsets, [])
})

t.test('leftovers of this stream are deleted, those of others are not', async (t) => {
  const dir = t.testdir({ out: { [`_${STREAM}.dead.tmp`]: 'x', '_queue=other=r.live.tmp': 'y', '_SUCCESS': '', 'x.tmp': 'z' } })
  t.equal(await new Sinking(optionsOf(dir), frames(0, 10)).ended, undefined)
  t.same(Object.keys(await filesBelow(join(dir, 'out'))), ['_SUCCESS', '_queue=other=r.live.tmp', named(0, 9), 'x.tmp'])
})

t.test('two prefixes in one directory do not delete what the other is writing', async (t) => {
  const dir = t.testdir({})
  const keyed = (n: number): { headers: { k: string }; body: string } => ({ headers: { k: `p${n % 3}` }, body: `${n}` })
  const run = new Sinking(optionsOf(dir, { prefix: '%{k}', rollCount: 2 }), Array.from({ length: 12 }, (_, n) => frame(n, [keyed(n)])))
  t.equal(await run.ended, undefined)
  t.same(Object.values(await filesBelow(join(dir, 'out'))).join(''), '0\n3\n6\n9\n1\n4\n7\n10\n2\n5\n8\n11\n')
})

t.test('at most so many files are open at a mark: the one used longest ago is rolled', async (t) => {
  const dir = t.testdir({})
  const feed = new Feed()
  const run = new Sinking(optionsOf(dir, { path: `${dir}/out/%{k}`, openFilesMax: 2 }), feed)
  const keyed = (...keys: string[]): { headers: { k: string }; body: string }[] => keys.map((k) => ({ headers: { k }, body: k }))
  feed.push(frame(0, keyed('a', 'b')), frame(2, keyed('a', 'c')))
  while (!finals(dir).includes(`b/${named(0, 1)}`)) await settle()
  await settle()
  t.same(finals(dir), [`b/${named(0, 1)}`])
  feed.end()
  t.equal(await run.ended, undefined)
  t.same(Object.values(await filesBelow(join(dir, 'out'))), ['a\na\n', 'b\n', 'c\n'])
})

t.test('more buckets than blocks of memory, and events longer than any block, go through', async (t) => {
  const dir = t.testdir({})
  const many = Array.from({ length: 200 }, (_, n) => ({ headers: { k: `k${n % 50}` }, body: `${n}` }))
  const long = 'x'.repeat(9 * 1024 * 1024)
  const run = new Sinking(optionsOf(dir, { path: `${dir}/out/%{k}` }), [
    frame(0, many), frame(200, [{ headers: { k: 'k7' }, body: long }, { headers: { k: 'k7' }, body: 'after' }]),
  ])
  t.equal(await run.ended, undefined)
  const files = await filesBelow(join(dir, 'out'))
  t.equal(Object.keys(files).length, 50)
  t.equal(files[`k7/${named(0, 201)}`], `7\n57\n107\n157\n${long}\nafter\n`)
  t.equal(files[`k49/${named(0, 199)}`], '49\n99\n149\n199\n')
})

t.test('without a queue: from a file at least once; from a program without acks in a stream of its own', async (t) => {
  const dir = t.testdir({})
  const piece = (first: number, end: number, texts: string[]): Batch => frame(first, texts.map(body), { partition: 'file.m.r1', to: { offset: end } })
  const run = new Sinking(optionsOf(dir, { path: `${dir}/file` }), [piece(0, 100, ['a', 'b']), piece(100, 180, ['c'])])
  t.equal(await run.ended, undefined)
  t.match(run.said, [/at least once/])
  const again = new Sinking(optionsOf(dir, { path: `${dir}/file` }), [piece(0, 100, ['a', 'b']), piece(100, 250, ['c', 'd'])])
  t.equal(await again.ended, undefined, 'cut otherwise: written whole, and no other history')
  t.same(Object.values(await filesBelow(join(dir, 'file'))), ['a\nb\nc\n', 'c\nd\n'])

  const plain = new Sinking(optionsOf(dir, { path: `${dir}/plain` }), [batchOf(Buffer.from('{"body":"a"}\n{"body":"b"}\n'), 2, null), batchOf(Buffer.from('{"body":"c"}\n'), 1, null)])
  t.equal(await plain.ended, undefined)
  t.same(plain.acked, [])
  const [name = '', ...others] = Object.keys(await filesBelow(join(dir, 'plain')))
  t.same(others, [])
  t.match(name, /^events\.plain=[^.]+\.[0-9a-f]{8}\.00000000000000000000-00000000000000000002\.log$/)
  t.match(plain.said, [/no acks/])
})

t.test('where a stage before it chooses by chance, nothing is passed over', async (t) => {
  const dir = t.testdir({})
  const chosen = (...texts: string[]): Batch => frame(0, texts.map(body), { replayable: false, to: { offset: 10 } })
  t.equal(await new Sinking(optionsOf(dir), [chosen('a', 'b')]).ended, undefined)
  const again = new Sinking(optionsOf(dir), [chosen('b', 'c')])
  t.equal(await again.ended, undefined)
  t.same(Object.values(await filesBelow(join(dir, 'out'))).sort(), ['a\nb\n', 'b\nc\n'])
  t.match(again.said, [/at least once/])
  t.same(again.offsets, [10])
})

t.test('a second sink for the same stream waits, and is refused', async (t) => {
  const dir = t.testdir({})
  const feed = new Feed()
  const first = new Sinking(optionsOf(dir), feed)
  feed.push(...frames(0, 10))
  while (!existsSync(join(dir, 'out'))) await settle()
  const clock = new FakeClock(TIME)
  const second = new Sinking(optionsOf(dir), frames(0, 10), nodeDisk, clock)
  let over = false
  void second.ended.then(() => (over = true))
  while (!over) {
    await settle()
    clock.advance(100)
  }
  t.match(await second.ended, { code: 'BUSY' })
  t.match(second.said, [/another flume-sink-hdfs/])
  feed.end()
  t.equal(await first.ended, undefined)
  t.equal(await new Sinking(optionsOf(dir), frames(0, 20)).ended, undefined, 'the lock goes with its holder')
  t.same(Object.values(await filesBelow(join(dir, 'out'))), [lines(0, 10), lines(10, 20)])
})

t.test('a directory removed while a file is being written: not acked, and the next run writes it', async (t) => {
  const dir = t.testdir({})
  const feed = new Feed()
  const run = new Sinking(optionsOf(dir), feed)
  feed.push(...frames(0, 20))
  while (!existsSync(join(dir, 'out')) || readdirSync(join(dir, 'out')).length === 0) await settle()
  rmSync(join(dir, 'out'), { recursive: true })
  feed.end()
  t.match(await run.ended, { code: 'IO', message: /removed/ })
  t.same(run.offsets, [])
  t.equal(await new Sinking(optionsOf(dir), frames(0, 20)).ended, undefined)
  t.same(await filesBelow(join(dir, 'out')), { [named(0, 19)]: lines(0, 20) })
})

t.test('what a person must mend ends the sink and says where: a file in the way, no permission', async (t) => {
  const dir = t.testdir({ file: 'x', locked: {} })
  const inTheWay = new Sinking(optionsOf(dir, { path: `${dir}/file/out` }), frames(0, 10))
  t.match(await inTheWay.ended, { code: 'CANNOT_CREATE', message: new RegExp(`${dir}/file`) })
  t.same(inTheWay.offsets, [])
  if (process.getuid?.() === 0) return
  chmodSync(join(dir, 'locked'), 0o500)
  const locked = new Sinking(optionsOf(dir, { path: `${dir}/locked/out` }), frames(0, 10))
  t.match(await locked.ended, { code: 'PERMISSION' })
})

t.test('an error of its source ends it, after what can be finished is not', async (t) => {
  const dir = t.testdir({})
  const broken = async function* (): AsyncGenerator<Batch> {
    yield* frames(0, 10)
    throw new FlumeError('PIPE_BROKEN', 'cannot read')
  }
  const run = new Sinking(optionsOf(dir), broken())
  t.match(await run.ended, { code: 'PIPE_BROKEN' })
  t.same(run.offsets, [])
  mkdirSync(join(dir, 'out'), { recursive: true })
  t.same(readdirSync(join(dir, 'out')), [], 'and leaves no temporary file')
})

t.test('a full disk: it waits, says so at once and then each minute, acks nothing, and goes on when there is room', async (t) => {
  const disk = new MemoryDisk()
  const view = disk.boot()
  const clock = new FakeClock(TIME)
  const run = new Sinking(optionsOf('', { path: '/out', rollCount: 20, spool: '/spool' }), frames(0, 100), view, clock)
  disk.capacity = 500
  for (let n = 0; n < 1300; n++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (clock.sleeping > 0) clock.advance(100)
  }
  const acked = run.offsets.at(-1) ?? 0
  t.ok(acked < 100)
  const full = run.said.filter((message) => /ENOSPC/.test(message))
  t.ok(full.length >= 2 && full.length <= 4, `${full.length} times in two minutes`)
  t.match(full[0], /cannot write \/.*trying again, nothing is lost/)
  disk.capacity = Infinity
  let over = false
  void run.ended.then(() => (over = true))
  while (!over) {
    await new Promise((resolve) => setImmediate(resolve))
    if (clock.sleeping > 0) clock.advance(1000)
  }
  t.equal(await run.ended, undefined)
  t.equal(Object.values(await filesBelow('/out', view)).join(''), lines(0, 100))
})

t.test('stopped while the disk is full: it ends, and says that writing was given up', async (t) => {
  const disk = new MemoryDisk()
  disk.capacity = 10
  const clock = new FakeClock(TIME)
  const run = new Sinking(optionsOf('', { path: '/out', spool: '/spool' }), frames(0, 100), disk.boot(), clock)
  await clock.idle()
  run.stop.abort()
  t.match(await run.ended, { code: 'STOPPED', cause: { code: 'ENOSPC' } })
  t.same(run.offsets, [])
})

t.test('no permission, and a read-only file system, are for a person: said at once, with their status', async (t) => {
  for (const [errno, code] of [['EACCES', 'PERMISSION'], ['EROFS', 'CANNOT_CREATE'], ['ENAMETOOLONG', 'CANNOT_CREATE'], ['EIO', 'IO']] as const) {
    const disk = new MemoryDisk().boot()
    disk.link = () => Promise.reject(Object.assign(new Error(errno), { code: errno }))
    const run = new Sinking(optionsOf('', { path: '/out/deep', spool: '/spool' }), frames(0, 10), disk)
    t.match(await run.ended, { code, message: /cannot create \/out\/deep\/events/ }, errno)
    t.same(run.offsets, [], errno)
  }
})

t.test('a file system without hard links takes no files: that is said, and is no matter of permission', async (t) => {
  for (const errno of ['EPERM', 'EOPNOTSUPP', 'ENOSYS']) {
    const disk = new MemoryDisk().boot()
    disk.link = () => Promise.reject(Object.assign(new Error(errno), { code: errno }))
    const run = new Sinking(optionsOf('', { spool: '/spool' }), frames(0, 10), disk)
    t.match(await run.ended, { code: 'CANNOT_CREATE', cause: { message: `its file system has no hard links (${errno})` } })
    t.same(run.offsets, [])
  }
})

t.test('a clock that is set back or forward: files are finished in their time, and nothing is lost or there twice', async (t) => {
  const MINUTE = 60_000
  const dir = t.testdir()
  const feed = new Feed()
  const clock = new FakeClock(TIME)
  const run = new Sinking(optionsOf(dir, { rollInterval: 10 * MINUTE }), feed, undefined, clock)
  const push = async (first: number): Promise<void> => {
    feed.push(frame(first, [{ body: String(first) }]))
    while (run.taken <= first || clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await push(0)
  clock.set(-24 * 60 * MINUTE)
  clock.advance(10 * MINUTE)
  await run.untilAcked(1)
  await push(1)
  clock.advance(8 * MINUTE)
  clock.set(-7 * MINUTE)
  clock.advance(2 * MINUTE)
  await run.untilAcked(2)
  await push(2)
  clock.set(24 * 60 * MINUTE)
  await push(3)
  t.same(run.offsets, [1, 2])
  clock.advance(10 * MINUTE)
  await run.untilAcked(4)
  feed.end()
  t.equal(await run.ended, undefined)
  t.same(await filesBelow(`${dir}/out`), { [named(0, 0)]: '0\n', [named(1, 1)]: '1\n', [named(2, 3)]: '2\n3\n' })
})
