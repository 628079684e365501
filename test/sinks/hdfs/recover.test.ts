/** Commits and uploads of an earlier run whose place is elsewhere now, or in disorder: they stop nobody, and that is said. */
import t from 'tap'
import type { Disk } from '../../../src/disk/disk.js'
import { NAME_KEPT_FOR } from '../../../src/sinks/hdfs/recover.js'
import { bytesOf } from '../../../src/sinks/hdfs/record-line.js'
import { FakeClock } from '../../support/clock.js'
import { request } from '../../support/hadoop/http.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { urlOf } from '../../support/hadoop/webhdfs.js'
import { hdfsBelow, hdfsSinking } from '../../support/hdfs-sinking.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { filesBelow, frame, named, optionsOf, Sinking, STREAM, TIME } from '../../support/sinking.js'

const ONE = frame(0, [{ body: 'one' }])
const TWO = frame(1, [{ body: 'two' }])
const FILE_ONE = { [named(0, 0)]: 'one\n' }
const FILE_TWO = { [named(1, 1)]: 'two\n' }
const RECORD = `/spool/${STREAM}.commits`

const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }))

function sinking(path: string, disk: Disk, batches = [ONE], clock = new FakeClock(TIME)): Sinking {
  return new Sinking(optionsOf('', { path, spool: '/spool' }), batches, disk, clock)
}

/** A run to /old that has filled its file and recorded that it gets its name, which it does not get. */
async function cutShort(memory = new MemoryDisk()): Promise<MemoryDisk> {
  const disk = memory.boot()
  disk.link = failing('EPERM')
  const run = sinking('/old', disk)
  t.match(await run.ended, { message: /^cannot create \/old\/events/ })
  t.same(run.offsets, [])
  memory.kill()
  return memory
}

/** The disk, where one call fails for paths below /old. */
function disordered(memory: MemoryDisk, call: 'link' | 'lstat', code: string): Disk {
  const disk = memory.boot()
  const { link, lstat } = { link: disk.link.bind(disk), lstat: disk.lstat.bind(disk) }
  if (call === 'link') disk.link = (from, to) => (to.startsWith('/old/') ? failing(code)() : link(from, to))
  else disk.lstat = (path) => (path.startsWith('/old/') ? failing(code)() : lstat(path))
  return disk
}

for (const [call, code] of [['link', 'EPERM'], ['link', 'EROFS'], ['lstat', 'EACCES'], ['lstat', 'ENOTDIR'], ['lstat', 'EIO']] as const) {
  t.test(`a commit that cannot be completed, ${code} from ${call}, is said and stops nobody who writes elsewhere`, async (t) => {
    const memory = await cutShort()
    const run = sinking('/new', disordered(memory, call, code))
    t.equal(await run.ended, undefined)
    t.same(run.offsets, [1])
    t.same(await filesBelow('/new', memory.boot()), FILE_ONE)
    t.match(run.said, [new RegExp(`^cannot put in place /old/_${STREAM}\\.[^/]*\\.tmp: .*; its events go where --path says, without it$`)])
    const next = sinking('/new', disordered(memory, call, code), [TWO])
    t.equal(await next.ended, undefined)
    t.same(next.said, [], 'its events are acked')
  })
}

t.test('another user\'s file that the system keeps from being linked is called that, and no want of hard links', async (t) => {
  const memory = await cutShort()
  const disk = memory.boot()
  const { link, open } = { link: disk.link.bind(disk), open: disk.open.bind(disk) }
  const theirs = [...memory.directory('/old').entries.keys()].map((name) => `/old/${name}`)
  disk.link = (from, to) => (theirs.includes(from) ? failing('EPERM')() : link(from, to))
  disk.open = (path, mode, ...more) => (theirs.includes(path) && mode !== 'read' ? failing('EACCES')() : open(path, mode, ...more))
  const run = sinking('/old', disk)
  t.equal(await run.ended, undefined)
  t.same(await filesBelow('/old', memory.boot()), FILE_ONE, 'written again')
  const reason = 'the file is another user\'s, which fs.protected_hardlinks keeps from being linked (EPERM)'
  t.same(run.said, [`cannot put in place ${theirs[0]}: ${reason}; its events go where --path says, without it`])
})

t.test('it is completed by whoever writes to its place again before its events are acked', async (t) => {
  const memory = await cutShort()
  const disk = memory.boot()
  disk.link = failing('EPERM')
  await sinking('/new', disk).ended
  memory.kill()
  const run = sinking('/old', memory.boot())
  t.equal(await run.ended, undefined)
  t.same(run.offsets, [1])
  t.same(await filesBelow('/old', memory.boot()), FILE_ONE)
})

t.test('it is dropped when its events are acked, since they are in place elsewhere', async (t) => {
  const memory = await cutShort()
  t.equal(await sinking('/new', disordered(memory, 'link', 'EPERM')).ended, undefined)
  t.equal(await sinking('/old', memory.boot(), [TWO]).ended, undefined)
  t.same(await filesBelow('/old', memory.boot()), FILE_TWO)
})

/** A record that knows of an upload that failed. */
async function uploadFailed(path: string): Promise<MemoryDisk> {
  const memory = new MemoryDisk()
  const disk = memory.boot()
  await disk.makeDirectory('/spool')
  const file = await disk.open(RECORD, 'create')
  await file.write([bytesOf({ step: 'failed', path, time: TIME })], 0)
  await file.close()
  return memory
}

for (const [where, path, reason] of [
  ['on another file system', `hdfs://elsewhere/old/_${STREAM}.0.tmp`, 'it is on another file system'],
  ['where it may not be removed', `/old/_${STREAM}.0.tmp`, 'EACCES'],
] as const) {
  t.test(`what a failed upload may have left ${where} stops nobody, and is forgotten in its time`, async (t) => {
    const memory = await uploadFailed(path)
    const disk = memory.boot()
    const unlink = disk.unlink.bind(disk)
    disk.unlink = (path) => (path.startsWith('/old/') ? failing('EACCES')() : unlink(path))
    for (const [batch, time, knows] of [[ONE, TIME + 1, true], [TWO, TIME + NAME_KEPT_FOR, false]] as const) {
      const run = sinking('/new', disk, [batch], new FakeClock(time))
      t.equal(await run.ended, undefined)
      t.same(run.said, [`cannot remove ${path}: ${reason}; what failed uploads have left stays there, and may be deleted`])
      t.equal(memory.find(RECORD)!.bytes.includes('"step":"gone"'), !knows)
    }
    t.same(await filesBelow('/new', memory.boot()), { ...FILE_ONE, ...FILE_TWO })
    t.same((await after(disk)).said, [])
  })
}

async function after(disk: Disk): Promise<Sinking> {
  const run = sinking('/new', disk, [frame(2, [{ body: 'three' }])], new FakeClock(TIME + NAME_KEPT_FOR + 1))
  t.equal(await run.ended, undefined)
  return run
}

const rule = await hadoopRules(t, (t) => startHdfs(t))

rule('what an earlier run has left on this machine stops nobody who writes to HDFS', async (t, hdfs) => {
  const memory = await cutShort(await uploadFailed(`webhdfs://elsewhere/old/_${STREAM}.0.tmp`))
  const run = hdfsSinking({ namenodes: [hdfs.http], path: '/new', disk: memory.boot(), clock: new FakeClock(TIME) }, [ONE])
  t.equal(await run.ended, undefined)
  t.same(await hdfsBelow(hdfs.http, '/new'), FILE_ONE)
  t.match(run.said, [/^cannot remove webhdfs:.*: it is on another file system; /, /^cannot put in place \/old\/.*: it is on another file system; /])
})

rule('what one user may not remove of another\'s failed uploads stops nobody', async (t, hdfs) => {
  for (const user of ['alice', 'bob']) {
    await request('PUT', urlOf(hdfs.http, `/${user}`, 'MKDIRS', { permission: '700' }))
    await request('PUT', urlOf(hdfs.http, `/${user}`, 'SETOWNER', { owner: user }))
  }
  const memory = await uploadFailed(`hdfs://test/alice/_${STREAM}.0.tmp`)
  const run = hdfsSinking({ namenodes: [hdfs.http], path: '/bob', user: 'bob', disk: memory.boot(), clock: new FakeClock(TIME) }, [ONE])
  t.equal(await run.ended, undefined)
  t.match(run.said, [/^cannot remove hdfs:\/\/test\/alice\/.*AccessControlException: Permission denied/])
})
