/** Files that are moved before they have their name, their directory with them, to where the sink may not look: none of them counts as in place. */
import t, { type Test } from 'tap'
import { unsealed } from '../../../src/disk/sealed.js'
import { bytesOf, type CommitLine } from '../../../src/sinks/hdfs/record-line.js'
import { spoil } from '../../support/checking.js'
import { STATUS_500_AFTER } from '../../support/faults.js'
import { request } from '../../support/hadoop/http.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { urlOf } from '../../support/hadoop/webhdfs.js'
import { hdfsBelow, hdfsSinking, Mortal, statusesIn } from '../../support/hdfs-sinking.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { startProxy, type HdfsProxy, type ProxiedRequest } from '../../support/proxy.js'
import { frame, named, STREAM } from '../../support/sinking.js'

const rule = await hadoopRules(t, (t) => startHdfs(t))

const NAME = named(0, 0)
const FRAMES = [frame(0, [{ body: 'one' }])]
const RECORD = `/spool/${STREAM}.commits`
const user = 'alice'

const isRename = ({ op }: ProxiedRequest): boolean => op === 'RENAME'

/** The first look at something after a rename was asked for. */
function looksIn(proxy: HdfsProxy): (request: ProxiedRequest) => boolean {
  return ({ op }) => op === 'GETFILESTATUS' && proxy.requests.some(isRename)
}

async function makeDirectory(http: string, path: string, permission: string): Promise<void> {
  await request('PUT', urlOf(http, path, 'MKDIRS', { permission }))
}

async function move(http: string, path: string, destination: string): Promise<void> {
  const { status, body } = await request('PUT', urlOf(http, path, 'RENAME', { destination, renameoptions: 'NONE' }))
  if (status !== 200) throw new Error(body.toString())
}

/** A directory that alice writes below, and one that she may not look into. */
async function layOut(http: string, base: string): Promise<{ path: string; private: string }> {
  await makeDirectory(http, base, '777')
  await makeDirectory(http, `${base}-private`, '700')
  return { path: `${base}/d`, private: `${base}-private/d` }
}

/** The file is in place once it is written again, and only then acked. */
async function comesAgain(t: Test, http: string, path: string, disk: MemoryDisk, said: RegExp[] = []): Promise<void> {
  const run = hdfsSinking({ namenodes: [http], path, user, disk: disk.boot() }, FRAMES)
  t.equal(await run.ended, undefined)
  t.same(run.offsets, [1])
  t.same(await hdfsBelow(http, path), { [NAME]: 'one\n' })
  t.match(run.said, said)
  t.equal(run.said.length, said.length)
}

const MOVED = 'the sink ends, and the next one writes it'

rule(`a directory that is moved, before a file in it has its name, to where the sink may not look: ${MOVED}`, async (t, hdfs) => {
  const { path, private: hidden } = await layOut(hdfs.http, '/live')
  const proxy = await startProxy(t, hdfs.http)
  const disk = new MemoryDisk()
  const { struck, release } = proxy.inject('delay', ({ op }) => op === 'GETFILESTATUS')
  const run = hdfsSinking({ namenodes: proxy.namenodes, path, user, disk: disk.boot() }, FRAMES)
  await struck
  await move(hdfs.http, path, hidden)
  release()
  t.match(await run.ended, { code: 'IO', message: /somebody has removed it/, cause: { message: /FileNotFoundException/ } })
  t.same(run.offsets, [])
  t.same(run.said, [])
  await comesAgain(t, hdfs.http, path, disk)
})

for (const to of ['/private', '/archive']) {
  rule(`so is a file that is moved there alone, under whatever name, in ${to}`, async (t, hdfs) => {
    const base = `/alone-in${to.replace('/', '-')}`
    const { path } = await layOut(hdfs.http, base)
    await makeDirectory(hdfs.http, base + to, to === '/private' ? '700' : '755')
    const proxy = await startProxy(t, hdfs.http)
    const disk = new MemoryDisk()
    const { struck, release } = proxy.inject('delay', ({ op }) => op === 'GETFILESTATUS')
    const run = hdfsSinking({ namenodes: proxy.namenodes, path, user, disk: disk.boot() }, FRAMES)
    await move(hdfs.http, (await struck).path, `${base}${to}/renamed by somebody`)
    release()
    t.match(await run.ended, { code: 'IO', message: /somebody has removed it/ })
    t.same(run.offsets, [])
    await comesAgain(t, hdfs.http, path, disk)
  })
}

for (const again of ['', ', and made again by somebody']) {
  rule(`a directory that is moved there${again} when no answer to a rename has come: ${MOVED}`, async (t, hdfs) => {
    const { path, private: hidden } = await layOut(hdfs.http, `/unknown${again.length}`)
    const proxy = await startProxy(t, hdfs.http)
    const disk = new MemoryDisk()
    proxy.inject('drop-before', isRename)
    const looks = proxy.inject('delay', looksIn(proxy))
    const run = hdfsSinking({ namenodes: proxy.namenodes, path, user, disk: disk.boot() }, FRAMES)
    await looks.struck
    await move(hdfs.http, path, hidden)
    if (again !== '') await makeDirectory(hdfs.http, path, '777')
    looks.release()
    t.match(await run.ended, { code: 'IO', message: /somebody has removed it/ })
    t.same(run.offsets, [])
    const said = /\(fileId \d+\) is where alice may not look, .*: its events come again/
    t.match(run.said, [/trying again, nothing is lost$/, said])
    await comesAgain(t, hdfs.http, path, disk, [said])
  })

  rule(`so it is where the sink was killed before its rename, and the directory then moved there${again}`, async (t, hdfs) => {
    const { path, private: hidden } = await layOut(hdfs.http, `/killed${again.length}`)
    const disk = await killedAt(t, hdfs.http, path, 'drop-before')
    await move(hdfs.http, path, hidden)
    if (again !== '') await makeDirectory(hdfs.http, path, '777')
    await comesAgain(t, hdfs.http, path, disk, [/\(fileId \d+\) is where alice may not look, .*: its events come again/])
  })
}

rule('a file that lies in somebody\'s trash was removed, whatever name it had: its events come again', async (t, hdfs) => {
  const { path } = await layOut(hdfs.http, '/trash')
  const disk = await killedAt(t, hdfs.http, path, 'drop-before')
  await makeDirectory(hdfs.http, '/user/bob', '755')
  await makeDirectory(hdfs.http, '/user/bob/.Trash', '700')
  const [temporary] = await statusesIn(hdfs.http, path)
  await move(hdfs.http, `${path}/${temporary!.pathSuffix}`, `/user/bob/.Trash/${temporary!.pathSuffix}`)
  await comesAgain(t, hdfs.http, path, disk, [/\(fileId \d+\) is in a trash where alice may not look: its events come again/])
})

rule('of a commit that an earlier version has recorded nobody knows the directory: its events come again', async (t, hdfs) => {
  const { path, private: hidden } = await layOut(hdfs.http, '/earlier')
  const disk = await killedAt(t, hdfs.http, path, STATUS_500_AFTER)
  await move(hdfs.http, `${path}/${NAME}`, hidden)
  spoil(disk, RECORD, (bytes) => Buffer.concat(bytes.toString().split('\n').slice(0, -1).map(withoutDirectory)))
  await comesAgain(t, hdfs.http, path, disk, [/\(fileId \d+\) is where alice may not look, .*: its events come again/])
})

/** What a sink has left that was killed when its rename had met this fault. */
async function killedAt(t: Test, http: string, path: string, fault: 'drop-before' | typeof STATUS_500_AFTER): Promise<MemoryDisk> {
  const proxy = await startProxy(t, http)
  const disk = new MemoryDisk()
  const process = new Mortal(disk)
  const rename = proxy.inject(fault, isRename)
  proxy.inject('delay', looksIn(proxy))
  void hdfsSinking({ namenodes: proxy.namenodes, path, user, disk: process.disk, clock: process }, FRAMES)
  await rename.struck
  process.kill()
  return disk
}

/** The line as it was before it named the directory. */
function withoutDirectory(text: string): Buffer {
  const line = JSON.parse(unsealed(Buffer.from(text))!.toString()) as CommitLine
  if (line.step !== 'begin') return Buffer.from(`${text}\n`)
  const { parent, ...file } = line.file
  t.type(parent, 'string')
  return bytesOf({ ...line, file })
}
