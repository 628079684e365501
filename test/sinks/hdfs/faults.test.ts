/**
 * A run of three files in two buckets, each of whose requests meets each fault in turn, or is the last that the process
 * makes: what is in HDFS afterwards is what a run without any trouble leaves, name for name and byte for byte.
 */
import t from 'tap'
import type { Test } from 'tap'
import type { Batch } from '../../../src/events/batch.js'
import { FAULTS, type Fault } from '../../support/faults.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { hdfsBelow, hdfsSinking, Mortal } from '../../support/hdfs-sinking.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { startProxy, type HdfsProxy, type ProxiedRequest } from '../../support/proxy.js'
import { frame, named } from '../../support/sinking.js'

const rule = await hadoopRules(t, (t) => startHdfs(t))

const END = 6

/** From the frame that begins at `first` on. */
function framesFrom(first: number): Batch[] {
  const event = (bucket: string, body: string): object => ({ headers: { bucket }, body: body.repeat(1000) })
  const batches = [
    frame(0, [event('a', 'one '), event('b', 'two '), event('a', 'three ')]),
    frame(3, [event('b', 'four '), event('a', 'five ')]),
    frame(5, [event('a', 'six ')]),
  ]
  return batches.filter(({ mark }) => mark!.to.offset > first)
}

const CLEAN = {
  [`a/${named(0, 2)}`]: `${'one '.repeat(1000)}\n${'three '.repeat(1000)}\n`,
  [`b/${named(0, 4)}`]: `${'two '.repeat(1000)}\n${'four '.repeat(1000)}\n`,
  [`a/${named(3, 5)}`]: `${'five '.repeat(1000)}\n${'six '.repeat(1000)}\n`,
}

/** Of a run without any trouble: a request as its server, its operation, and how many of these came before. */
const REQUESTS = [
  ['namenode', 'LISTSTATUS_BATCH', 2],
  ['namenode', 'CREATE', 3],
  ['datanode', 'CREATE', 3],
  ['namenode', 'GETFILESTATUS', 3],
  ['namenode', 'RENAME', 3],
].flatMap(([to, op, count]) => Array.from({ length: count as number }, (_, nth) => ({ to, op, nth })))

interface Wanted {
  readonly to: unknown
  readonly op: unknown
  readonly nth: number
}

/** True of the request that is wanted. */
function nth({ to, op, nth }: Wanted): (request: ProxiedRequest) => boolean {
  let count = 0
  return (request) => request.to === to && request.op === op && count++ === nth
}

let runs = 0

/** A sink in a directory of its own, behind a proxy of its own. */
async function setUp(t: Test, http: string): Promise<{ proxy: HdfsProxy; path: string }> {
  return { proxy: await startProxy(t, http), path: `/faults-${runs++}` }
}

async function run(proxy: HdfsProxy, path: string, first: number, process: Mortal, verify = false): Promise<number> {
  const { namenodes } = proxy
  const sinking = hdfsSinking({ namenodes, path: `${path}/%{bucket}`, rollCount: 2, disk: process.disk, clock: process, verify }, framesFrom(first))
  const error = await Promise.race([sinking.ended, process.dead])
  if (error !== undefined) throw error as Error
  return sinking.offsets.at(-1) ?? first
}

rule('a run without any trouble makes these requests, and these files', async (t, hdfs) => {
  const { proxy, path } = await setUp(t, hdfs.http)
  t.equal(await run(proxy, path, 0, new Mortal(new MemoryDisk())), END)
  t.same(await hdfsBelow(hdfs.http, path), CLEAN)
  const made = proxy.requests.map(({ to, op }) => `${to} ${op}`).sort()
  t.same(made, REQUESTS.map(({ to, op }) => `${String(to)} ${String(op)}`).sort())
})

/** A run one of whose requests meets the fault. */
async function harmed(t: Test, http: string, name: string, fault: Fault, wanted: Wanted, verify = false): Promise<void> {
  const what = `${name} at ${String(wanted.to)} ${String(wanted.op)} ${wanted.nth}`
  const { proxy, path } = await setUp(t, http)
  const injection = proxy.inject(fault, nth(wanted))
  void injection.struck.then(() => injection.release())
  t.equal(await run(proxy, path, 0, new Mortal(new MemoryDisk()), verify), END, what)
  t.equal(proxy.requests.filter(({ fault }) => fault !== undefined).length, 1, what)
  t.same(await hdfsBelow(http, path), CLEAN, what)
  await proxy.close()
}

for (const [name, fault] of Object.entries(FAULTS)) {
  rule(`${name}, at each of ${REQUESTS.length} requests: it goes on, and the files are the same`, async (t, hdfs) => {
    for (const wanted of REQUESTS) await harmed(t, hdfs.http, name, fault, wanted)
  })
}

for (const [when, fault] of Object.entries({ before: 'drop-before', 'in the middle of': 'drop-half', after: 'delay' } satisfies Record<string, Fault>)) {
  for (const record of ['its record', 'a spool that is lost']) {
    rule(`killed ${when} each of ${REQUESTS.length} requests, and started again with ${record}: the files are the same`, async (t, hdfs) => {
      for (const wanted of REQUESTS) {
        const what = `killed ${when} ${String(wanted.to)} ${String(wanted.op)} ${wanted.nth}`
        const { proxy, path } = await setUp(t, hdfs.http)
        const memory = new MemoryDisk()
        const process = new Mortal(memory)
        const injection = proxy.inject(fault, nth(wanted))
        const died = injection.struck.then(async () => {
          process.kill()
          await proxy.end() // or what HDFS still does for the dead one comes between, and nobody knows of it
        })
        const acked = await run(proxy, path, 0, process)
        await died
        const second = await startProxy(t, hdfs.http)
        t.equal(await run(second, path, acked, new Mortal(record === 'its record' ? memory : new MemoryDisk())), END, what)
        t.same(await hdfsBelow(hdfs.http, path), CLEAN, what)
        await second.close()
      }
    })
  }
}

/** With --verify also these. */
const VERIFYING = [
  ['namenode', 'GETFILECHECKSUM', 3],
  ['datanode', 'GETFILECHECKSUM', 3],
].flatMap(([to, op, count]) => Array.from({ length: count as number }, (_, nth) => ({ to, op, nth })))

rule('with --verify a run without any trouble makes two more requests for each file', async (t, hdfs) => {
  const { proxy, path } = await setUp(t, hdfs.http)
  t.equal(await run(proxy, path, 0, new Mortal(new MemoryDisk()), true), END)
  t.same(await hdfsBelow(hdfs.http, path), CLEAN)
  const made = proxy.requests.map(({ to, op }) => `${to} ${op}`).sort()
  t.same(made, [...REQUESTS, ...VERIFYING].map(({ to, op }) => `${String(to)} ${String(op)}`).sort())
})

for (const [name, fault] of Object.entries(FAULTS)) {
  rule(`${name}, at each of the ${VERIFYING.length} requests of --verify: it goes on, and the files are the same`, async (t, hdfs) => {
    for (const wanted of VERIFYING) await harmed(t, hdfs.http, name, fault, wanted, true)
  })
}
