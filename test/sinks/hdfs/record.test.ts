/** The record of commits, damaged: what its other lines tell counts, what it may have told is not thrown away, and all of it is said. */
import t from 'tap'
import { MemoryDisk } from '../../support/memory-disk.js'
import { FakeClock } from '../../support/clock.js'
import { spoil } from '../../support/checking.js'
import { batchOf, type Batch } from '../../../src/events/batch.js'
import { Retry } from '../../../src/sinks/retry.js'
import type { Place } from '../../../src/sinks/hdfs/path.js'
import { CommitRecord } from '../../../src/sinks/hdfs/record.js'
import type { Commit } from '../../../src/sinks/hdfs/record-line.js'
import { BUCKET, Feed, filesBelow, frame, lineOf, optionsOf, Sinking, STREAM, TIME } from '../../support/sinking.js'

const options = optionsOf('', { path: '/out/%{k}', rollCount: 1, spool: '/state/spool' })
const RECORD = `/state/spool/${STREAM}.commits`

function frameOf(first: number): Batch {
  return frame(first, ['a', 'b'].map((k, n) => ({ headers: { k }, body: String(first + n) })))
}

async function run(disk: MemoryDisk, batches: Iterable<Batch>): Promise<Sinking> {
  const sinking = new Sinking(options, batches, disk.boot(), new FakeClock(TIME))
  t.equal(await sinking.ended, undefined)
  return sinking
}

t.test('a line that is damaged costs no other one: files that those tell of and that are gone do not come again', async (t) => {
  const disk = new MemoryDisk()
  await run(disk, [frameOf(0), frameOf(2)])
  await disk.boot().unlink('/out/b/events.' + (await nameIn(disk, '/out/b', 1)))
  await disk.boot().unlink('/out/b/events.' + (await nameIn(disk, '/out/b', 0)))
  const at = disk.find(RECORD)!.bytes.indexOf('{"step":"done"')
  t.ok(at > 0)
  spoil(disk, RECORD, (bytes) => (bytes[at + 50]! ^= 1, bytes))
  const { said } = await run(disk, [frameOf(0), frameOf(2)])
  t.match(said, [new RegExp(`^${RECORD}: the line at byte ${at} is damaged: a file that it told of may come once more`)])
  t.same(Object.keys(await filesBelow('/out', disk.boot())).filter((path) => path.startsWith('b/')), [], 'what came last is known')
})

t.test('a number that is another one is not believed: nothing is skipped', async (t) => {
  const disk = new MemoryDisk()
  await run(disk, [frameOf(0)])
  spoil(disk, RECORD, (bytes) => Buffer.from(bytes.toString().replaceAll('"end":2', '"end":6')))
  await run(disk, [frameOf(2), frameOf(4)])
  t.same(Object.values(await filesBelow('/out', disk.boot())).sort(), ['0\n', '1\n', '2\n', '3\n', '4\n', '5\n'])
})

t.test('what a damaged line may have told of stays, of whoever sends its events once', async (t) => {
  const disk = new MemoryDisk()
  const feed = new Feed()
  feed.push(batchOf(Buffer.from(lineOf({ headers: { k: 'a' }, body: 'only here' }) + lineOf({ headers: { k: 'b' }, body: 'here too' })), 2, null))
  const sinking = new Sinking({ ...options, rollCount: 10 }, feed, disk.boot(), new FakeClock(TIME))
  const whole = async (): Promise<boolean> => Object.values(await below(disk)).filter((text) => text !== '').length === 2
  while (!(await whole())) await new Promise((resolve) => setImmediate(resolve))
  disk.kill()
  void sinking
  const record = `/state/spool/${[...disk.directory('/state/spool').entries.keys()].find((name) => name.endsWith('.commits'))}`
  spoil(disk, record, (bytes) => (bytes[bytes.indexOf('"step":"filling"') + 30]! ^= 1, bytes))
  const { said } = await run(disk, [])
  t.match(said.join('\n'), /the line at byte \d+ is damaged/)
  t.match(Object.values(await below(disk)).join(''), /only here/)
  t.match(Object.values(await below(disk)).join(''), /here too/)
})

t.test('where a bucket ends is known for as long as its events may come again, however many there are', async (t) => {
  const disk = new MemoryDisk().boot()
  const clock = new FakeClock(TIME)
  const stop = new AbortController().signal
  const around = { disk, clock, retry: new Retry(clock, () => undefined, stop), stop, say: () => undefined }
  const place = (n: number): Place => ({ directory: `/out/${n}`, prefix: 'events', bucket: BUCKET })
  const open = (): Promise<CommitRecord> => CommitRecord.open('/state/spool/s', around)
  const record = await open()
  const commits = Array.from({ length: 10_500 }, (_, n) => ({ ...place(n), end: n + 1, file: { path: `/out/${n}/t`, id: `${n}`, size: 1 }, path: `/out/${n}/f` }))
  await Promise.all(commits.map((commit) => record.done(commit)))
  const known = (of: CommitRecord): number => commits.filter(({ end }, n) => of.endOf(place(n)) === end).length
  t.equal(known(record), 10_500)
  record.acked(10_400)
  t.equal(known(record), 10_500, 'the ack may not have arrived')
  clock.advance(60_000)
  record.acked(10_500)
  t.equal(known(record), 10_000)
  await record.close()
  const again = await open()
  t.equal(known(again), 10_500, 'what is in the file')
  await again.close()
})

t.test('of a stream that nobody acks few buckets are remembered, beside those where something is under way', async (t) => {
  const disk = new MemoryDisk().boot()
  const clock = new FakeClock(TIME)
  const stop = new AbortController().signal
  const around = { disk, clock, retry: new Retry(clock, () => undefined, stop), stop, say: () => undefined }
  const place = (n: number): Place => ({ directory: `/out/${'x'.repeat(200)}/${n}`, prefix: 'events', bucket: BUCKET })
  const commit = (n: number): Commit => ({ ...place(n), end: n + 1, file: { path: `/out/${n}/t`, id: `${n}`, size: 1 }, path: `/out/${n}/f` })
  const record = await CommitRecord.open('/state/spool/plain=s', around)
  await record.filling({ ...place(0), path: '/out/0/next', suffix: '', codec: 'none', first: 1 })
  await record.begin({ ...commit(1), path: '/out/1/next' })
  for (let first = 0; first < 40_000; first += 1000) await Promise.all(Array.from({ length: 1000 }, (_, n) => record.done(commit(first + n))))
  const known = Array.from({ length: 40_000 }, (_, n) => n).filter((n) => record.endOf(place(n)) === n + 1)
  t.ok(known.length < 20_000, `${known.length}`)
  t.same(known.slice(0, 2), [0, 1])
  t.same(known.slice(-10_000), Array.from({ length: 10_000 }, (_, n) => 30_000 + n))
  await record.close()
})

async function below(disk: MemoryDisk): Promise<Record<string, string>> {
  return disk.find('/out') === undefined ? {} : filesBelow('/out', disk.boot())
}

async function nameIn(disk: MemoryDisk, directory: string, index: number): Promise<string> {
  return [...disk.directory(directory).entries.keys()].filter((name) => name.startsWith('events.')).sort()[index]!.slice('events.'.length)
}
