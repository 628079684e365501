/** Whether a queue on a disk after a crash is what was promised: every acked event there, in order, once, and none invented. */
import { Queue, type Surroundings, type Taker } from '../../../src/channel/channel.js'
import { planRepair } from '../../../src/channel/repair/plan.js'
import { Paths } from '../../../src/channel/surroundings.js'
import { FakeClock } from '../../support/clock.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { exportAll, faultOf, numbered, putAll, takeAll } from '../../support/queue.js'
import { surroundings, uuids, type Promised } from './work.js'

/** Events that are put after the crash. */
const MORE = 3
const NAMES = ['a', 'b', 'new']
const uuid = uuids(1, 0)

/**
 * Undefined where all is well. `whole`: also that recovery changes nothing the second time, that every reader goes on
 * where it must, and that the queue can be used as before.
 */
export async function faultAfter(disk: MemoryDisk, promised: Promised, whole: boolean): Promise<string | undefined> {
  disk.quick = true
  const around = surroundings(disk, new FakeClock(1_700_000_000_000), uuid)
  try {
    const wrong = whole ? await wrongIn(disk, around) : undefined
    if (wrong !== undefined) return wrong
    const kept = await recovered(around, promised)
    if (typeof kept === 'string') return kept
    if (!whole) return undefined
    const first = disk.print('/q/segments')
    const again = await recovered(around, promised)
    if (typeof again === 'string') return `the second time: ${again}`
    if (disk.print('/q/segments') !== first) return 'recovery changes the segments a second time'
    return await goesOn(around, kept, promised)
  } catch (error) {
    return `throws ${String(error)}`
  }
}

/** A crash is no damage: --check calls nothing wrong, and --repair has nothing to do. */
async function wrongIn(disk: MemoryDisk, around: Surroundings): Promise<string | undefined> {
  if (disk.find('/q/queue.json') === undefined) return undefined // it was never made
  const plan = await planRepair(new Paths('/q'), around, undefined, new AbortController().signal)
  return plan.steps.length === 0 ? undefined : `--repair finds ${JSON.stringify(plan.steps)}`
}

/** What is wrong, else the number of the event that comes next. */
async function recovered(around: Surroundings, { acked, offered, retained, readers }: Promised): Promise<number | string> {
  const queue = await Queue.open('/q', around, { create: true })
  const putter = await queue.openPut({ freeMin: 0 })
  const next = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
  const kept = await exportAll(queue)
  await putter.close()
  if (next < acked) return `${acked} was acked, ${next} is held`
  if (next > offered) return `${next} is held, ${offered} was put`
  const from = kept[0]?.from ?? next
  for (const [name, reader] of readers) if (from > reader.next) return `reader ${name} needs ${reader.next}, the queue begins at ${from}`
  if (retained && from > 0) return `all is retained, the queue begins at ${from}`
  const fault = faultOf(kept, from, next)
  return fault === undefined ? next : `kept: ${fault}`
}

async function goesOn(around: Surroundings, next: number, { readers }: Promised): Promise<string | undefined> {
  const queue = await Queue.open('/q', around, { create: true })
  const putter = await queue.openPut({ freeMin: 0 })
  const marks = await putAll(putter, [numbered(next, next + MORE)])
  await putter.close()
  if (marks[0]?.to.offset !== next + MORE) return 'what is put after it is not acked'
  for (const name of NAMES) {
    const reader = readers.get(name) ?? { keeps: false, next: Infinity } // nobody was told where it stands
    const taker = await queue.openTake(name, { once: true })
    const fault = await faultOfReader(taker, reader, next + MORE)
    await taker.close()
    if (fault !== undefined) return `reader ${name}: ${fault}`
  }
  return undefined
}

async function faultOfReader(taker: Taker, { keeps, next }: { keeps: boolean; next: number }, end: number): Promise<string | undefined> {
  const held = new Map([[taker.asks, [{ offset: next }]]])
  const taken = await takeAll(taker, keeps ? { kind: 'keeps', held } : { kind: 'acks', binding: 'file:///out' }, 'last')
  const from = taken[0]?.from ?? end
  if (from > next || (keeps && from < next)) return `had acked ${next}, goes on at ${from}`
  return faultOf(taken, from, end)
}
