/** Compressed files: the same bytes for the same events, whatever fails and wherever the process ends. */
import { PassThrough, Transform } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Batch } from '../../../src/events/batch.js'
import { nodeDisk } from '../../../src/disk/node.js'
import { CODECS, compressed } from '../../../src/sinks/hdfs/codec.js'
import type { Draft } from '../../../src/sinks/hdfs/filesystem.js'
import { Retry } from '../../../src/sinks/retry.js'
import { FakeClock } from '../../support/clock.js'
import { chooser, MemoryDisk, type Choose } from '../../support/memory-disk.js'
import { shell } from '../../support/shell.js'
import { Sinking, TIME, filesBelow, frame, named, optionsOf } from '../../support/sinking.js'

const NOW = { now: () => 0, monotonic: () => 0, sleep: async () => undefined }
const retry = new Retry(NOW, () => undefined, new AbortController().signal)

/** Keeps what it is given; of its writes `fails` says which ones fail, with a part of the bytes in place. */
class KeptDraft implements Draft {
  readonly path = '/kept'
  bytes = Buffer.alloc(0)
  finished: number | undefined
  discarded = false

  constructor(readonly fails: () => boolean = () => false) {}

  async write(pieces: readonly Uint8Array[], at: number): Promise<void> {
    const more = Buffer.concat(pieces)
    const failing = this.fails()
    this.bytes = Buffer.concat([this.bytes.subarray(0, at), failing ? more.subarray(0, more.length >> 1) : more])
    if (failing) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })
  }

  async sync(): Promise<void> {}

  async finish(size: number): Promise<{ path: string; size: number; id: string }> {
    this.finished = size
    return { path: this.path, size, id: '1' }
  }

  async discard(): Promise<void> {
    this.discarded = true
  }

  async leave(): Promise<void> {}

  async committed(): Promise<void> {}
}

/** Lines that compress as logs do, and a stretch that does not compress at all. */
function logText(size: number): Buffer {
  const choose = chooser(7)
  const lines: Buffer[] = []
  for (let bytes = 0; bytes < size; bytes += lines.at(-1)?.length ?? 0) {
    const noise = lines.length % 1000 === 999 ? Buffer.from([...Array.from({ length: 40_000 }, () => choose(256)), 10]) : Buffer.alloc(0)
    lines.push(Buffer.concat([Buffer.from(`192.0.2.${choose(256)} - - "GET /a/${choose(5000)} HTTP/1.1" ${200 + choose(5)} ${choose(100_000)}\n`), noise]))
  }
  return Buffer.concat(lines)
}

/** Writes all of it in pieces as `choose` cuts it, in blocks that are overwritten once they are given back. */
async function compress(draft: Draft, plain: Buffer, sizeMax: number, choose: Choose): Promise<void> {
  const block = Buffer.alloc(3 * sizeMax)
  for (let at = 0; at < plain.length; ) {
    const size = plain.copy(block, 0, at, at + 1 + choose(3 * sizeMax))
    const pieces: Uint8Array[] = []
    for (let from = 0, to: number; from < size; from = to) pieces.push(block.subarray(from, (to = Math.min(size, from + 1 + choose(sizeMax)))))
    await retry.until('cannot write', () => draft.write(pieces, at))
    block.fill(0)
    at += size
  }
  await draft.finish(plain.length)
}

t.test('the bytes of a file follow from the plain bytes: however these are cut, whichever writes fail', async (t) => {
  const plain = logText(1_500_000)
  const whole = new KeptDraft()
  await compress(compressed(whole, CODECS.gzip, retry), plain, plain.length, () => plain.length)
  t.ok(gunzipSync(whole.bytes).equals(plain))
  t.equal(whole.finished, whole.bytes.length, 'the size of a draft is that of its compressed bytes')
  t.equal(whole.bytes.subarray(0, 10).toString('hex'), '1f8b0800000000000003', 'no time, no name, always the same system')
  for (let seed = 0; seed < 12; seed++) {
    const choose = chooser(seed)
    const draft = new KeptDraft(() => seed % 3 > 0 && choose(3) < seed % 3)
    await compress(compressed(draft, CODECS.gzip, retry), plain, [300, 5000, 16_384, 200_000][seed % 4] as number, choose)
    t.ok(draft.bytes.equals(whole.bytes), `seed ${seed}`)
  }
})

t.test('without a codec a draft is as it was', async (t) => {
  const draft = new KeptDraft()
  t.equal(compressed(draft, CODECS.none, retry), draft)
})

t.test('nobody is ahead of a codec: write() returns when the bytes are taken', async (t) => {
  let take = (): void => undefined
  const slow = new Transform({
    transform: (bytes, _encoding, done) => void (take = () => done(null, bytes)),
  })
  const draft = compressed(new KeptDraft(), { suffix: '', stream: () => slow, expand: () => slow }, retry)
  let written = false
  const writing = draft.write([Buffer.from('a')], 0).then(() => (written = true))
  await new Promise((resolve) => setImmediate(resolve))
  t.notOk(written)
  take()
  await writing
})

t.test('what a codec holds is given back: at the end, when the draft is given up, and after its failure', async (t) => {
  for (const end of ['finish', 'discard', 'failure']) {
    const stream = new PassThrough()
    const kept = new KeptDraft()
    const draft = compressed(kept, { suffix: '', stream: () => stream, expand: () => stream }, retry)
    await draft.write([Buffer.from('abc')], 0)
    if (end === 'failure') {
      stream.destroy(new Error('broken'))
      await t.rejects(draft.write([Buffer.from('d')], 3))
      await t.rejects(draft.finish(3))
    }
    if (end === 'finish') t.match(await draft.finish(3), { size: 3 })
    else await draft.discard()
    t.ok(stream.destroyed, end)
    t.equal(kept.discarded, end !== 'finish')
  }
  const unused = new KeptDraft()
  await compressed(unused, CODECS.gzip, retry).discard()
  t.ok(unused.discarded, 'also where it has got nothing')
})

const SIZE = 5
const FRAMES = 8
const END = SIZE * FRAMES
const body = (n: number): string => `line ${n} ${(n * 7919).toString(36).repeat(n % 9)}`
/** From the frame that begins at `first` on. */
function framesFrom(first: number): Batch[] {
  return Array.from({ length: FRAMES }, (_, f) => f * SIZE)
    .filter((begin) => begin >= first)
    .map((begin) => frame(begin, Array.from({ length: SIZE }, (_, n) => ({ headers: { k: (begin + n) % 3 === 0 ? 'a' : 'b' }, body: body(begin + n) }))))
}
const options = optionsOf('', { path: '/out/%{k}', suffix: '.log.gz', codec: 'gzip', rollCount: 7, spool: '/state/spool' })
const plainText = (bytes: string): string => gunzipSync(Buffer.from(bytes, 'latin1')).toString()

async function run(disk: MemoryDisk, first = 0): Promise<number> {
  const sinking = new Sinking(options, framesFrom(first), disk.boot(), new FakeClock(TIME))
  const error = await Promise.race([sinking.ended, disk.ended])
  if (error instanceof Error) throw error
  return sinking.offsets.at(-1) ?? first
}

/** The files after a run that nothing stops, and the calls and steps of it. */
async function clean(): Promise<{ files: Record<string, string>; steps: number; calls: number }> {
  const disk = new MemoryDisk()
  await run(disk)
  const { steps, calls } = disk
  return { files: await filesBelow('/out', disk.boot()), steps, calls }
}

t.test('files hold the same as without a codec, and are rolled by their bytes before it', async (t) => {
  for (const format of ['text', 'ndjson'] as const) {
    const dir = t.testdir({})
    const more = { path: `${dir}/plain/%{k}`, format, rollBytes: 150 }
    t.equal(await new Sinking(optionsOf(dir, more), framesFrom(0)).ended, undefined)
    t.equal(await new Sinking(optionsOf(dir, { ...more, path: `${dir}/gzip/%{k}`, suffix: '.log.gz', codec: 'gzip', spool: `${dir}/spool2` }), framesFrom(0)).ended, undefined)
    const packed = await filesBelow(join(dir, 'gzip'))
    t.same(Object.fromEntries(Object.entries(packed).map(([name, bytes]) => [name.replace(/\.gz$/, ''), plainText(bytes)])), await filesBelow(join(dir, 'plain')))
    t.ok(Object.keys(packed).length > 4)
  }
})

t.test('the codec may change between two runs: nothing is lost, nothing stands twice', async (t) => {
  const dir = t.testdir({})
  t.equal(await new Sinking(optionsOf(dir), framesFrom(0).slice(0, 4)).ended, undefined)
  t.equal(await new Sinking(optionsOf(dir, { codec: 'gzip', suffix: '.log.gz' }), framesFrom(0)).ended, undefined)
  const files = await filesBelow(join(dir, 'out'))
  t.same(Object.keys(files), [named(0, 19), named(20, 39, 'events', '.log.gz')])
  const [plain = '', packed = ''] = Object.values(files)
  t.equal(plain + plainText(packed), Array.from({ length: END }, (_, n) => `${body(n)}\n`).join(''))
})

t.test('killed, or without power, at each step: after a replay the files are byte for byte those of a clean run', async (t) => {
  const { files, steps } = await clean()
  t.equal(Object.values(files).map(plainText).join('').split('\n').length - 1, END)
  for (let step = 1; step <= steps; step++) {
    for (const power of [undefined, chooser(step), chooser(step + 1000)]) {
      const disk = new MemoryDisk()
      disk.plan = { step, failure: 'end' }
      const acked = await run(disk)
      if (power === undefined) disk.kill()
      else disk.losePower(power)
      if ((await run(disk, acked)) !== END) t.fail(`step ${step}: not all is acked`)
      t.strictSame(await filesBelow('/out', disk.boot()), files, `step ${step}`)
    }
  }
})

t.test('any call that fails with EIO or ENOSPC: the same, after the next run where it could not wait', async (t) => {
  const { files, calls } = await clean()
  for (let call = 1; call <= calls; call++) {
    for (const failure of ['EIO', 'ENOSPC'] as const) {
      const disk = new MemoryDisk()
      disk.plan = { call, failure }
      const clock = new FakeClock(TIME)
      const sinking = new Sinking(options, framesFrom(0), disk.boot(), clock)
      const error = await ended(sinking, clock)
      disk.losePower(chooser(call))
      const acked = sinking.offsets.at(-1) ?? 0
      if (error === undefined && acked !== END) t.fail(`${failure} at call ${call}: acked to ${acked}`)
      await run(disk, acked)
      t.strictSame(await filesBelow('/out', disk.boot()), files, `${failure} at call ${call}`)
    }
  }
})

t.test('a disk that is full, wherever in a file, also at its end: it waits, and the bytes are those of a clean run', async (t) => {
  const { files } = await clean()
  for (let capacity = 0; capacity < 700; capacity += 23) {
    const disk = new MemoryDisk()
    const view = disk.boot()
    const clock = new FakeClock(TIME)
    const sinking = new Sinking(options, framesFrom(0), view, clock)
    disk.capacity = capacity
    while (sinking.said.length === 0) await new Promise((resolve) => setImmediate(resolve))
    t.match(sinking.said, [/ENOSPC: .*trying again, nothing is lost/])
    disk.capacity = Infinity
    t.equal(await ended(sinking, clock), undefined)
    t.strictSame(await filesBelow('/out', view), files, `${capacity} bytes`)
  }
})

/** The end of a run, whatever it waits for. */
async function ended(sinking: Sinking, clock: FakeClock): Promise<unknown> {
  let over = false
  void sinking.ended.then(() => (over = true))
  while (!over) {
    await new Promise((resolve) => setImmediate(resolve))
    if (clock.sleeping > 0) clock.advance(1000)
  }
  return sinking.ended
}

t.test('as typed: --codec gzip, read back by zcat', async (t) => {
  const dir = t.testdir({})
  const log = logText(3_000_000).toString('latin1').replace(/[^ -~\n]/g, '?')
  writeFileSync(join(dir, 'log'), log)
  const line = 'flume-tail --once log | flume-buffer q | flume-sink-hdfs --codec gzip --path out --roll-bytes 1M; echo "${PIPESTATUS[*]}"; zcat out/* | cmp - log && ls out'
  const { out, err } = await shell(line, dir)
  t.match(out, /^0 0 0\n(events\.queue=\S+\.\d{20}-\d{20}\.log\.gz\n){3,}$/, err)
  const files = Object.values(await filesBelow(join(dir, 'out'), nodeDisk))
  t.ok(files.every((bytes) => bytes.startsWith('\x1f\x8b')))
  t.match((await shell('flume-sink-hdfs --codec zip </dev/null; echo $?', dir)).out, '64\n')
})
