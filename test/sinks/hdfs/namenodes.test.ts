/** The NameNodes of a cluster, each in a trouble of its own: what all of it means together. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { failureOf, HdfsFailure } from '../../../src/sinks/hdfs/webhdfs/failure.js'
import { NameNodes } from '../../../src/sinks/hdfs/webhdfs/namenodes.js'
import { Retry } from '../../../src/sinks/retry.js'
import { systemClock } from '../../../src/events/flow.js'
import { FakeClock } from '../../support/clock.js'
import { remoteException } from '../../support/faults.js'

/** Of nobody's CA, until 2120. */
const UNTRUSTED = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4vY1xegaJ18lDfLd
0tH0TEpLXrnLDZJJYgxmUIVhOsChRANCAASiBEbIR3JfvHjku/Fx48loK8uZjiGP
R/489ub/Bq9vtCqrM9d2hq3mF4OAbkdYq0c3+3ROcYPtIsIqdVWXEFAA
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBVjCB/KADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCWxvY2FsaG9z
dDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFDESMBAGA1UEAwwJ
bG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEogRGyEdyX7x45Lvx
cePJaCvLmY4hj0f+PPbm/wavb7QqqzPXdoat5heDgG5HWKtHN/t0TnGD7SLCKnVV
lxBQAKM9MDswGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMB0GA1UdDgQWBBSw
GsVMgAx73i9Ajispjxna45ilYzAKBggqhkjOPQQDAgNJADBGAiEAw4OOnvxP2+go
DV39U0ZxW7K30RTJI6YyKy22enQwmRoCIQDR4JoDk2Edhu/EdCcu+G1itkL17CVQ
/+bF+porLzdd4g==
-----END CERTIFICATE-----`,
}
const STANDBY = remoteException(403, 'org.apache.hadoop.ipc.StandbyException', 'Operation category READ is not supported in state standby')
const DOWN = 'http://localhost:1'

const standBy: RequestListener = (_, answer) => answer.writeHead(STANDBY.status).end(STANDBY.body)

/** Its address, `localhost:port`; ends with `t`. */
async function listening(t: Test, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `localhost:${(server.address() as AddressInfo).port}`
}

/** How it fails to ask these. */
async function failure(t: Test, nameNodes: readonly string[]): Promise<HdfsFailure> {
  const retry = new Retry(new FakeClock(), () => undefined, new AbortController().signal)
  const nodes = new NameNodes({ uri: 'swebhdfs://ha', nameNodes, user: 'u', create: {} }, retry, 5000)
  t.teardown(() => nodes.close())
  const request = { method: 'GET', op: 'GETFILESTATUS', path: 'swebhdfs://ha/x' } as const
  const error: unknown = await nodes.askOnce(request, () => t.fail('an answer')).catch((error: unknown) => error)
  return error instanceof HdfsFailure ? error : Promise.reject(error)
}

t.test('a NameNode whose certificate is not trusted ends nothing as long as another may come back, and is what is said', async (t) => {
  const untrusted = `https://${await listening(t, createTlsServer(UNTRUSTED, standBy))}`
  const standby = `http://${await listening(t, createServer(standBy))}`
  const refused = { exception: undefined, message: /self-signed certificate \(NODE_EXTRA_CA_CERTS/ }
  for (const other of [standby, DOWN]) {
    for (const nameNodes of [[untrusted, other], [other, untrusted]]) {
      t.match(await failure(t, nameNodes), { ...refused, outcome: 'passes', isOver: false }, nameNodes.join())
    }
  }
  t.match(await failure(t, [untrusted]), { ...refused, outcome: 'UNAVAILABLE' })
  t.match(await failure(t, [untrusted, untrusted]), { ...refused, outcome: 'UNAVAILABLE' })
})

t.test('of a NameNode that is silent and one that stands by the first is said', async (t) => {
  const standby = `http://${await listening(t, createServer(standBy))}`
  for (const nameNodes of [[standby, DOWN], [DOWN, standby]]) {
    t.match(await failure(t, nameNodes), { outcome: 'passes', message: /^no answer from localhost:1: / })
  }
  t.match(await failure(t, [standby, standby]), { outcome: 'passes', exception: failureOf(STANDBY.status, STANDBY.body, '').exception })
})

t.test('a NameNode that hangs is given up when retryFor is over, however long a request may be silent', async (t) => {
  const cluster = { uri: 'hdfs://test', nameNodes: [`http://${await listening(t, createServer(() => undefined))}`], user: 'u', create: {} }
  const said: string[] = []
  const nodesFor = (retryFor: number, timeout: number): NameNodes => {
    const nodes = new NameNodes(cluster, new Retry(systemClock, (message) => void said.push(message), new AbortController().signal, { retryFor }), timeout)
    t.teardown(() => nodes.close())
    return nodes
  }
  t.equal(nodesFor(60_000, 120_000).timeout, 60_000)
  t.equal(nodesFor(0, 120_000).timeout, 5000, 'one that works has so long')
  const request = { method: 'GET', op: 'GETFILESTATUS', path: 'hdfs://test/x' } as const
  await t.rejects(nodesFor(100, 200).look('cannot look at /x', request, () => t.fail('an answer')), { code: 'UNAVAILABLE', message: 'cannot look at /x' })
  t.same(said, [], 'one attempt')
})
