/** What the tests of faults stand on: the proxy between sink and HDFS passes on everything but what it is told to harm. */
import { Agent, get as send, request as open, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { FAULTS, remoteException, STATUS_500, type Fault } from '../../support/faults.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { request, type Answer } from '../../support/hadoop/http.js'
import { get, locationOf, put, urlOf } from '../../support/hadoop/webhdfs.js'
import { startProxy } from '../../support/proxy.js'

const rule = await hadoopRules(t, (t) => startHdfs(t))

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

rule('uploads and downloads go through it whole, and are recorded in order', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const body = Buffer.alloc(3_000_001, 'bytes and ')
  t.equal((await put(proxy.http, '/a b/ä=1', body)).status, 201)
  t.ok((await get(proxy.http, '/a b/ä=1')).body.equals(body))
  t.match((await request('GET', urlOf(proxy.http, '/nothing', 'LISTSTATUS'))).status, 404)
  t.match(proxy.requests, [
    { index: 0, to: 'namenode', method: 'PUT', op: 'CREATE', path: '/a b/ä=1', size: 0, status: 200 },
    { index: 1, to: 'datanode', method: 'PUT', op: 'CREATE', path: '/a b/ä=1', size: body.length, status: 201 },
    { index: 2, to: 'namenode', method: 'GET', op: 'OPEN', size: 0, status: 200 },
    { index: 3, to: 'datanode', method: 'GET', op: 'OPEN', size: 0, status: 200 },
    { index: 4, to: 'namenode', method: 'GET', op: 'LISTSTATUS', path: '/nothing', status: 404 },
  ])
  t.equal(proxy.requests.length, 5)
})

rule('the unasked 100 of a DataNode comes through before the body is sent, byte for byte', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const first = await request('PUT', urlOf(proxy.http, '/raw', 'CREATE', { noredirect: 'true' }))
  const { port, pathname, search, host } = new URL(locationOf(first))
  const socket = connect(Number(port), '127.0.0.1')
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\n`)
  await eventually(async () => heard.length > 0)
  t.equal(Buffer.concat(heard).toString(), CONTINUE)
  socket.write('body')
  await once(socket, 'end')
  t.match(Buffer.concat(heard).toString(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 Created\r\n/)
  t.equal((await get(hdfs.http, '/raw')).body.toString(), 'body')
})

rule('bodies in chunks, a 307, and an answer before the end of the body come through', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const redirect = await request('PUT', urlOf(proxy.http, '/chunks', 'CREATE'))
  t.equal(redirect.status, 307)
  const location = redirect.headers.location!
  t.notMatch(location, hdfs.datanode.http)
  const outgoing = open(location, { method: 'PUT', agent: false })
  outgoing.write('one ')
  await once(outgoing, 'continue')
  outgoing.end('two')
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  t.equal(answer.statusCode, 201)
  t.equal((await get(hdfs.http, '/chunks')).body.toString(), 'one two')

  const again = await request('PUT', urlOf(proxy.http, '/chunks', 'CREATE', { noredirect: 'true' }))
  const refused = open(locationOf(again), { method: 'PUT', agent: false, headers: { 'content-length': 1000 } })
  refused.on('error', () => {})
  refused.write('a part of it')
  const [refusal] = (await once(refused, 'response')) as [IncomingMessage]
  t.equal(refusal.statusCode, 403)
  refused.destroy()
})

rule('a client keeps its connection to the NameNode', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const reused: boolean[] = []
  for (const path of ['/', '/', '/']) {
    const outgoing = send(urlOf(proxy.http, path, 'LISTSTATUS'), { agent })
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    await once(answer.resume(), 'end')
    reused.push(outgoing.reusedSocket)
  }
  t.same(reused, [false, true, true])
})

/** What a client and HDFS see of an upload of `hello, hdfs`, and of a MKDIRS, whose request met the fault. */
const SEEN: Readonly<Record<string, { readonly upload: unknown; readonly file: string | undefined; readonly mkdirs: unknown; readonly directory: boolean }>> = {
  'drop-before': { upload: 'cut', file: undefined, mkdirs: 'cut', directory: false },
  'drop-half': { upload: 'cut', file: 'hello', mkdirs: 'cut', directory: false },
  'drop-after': { upload: 'cut', file: 'hello, hdfs', mkdirs: 'cut', directory: true },
  truncate: { upload: 'cut', file: 'hello, hdfs', mkdirs: 'cut', directory: true },
  delay: { upload: 201, file: 'hello, hdfs', mkdirs: 200, directory: true },
  duplicate: { upload: 'FileAlreadyExistsException', file: 'hello, hdfs', mkdirs: 200, directory: true },
  'status-500': { upload: 500, file: undefined, mkdirs: 500, directory: false },
  'status-500-after': { upload: 500, file: 'hello, hdfs', mkdirs: 500, directory: true },
  '403-retriable': { upload: 'RetriableException', file: undefined, mkdirs: 'RetriableException', directory: false },
}

for (const [name, fault] of Object.entries(FAULTS)) {
  const seen = SEEN[name]!
  rule(`${name}: an upload and a MKDIRS meet it, and HDFS has what it says`, async (t, hdfs) => {
    const proxy = await startProxy(t, hdfs.http)
    const first = await request('PUT', urlOf(proxy.http, `/${name}/file`, 'CREATE', { noredirect: 'true' }))
    const upload = await harmed(fault, () => request('PUT', locationOf(first), 'hello, hdfs'))
    t.equal(upload, seen.upload)
    const path = `/${name}/file`
    if (seen.file === undefined) t.equal((await get(hdfs.http, path)).status, 404)
    else await eventually(async () => (await get(hdfs.http, path)).body.toString() === seen.file)

    t.equal(await harmed(fault, () => request('PUT', urlOf(proxy.http, `/${name}/directory`, 'MKDIRS'))), seen.mkdirs)
    t.equal((await request('GET', urlOf(hdfs.http, `/${name}/directory`, 'GETFILESTATUS'))).status, seen.directory ? 200 : 404)
    t.equal(proxy.requests.filter((request) => request.fault === fault).length, 2)

    /** The next request meets the fault. Its outcome for the client: `cut`, the exception, or the status. */
    async function harmed(fault: Fault, attempt: () => Promise<Answer>): Promise<unknown> {
      const injection = proxy.inject(fault, proxy.requests.length)
      const outcome = attempt().then(outcomeOf, () => 'cut')
      await injection.struck
      if (fault === 'delay') {
        t.equal(await Promise.race([outcome, sleep(0, 'held')]), 'held')
        injection.release()
      }
      return outcome
    }
  })
}

rule('a fault meets the first requests that it is meant for, and no more', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  proxy.inject(STATUS_500, ({ op }) => op === 'MKDIRS', 2)
  proxy.inject(remoteException(403, 'org.apache.hadoop.hdfs.server.namenode.SafeModeException'), ({ op, path }) => op === 'MKDIRS' && path === '/c')
  const outcomes: unknown[] = []
  for (const path of ['/a', '/b', '/c', '/c', '/d']) outcomes.push(outcomeOf(await request('PUT', urlOf(proxy.http, path, 'MKDIRS'))))
  t.same(outcomes, [500, 500, 'SafeModeException', 200, 200])
})

rule('a client that goes in the middle of an upload is gone for the DataNode too', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const first = await request('PUT', urlOf(proxy.http, '/part', 'CREATE', { noredirect: 'true' }))
  const outgoing = open(locationOf(first), { method: 'PUT', agent: false, headers: { 'content-length': 1000 } })
  outgoing.on('error', () => {})
  outgoing.write('a part of it')
  await once(outgoing, 'continue')
  outgoing.destroy()
  await eventually(async () => (await get(hdfs.http, '/part')).body.toString() === 'a part of it')
  t.equal(proxy.requests.at(-1)!.status, undefined)
})

rule('while the NameNode is dead a connection ends without an answer; afterwards it serves again', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  await hdfs.namenode.kill()
  await t.rejects(request('GET', urlOf(proxy.http, '/', 'LISTSTATUS')), { code: 'ECONNRESET' })
  hdfs.namenode.start()
  await hdfs.ready()
  t.equal((await request('GET', urlOf(proxy.http, '/', 'LISTSTATUS'))).status, 200)
})

/** The exception, the status, or `cut`: where the end of the connection ends the body, half of it still is an answer. */
function outcomeOf({ status, body }: Answer): unknown {
  const text = body.toString()
  if (text.startsWith('{') && !text.endsWith('}')) return 'cut'
  return /"exception":"(\w+)"/.exec(text)?.[1] ?? status
}

/** Ends when it is so; if it never is, tap's time limit ends it. */
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(10)
}
