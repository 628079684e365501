/** Replay: by number and put time, exactly the range, the same each time, and what was typed keeps its meaning until all is acked. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Queue } from '../../src/channel/channel.js'
import type { Asked } from '../../src/channel/range.js'
import { nodeDisk } from '../../src/disk/node.js'
import type { Reader } from '../../src/events/flow.js'
import { FakeClock } from '../support/clock.js'
import { checkAll, PUT, segmentsOn, spoil } from '../support/checking.js'
import { MemoryDisk } from '../support/memory-disk.js'
import { aroundOf, exportAll, faultOf, numbered, putAll, takenOf, type Taken } from '../support/queue.js'
import { shell } from '../support/shell.js'
import '../support/real-processes.js'

const START = 1_700_000_000_000
const ACKS: Reader = { kind: 'acks', binding: 'file:///copies' }

/** A queue of 100 events in frames of 5; each frame was put a minute after the one before it. */
async function minutes(directory: string, disk = nodeDisk): Promise<Queue> {
  const clock = new FakeClock(START)
  const queue = await Queue.open(directory, aroundOf(disk, clock), { create: true })
  for (let at = 0; at < 100; at += 5) {
    const putter = await queue.openPut({ ...PUT, segmentBytesMax: 1500 })
    await putAll(putter, [numbered(at, at + 5)])
    await putter.close()
    clock.advance(60_000)
  }
  return queue
}

async function replayed(queue: Queue, asked: Asked, reader: Reader = { kind: 'plain' }, most = Infinity): Promise<{ asks: string; taken: Taken[] }> {
  const source = await queue.openReplay(asked, 'again')
  const taken: Taken[] = []
  for await (const batch of source.open(reader, new AbortController().signal)) {
    if (taken.length >= most) {
      batch.release()
      break
    }
    taken.push(takenOf(batch))
    await source.settle(batch.mark!)
    batch.release()
  }
  await source.close()
  return { asks: source.asks, taken }
}

const sequence = (n: number): Asked['from'] & object => ({ kind: 'sequence', sequence: n })
const minute = (n: number): Asked['from'] & object => ({ kind: 'time', time: START + n * 60_000 })

t.test('from one event to another, both included, in a partition that says which', async (t) => {
  const queue = await minutes(t.testdir())
  const whole = await replayed(queue, {})
  t.equal(whole.asks, `queue.${queue.id}.replay-0-99`)
  t.equal(faultOf(whole.taken, 0, 100), undefined)
  for (const [from, to] of [[0, 0], [3, 3], [4, 5], [7, 93], [95, 99]] as const) {
    const { asks, taken } = await replayed(queue, { from: sequence(from), to: sequence(to) })
    t.equal(asks, `queue.${queue.id}.replay-${from}-${to}`)
    t.equal(faultOf(taken, from, to + 1), undefined, `${from} to ${to}`)
  }
  await t.rejects(replayed(queue, { from: sequence(100) }), { code: 'NO_INPUT', message: /event 100 .* its last event is 99/ })
  await t.rejects(replayed(queue, { to: sequence(100) }), { code: 'NO_INPUT' })
  t.match((await queue.stat()).readers, [], 'nobody is registered')
})

t.test('a time is the first event put then or later, in whichever segment', async (t) => {
  const queue = await minutes(t.testdir())
  t.ok((await queue.stat()).segments > 3)
  for (let n = 0; n < 20; n++) {
    t.equal((await replayed(queue, { from: minute(n) })).taken[0]?.from, n * 5, `minute ${n}`)
    t.equal((await replayed(queue, { from: minute(n - 0.5), to: minute(n + 1) })).taken.at(-1)?.to, n * 5 + 5)
  }
  t.same((await replayed(queue, { from: minute(20) })).taken, [], 'nothing was put then')
  t.same((await replayed(queue, { from: minute(3), to: minute(3) })).taken, [])
})

t.test('whole frames are the batches they always were, with their put time', async (t) => {
  const queue = await minutes(t.testdir())
  const all = await exportAll(queue)
  t.same((await replayed(queue, { from: sequence(10), to: sequence(49) })).taken, all.filter(({ from }) => from >= 10 && from < 50))
})

t.test('what it was told keeps its meaning until all is acked, then no more', async (t) => {
  const directory = t.testdir()
  const queue = await minutes(directory)
  const first = await replayed(queue, {}, ACKS, 3)
  const putter = await queue.openPut(PUT)
  await putAll(putter, [numbered(100, 105)])
  await putter.close()
  const second = await replayed(queue, {}, ACKS)
  t.equal(second.asks, first.asks)
  t.same(second.taken.slice(0, 3), first.taken)
  t.equal(faultOf(second.taken, 0, 100), undefined)
  t.equal((await replayed(queue, {}, ACKS)).asks, `queue.${queue.id}.replay-0-104`, 'the next is another')
})

t.test('one whose record somebody removes while it runs ends as any other', async (t) => {
  const directory = t.testdir()
  const queue = await minutes(directory)
  const source = await queue.openReplay({}, 'again')
  for await (const batch of source.open(ACKS, new AbortController().signal)) {
    rmSync(join(directory, 'replays', 'again.beginning..end'), { force: true })
    await source.settle(batch.mark!)
    batch.release()
  }
  await source.close()
  t.equal(faultOf((await replayed(queue, {}, ACKS)).taken, 0, 100), undefined)
})

t.test('one that keeps positions goes on from them', async (t) => {
  const queue = await minutes(t.testdir())
  const { asks } = await replayed(queue, { to: sequence(49) })
  const held = (...offsets: number[]): Reader => ({ kind: 'keeps', held: new Map([[asks, offsets.map((offset) => ({ offset }))]]) })
  t.equal(faultOf((await replayed(queue, { to: sequence(49) }, held(20))).taken, 20, 50), undefined)
  t.equal(faultOf((await replayed(queue, { to: sequence(49) }, held(40, 15))).taken, 15, 50), undefined)
  t.same((await replayed(queue, { to: sequence(49) }, held(50))).taken, [])
})

t.test('it does not go on elsewhere than it began, nor twice at once', async (t) => {
  const directory = t.testdir()
  const queue = await minutes(directory)
  await replayed(queue, {}, ACKS, 3)
  await t.rejects(replayed(queue, {}, { kind: 'acks', binding: 'file:///other' }), { code: 'BINDING_CHANGED', message: /file:\/\/\/copies.*file:\/\/\/other.*replays\/again\.beginning\.\.end/ })
  const source = await queue.openReplay({}, 'again')
  const batches = source.open(ACKS, new AbortController().signal)
  ;(await batches.next()).value!.release()
  const clock = new FakeClock()
  const other = await Queue.open(directory, aroundOf(nodeDisk, clock), { create: false })
  const second = replayed(other, {}, ACKS)
  let waiting = true
  const passing = (async () => {
    for (; waiting; clock.advance(100)) await new Promise((resolve) => setImmediate(resolve))
  })()
  await t.rejects(second, { code: 'BUSY', message: /4711/ })
  waiting = false
  await passing
  await batches.return()
  await source.close()
})

t.test('damage in the range is a gap of the range alone', async (t) => {
  const disk = new MemoryDisk()
  const queue = await minutes('/q', disk.boot())
  const second = segmentsOn(disk)[1]!
  const first = Number(second.slice(-24, -4))
  spoil(disk, second, (bytes) => bytes.fill(0, 0, bytes.length))
  const { findings } = await checkAll(aroundOf(disk.boot()))
  const last = findings.find((finding) => finding.last !== undefined)!.last!
  const { taken } = await replayed(queue, { from: sequence(first + 2), to: sequence(last - 1) })
  t.match(taken, [{ from: first + 2, to: last, count: 1, text: /"flume\.gap"/ }])
})

t.test('whatever step is the last, the next run gives out the same', async (t) => {
  const disk = new MemoryDisk()
  await minutes('/q', disk.boot())
  const whole = disk.clone()
  await replayed(await Queue.open('/q', aroundOf(whole.boot()), { create: false }), { from: sequence(3) }, ACKS)
  t.ok(whole.steps > 5)
  for (let step = 1; step <= whole.steps; step++) {
    const struck = disk.clone()
    struck.plan = { step, failure: 'end' }
    const seen: Taken[] = []
    const run = (async () => {
      const source = await (await Queue.open('/q', aroundOf(struck.boot()), { create: false })).openReplay({ from: sequence(3) }, 'again')
      for await (const batch of source.open(ACKS, new AbortController().signal)) {
        seen.push(takenOf(batch))
        await source.settle(batch.mark!)
        batch.release()
      }
      await source.close()
    })()
    await Promise.race([run, struck.ended])
    for (const choose of [undefined, () => 0, () => 1]) {
      const dark = struck.clone()
      if (choose === undefined) dark.kill()
      else dark.losePower(choose)
      const { taken } = await replayed(await Queue.open('/q', aroundOf(dark.boot()), { create: false }), { from: sequence(3) }, ACKS)
      if (faultOf(taken, 3, 100) !== undefined) t.fail(`step ${step} ${whole.log[step - 1]}: ${faultOf(taken, 3, 100)}`)
      for (const [n, batch] of seen.entries()) if (JSON.stringify(taken[n]) !== JSON.stringify(batch)) t.fail(`step ${step}: another batch`)
    }
  }
})

t.test('in a shell: killed, while more is put, and typed again, each line of the range has one copy', async (t) => {
  const directory = t.testdir({ log: Array.from({ length: 40_000 }, (_, n) => `line ${n}\n`).join('') })
  const replay = 'flume-buffer q --from beginning | flume-sink-hdfs --path copies --roll-count 3000'
  const { out, err } = await shell(
    `flume-tail --once log | flume-buffer q | flume-sink-hdfs --path out
    FLUME_KILL_AT=flume-sink-hdfs:batch-read:3 ${replay}; FLUME_KILL_AT=flume-buffer:mark-written:2 ${replay}
    echo more >>log; flume-tail --once log | flume-buffer --put q
    ${replay}; echo "\${PIPESTATUS[*]}"; cat copies/*.log | head -40000 | cmp - <(head -40000 log); cat copies/*.log | wc -l; cat out/*.log | wc -l; flume-buffer --check q; ls q/replays`,
    directory,
  )
  t.match(out, /^0 0\n4000[01]\n40000\nread \d+ segments? with 40001 events .* nothing is wrong\ndefault\.lock\n$/, err)
})

t.test('in a shell: what is exported can be put again, in part and whole; bad ranges are refused', async (t) => {
  const directory = t.testdir({ log: Array.from({ length: 50 }, (_, n) => `line ${n}\n`).join('') })
  const { out, err } = await shell(
    `flume-tail --once log | flume-buffer --put q; flume-buffer --export q >all; flume-buffer --put q2 <all; flume-buffer --export q2 | cmp - all
    flume-buffer --export --from 10 --to 19 q | cmp - <(sed -n 11,20p all); flume-buffer q --from 2020-01-01 --to @1 | wc -l
    for bad in '--from yesterday' '--from 5 --to 3' '--from 50' '--from 1 --put' '--to 2026-13-01' '--check --export'; do flume-buffer q $bad >/dev/null; echo -n "$? "; done
    flume-buffer --check none; echo $?; printf x | dd of=$(ls -d q/segments/*) bs=1 seek=100 conv=notrunc 2>/dev/null; flume-buffer --check --json q | tail -1 | cut -c-18; flume-buffer --check q >/dev/null; echo $?`,
    directory,
  )
  t.equal(out, '0\n64 64 66 64 64 64 66\n{"kind":"summary",\n1\n', err)
})
