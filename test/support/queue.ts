/** Numbered events into a queue and out again: event n of partition `p` has position n and, in these tests, sequence n. */
import { randomUUID } from 'node:crypto'
import type { Surroundings } from '../../src/channel/channel.js'
import type { Putter, Queue, Taker } from '../../src/channel/channel.js'
import type { Disk } from '../../src/disk/disk.js'
import { batchOf, type Batch, type Mark } from '../../src/events/batch.js'
import type { Clock, Reader } from '../../src/events/flow.js'
import { FakeClock } from './clock.js'

export interface Around extends Surroundings {
  readonly said: string[]
}

export function aroundOf(disk: Disk, clock: Clock = new FakeClock(1_700_000_000_000), pid = 4711): Around {
  const said: string[] = []
  return { disk, clock, pid, said, say: (message) => said.push(message), uuid: randomUUID }
}

export function lineOf(n: number, size = 60): string {
  return `{"headers":{},"body":"${String(n).padEnd(size, '.')}"}\n`
}

/** Events `from` to `to` - 1. */
export function numbered(from: number, to: number, size?: number, partition = 'p'): Batch {
  const lines = Array.from({ length: to - from }, (_, index) => lineOf(from + index, size)).join('')
  const mark = { partition, from: from === 0 ? null : { offset: from }, to: { offset: to }, time: 1, replayable: true }
  return batchOf(Buffer.from(lines), to - from, mark)
}

/** Batches of 1 to 5 short events; of each 40 events the last 5 are long, one batch that takes several frames. */
export async function* stream(from: number, to: number): AsyncGenerator<Batch> {
  for (let at = from; at < to; ) {
    const long = at % 40 === 35
    const end = Math.min(to, long ? at + 5 : Math.min(at + 1 + (at % 5), at - (at % 40) + 35))
    yield numbered(at, end, long ? 220_000 : 60)
    at = end
  }
}

export async function putAll(putter: Putter, batches: Iterable<Batch> | AsyncIterable<Batch>): Promise<Mark[]> {
  const marks: Mark[] = []
  for await (const mark of putter.put(Symbol.asyncIterator in batches ? batches : each(batches))) marks.push(mark)
  return marks
}

async function* each(batches: Iterable<Batch>): AsyncGenerator<Batch> {
  yield* batches
}

export interface Taken {
  readonly from: number
  readonly to: number
  readonly count: number
  readonly time: number
  readonly text: string
}

/** To the end of what there is; acks each batch, all of them at the end, or nothing with `settle` false. */
export async function takeAll(taker: Taker, reader: Reader, settle: boolean | 'last' = true, stop = new AbortController().signal): Promise<Taken[]> {
  const taken: Taken[] = []
  let last: Mark | null = null
  taker.finish()
  for await (const batch of taker.open(reader, stop)) {
    taken.push(takenOf(batch))
    last = batch.mark ?? last
    if (settle === true && batch.mark !== null) await taker.settle(batch.mark)
    batch.release()
  }
  if (settle === 'last' && last !== null) await taker.settle(last)
  return taken
}

export async function exportAll(queue: Queue): Promise<Taken[]> {
  const taken: Taken[] = []
  for await (const batch of queue.export()) {
    taken.push(takenOf(batch))
    batch.release()
  }
  return taken
}

export function takenOf({ lines, count, mark }: Batch): Taken {
  return { from: mark?.from?.offset ?? -1, to: mark?.to.offset ?? -1, count, time: mark?.time ?? -1, text: lines.toString() }
}

/** What is wrong with batches that should be the numbered events `from` to `to` - 1, each exactly once and in order. */
export function faultOf(taken: readonly Taken[], from: number, to: number): string | undefined {
  let next = from
  for (const batch of taken) {
    if (batch.from !== next || batch.to !== next + batch.count) return `batch ${batch.from}-${batch.to} of ${batch.count} after ${next}`
    for (const line of batch.text.split('\n').slice(0, -1)) {
      if (Number.parseInt(/"body":"(\d+)/.exec(line)?.[1] ?? '-1') !== next) return `event ${next} is ${line.slice(0, 100)}`
      next++
    }
    if (next !== batch.to) return `batch ${batch.from}-${batch.to} has ${next - batch.from} lines`
  }
  return next === to ? undefined : `ends at ${next}, not ${to}`
}
