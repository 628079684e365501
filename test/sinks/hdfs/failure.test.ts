/** What fails on HDFS, and what the sink makes of it: it waits and says why, or it ends and says what to do. */
import t from 'tap'
import type { Test } from 'tap'
import { FlumeError } from '../../../src/errors.js'
import { failureOf, lostAnswer, notTrusted } from '../../../src/sinks/hdfs/webhdfs/failure.js'
import { remoteException } from '../../support/faults.js'
import type { Cluster } from '../../support/hadoop/cluster.js'
import { request } from '../../support/hadoop/http.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { put, urlOf } from '../../support/hadoop/webhdfs.js'
import { hdfsBelow, hdfsSinking, type HdfsSinkingOptions } from '../../support/hdfs-sinking.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { startProxy } from '../../support/proxy.js'
import { filesBelow, frame, named, type Sinking } from '../../support/sinking.js'

const json = (javaClassName: string, message: string): string => remoteException(403, javaClassName, message).body

t.test('the class decides, wherever it stands, and a status decides nothing', async (t) => {
  const safe = 'org.apache.hadoop.hdfs.server.namenode.SafeModeException'
  const cases: readonly (readonly [status: number, body: string, outcome: string, exception: string | undefined])[] = [
    [403, json(safe, 'Name node is in safe mode.'), 'passes', 'SafeModeException'],
    [500, json(safe, 'Name node is in safe mode.'), 'passes', 'SafeModeException'],
    [403, json('org.apache.hadoop.ipc.RemoteException', `${safe}: Cannot add block`), 'passes', 'SafeModeException'],
    [403, json('org.apache.hadoop.ipc.RemoteException', 'Cannot add block to /x. Name node is in safe mode.'), 'passes', 'RemoteException'],
    [403, json('java.io.IOException', 'org.apache.hadoop.security.AccessControlException: denied'), 'PERMISSION', 'AccessControlException'],
    [403, json('org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException', 'x'), 'CANNOT_CREATE', 'PathComponentTooLongException'],
    [403, json('org.apache.hadoop.ipc.RemoteException', 'The maximum path component name limit of x in directory /'), 'CANNOT_CREATE', 'RemoteException'],
    [403, json('org.apache.hadoop.ipc.RemoteException', 'no NameNode serves it: org.apache.hadoop.ipc.StandbyException'), 'passes', 'StandbyException'],
    [403, json('java.io.IOException', 'could only be replicated to 0 nodes instead of minReplication (=1)'), 'passes', 'IOException'],
    [403, json('java.io.IOException', 'Unable to close file because the last block does not have enough number of replicas.'), 'passes', 'IOException'],
    [403, json('org.apache.hadoop.hdfs.CannotObtainBlockLengthException', 'x'), 'passes', 'CannotObtainBlockLengthException'],
    [403, json('java.io.IOException', 'anything'), 'passes', 'IOException'],
    [403, json('com.example.NewException', 'that nobody knows'), 'passes', 'NewException'],
    [403, '', 'passes', undefined],
    [500, '', 'passes', undefined],
    [403, json(safe, 'x').slice(0, 40), 'passes', undefined],
    [404, '<html><title>404</title>\n<h1>Not  Found</h1></html>', 'passes', undefined],
    [502, 'null', 'passes', undefined],
    [502, '{"RemoteException":null}', 'passes', undefined],
    [502, '{"RemoteException":{"exception":5}}', 'passes', undefined],
    [401, '<html>Authentication required</html>', 'UNAVAILABLE', 'AuthenticationException'],
  ]
  for (const [status, body, outcome, exception] of cases) t.match(failureOf(status, body, 'web1:9870'), { outcome, exception }, body)
})

t.test('messages are one line, without Java stacks and tags, and with advice', async (t) => {
  const stack = json('org.apache.hadoop.hdfs.protocol.DSQuotaExceededException', 'The DiskSpace quota of /q is exceeded\n\tat org.apache.hadoop.X')
  t.equal(
    failureOf(403, stack, 'web1:9870').message,
    'web1:9870: DSQuotaExceededException: The DiskSpace quota of /q is exceeded (make room, or ask for a larger quota: hdfs dfs -count -q shows it)',
  )
  t.equal(failureOf(404, '<html><title>404</title>\n<h1>Not  Found</h1></html>', 'a:1').message, 'a:1 answered 404: 404 Not Found')
  t.equal(failureOf(500, '', 'a:1').message, 'a:1 answered 500')
  t.equal(lostAnswer('a:1', Object.assign(new Error(''), { code: 'ECONNREFUSED' })).message, 'no answer from a:1: ECONNREFUSED')
})

t.test('of a message without end its beginning is shown, and what all of it means is known', async (t) => {
  const long = failureOf(403, json('org.apache.hadoop.ipc.RemoteException', `${'x'.repeat(1_000_000)} directory item limit`), 'a:1')
  t.match(long.message, /^a:1: RemoteException: x+… \(move files away/)
  t.ok(long.message.length < 1200, `${long.message.length}`)
})

t.test('a certificate that is not trusted is trusted at no later attempt', async (t) => {
  const refused = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  t.match(notTrusted('a:1', refused), { outcome: 'UNAVAILABLE', message: 'no answer from a:1: self-signed certificate (NODE_EXTRA_CA_CERTS names the file of a private CA)' })
  t.equal(notTrusted('a:1', Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' })), undefined)
  t.match(lostAnswer('a:1', refused), { outcome: 'passes', message: /NODE_EXTRA_CA_CERTS/ }, 'one DataNode of many')
})

const rule = await hadoopRules(t, (t) =>
  startHdfs(t, { properties: { 'dfs.namenode.fs-limits.max-directory-items': '40', 'dfs.namenode.fs-limits.max-component-length': '200' } }))

function sinking(hdfs: Cluster, path: string, more: Partial<HdfsSinkingOptions> = {}): Sinking {
  return hdfsSinking({ namenodes: [hdfs.http], path, ...more }, [frame(0, [{ body: 'one' }]), frame(1, [{ body: 'two' }])])
}

const NAME = named(0, 1)
const FILES = { [NAME]: 'one\ntwo\n' }

async function makeDirectory(hdfs: Cluster, path: string): Promise<void> {
  await request('PUT', urlOf(hdfs.http, path, 'MKDIRS'))
}

/** It waits for this reason, and has written all when that is mended. */
async function waits(t: Test, hdfs: Cluster, run: Sinking, path: string, reason: RegExp, mend: () => Promise<unknown>): Promise<void> {
  await run.untilSaid(reason)
  t.same(run.offsets, [])
  await mend()
  t.equal(await run.ended, undefined)
  t.same(await hdfsBelow(hdfs.http, path), FILES)
  t.match(run.said, { length: 2, 0: reason, 1: /^it goes on/ })
  t.match(run.said[0], /^cannot \w+ .*; trying again, nothing is lost$/)
}

rule('safe mode: it waits until that is left', async (t, hdfs) => {
  await hdfs.dfsAdmin('-safemode', 'enter')
  const run = sinking(hdfs, '/safe')
  await waits(t, hdfs, run, '/safe', /SafeModeException: .*safe mode.*\(.*hdfs dfsadmin -safemode leave\)/, () => hdfs.dfsAdmin('-safemode', 'leave'))
})

rule('safe mode between an upload and its name: the name comes when that is left', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const { struck, release } = proxy.inject('delay', ({ op }) => op === 'GETFILESTATUS')
  const run = sinking(hdfs, '/safe-rename', { namenodes: proxy.namenodes })
  await struck
  await hdfs.dfsAdmin('-safemode', 'enter')
  release()
  await waits(t, hdfs, run, '/safe-rename', /cannot create .*log: .*SafeModeException/, () => hdfs.dfsAdmin('-safemode', 'leave'))
  t.equal(proxy.requests.filter(({ to }) => to === 'datanode').length, 1, 'not sent again')
})

rule('in safe mode, names of what was never made are not kept', async (t, hdfs) => {
  await hdfs.dfsAdmin('-safemode', 'enter')
  const proxy = await startProxy(t, hdfs.http)
  const disk = new MemoryDisk().boot()
  const run = sinking(hdfs, '/safe-night', { namenodes: proxy.namenodes, disk })
  const attempts = (): number => proxy.requests.filter(({ to }) => to === 'datanode').length
  while (attempts() < 5) await new Promise((resolve) => setImmediate(resolve))
  await hdfs.dfsAdmin('-safemode', 'leave')
  t.equal(await run.ended, undefined)
  const lines = Object.values(await filesBelow('/spool', disk)).join('').split('\n').slice(0, -1).map((line) => JSON.parse(line) as { step: string })
  const steps = lines.map(({ step }) => step)
  t.same(steps, [...Array.from({ length: attempts() - 1 }, () => ['attempt', 'gone']).flat(), 'attempt', 'begin', 'done'])
})

rule('a namespace quota: it waits until there is room', async (t, hdfs) => {
  await makeDirectory(hdfs, '/names')
  await hdfs.dfsAdmin('-setQuota', '1', '/names')
  const run = sinking(hdfs, '/names/x')
  await waits(t, hdfs, run, '/names/x', /NSQuotaExceededException: .*quota=1 .*\(make room, or ask for a larger quota/, () => hdfs.dfsAdmin('-clrQuota', '/names'))
})

rule('a space quota: it waits until there is room', async (t, hdfs) => {
  await makeDirectory(hdfs, '/space')
  await hdfs.dfsAdmin('-setSpaceQuota', '1m', '/space')
  const run = sinking(hdfs, '/space')
  await waits(t, hdfs, run, '/space', /DSQuotaExceededException: .*\(make room/, () => hdfs.dfsAdmin('-clrSpaceQuota', '/space'))
})

rule('a directory that is full: it waits until something is moved away', async (t, hdfs) => {
  for (let count = 0; count < 40; count++) await makeDirectory(hdfs, `/full/${count}`)
  const run = sinking(hdfs, '/full')
  await run.untilSaid(/directory item limit.*\(move files away, or raise dfs.namenode.fs-limits.max-directory-items\)/)
  await request('DELETE', urlOf(hdfs.http, '/full/7', 'DELETE'))
  t.equal(await run.ended, undefined)
  t.match(await hdfsBelow(hdfs.http, '/full'), FILES)
})

rule('no NameNode: it waits for it', async (t, hdfs) => {
  await hdfs.namenode.kill()
  const run = sinking(hdfs, '/namenode')
  await waits(t, hdfs, run, '/namenode', /no answer from 127.0.0.1:\d+: .*ECONNREFUSED/, async () => {
    hdfs.namenode.start()
    await hdfs.ready()
  })
})

rule('no DataNode: it waits for one, also where the NameNode knows of none', async (t, hdfs) => {
  await hdfs.datanode.kill()
  const timeout = 3000 // a DataNode that has just begun asks the NameNode for room until it knows it, for up to 20 s
  const run = sinking(hdfs, '/datanode', { timeout })
  await waits(t, hdfs, run, '/datanode', /no answer from 127.0.0.1:\d+: .*ECONNREFUSED/, async () => {
    await hdfs.namenode.kill()
    hdfs.namenode.start()
    const late = sinking(hdfs, '/datanode-late', { timeout })
    await late.untilSaid(/./)
    hdfs.datanode.start()
    t.equal(await late.ended, undefined)
    t.same(await hdfsBelow(hdfs.http, '/datanode-late'), FILES)
  })
})

/** It ends with this code, for this reason, and has acked nothing. */
async function ends(t: Test, run: Sinking, code: string, reason: RegExp): Promise<void> {
  const error = await run.ended
  t.type(error, FlumeError)
  t.match(error, { code, cause: { message: reason } })
  t.same([run.offsets, run.said], [[], []])
}

rule('no permission: it ends and says who may not do what', async (t, hdfs) => {
  await makeDirectory(hdfs, '/denied')
  const reason = /AccessControlException: Permission denied: user=alice, access=WRITE, inode="\/denied".*\(somebody who may must do it: .*HADOOP_USER_NAME\)/
  await ends(t, sinking(hdfs, '/denied', { user: 'alice' }), 'PERMISSION', reason)
  await request('PUT', urlOf(hdfs.http, '/denied', 'SETPERMISSION', { permission: '700' }))
  await ends(t, sinking(hdfs, '/denied', { user: 'alice' }), 'PERMISSION', /AccessControlException: Permission denied: user=alice, access=\w*EXECUTE/)
})

rule('a snapshot, a file in place of a directory, names that HDFS does not take: it ends', async (t, hdfs) => {
  await makeDirectory(hdfs, '/snap')
  await hdfs.dfsAdmin('-allowSnapshot', '/snap')
  await request('PUT', urlOf(hdfs.http, '/snap', 'CREATESNAPSHOT', { snapshotname: 's0' }))
  await put(hdfs.http, '/a-file', 'x')
  await ends(t, sinking(hdfs, '/snap/.snapshot/s0'), 'PERMISSION', /SnapshotAccessControlException: .*a snapshot cannot be written to/)
  await ends(t, sinking(hdfs, '/a-file/below'), 'CANNOT_CREATE', /\/a-file \(is not a directory\).*\(a file is where a directory should be/)
  await ends(t, sinking(hdfs, '/a-file'), 'CANNOT_CREATE', /ParentNotDirectoryException: .*a file is where a directory should be/)
  await ends(t, sinking(hdfs, `/${'x'.repeat(201)}`), 'CANNOT_CREATE', /dfs.namenode.fs-limits.max-component-length is the limit/)
  await ends(t, sinking(hdfs, '/a:b'), 'CANNOT_CREATE', /InvalidPathException/)
  await ends(t, sinking(hdfs, '/user', { user: 'a@b' }), 'BAD_OPTION', /HADOOP_USER_NAME is no name that this HDFS takes/)
})

rule('what hdfs-site.xml asks of new files and HDFS does not give: it ends, and names the property', async (t, hdfs) => {
  await ends(t, sinking(hdfs, '/small-blocks', { create: { blocksize: '1000' } }), 'CANNOT_CREATE', /IOException: .*min-block-size.* \(dfs\.blocksize of hdfs-site\.xml/)
  await ends(t, sinking(hdfs, '/many-copies', { create: { replication: '1000' } }), 'CANNOT_CREATE', /replication factor of 1000 exceeds.* \(dfs\.replication of hdfs-site\.xml/)
})

rule('an answer that is none of HDFS is asked for again', async (t, hdfs) => {
  const bodies = ['', '{}', 'null', '[]', '"text"', '{"FileStatus":null}', '{"FileStatus":{}}', '<html>Log in</html>', '{"FileSta', '{"Location":5}', '{"Location":"nowhere"}']
  const proxy = await startProxy(t, hdfs.http)
  for (const op of ['LISTSTATUS_BATCH', 'CREATE', 'GETFILESTATUS']) {
    for (const body of bodies) proxy.inject({ status: 200, body, after: false }, (request) => request.op === op && request.to === 'namenode')
  }
  const run = sinking(hdfs, '/strange', { namenodes: proxy.namenodes })
  t.equal(await run.ended, undefined)
  t.same(await hdfsBelow(hdfs.http, '/strange'), FILES)
  t.equal(proxy.requests.filter(({ fault }) => fault !== undefined).length, 3 * bodies.length)
})
