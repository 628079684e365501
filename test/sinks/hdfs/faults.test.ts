/**
 * A run of three files in two buckets, and one whose upload begins before the file is complete: each request meets each fault
 * in turn, or is the last that the process makes. What is in HDFS afterwards is what a run without any trouble leaves, name for
 * name and byte for byte.
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

/** A request as its server, its operation, and how many of these came before. */
interface Wanted {
  readonly to: unknown
  readonly op: unknown
  readonly nth: number
}

function wantedOf(counts: Readonly<Record<string, number>>): readonly Wanted[] {
  return Object.entries(counts).flatMap(([name, count]) => {
    const [to, op] = name.split(' ')
    return Array.from({ length: count }, (_, nth) => ({ to, op, nth }))
  })
}

/** What comes, and of a run without any trouble the files and the requests. */
interface Case {
  readonly name: string
  readonly frames: readonly Batch[]
  readonly end: number
  readonly files: Readonly<Record<string, string>>
  readonly requests: readonly Wanted[]
  readonly followFrom?: number
}

const event = (bucket: string, body: string): object => ({ headers: { bucket }, body: body.repeat(1000) })
const text = (...bodies: readonly string[]): string => bodies.map((body) => `${body.repeat(1000)}\n`).join('')

const CASES: readonly Case[] = [
  {
    name: 'three files in two buckets',
    frames: [
      frame(0, [event('a', 'one '), event('b', 'two '), event('a', 'three ')]),
      frame(3, [event('b', 'four '), event('a', 'five ')]),
      frame(5, [event('a', 'six ')]),
    ],
    end: 6,
    files: { [`a/${named(0, 2)}`]: text('one ', 'three '), [`b/${named(0, 4)}`]: text('two ', 'four '), [`a/${named(3, 5)}`]: text('five ', 'six ') },
    requests: wantedOf({
      'namenode LISTSTATUS_BATCH': 2, 'namenode CREATE': 3, 'datanode CREATE': 3, 'namenode GETFILESTATUS': 6, 'namenode RENAME': 3,
    }),
  },
  {
    name: 'a file whose upload begins before it is complete',
    frames: [frame(0, [event('a', 'many lines '.repeat(10))]), frame(1, [event('a', 'and many more '.repeat(10))])],
    end: 2,
    files: { [`a/${named(0, 1)}`]: text('many lines '.repeat(10), 'and many more '.repeat(10)) },
    requests: wantedOf({
      'namenode LISTSTATUS_BATCH': 1, 'namenode CREATE': 1, 'datanode CREATE': 1, 'namenode GETFILESTATUS': 2, 'namenode RENAME': 1,
    }),
    followFrom: 50_000,
  },
]

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

async function run(what: Case, proxy: HdfsProxy, path: string, first: number, process: Mortal, verify = false): Promise<number> {
  const { namenodes } = proxy
  const { frames, followFrom = Infinity } = what
  const rest = frames.filter(({ mark }) => mark!.to.offset > first)
  const sinking = hdfsSinking({ namenodes, path: `${path}/%{bucket}`, rollCount: 2, disk: process.disk, clock: process, verify, followFrom }, rest)
  const error = await Promise.race([sinking.ended, process.dead])
  if (error !== undefined) throw error as Error
  return sinking.offsets.at(-1) ?? first
}

/** A run one of whose requests meets the fault. */
async function harmed(t: Test, http: string, what: Case, name: string, fault: Fault, wanted: Wanted, verify = false): Promise<void> {
  const where = `${name} at ${String(wanted.to)} ${String(wanted.op)} ${wanted.nth}`
  const { proxy, path } = await setUp(t, http)
  const injection = proxy.inject(fault, nth(wanted))
  void injection.struck.then(() => injection.release())
  t.equal(await run(what, proxy, path, 0, new Mortal(new MemoryDisk()), verify), what.end, where)
  t.equal(proxy.requests.filter(({ fault }) => fault !== undefined).length, 1, where)
  t.same(await hdfsBelow(http, path), what.files, where)
  await proxy.close()
}

/** Killed when one of its requests meets the fault, and started again. */
async function killed(t: Test, http: string, what: Case, name: string, fault: Fault, wanted: Wanted, isLost: boolean): Promise<void> {
  const where = `killed ${name} ${String(wanted.to)} ${String(wanted.op)} ${wanted.nth}`
  const { proxy, path } = await setUp(t, http)
  const memory = new MemoryDisk()
  const process = new Mortal(memory)
  const injection = proxy.inject(fault, nth(wanted))
  const died = injection.struck.then(async () => {
    process.kill()
    await proxy.end() // or what HDFS still does for the dead one comes between, and nobody knows of it
  })
  const acked = await run(what, proxy, path, 0, process)
  await died
  const second = await startProxy(t, http)
  t.equal(await run(what, second, path, acked, new Mortal(isLost ? new MemoryDisk() : memory)), what.end, where)
  t.same(await hdfsBelow(http, path), what.files, where)
  await second.close()
}

const KILLS = { before: 'drop-before', 'in the middle of': 'drop-half', after: 'delay' } satisfies Record<string, Fault>

for (const what of CASES) {
  const { name, files, requests, end } = what
  const count = requests.length
  const described = (list: readonly Pick<Wanted, 'to' | 'op'>[]): string[] => list.map(({ to, op }) => `${String(to)} ${String(op)}`).sort()

  rule(`${name}, without any trouble: these requests are made, and these files`, async (t, hdfs) => {
    const { proxy, path } = await setUp(t, hdfs.http)
    t.equal(await run(what, proxy, path, 0, new Mortal(new MemoryDisk())), end)
    t.same(await hdfsBelow(hdfs.http, path), files)
    t.same(described(proxy.requests), described(requests))
  })

  for (const [faultName, fault] of Object.entries(FAULTS)) {
    rule(`${name}, ${faultName} at each of ${count} requests: it goes on, and the files are the same`, async (t, hdfs) => {
      for (const wanted of requests) await harmed(t, hdfs.http, what, faultName, fault, wanted)
    })
  }

  for (const [when, fault] of Object.entries(KILLS)) {
    for (const record of ['its record', 'a spool that is lost']) {
      rule(`${name}, killed ${when} each of ${count} requests, and started again with ${record}: the files are the same`, async (t, hdfs) => {
        for (const wanted of requests) await killed(t, hdfs.http, what, when, fault, wanted, record !== 'its record')
      })
    }
  }

  /** With --verify also these. */
  const verifying = wantedOf({ 'namenode GETFILECHECKSUM': Object.keys(files).length, 'datanode GETFILECHECKSUM': Object.keys(files).length })

  rule(`${name}, with --verify and without any trouble: two more requests for each file`, async (t, hdfs) => {
    const { proxy, path } = await setUp(t, hdfs.http)
    t.equal(await run(what, proxy, path, 0, new Mortal(new MemoryDisk()), true), end)
    t.same(await hdfsBelow(hdfs.http, path), files)
    t.same(described(proxy.requests), described([...requests, ...verifying]))
  })

  for (const [faultName, fault] of Object.entries(FAULTS)) {
    rule(`${name}, ${faultName} at each of the ${verifying.length} requests of --verify: it goes on, and the files are the same`, async (t, hdfs) => {
      for (const wanted of verifying) await harmed(t, hdfs.http, what, faultName, fault, wanted, true)
    })
  }
}
