/** --dry-run: it tells what a run then does, and touches nothing. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Batch } from '../../../src/events/batch.js'
import { systemClock } from '../../../src/events/flow.js'
import type { Refusal } from '../../../src/events/rejects.js'
import { dryRun, type Landing } from '../../../src/sinks/hdfs/dry-run.js'
import { decodeName } from '../../../src/sinks/hdfs/name.js'
import type { SinkOptions } from '../../../src/sinks/hdfs/sink.js'
import { Running, until } from '../../support/running.js'
import { chooser, MemoryDisk } from '../../support/memory-disk.js'
import { shell } from '../../support/shell.js'
import { filesBelow, frame, optionsOf, PARTITION, Sinking, STREAM, TIME, type Wanted } from '../../support/sinking.js'

const HOST = { name: 'web1', fqdn: 'web1.example.org', ip: '192.0.2.7' }

interface DryRan {
  readonly landings: Landing[]
  readonly refused: string[]
  readonly said: string[]
}

async function dryRan(batches: readonly Batch[], options: SinkOptions, bucketsMax?: number): Promise<DryRan> {
  const refused: string[] = []
  const said: string[] = []
  const rejects = { add: (_line: Uint8Array, { reason }: Refusal) => void refused.push(reason), flush: async () => undefined }
  const around = { clock: systemClock, host: HOST, rejects, say: (message: string) => void said.push(message), uuid: () => 'uuid' }
  const source = (async function* () {
    yield* batches
  })()
  return { landings: await dryRun(source, options, around, bucketsMax), refused, said }
}

/** Frames of events of a few hosts and hours, some of them odd. */
function framesOf(seed: number): Batch[] {
  const choose = chooser(seed)
  let first = 0
  return Array.from({ length: 6 }, () => {
    const events = Array.from({ length: choose(20) + 1 }, (): Wanted | string => {
      const odd = choose(12)
      if (odd === 0) return ['no event', '{"headers":{"timestamp":"soon"}}', '{"headers":{"flume.gap":"damaged"},"body":""}'][choose(3)]!
      const headers = { host: `web${choose(3)}`, ...(odd === 1 ? {} : { timestamp: String(TIME + choose(3) * 3_600_000) }) }
      return { headers, body: 'ä"\\\n'.repeat(odd === 2 ? 20_000 : choose(3)) }
    })
    const batch = frame(first, events)
    first += events.length
    return batch
  })
}

t.test('it names the buckets that a run then fills, with their ranges, events, bytes and rejects', async (t) => {
  for (let seed = 0; seed < 60; seed++) {
    const format = seed % 2 === 0 ? 'text' : 'ndjson'
    const options = optionsOf('', { path: '/out/%{host}/%H', prefix: 'p%M', format, spool: '/state' })
    const dry = await dryRan(framesOf(seed), options)
    const disk = new MemoryDisk().boot()
    const sinking = new Sinking(options, framesOf(seed), disk)
    t.equal(await sinking.ended, undefined)
    const files = Object.entries(await filesBelow('/out', disk)).map(([path, text]) => {
      const [directory, name] = [path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)]
      const { prefix, stream, first, last } = decodeName(name)!
      return { place: { directory: `/out/${directory}`, prefix }, stream, first, last, size: text.length }
    })
    t.same(dry.landings.map(({ count, place, ...rest }) => (t.ok(count > 0), { place: { directory: place?.directory, prefix: place?.prefix }, ...rest })), files, `seed ${seed}`)
    const total = framesOf(seed).reduce((sum, { count }) => sum + count, 0)
    t.equal(dry.landings.reduce((sum, { count }) => sum + count, 0) + dry.refused.length, total)
    t.same(dry.refused, sinking.rejects.map(({ reason }) => reason))
    t.same(dry.said, sinking.said)
  }
})

t.test('what a source sends again is counted once, and all batches are released', async (t) => {
  const frames = [0, 3, 6].map((first) => frame(first, ['{"body":"a"}', '{"body":"b"}', '{"body":"c"}']))
  let released = 0
  const batches = [...frames.slice(0, 2), ...frames].map((batch) => ({ ...batch, release: () => void released++ }))
  const { landings } = await dryRan(batches, optionsOf('/d'))
  t.same(landings, [{ place: { directory: '/d/out', prefix: 'events', bucket: landings[0]?.place?.bucket }, stream: STREAM, first: 0, last: 8, count: 9, size: 18 }])
  t.equal(released, 5)
})

t.test('the buckets beyond the most that are told apart are summed up for each stream', async (t) => {
  const of = (partition: string, first: number, ...hosts: string[]): Batch =>
    frame(first, hosts.map((host) => ({ headers: { host }, body: host })), { partition })
  const batches = [of(PARTITION, 0, 'a', 'b', 'c', 'd'), of('queue.other.r', 5, 'c', 'a'), of(PARTITION, 4, 'd', 'a')]
  const { landings } = await dryRan(batches, optionsOf('', { path: '/%{host}' }), 2)
  t.same(landings.map(({ place, ...rest }) => [place?.directory, ...Object.values(rest)]), [
    ['/a', STREAM, 0, 5, 2, 4], ['/b', STREAM, 0, 3, 1, 2],
    [undefined, STREAM, 0, 5, 3, 6], [undefined, 'queue=other=r', 5, 6, 2, 4],
  ])
})

/** Every file below a directory with its bytes; not the one where a queue says what whoever opens it finds. */
function treeOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== 'committed')
  return Object.fromEntries(names.map(({ parentPath, name }) => {
    const path = join(parentPath, name)
    return [path, readFileSync(path, 'latin1')]
  }))
}

const LINES = Array.from({ length: 2000 }, (_, n) => `line ${n}\n`).join('')
const NO_ACKS = /^flume-\w+: no acks from the reader \(flume-sink-hdfs, pid \d+\): nothing is remembered, the next run starts at the same place$/m

t.test('behind a queue: the next events under its name, no reader is registered, nothing moves, and no HDFS is asked', async (t) => {
  const dir = t.testdir({ log: LINES })
  t.equal((await shell('flume-tail --once log | flume-buffer --put q', dir)).status, 0)
  const dry = "flume-buffer --once q </dev/null | flume-sink-hdfs --dry-run --path 'hdfs://127.0.0.1:1/logs/%Y'"
  await shell(dry, dir) // the file that a reader's lock is on stays
  const before = treeOf(dir)
  const ran = await shell(`${dry}; echo "\${PIPESTATUS[*]}"`, dir)
  t.match(ran.out, /^ +FIRST +LAST +EVENTS +SIZE {2}BUCKET\n +0 +1999 +2000 +18890 {2}hdfs:\/\/127\.0\.0\.1:1\/logs\/20\d\d\/events\.queue=[0-9a-f-]+=default==[0-9a-f]{8}\n\nqueue=\S+=default==[0-9a-f]{8}: 0 to 1999, 2000 events in 1 bucket, 18890 bytes\nbinding: path=hdfs:\/\/127\.0\.0\.1:1\/logs\/%Y prefix=events round=1ms zone=UTC\n0 0\n$/)
  t.match(ran.err, NO_ACKS)
  t.same(treeOf(dir), before)
  t.match((await shell('flume-buffer --stat q', dir)).out, /^reader {2}none/m)
})

t.test('behind flume-tail, whose next run reads the same; JSON has the same as the table', async (t) => {
  const dir = t.testdir({ log: LINES })
  const { out, err } = await shell('flume-tail --once log | flume-sink-hdfs -n --json --path out', dir)
  t.match(out.trim().split('\n').map((line) => JSON.parse(line) as object), [
    { kind: 'bucket', directory: `${dir}/out`, prefix: 'events', stream: /^file=/, first: 0, last: 18889, count: 2000, size: 18890 },
    { kind: 'stream', stream: /^file=/, first: 0, last: 18889, buckets: 1, count: 2000, size: 18890 },
    { kind: 'binding', binding: `path=${dir}/out prefix=events` },
  ])
  t.match(err, NO_ACKS)
  t.same(readdirSync(dir), ['log'])
  t.match(await shell('flume-tail --once log | flume-sink-hdfs -n --path out | grep -c "2000 events"', dir), { out: '1\n' })
})

t.test('a line that follows is counted up to the signal that ends it', async (t) => {
  const dir = t.testdir({ log: LINES })
  const line = Running.start(t, 'flume-tail log | flume-buffer q | flume-sink-hdfs -n --path out >table', dir)
  await until(async () => {
    const { out } = await shell(`flume-stat --json`, dir)
    return out.split('\n').filter(Boolean).some((text) => text.includes(`"about":["${dir}/out","(dry run)"]`) && /"events":2000,"bytes":\d+,"rate":\d+,"byteRate":\d+,"unacked":0[^}]*"waits":"events"/.test(text))
  }, () => line.said)
  line.kill('SIGINT')
  await line.ended
  t.match(readFileSync(join(dir, 'table'), 'utf8'), /0 to 1999, 2000 events in 1 bucket/)
  t.match((await shell('flume-tail --once log | flume-buffer q | flume-sink-hdfs --path out; cat out/*', dir)).out, LINES)
})

t.test('it says what a run would refuse: another binding, acks that are required, a line that is no event', async (t) => {
  const dir = t.testdir({ log: LINES })
  const begun = await shell("flume-tail --once --headers basename log | flume-buffer q | flume-sink-hdfs --path '%{basename}/x'", dir) // a file is there
  t.match(begun.err, /log\/x/)
  const dry = (options: string, take = '', middle = ''): string => `flume-buffer --once ${take} q </dev/null ${middle} | flume-sink-hdfs -n ${options} >/dev/null; echo "\${PIPESTATUS[*]}"`
  const other = {
    err: /flume-buffer: reader default: it began to write to path=\S+\/%\{basename\}\/x prefix=events and has not acked all of it; to write to path=\S+\/other prefix=events instead it would need flume-sink-hdfs --rebind/,
  }
  t.match(await shell(dry('--path other'), dir), { out: '0 0\n', ...other })
  t.match(await shell(dry('--path other', '', '| flume-intercept --static a=b'), dir), { out: '0 0 0\n', ...other })
  t.notMatch((await shell(dry("--path '%{basename}/x'"), dir)).err, /rebind/)
  t.match(await shell(dry('--path other', '--ack require'), dir), { out: /^75 /, err: /cannot get acks from the reader \(flume-sink-hdfs, pid \d+\)$/m })
  t.match(await shell('{ echo x; echo "{}"; } | flume-sink-hdfs -n', dir), {
    status: 0, out: /, 1 event in 1 bucket, 1 byte\n1 line to the rejects, \S+\/sink-hdfs\.rejects; the first: the line is no JSON[^\n]*\nbinding: /,
  })
  t.match(await shell('head -c 300 log | tr -d "\\n" | flume-sink-hdfs -n --event-bytes-max 100', dir), { status: 0, out: /^no events\n1 line to the rejects/ })
  t.match(await shell('echo x | flume-sink-hdfs -n --strict', dir), { status: 65, out: '' })
  t.match(await shell('flume-sink-hdfs -n --list', dir), { status: 64, err: /--list and --dry-run exclude each other/ })
  t.same(readdirSync(dir).sort(), ['.local', 'log', 'q'])
})
