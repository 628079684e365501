/** Uploads that begin while their file is still being filled: when they do, and what makes them give way. */
import t from 'tap'
import type { Batch } from '../../../src/events/batch.js'
import type { Clock } from '../../../src/events/flow.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { hastyClock, hdfsBelow, hdfsSinking } from '../../support/hdfs-sinking.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { startProxy, type HdfsProxy, type ProxiedRequest } from '../../support/proxy.js'
import { Feed, frame, named } from '../../support/sinking.js'

const rule = await hadoopRules(t, (t) => startHdfs(t))

const FOLLOW_FROM = 512 * 1024

/** Time that stands still: nothing is given up because this machine is slow. */
const clock: Clock = { ...hastyClock, now: () => 0, monotonic: () => 0 }

/** An event for each of these prefixes, of so many bytes. */
function events(first: number, prefixes: readonly string[], size: number): Batch {
  return frame(first, prefixes.map((k, n) => ({ headers: { k }, body: String.fromCharCode(97 + ((first + n) % 26)).repeat(size) })))
}

/** The lines of events() from each of these on. */
function text(size: number, ...sequences: readonly number[]): string {
  return sequences.map((n) => `${String.fromCharCode(97 + (n % 26)).repeat(size)}\n`).join('')
}

const isUpload = ({ to, op }: ProxiedRequest): boolean => to === 'datanode' && op === 'CREATE'
const uploadsOf = (proxy: HdfsProxy): ProxiedRequest[] => proxy.requests.filter(isUpload)

/** Ends when it is so; if it never is, tap's time limit ends it. */
async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

rule('the upload of a large file begins before it is complete, and is the only one', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const feed = new Feed()
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/early', prefix: '%{k}', clock, followFrom: FOLLOW_FROM, verify: true }, feed)
  feed.push(events(0, ['a'], 1_500_000))
  await eventually(() => (uploadsOf(proxy)[0]?.size ?? 0) > FOLLOW_FROM) // nothing but that begins it: no file is complete
  t.match(uploadsOf(proxy)[0]!.path, /^\/early\/_[^/]*\.tmp$/, 'readers do not see it')
  feed.push(events(1, ['a'], 1_500_000))
  feed.end()
  t.equal(await run.ended, undefined)
  t.strictSame(await hdfsBelow(hdfs.http, '/early'), { [named(0, 1, 'a')]: text(1_500_000, 0, 1) })
  t.equal(uploadsOf(proxy).length, 1)
  t.same(run.said, [])
})

rule('where no more comes it is given up, which is no failure of the DataNode; the file gets in place all the same', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const feed = new Feed()
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/idle', prefix: '%{k}', followFrom: FOLLOW_FROM }, feed)
  feed.push(events(0, ['a'], 1_500_000))
  await eventually(() => proxy.requests.some(({ op }) => op === 'DELETE'))
  feed.push(events(1, ['a'], 1_500_000)) // for which no other begins early: not so soon
  feed.end()
  t.equal(await run.ended, undefined)
  t.strictSame(await hdfsBelow(hdfs.http, '/idle'), { [named(0, 1, 'a')]: text(1_500_000, 0, 1) })
  const uploads = uploadsOf(proxy)
  t.equal(uploads.length, 2)
  t.equal(new Set(uploads.map(({ path }) => path)).size, 2, 'under another name')
  t.notOk(proxy.requests.some(({ parameters }) => parameters.has('excludedatanodes')))
  t.same(run.said, [])
})

rule('it gives way to a file that is complete, with --uploads 1', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const feed = new Feed()
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/way', prefix: '%{k}', clock, uploads: 1, rollCount: 3, followFrom: FOLLOW_FROM }, feed)
  const { struck, release } = proxy.inject('pause', isUpload)
  feed.push(events(0, ['a'], 1_500_000))
  await eventually(() => uploadsOf(proxy).length === 1)
  feed.push(events(1, ['b', 'b', 'b'], 10), events(4, ['a'], 10))
  await struck
  release()
  await eventually(() => uploadsOf(proxy).some(({ path, size }) => size === 33 && path !== uploadsOf(proxy)[0]!.path))
  feed.end()
  t.equal(await run.ended, undefined)
  t.strictSame(await hdfsBelow(hdfs.http, '/way'), {
    [named(0, 4, 'a')]: text(1_500_000, 0) + text(10, 4), [named(1, 3, 'b')]: text(10, 1, 2, 3),
  })
  t.same(run.said, [])
})

rule('a disk that gets full meanwhile: what is in memory is not missing', async (t, hdfs) => {
  const memory = new MemoryDisk()
  const proxy = await startProxy(t, hdfs.http)
  const feed = new Feed()
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/full', prefix: '%{k}', clock, disk: memory.boot(), followFrom: FOLLOW_FROM, verify: true }, feed)
  feed.push(events(0, ['a'], 1_500_000))
  await eventually(() => uploadsOf(proxy).length === 1)
  memory.capacity = memory.used + 10_000
  feed.push(events(1, ['a'], 1_500_000))
  await run.untilAcked(2) // nothing but the full disk asks for that
  feed.end()
  t.equal(await run.ended, undefined)
  t.strictSame(await hdfsBelow(hdfs.http, '/full'), { [named(0, 1, 'a')]: text(1_500_000, 0, 1) })
})

rule('stopped meanwhile: what it has read is in place, and no temporary file is left', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const feed = new Feed()
  const stop = new AbortController()
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/stopped', prefix: '%{k}', clock, followFrom: FOLLOW_FROM }, feed, stop)
  feed.push(events(0, ['a'], 1_500_000))
  await eventually(() => uploadsOf(proxy).length === 1)
  stop.abort()
  feed.end()
  t.equal(await run.ended, undefined)
  t.strictSame(await hdfsBelow(hdfs.http, '/stopped'), { [named(0, 0, 'a')]: text(1_500_000, 0) })
})
