/**
 * What a queue is made to do while it is watched: scripts of puts, takes, acks, clean ends, kills and losses of power,
 * made from a seed, and run on a disk that tells of each of its changes.
 */
import { Queue, type Surroundings } from '../../../src/channel/channel.js'
import { FRAME_BYTES_MAX } from '../../../src/channel/format.js'
import type { Batch } from '../../../src/events/batch.js'
import { passing, type FakeClock } from '../../support/clock.js'
import { chooser, MemoryDisk, type Choose } from '../../support/memory-disk.js'
import { numbered } from '../../support/queue.js'

/** A reader that takes some batches and acks them. `keeps`: it holds its position itself. */
export interface Reading {
  readonly name: string
  readonly keeps: boolean
  readonly batches: number
}

/** One run of the processes: what is put, beside what is taken, and how it ends. */
export interface Phase {
  /** Events of each batch. */
  readonly puts: readonly number[]
  /** Characters of an event. */
  readonly size: number
  readonly readings: readonly Reading[]
  readonly forgets?: string
  readonly ends: 'close' | 'kill' | 'power'
  /** Change of the disk in which it is killed or loses its power, unless all is done by then. */
  readonly at: number
}

export interface Work {
  readonly seed: number
  readonly segmentBytesMax: number
  /** All is retained from its first phase on. */
  readonly retains?: boolean
  /** At the end of each phase what can be is compressed. */
  readonly compresses?: boolean
  /** What readers will not read back is written in whole pages, however little it is. */
  readonly direct?: boolean
  readonly phases: readonly Phase[]
}

/** What the world outside the queue was told. */
export interface Promised {
  /** Events before it are acked to who put them; none from `offered` on was ever put. */
  acked: number
  offered: number
  /** Nothing goes, although readers have acked it. */
  retained: boolean
  /** What each registered reader has acked, as far as the reader itself knows. */
  readonly readers: Map<string, { keeps: boolean; next: number }>
}

const PATH = '/q'

export function workOf(seed: number): Work {
  const choose = chooser(seed)
  const phases = Array.from({ length: 1 + choose(6) }, (): Phase => ({
    ...(choose(100) === 0 ? { puts: [3], size: FRAME_BYTES_MAX >> 1 } : smallPuts(choose)),
    readings: ['a', 'b'].slice(0, choose(3)).map((name) => ({ name, keeps: name === 'b', batches: choose(16) })),
    ...(choose(8) === 0 ? { forgets: 'a' } : {}),
    ends: (['close', 'kill', 'kill', 'power'] as const)[choose(4)]!,
    at: 1 + choose(100),
  }))
  return { seed, segmentBytesMax: 900 + choose(6) * 700, phases, ...(choose(4) === 0 ? { retains: true } : {}), ...(seed % 6 === 0 ? { compresses: true } : {}), ...(seed % 3 === 0 ? { direct: true } : {}) }
}

function smallPuts(choose: Choose): Pick<Phase, 'puts' | 'size'> {
  return { puts: Array.from({ length: choose(8) }, () => 1 + choose(5)), size: [20, 60, 400, 1500][choose(4)]! }
}

/** `uuid`: makes another one each time. */
export function surroundings(disk: MemoryDisk, clock: FakeClock, uuid: () => string): Surroundings {
  return { disk: disk.boot(), clock, pid: 4711, say: () => undefined, uuid }
}

/** The same each time. `kind`: 0 to 9. */
export function uuids(kind: number, seed: number): () => string {
  let made = 0
  return () => `${String(seed % 1e8).padStart(8, '0')}-0000-4000-800${kind}-${String(made++).padStart(12, '0')}`
}

/** Runs it to its end; `look` sees the disk, and what was promised by then, before each change. Rejects where the queue does. */
export async function perform(work: Work, look: (disk: MemoryDisk, promised: Promised) => unknown): Promise<void> {
  const disk = new MemoryDisk()
  const promised: Promised = { acked: 0, offered: 0, retained: false, readers: new Map() }
  const choose = chooser(work.seed + 1)
  const uuid = uuids(0, work.seed)
  for (const phase of work.phases) {
    disk.watch = () => look(disk, promised)
    if (phase.ends !== 'close') disk.plan = { step: disk.steps + phase.at, failure: 'end' }
    await passing((clock) => Promise.race([run(surroundings(disk, clock, uuid), work, phase, promised), disk.ended]))
    disk.watch = undefined
    look(disk, promised)
    if (phase.ends === 'kill') disk.kill()
    if (phase.ends === 'power') disk.losePower(choose)
  }
}

async function run(around: Surroundings, work: Work, phase: Phase, promised: Promised): Promise<void> {
  const queue = await Queue.open(PATH, around, { create: true })
  if (work.retains === true) {
    await queue.retain({ age: null, bytes: null })
    promised.retained = true
  }
  const putter = await queue.openPut({ segmentBytesMax: work.segmentBytesMax, freeMin: 0, ...(work.direct === true ? { directBytesMin: 1 } : {}) })
  const held = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
  const end = held + phase.puts.reduce((sum, count) => sum + count, 0)
  const readings = phase.readings.map((reading) => read(queue, reading, end, promised))
  promised.acked = Math.max(promised.acked, held) // who puts goes on from there
  promised.offered = Math.max(promised.offered, end)
  for await (const mark of putter.put(batches(held, phase.puts, phase.size))) promised.acked = mark.to.offset
  await Promise.all(readings)
  if (phase.forgets !== undefined && promised.readers.delete(phase.forgets)) await queue.forget(phase.forgets)
  if (phase.ends === 'close' || work.compresses === true) await putter.close()
  if (work.compresses === true) await queue.compressNow(new AbortController().signal)
}

/** The last event that is there is sent again first. */
async function* batches(from: number, counts: readonly number[], size: number): AsyncGenerator<Batch> {
  if (from > 0) yield numbered(from - 1, from, size)
  for (const count of counts) {
    yield numbered(from, from + count, size)
    from += count
  }
}

/** As many batches as it was told to, or up to event `end`. */
async function read(queue: Queue, { name, keeps, batches }: Reading, end: number, { readers }: Promised): Promise<void> {
  const taker = await queue.openTake(name, { once: false })
  let left = batches
  const kept = readers.get(name)?.next
  const held = kept === undefined ? [] : ([[taker.asks, [{ offset: kept }]]] as const)
  const kind = keeps ? ({ kind: 'keeps', held: new Map(held) } as const) : ({ kind: 'acks', binding: 'file:///out' } as const)
  if (left > 0 && (kept ?? 0) < end) {
    for await (const { mark, release } of unbound(taker.open(kind, new AbortController().signal))) {
      const { from, to } = mark!
      readers.set(name, { keeps, next: keeps ? to.offset : Math.max(to.offset, readers.get(name)?.next ?? from!.offset) })
      await taker.settle(mark!)
      release()
      if (--left === 0 || to.offset >= end) break
    }
  }
  await taker.close()
}

async function* unbound(batches: AsyncIterable<Batch>): AsyncGenerator<Pick<Batch, 'mark' | 'release'>> {
  for await (const batch of batches) yield { mark: batch.mark, release: () => batch.release() }
}
