/** Uploads at once, in what order their files get names, and DataNodes and NameNodes that do not answer. */
import t from 'tap'
import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import type { Batch } from '../../../src/events/batch.js'
import type { Daemon } from '../../support/hadoop/daemon.js'
import { request } from '../../support/hadoop/http.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { urlOf } from '../../support/hadoop/webhdfs.js'
import { hdfsBelow, hdfsSinking } from '../../support/hdfs-sinking.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { startProxy, type HdfsProxy, type ProxiedRequest } from '../../support/proxy.js'
import { Feed, frame, named } from '../../support/sinking.js'

const rule = await hadoopRules(t, (t) => startHdfs(t, { datanodes: 2, properties: { 'dfs.client.socket-timeout': '1000' } }))

/** A file for each with `rollCount: 1`. */
function frames(count: number, body = 'line'): Batch[] {
  return Array.from({ length: count }, (_, n) => frame(n, [{ body: `${body} ${n}` }]))
}

function files(count: number, body = 'line'): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [named(n, n), `${body} ${n}\n`]))
}

const isUpload = ({ to, op }: ProxiedRequest): boolean => to === 'datanode' && op === 'CREATE'
const count = (proxy: HdfsProxy, which: (request: ProxiedRequest) => boolean): number => proxy.requests.filter(which).length

/** Ends when it is so; if it never is, tap's time limit ends it. */
async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A while in which whatever can happen without an answer that is held has happened. */
async function calm(http: string): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await request('GET', urlOf(http, '/', 'GETFILESTATUS'))
}

rule('a file that is uploaded before an earlier one of its bucket waits for its name, and its ack', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const feed = new Feed()
  const { struck, release } = proxy.inject('delay', isUpload)
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/order', rollCount: 1 }, feed)
  const [first, ...others] = frames(6)
  feed.push(first!)
  await struck
  feed.push(...others)
  feed.end()
  await eventually(() => count(proxy, ({ op, path }) => op === 'GETFILESTATUS' && !path.startsWith('/.reserved/')) === 5)
  await calm(hdfs.http)
  t.equal(count(proxy, ({ op }) => op === 'RENAME'), 0)
  t.same(run.offsets, [])
  release()
  t.equal(await run.ended, undefined)
  const names = proxy.requests.filter(({ op }) => op === 'RENAME').map(({ parameters }) => parameters.get('destination'))
  t.same(names, Array.from({ length: 6 }, (_, n) => `/order/${named(n, n)}`))
  t.same(await hdfsBelow(hdfs.http, '/order'), files(6))
})

rule('no more uploads at once than were asked for', async (t, hdfs) => {
  for (const uploads of [1, 3]) {
    const proxy = await startProxy(t, hdfs.http)
    const { release } = proxy.inject('delay', isUpload, 3)
    const run = hdfsSinking({ namenodes: proxy.namenodes, path: `/at-once-${uploads}`, rollCount: 1, uploads }, frames(8))
    await eventually(() => count(proxy, isUpload) === uploads)
    await calm(hdfs.http)
    t.equal(count(proxy, isUpload), uploads)
    release()
    t.equal(await run.ended, undefined)
    t.same(await hdfsBelow(hdfs.http, `/at-once-${uploads}`), files(8))
  }
})

rule('while one directory is over its quota, files get into others, also one upload at a time', async (t, hdfs) => {
  await request('PUT', urlOf(hdfs.http, '/quota/full', 'MKDIRS'))
  await hdfs.dfsAdmin('-setQuota', '1', '/quota/full')
  const events = (first: number): Batch => frame(first, [{ headers: { k: 'full' }, body: 'a' }, { headers: { k: 'free' }, body: 'b' }])
  const run = hdfsSinking({ namenodes: [hdfs.http], path: '/quota/%{k}', rollCount: 1, uploads: 1 }, [events(0), events(2), events(4)])
  await run.untilSaid(/NSQuota/)
  const free = { [named(0, 1)]: 'b\n', [named(2, 3)]: 'b\n', [named(4, 5)]: 'b\n' }
  while (Object.keys(await hdfsBelow(hdfs.http, '/quota/free')).filter((name) => name.endsWith('.log')).length < 3) await calm(hdfs.http)
  t.same(run.offsets, [])
  t.equal(run.said.length, 1)
  await hdfs.dfsAdmin('-clrQuota', '/quota/full')
  t.equal(await run.ended, undefined)
  t.same(await hdfsBelow(hdfs.http, '/quota/free'), free)
  t.same(Object.keys(await hdfsBelow(hdfs.http, '/quota/full')).sort(), Object.keys(free))
})

rule('a DataNode that is dead, and handed out nevertheless, is left out from its first failure on', async (t, hdfs) => {
  await hdfs.datanodes[1]!.kill()
  const proxy = await startProxy(t, hdfs.http)
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/dead', rollCount: 1, uploads: 1 }, frames(20))
  t.equal(await run.ended, undefined)
  t.same(await hdfsBelow(hdfs.http, '/dead'), files(20))
  const failed = count(proxy, (request) => isUpload(request) && request.status !== 201)
  t.ok(failed <= 1, `${failed} failed`)
  hdfs.datanodes[1]!.start()
  await hdfs.ready()
})

/** A process that takes connections and says nothing, for as long as `work` takes. */
async function hung(daemon: Daemon, work: () => Promise<void>): Promise<void> {
  process.kill(daemon.pid!, 'SIGSTOP')
  try {
    await work()
  } finally {
    process.kill(daemon.pid!, 'SIGCONT')
  }
}

rule('a DataNode that hangs, asked by us or by another DataNode, holds up a file for no longer than the timeouts', async (t, hdfs) => {
  const large = 'x'.repeat(4_000_000)
  await hung(hdfs.datanodes[1]!, async () => {
    const timeout = 10_000 // more than HDFS takes to go on without it: 1 s as the cluster is set up, and 5 s for each DataNode
    const run = hdfsSinking({ namenodes: [hdfs.http], path: '/hung', rollCount: 1, timeout }, frames(4, large))
    t.equal(await run.ended, undefined)
  })
  await hdfs.ready()
  const written = Object.entries(await hdfsBelow(hdfs.http, '/hung')).filter(([name]) => name.endsWith('.log')) // what wakes up late may leave others
  t.ok(isDeepStrictEqual(Object.fromEntries(written), files(4, large)))
})

rule('an answer of the NameNode that does not come is asked for again after the timeout', async (t, hdfs) => {
  for (const op of ['LISTSTATUS_BATCH', 'CREATE', 'GETFILESTATUS', 'RENAME']) {
    const proxy = await startProxy(t, hdfs.http)
    proxy.inject('delay', (request) => request.op === op)
    const run = hdfsSinking({ namenodes: proxy.namenodes, path: `/silent-${op}`, timeout: 1000 }, frames(1))
    t.equal(await run.ended, undefined)
    t.same(await hdfsBelow(hdfs.http, `/silent-${op}`), files(1))
  }
})

/** Sockets and timers that keep this process alive. */
function alive(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|TLSWrap|Timeout/.test(name))
}

/** It ends soon though its patience is an hour, and leaves nothing that would keep a process alive. */
async function stopsSoon(t: Test, path: string, http: string, silent: Daemon): Promise<void> {
  const feed = new Feed()
  const stop = new AbortController()
  const before = alive().length
  const disk = new MemoryDisk().boot()
  const run = hdfsSinking({ namenodes: [http], path: `${path}/%{k}`, timeout: 3_600_000, rollCount: 1, openFilesMax: 100, disk }, feed, stop)
  const events = Array.from({ length: 30 }, (_, k) => ({ headers: { k }, body: 'one' }))
  feed.push(frame(0, events))
  await run.untilAcked(30)
  await hung(silent, async () => {
    feed.push(frame(30, events))
    await eventually(() => run.taken === 2)
    stop.abort('SIGTERM')
    feed.end()
    t.match(await run.ended, { code: 'STOPPED' })
  })
  t.same(run.offsets, [30])
  await eventually(() => alive().length <= before)
}

rule('stopped while the NameNode hangs: it ends soon', async (t, hdfs) => {
  await stopsSoon(t, '/stop-namenode', hdfs.http, hdfs.namenode)
})

rule('stopped while a DataNode hangs: it ends soon', async (t, hdfs) => {
  await hdfs.datanodes[1]!.kill()
  await stopsSoon(t, '/stop-datanode', hdfs.http, hdfs.datanode)
  hdfs.datanodes[1]!.start()
  await hdfs.ready()
})

rule('stopped while HDFS works: what it has read is in place, however many files that are', async (t, hdfs) => {
  const feed = new Feed()
  const stop = new AbortController()
  const run = hdfsSinking({ namenodes: [hdfs.http], path: '/stop/%{k}' }, feed, stop)
  feed.push(frame(0, Array.from({ length: 50 }, (_, k) => ({ headers: { k }, body: 'one' }))))
  await eventually(() => run.taken === 1)
  stop.abort('SIGTERM')
  feed.end()
  t.equal(await run.ended, undefined)
  t.same(run.offsets, [50])
  t.equal(Object.keys(await hdfsBelow(hdfs.http, '/stop')).length, 50)
})

rule('a spool without room: what is there is finished, and it goes on without any', async (t, hdfs) => {
  const memory = new MemoryDisk()
  const feed = new Feed()
  const proxy = await startProxy(t, hdfs.http)
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/no-space/%{k}', disk: memory.boot(), verify: true }, feed)
  const events = (first: number, size: number): Batch => frame(first, ['a', 'b'].map((k) => ({ headers: { k }, body: `${first}${k}`.repeat(size) })))
  feed.push(events(0, 40_000))
  await eventually(() => memory.used > 1024 * 1024 + 2 * 40_000) // the reserve, and most of the events
  memory.capacity = memory.used + 10_000
  const { struck, release } = proxy.inject('drop-half', isUpload)
  feed.push(events(2, 30_000), events(4, 1), events(6, 50_000))
  await struck
  release()
  await run.untilAcked(4) // nothing but the full disk asks for that
  feed.end()
  t.equal(await run.ended, undefined)
  t.match(run.said[0], /^no room in \/spool: all files are finished now, with what they have; with more room there, or a smaller --spool-bytes-max, /)
  t.same(run.offsets.at(-1), 8)
  const texts = Object.entries(await hdfsBelow(hdfs.http, '/no-space'))
  for (const k of ['a', 'b']) {
    const expected = [[0, 40_000], [2, 30_000], [4, 1], [6, 50_000]].map(([first, size]) => `${first}${k}`.repeat(size!) + '\n').join('')
    t.ok(texts.filter(([name]) => name.startsWith(k)).map(([, text]) => text).join('') === expected)
  }
})

rule('a spool that somebody else keeps full, but for the records: it goes on all the same', async (t, hdfs) => {
  const memory = new MemoryDisk()
  memory.capacity = 100_000
  const run = hdfsSinking({ namenodes: [hdfs.http], path: '/never-space', disk: memory.boot() }, frames(50, 'x'.repeat(100_000)))
  t.equal(await run.ended, undefined)
  t.same(run.offsets.at(-1), 50)
  const text = Object.values(await hdfsBelow(hdfs.http, '/never-space')).join('')
  t.ok(text === Object.values(files(50, 'x'.repeat(100_000))).join(''))
  t.equal(run.said.length, 1)
})

rule('a spool that gets its room back: files are as large as they should be again, also where only small ones came meanwhile', async (t, hdfs) => {
  const memory = new MemoryDisk()
  memory.capacity = 100_000
  const feed = new Feed()
  const run = hdfsSinking({ namenodes: [hdfs.http], path: '/space-again', disk: memory.boot() }, feed)
  feed.push(...frames(1))
  await run.untilAcked(1)
  memory.capacity = Infinity
  feed.push(...frames(4).slice(1, 2))
  await run.untilAcked(2) // with it the reserve is set aside
  feed.push(...frames(4).slice(2))
  feed.end()
  t.equal(await run.ended, undefined)
  const expected = { [named(0, 0)]: 'line 0\n', [named(1, 1)]: 'line 1\n', [named(2, 3)]: 'line 2\nline 3\n' }
  t.same(await hdfsBelow(hdfs.http, '/space-again'), expected)
})

rule('1,000 directories at once', async (t, hdfs) => {
  const events = Array.from({ length: 1000 }, (_, host) => ({ headers: { host: `web${host}` }, body: 'one' }))
  const run = hdfsSinking({ namenodes: [hdfs.http], path: '/many/%{host}', uploads: 8, openFilesMax: 1000 }, [frame(0, events)])
  t.equal(await run.ended, undefined)
  const { body } = await request('GET', urlOf(hdfs.http, '/many', 'GETCONTENTSUMMARY'))
  t.match(JSON.parse(body.toString()), { ContentSummary: { directoryCount: 1001, fileCount: 1000, length: 4000 } })
  t.same(run.said, [])
})
