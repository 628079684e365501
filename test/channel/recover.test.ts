/** What is acked survives: every step of a put, a take and their cursors as the last one, on a disk that loses what was not synced. */
import t from 'tap'
import { Queue } from '../../src/channel/channel.js'
import { passing, type FakeClock } from '../support/clock.js'
import { chooser, MemoryDisk, type Failure } from '../support/memory-disk.js'
import { aroundOf, exportAll, faultOf, stream, takeAll } from '../support/queue.js'

const EVENTS = 50
const PUT = { segmentBytesMax: 3000, freeMin: 0 }
const READER = { kind: 'acks', binding: 'file:///out' } as const

/** What the world outside the queue knows of a run. */
interface Seen {
  acked: number
  /** Sequence just after the last event that the reader has given back as acked, before the queue has heard of it. */
  settled: number
  /** Text of each event given out. */
  readonly given: Map<number, string>
}

/** Put numbered events, and take and ack them at the same time. */
async function run(disk: MemoryDisk, clock: FakeClock, seen: Seen): Promise<void> {
  const queue = await Queue.open('/q', aroundOf(disk.boot(), clock), { create: true })
  const putter = await queue.openPut(PUT)
  const taker = await queue.openTake('r', { once: false })
  const held = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
  const taking = (async () => {
    for await (const batch of taker.open(READER, new AbortController().signal)) {
      const { from, to } = batch.mark!
      for (const [index, line] of batch.lines.toString().split('\n').slice(0, -1).entries()) seen.given.set(from!.offset + index, line)
      seen.settled = Math.max(seen.settled, to.offset)
      await taker.settle(batch.mark!)
      batch.release()
    }
  })()
  taking.catch(() => undefined)
  for await (const mark of putter.put(stream(held, EVENTS))) seen.acked = mark.to.offset
  taker.finish()
  await taking
  await taker.close()
  await putter.close()
}

/** Undefined where the queue on this disk is what it must be, and can go on to the end. */
async function faultAfter(disk: MemoryDisk, seen: Seen): Promise<string | undefined> {
  const around = aroundOf(disk.boot())
  const queue = await Queue.open('/q', around, { create: true })
  const putter = await queue.openPut(PUT)
  const held = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
  if (held < seen.acked) return `${seen.acked} was acked, ${held} is held`
  const kept = await exportAll(queue)
  const first = kept[0]?.from ?? held
  const fault = faultOf(kept, first, held)
  if (fault !== undefined) return `kept: ${fault}`
  for await (const mark of putter.put(stream(held, EVENTS))) if (mark.to.offset > EVENTS) return 'phantom mark'
  const taken = await takeAll(await queue.openTake('r', { once: true }), READER)
  const from = taken[0]?.from ?? EVENTS
  if (from > seen.settled) return `the reader had acked ${seen.settled}, it goes on at ${from}`
  const lines = taken.flatMap(({ text }) => text.split('\n').slice(0, -1))
  for (const [n, text] of seen.given) if (n >= from && lines[n - from] !== text) return `event ${n} was another before`
  return faultOf(taken, from, EVENTS)
}

function nothingSeen(): Seen {
  return { acked: 0, settled: 0, given: new Map() }
}

/** Runs until the plan strikes or all is done. */
function runUntil(disk: MemoryDisk, seen: Seen): Promise<unknown> {
  return passing((clock) => Promise.race([run(disk, clock, seen).catch((error: unknown) => error), disk.ended]))
}

async function stepsOf(): Promise<{ steps: number; calls: number }> {
  const disk = new MemoryDisk()
  await runUntil(disk, nothingSeen())
  return disk
}

t.test('whatever step is the last, all that was acked is there once and in order, and the rest can follow', async (t) => {
  const { steps } = await stepsOf()
  t.ok(steps > 100, `${steps} steps`)
  for (let step = 1; step <= steps; step++) {
    const disk = new MemoryDisk()
    const seen = nothingSeen()
    disk.plan = { step, failure: 'end' }
    await runUntil(disk, seen)
    const killed = disk.clone()
    killed.kill()
    const faults = [await faultAfter(killed, seen)]
    for (const choose of [() => 0, () => 1, ...[1, 2, 3].map((seed) => chooser(seed * 1000 + step))]) {
      const dark = disk.clone()
      dark.losePower(choose)
      faults.push(await faultAfter(dark, seen))
    }
    const fault = faults.findIndex((each) => each !== undefined)
    t.equal(faults[fault], undefined, `step ${step}: ${disk.log.at(-1)}, way ${fault}`)
  }
})

t.test('whatever call fails, nothing acked is lost: when the process is gone, and after a loss of power', async (t) => {
  const { calls } = await stepsOf()
  for (const failure of ['EIO', 'ENOSPC'] satisfies Failure[]) {
    for (let call = 1; call <= calls; call++) {
      const disk = new MemoryDisk()
      const seen = nothingSeen()
      disk.plan = { call, failure }
      await runUntil(disk, seen)
      const killed = disk.clone()
      killed.kill()
      const dark = disk.clone()
      dark.losePower(chooser(call))
      const faults = [await faultAfter(killed, seen), await faultAfter(dark, seen)]
      killed.losePower(chooser(call + 1))
      faults.push(await faultAfter(killed, { ...seen, acked: EVENTS, settled: EVENTS }))
      const fault = faults.findIndex((each) => each !== undefined)
      t.equal(faults[fault], undefined, `${failure} at call ${call}: ${disk.log.at(-1)}, way ${fault}`)
    }
  }
})
