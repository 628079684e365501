/** The numbers of a stage, by a clock of the test. */
import t from 'tap'
import { batchOf, type Batch, type Mark } from '../../src/events/batch.js'
import type { Clock, Reader, Source } from '../../src/events/flow.js'
import { Meter } from '../../src/stat/meter.js'
import { FakeClock } from '../support/clock.js'

function clockAt(now: number): Clock & { now: () => number; at: number } {
  const clock = { at: now, now: () => clock.at, monotonic: () => clock.at, sleep: () => Promise.resolve() }
  return clock
}

const markOf = (offset: number, time: number): Mark => ({ partition: 'p', from: null, to: { offset }, time, replayable: true })
const batch = (count: number, mark: Mark | null): Batch => batchOf(Buffer.from('x\n'.repeat(count)), count, mark)

async function pass(meter: Meter, batches: readonly Batch[]): Promise<void> {
  for await (const one of meter.through((async function* () { yield* batches })())) one.release()
}

t.test('an ack covers its mark and all before it; one that is not known changes nothing', async (t) => {
  const clock = clockAt(5000)
  const meter = new Meter(clock)
  const marks = [1, 2, 3].map((offset) => markOf(offset, offset * 1000))
  await pass(meter, marks.map((mark) => batch(10, mark)))
  t.match(meter.read('sink', 'in', 'out'), { events: 30, bytes: 60, unacked: 30, lagSeconds: 4, waits: 'in' })
  meter.acked(marks[1]!)
  t.match(meter.read('sink', 'in', 'out'), { unacked: 10, lagSeconds: 2 }, 'the oldest that waits is the third')
  meter.acked(marks[0]!)
  meter.acked(markOf(9, 0))
  t.match(meter.read('sink', 'in', 'out'), { unacked: 10 })
  meter.acked(marks[2]!)
  t.match(meter.read('sink', 'in', 'out'), { events: 30, unacked: 0, lagSeconds: 0 })
})

t.test('many ages are kept coarser, and the oldest stays', async (t) => {
  const meter = new Meter(clockAt(10_000_000))
  const marks = Array.from({ length: 5000 }, (_, index) => markOf(index, index * 1000))
  await pass(meter, marks.map((mark) => batch(1, mark)))
  t.match(meter.read('sink', 'in', 'out'), { unacked: 5000, lagSeconds: 10_000 })
  meter.acked(marks[4999]!)
  t.match(meter.read('sink', 'in', 'out'), { unacked: 0, lagSeconds: 0 })
})

t.test('the rate is that of the last ten seconds', async (t) => {
  const clock = clockAt(0)
  const meter = new Meter(clock)
  for (let second = 0; second < 30; second++) {
    clock.at = second * 1000
    await pass(meter, [batch(second < 20 ? 1000 : 10, null)])
  }
  clock.at = 30_000
  t.equal(meter.read('source', 'in', 'out').rate, 10)
  clock.at = 60_000
  t.equal(meter.read('source', 'in', 'out').rate, 0)
})

t.test('the rate is what it is, though the clock is set back', async (t) => {
  const clock = new FakeClock()
  const meter = new Meter(clock)
  for (let second = 0; second < 30; second++) {
    if (second === 10) clock.set(-3_600_000)
    await pass(meter, [batch(100, null)])
    clock.advance(1000)
  }
  t.equal(meter.read('source', 'in', 'out').rate, 100)
})

t.test('what a reader has not acked is void for the next, and nothing is unacked where nobody acks', async (t) => {
  const marks = [markOf(1, 0), markOf(2, 0)]
  const source: Source = { open: async function* () { yield* marks.map((mark) => batch(5, mark)) }, settle: () => Promise.resolve() }
  const meter = new Meter(clockAt(0))
  const counted = meter.source(source)
  const drain = async (kind: Reader['kind']): Promise<void> => {
    for await (const one of counted.open({ kind } as Reader, new AbortController().signal)) one.release()
  }
  await drain('plain')
  t.match(meter.read('source', 'in', 'out'), { events: 10, unacked: 0 })
  await drain('acks')
  t.match(meter.read('source', 'in', 'out'), { events: 10, bytes: 20, unacked: 10 })
  await counted.settle(marks[0]!)
  t.match(meter.read('source', 'in', 'out'), { unacked: 5 })
})

t.test('what it has passed on never becomes less: what the next reader is given once more counts once', async (t) => {
  const marks = [1, 2, 3].map((offset) => markOf(offset, 0))
  let given = marks.slice(0, 2)
  const source: Source = { open: async function* () { yield* given.map((mark) => batch(5, mark)) }, settle: () => Promise.resolve() }
  const meter = new Meter(clockAt(0))
  const counted = meter.source(source)
  const seen: number[] = []
  const drain = async (): Promise<void> => {
    const batches = counted.open({ kind: 'acks' }, new AbortController().signal)
    seen.push(meter.read('source', 'in', 'out').events)
    for await (const one of batches) {
      one.release()
      seen.push(meter.read('source', 'in', 'out').events)
    }
  }
  await drain()
  await counted.settle(marks[0]!)
  given = marks.slice(1)
  await drain()
  t.same(seen, [0, 5, 10, 10, 10, 15])
  t.match(meter.read('source', 'in', 'out'), { events: 15, bytes: 30, unacked: 10 })
})

t.test('it waits for its output while nobody takes what it has', async (t) => {
  const meter = new Meter(clockAt(0))
  const batches = meter.through((async function* () { yield batch(1, null) })())[Symbol.asyncIterator]()
  t.equal(meter.read('put', 'in', 'out').waits, 'in')
  await batches.next()
  t.equal(meter.read('put', 'in', 'out').waits, 'out')
  await batches.next()
  t.equal(meter.read('put', 'in', 'out').waits, 'in')
})
