/** The sink on a real HDFS: names as HDFS has them, and commits that somebody or something comes between. */
import t from 'tap'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { createParams } from '../../../src/sinks/hdfs/new-files.js'
import { FakeClock } from '../../support/clock.js'
import { STATUS_500_AFTER, type Substitute } from '../../support/faults.js'
import { request } from '../../support/hadoop/http.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { put, urlOf } from '../../support/hadoop/webhdfs.js'
import { hdfsBelow, hdfsSinking, Mortal, statusesIn } from '../../support/hdfs-sinking.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { startProxy } from '../../support/proxy.js'
import { anyBucket, Feed, filesBelow, frame, named, TIME } from '../../support/sinking.js'

const rule = await hadoopRules(t, (t) => startHdfs(t))

const MINUTE = 60_000
const NAME = named(0, 0)
const FRAMES = [frame(0, [{ body: 'one' }])]

const NAMES = [
  'with space', ' ', 'é', 'e\u0301', '日本語', '😀', 'dt=2026-01-01', '100%', '%41', '%2F', 'a+b', 'a;b', 'a,b', 'a&b=c', "'quoted'", '"quoted"', '#1', 'what?', '[x]', '{a,b}', '*',
  'back\\slash', '<a|b>', '^~`', '$HOME', '(x)!', '@', 'x'.repeat(255), 'é'.repeat(127), 'über'.repeat(50),
]

rule('directories have the names that the events say, byte for byte, as FsShell lists them', async (t, hdfs) => {
  const events = NAMES.map((name) => ({ headers: { name }, body: name }))
  const run = hdfsSinking({ namenodes: [hdfs.http], path: '/names/%{name}', uploads: 8 }, [frame(0, events)])
  t.equal(await run.ended, undefined)
  const { stdout } = await hdfs.fsShell('-ls', '-R', '-C', '/names')
  const listed = stdout.split('\n').filter((line) => line.endsWith('.log')).map(anyBucket)
  const expected = NAMES.map((name) => `/names/${name}/${named(0, NAMES.length - 1)}`)
  t.same(listed.sort(), expected.sort())
  t.same(Object.values(await hdfsBelow(hdfs.http, '/names')).sort(), NAMES.map((name) => `${name}\n`).sort())
})

rule('the longest directories are written to, and events of longer ones are rejects', async (t, hdfs) => {
  const events = ['日'.repeat(74) + 'x'.repeat(7), '日'.repeat(74) + 'x'.repeat(8)].map((name) => ({ headers: { name }, body: 'one' }))
  const path = `/long${`/${'é'.repeat(126)}`.repeat(3)}/${'x'.repeat(248)}/${'y'.repeat(200)}/%{name}`
  await request('PUT', urlOf(hdfs.http, '/long', 'MKDIRS', { permission: '777' }))
  const run = hdfsSinking({ namenodes: [hdfs.http], path, user: 'u'.repeat(32) }, [frame(0, events), frame(2, [{ headers: { name: 'short' }, body: 'two' }])])
  t.equal(await run.ended, undefined)
  t.same(run.offsets.at(-1), 3)
  t.match(run.rejects, [{ reason: 'its directory has too long a name' }])
  t.equal(run.rejects.length, 1)
  t.same(Object.values(await hdfsBelow(hdfs.http, '/long')).sort(), ['one\n', 'two\n'])
})

rule('what is longer than a DataNode takes, whatever makes it so, ends the sink at once', async (t, hdfs) => {
  const run = hdfsSinking({ namenodes: [hdfs.http], path: `/${'x'.repeat(200)}`.repeat(15), user: 'u'.repeat(1000) }, FRAMES)
  t.match(await run.ended, { code: 'CANNOT_CREATE', cause: { message: /longer than a DataNode takes over WebHDFS \(4096 bytes\)/ } })
  t.same(run.said, [])
})

rule('so has --path, for every file and when it is listed again', async (t, hdfs) => {
  const path = `/literal/${NAMES.slice(0, -3).join('/')}/e\u0301`
  for (const first of [0, 1]) {
    const run = hdfsSinking({ namenodes: [hdfs.http], path: path.replaceAll('%', '%%') }, [frame(0, [{ body: 'one' }]), frame(1, [{ body: 'two' }])].slice(0, first + 1))
    t.equal(await run.ended, undefined)
  }
  const { stdout } = await hdfs.fsShell('-ls', '-R', '-C', '/literal')
  t.same(stdout.split('\n').filter((line) => line.endsWith('.log')).map(anyBucket), [`${path}/${named(0, 0)}`, `${path}/${named(1, 1)}`])
})

rule('files have the block size, replication and mode that FsShell gives them, and new directories the mode of the one they are in', async (t, hdfs) => {
  const properties: Record<string, string> = { 'dfs.blocksize': '2m', 'dfs.replication': '3', 'fs.permissions.umask-mode': 'u=rwx,g=rx,o=' }
  await request('PUT', urlOf(hdfs.http, '/modes', 'MKDIRS', { permission: '710' }))
  const create = createParams({ from: undefined, get: (name) => properties[name] })
  t.equal(await hdfsSinking({ namenodes: [hdfs.http], path: '/modes/a/b', create }, FRAMES).ended, undefined)
  const put = join(t.testdir({ one: 'one\n' }), 'one')
  await hdfs.fsShell(...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`), '-put', put, '/modes/a/put')
  const { stdout } = await hdfs.fsShell('-stat', '%a %o %r', '/modes/a/put', `/modes/a/b/${NAME}`, '/modes/a', '/modes/a/b')
  t.same(stdout.trim().split('\n'), ['640 2097152 3', '640 2097152 3', '710 0 0', '710 0 0'])
})

for (const [what, make] of Object.entries({
  file: (http: string, path: string) => put(http, path, 'not ours'),
  directory: (http: string, path: string) => request('PUT', urlOf(http, path, 'MKDIRS')),
})) {
  rule(`a ${what} that has got the final name meanwhile is another history: it stays as it is, and nothing is acked`, async (t, hdfs) => {
    const proxy = await startProxy(t, hdfs.http)
    const path = `/taken-${what}`
    const { struck, release } = proxy.inject('delay', ({ op }) => op === 'GETFILESTATUS')
    const run = hdfsSinking({ namenodes: proxy.namenodes, path }, FRAMES)
    await struck
    await make(hdfs.http, `${path}/${NAME}`)
    release()
    t.match(await run.ended, { code: 'OTHER_HISTORY', message: `cannot name a file hdfs://test${path}/${NAME}: another one has that name` })
    t.same(run.offsets, [])
    const [other] = (await statusesIn(hdfs.http, path)).filter(({ pathSuffix }) => pathSuffix === NAME)
    t.match(other, { type: what.toUpperCase(), length: what === 'file' ? 8 : 0 })
  })
}

rule('a file that somebody removes between its upload and its name: the sink ends, and the next one writes it', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const disk = new MemoryDisk()
  const { struck, release } = proxy.inject('delay', ({ op }) => op === 'GETFILESTATUS')
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/removed', disk: disk.boot() }, FRAMES)
  const { path } = await struck
  await request('DELETE', urlOf(hdfs.http, path, 'DELETE'))
  release()
  t.match(await run.ended, { code: 'IO', message: /somebody has removed it/, cause: { message: /FileNotFoundException/ } })
  t.same(run.offsets, [])
  t.equal(await hdfsSinking({ namenodes: [hdfs.http], path: '/removed', disk: disk.boot() }, FRAMES).ended, undefined)
  t.same(await hdfsBelow(hdfs.http, '/removed'), { [NAME]: 'one\n' })
})

const OTHERWISE: Readonly<Record<string, Omit<Substitute, 'after'>>> = {
  'a redirection': { status: 307, body: '' },
  'a rename that was not done': { status: 200, body: '{"boolean":false}' },
  'a page of a proxy': { status: 200, body: '<html>maintenance</html>' },
  'something else': { status: 200, body: '{}' },
}

for (const [what, answer] of Object.entries(OTHERWISE)) {
  for (const after of [false, true]) {
    rule(`${what} in answer to a rename says nothing: HDFS is asked whether the file is in place${after ? ', and it is' : ', and the rename is tried again'}`, async (t, hdfs) => {
      const proxy = await startProxy(t, hdfs.http)
      const path = `/${what}-${after}`
      proxy.inject({ ...answer, after }, ({ op }) => op === 'RENAME')
      const run = hdfsSinking({ namenodes: proxy.namenodes, path }, FRAMES)
      t.equal(await run.ended, undefined)
      t.same(run.offsets, [1])
      t.same(await hdfsBelow(hdfs.http, path), { [NAME]: 'one\n' })
      t.equal(proxy.requests.filter(({ op }) => op === 'RENAME').length, after ? 1 : 2)
    })
  }
}

rule('the `true` of a gateway is a rename that was done', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  proxy.inject({ status: 200, body: '{"boolean":true}', after: true }, ({ op }) => op === 'RENAME')
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/true' }, FRAMES)
  t.equal(await run.ended, undefined)
  t.same(run.offsets, [1])
  t.equal(proxy.requests.at(-1)?.op, 'RENAME')
})

for (const op of ['LISTSTATUS_BATCH', 'CREATE', 'GETFILESTATUS']) {
  rule(`a redirection to nowhere, or a page, in answer to ${op} is no answer: it is asked again`, async (t, hdfs) => {
    const proxy = await startProxy(t, hdfs.http)
    const path = `/again-${op}`
    for (const answer of Object.values(OTHERWISE)) proxy.inject({ ...answer, after: false }, (request) => request.op === op && request.to === 'namenode')
    const run = hdfsSinking({ namenodes: proxy.namenodes, path }, FRAMES)
    t.equal(await run.ended, undefined)
    t.same(await hdfsBelow(hdfs.http, path), { [NAME]: 'one\n' })
  })
}

rule('a page of a directory that comes again is no answer: it is asked for again', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const FileStatus = [{ pathSuffix: 'other', length: 0, type: 'FILE' }]
  const body = JSON.stringify({ DirectoryListing: { partialListing: { FileStatuses: { FileStatus } }, remainingEntries: 1 } })
  proxy.inject({ status: 200, body, after: false }, ({ op }) => op === 'LISTSTATUS_BATCH', 3)
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/page' }, FRAMES)
  t.equal(await run.ended, undefined)
  t.match(run.said, [/^cannot list hdfs:\/\/test\/page: no answer from .*: no progress in .*other.*; trying again/])
  t.same(await hdfsBelow(hdfs.http, '/page'), { [NAME]: 'one\n' })
})

rule('the checksum of an erasure-coded file is not known: with --verify it ends, and says so', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const status = { pathSuffix: '', length: 4, type: 'FILE', fileId: 1, blockSize: 1 << 27 }
  for (const more of [{ ecBit: true }, { ecPolicy: 'XOR-2-1-1024k' }]) {
    proxy.inject({ status: 200, body: JSON.stringify({ FileStatus: { ...status, ...more } }), after: false }, ({ op }) => op === 'GETFILESTATUS')
    const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/coded', verify: true }, FRAMES)
    t.match(await run.ended, { code: 'UNAVAILABLE', message: /^cannot verify .*erasure-coded.*without --verify it goes on/ })
  }
  t.same(await hdfsBelow(hdfs.http, '/coded'), {})
})

for (const location of ['http://127.0.0.1:99999/x', 'http://127.0.0.1:0/x', 'http://no\thost:9864/x', 'ftp://127.0.0.1:9864/x', 'nowhere']) {
  rule(`a DataNode at ${JSON.stringify(location)} is none: the NameNode is asked for another`, async (t, hdfs) => {
    const proxy = await startProxy(t, hdfs.http)
    const path = `/location-${encodeURIComponent(location)}`
    proxy.inject({ status: 200, body: JSON.stringify({ Location: location }), after: false }, ({ op }) => op === 'CREATE')
    const run = hdfsSinking({ namenodes: proxy.namenodes, path: path.replaceAll('%', '%%') }, FRAMES)
    t.equal(await run.ended, undefined)
    t.same(await hdfsBelow(hdfs.http, path), { [NAME]: 'one\n' })
  })
}

rule('a file that was taken away after its name, of which no answer came: it is no loss, and nothing is passed over', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const disk = new MemoryDisk()
  proxy.inject(STATUS_500_AFTER, ({ op }) => op === 'RENAME')
  const looks = proxy.inject('delay', ({ op }) => op === 'GETFILESTATUS' && proxy.requests.some((other) => other.op === 'RENAME'))
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/away', disk: disk.boot() }, FRAMES)
  await looks.struck
  t.same(await hdfsBelow(hdfs.http, '/away'), { [NAME]: 'one\n' })
  await request('DELETE', urlOf(hdfs.http, `/away/${NAME}`, 'DELETE'))
  looks.release()
  t.match(await run.ended, { code: 'IO' })
  t.equal(await hdfsSinking({ namenodes: [hdfs.http], path: '/away', disk: disk.boot() }, FRAMES).ended, undefined)
  t.same(await hdfsBelow(hdfs.http, '/away'), { [NAME]: 'one\n' })
})

const TAKERS = {
  'to another directory': { to: `/archive/${NAME}`, user: userInfo().username },
  'to another name': { to: '/archive/of today.log', user: userInfo().username },
  'to where the sink may not look': { to: '/private/mine.log', user: 'alice' },
}

const TAKEN_UNSEEN = /^hdfs:\/\/test\/.*\.tmp \(fileId \d+\) is where alice may not look, but its directory is not: it counts as taken away by a reader$/

/** Directories that a reader moves files between. */
async function layOut(http: string, path: string): Promise<void> {
  for (const [directory, permission] of [[path, '777'], ['/archive', '755'], ['/private', '700']] as const) await request('PUT', urlOf(http, directory, 'MKDIRS', { permission }))
}

for (const [where, { to, user }] of Object.entries(TAKERS)) {
  rule(`a file that a reader moved ${where} after its name, of which no answer came, is in place`, async (t, hdfs) => {
    const path = `/moved ${where}`
    await layOut(hdfs.http, path)
    const proxy = await startProxy(t, hdfs.http)
    proxy.inject(STATUS_500_AFTER, ({ op }) => op === 'RENAME')
    const looks = proxy.inject('delay', ({ op }) => op === 'GETFILESTATUS' && proxy.requests.some((other) => other.op === 'RENAME'))
    const run = hdfsSinking({ namenodes: proxy.namenodes, path, user }, FRAMES)
    await looks.struck
    await move(hdfs.http, `${path}/${NAME}`, to)
    looks.release()
    t.equal(await run.ended, undefined)
    t.same(run.offsets, [1])
    t.equal(run.said.filter((message) => TAKEN_UNSEEN.test(message)).length, user === 'alice' ? 1 : 0)
    t.same(await hdfsBelow(hdfs.http, path), {})
    await request('DELETE', urlOf(hdfs.http, to, 'DELETE'))
  })

  rule(`so is one moved ${where} when the sink is killed before that answer, and started again`, async (t, hdfs) => {
    const path = `/killed, moved ${where}`
    await layOut(hdfs.http, path)
    const proxy = await startProxy(t, hdfs.http)
    const disk = new MemoryDisk()
    const answer = proxy.inject('delay', ({ op }) => op === 'RENAME')
    const process = new Mortal(disk)
    void hdfsSinking({ namenodes: proxy.namenodes, path, user, disk: process.disk, clock: process }, FRAMES)
    await answer.struck
    process.kill()
    await move(hdfs.http, `${path}/${NAME}`, to)
    const run = hdfsSinking({ namenodes: [hdfs.http], path, user, disk: disk.boot() }, FRAMES)
    t.equal(await run.ended, undefined)
    t.same(run.offsets, [1])
    t.equal(run.said.filter((message) => TAKEN_UNSEEN.test(message)).length, user === 'alice' ? 1 : 0)
    t.same(await hdfsBelow(hdfs.http, path), {})
    await request('DELETE', urlOf(hdfs.http, to, 'DELETE'))
  })
}

rule('a temporary file that somebody moved, name and all, before it got its name is not in place', async (t, hdfs) => {
  await layOut(hdfs.http, '/hidden')
  const proxy = await startProxy(t, hdfs.http)
  const { struck, release } = proxy.inject('delay', ({ op }) => op === 'GETFILESTATUS')
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/hidden' }, FRAMES)
  const { path } = await struck
  await move(hdfs.http, path, path.replace('/hidden', '/archive'))
  release()
  t.match(await run.ended, { code: 'IO', message: /somebody has removed it/ })
  t.same(run.offsets, [])
})

async function move(http: string, path: string, destination: string): Promise<void> {
  const { status, body } = await request('PUT', urlOf(http, path, 'RENAME', { destination, renameoptions: 'NONE' }))
  if (status !== 200) throw new Error(body.toString())
}

/** Lets time pass until `isOver`. */
async function passing(clock: FakeClock, step: number, isOver: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isOver())) {
    await new Promise((resolve) => setImmediate(resolve))
    if (clock.sleeping > 0) clock.advance(step)
  }
}

async function stepsIn(disk: MemoryDisk): Promise<string[]> {
  const text = Object.values(await filesBelow('/spool', disk.boot())).join('')
  return text.split('\n').slice(0, -1).map((line) => (JSON.parse(line) as { step: string }).step)
}

rule('a failed upload that becomes a file later is removed, until half an hour has passed', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const disk = new MemoryDisk()
  const clock = new FakeClock(TIME)
  const feed = new Feed()
  const injection = proxy.inject('drop-before', ({ to }) => to === 'datanode')
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/late', disk: disk.boot(), clock, rollCount: 1 }, feed)
  feed.push(...FRAMES)
  const { path } = await injection.struck
  await passing(clock, 100, () => run.offsets.length > 0)
  t.same(await stepsIn(disk), ['attempt', 'failed', 'attempt', 'begin', 'done'])
  const isThere = async (): Promise<boolean> => (await statusesIn(hdfs.http, '/late')).some(({ pathSuffix }) => path.endsWith(pathSuffix))

  await put(hdfs.http, path, 'on')
  clock.advance(29 * MINUTE)
  await passing(clock, 1000, async () => !(await isThere()))
  t.ok(clock.now() - TIME < 31 * MINUTE)
  await passing(clock, 0, async () => (await stepsIn(disk)).includes('gone'))
  feed.end()
  t.equal(await run.ended, undefined)
  t.same(await hdfsBelow(hdfs.http, '/late'), { [NAME]: 'one\n' })
})

rule('while one is being removed, and HDFS does not answer, nobody asks for it again', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const clock = new FakeClock(TIME)
  const feed = new Feed()
  proxy.inject('drop-before', ({ to }) => to === 'datanode')
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/slow', clock, rollCount: 1 }, feed)
  feed.push(...FRAMES)
  await passing(clock, 100, () => run.offsets.length > 0)
  const removals = (): number => proxy.requests.filter(({ op }) => op === 'DELETE').length
  const before = removals()
  const { struck, release } = proxy.inject('delay', ({ op }) => op === 'DELETE')
  clock.advance(31 * MINUTE)
  await struck
  for (let first = 1; first < 20; first++) {
    feed.push(frame(first, [{ body: 'more' }]))
    await run.untilAcked(first + 1)
  }
  t.equal(removals(), before + 1)
  release()
  feed.end()
  t.equal(await run.ended, undefined)
})

rule('so it is after a restart, and of an upload that a killed process had begun', async (t, hdfs) => {
  const disk = new MemoryDisk()
  const view = disk.boot()
  await view.makeDirectory('/spool')
  const proxy = await startProxy(t, hdfs.http)
  const { struck } = proxy.inject('delay', ({ to }) => to === 'datanode')
  void hdfsSinking({ namenodes: proxy.namenodes, path: '/killed', disk: view, clock: new FakeClock(TIME) }, FRAMES)
  const { path } = await struck
  disk.kill()
  await proxy.close()
  await request('DELETE', urlOf(hdfs.http, path, 'DELETE'))

  const clock = new FakeClock(TIME + MINUTE)
  const feed = new Feed()
  const run = hdfsSinking({ namenodes: [hdfs.http], path: '/killed', disk: disk.boot(), clock, rollCount: 1 }, feed)
  feed.push(...FRAMES)
  await passing(clock, 1, () => run.offsets.length > 0)
  await put(hdfs.http, path, 'o')
  await passing(clock, MINUTE, async () => (await stepsIn(disk)).includes('gone'))
  t.ok(clock.now() - TIME >= 31 * MINUTE)
  feed.end()
  t.equal(await run.ended, undefined)
  t.same(await hdfsBelow(hdfs.http, '/killed'), { [NAME]: 'one\n' })
})

rule('at a clean end nothing is left of failed uploads, however young; the record knows their names', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const disk = new MemoryDisk()
  proxy.inject('drop-half', ({ to }) => to === 'datanode')
  proxy.inject('drop-before', ({ op }) => op === 'DELETE')
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/clean', disk: disk.boot() }, FRAMES)
  t.equal(await run.ended, undefined)
  t.same(await hdfsBelow(hdfs.http, '/clean'), { [NAME]: 'one\n' })
  t.same(await stepsIn(disk), ['attempt', 'failed', 'attempt', 'begin', 'done'])
})
