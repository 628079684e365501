/**
 * One queue that several processes use at once: one puts, now and then with a reader of its own; others read, and look on, check,
 * export, replay, retain, compress and forget. What each of them is told must be right in whatever order their calls come, and
 * whichever of them is killed; and in the end all is there.
 */
import { join } from 'node:path'
import { inspect } from 'node:util'
import { Queue } from '../../../src/channel/channel.js'
import { chooser, MemoryDisk } from '../../support/memory-disk.js'
import { exportAll, faultOf } from '../../support/queue.js'
import type { Program } from '../bundle.js'
import { secondsOfProcessor } from '../processor.js'
import { FORGETTABLE, LOOKER, looks, PATH, puts, reads, World } from './roles.js'
import { Turns, type Life } from './turns.js'

/** One process of the campaign. */
export const PROGRAM: Program = { entry: join(import.meta.dirname, 'main.ts') }

export interface Found {
  readonly seed: number
  readonly fault: string
}

export interface Explored {
  schedules: number
  /** Of them, those in which a process was killed. */
  deadly: number
  /** s of processor, until one was found wrong. */
  processor: number
  found?: Found
}

/** Looks at `schedules` of them, of the seeds `seed`, `seed + stride`, …, and ends early where one is wrong. */
export async function explore(seed: number, stride: number, schedules: number): Promise<Explored> {
  const explored: Explored = { schedules: 0, deadly: 0, processor: 0 }
  for (let next = seed; explored.schedules < schedules && explored.found === undefined; next += stride) {
    const { faults, killed } = await perform(next)
    if (faults[0] !== undefined) explored.found = { seed: next, fault: faults[0] }
    explored.schedules++
    if (killed) explored.deadly++
  }
  explored.processor = secondsOfProcessor()
  return explored
}

/** The schedule of this seed. */
export async function perform(seed: number): Promise<World> {
  const choose = chooser(seed)
  const memory = new MemoryDisk()
  memory.quick = true
  const disk = memory.boot()
  const turns = new Turns(choose, { stay: [2, 5, 20, 60][choose(4)]!, deadly: choose(2) * [30, 100, 300][choose(3)]! })
  const world = new World(turns, choose, 900 + choose(6) * 500)
  /** One life after another. */
  const runs = async (process: string, most: number, live: (life: Life) => Promise<void>): Promise<void> => {
    for (let left = 1 + choose(most); left > 0; left--) {
      const life = turns.live(process, disk)
      if ((await Promise.race([live(life), life.died])) === 'killed') world.killed = true
    }
  }
  const both = choose(3) === 0
  try {
    await turns.run([
      runs('putter', 3, (life) => puts(world, life, both)),
      runs('a', 3, (life) => reads(world, life, { name: 'a', keeps: false })),
      ...(choose(2) === 0 ? [runs('b', 3, (life) => reads(world, life, { name: 'b', keeps: true }))] : []),
      ...(choose(2) === 0 ? [runs(FORGETTABLE, 3, (life) => reads(world, life, { name: FORGETTABLE, keeps: false }))] : []),
      ...Array.from({ length: choose(3) }, () => runs(LOOKER, 5, (life) => looks(world, life))),
    ])
    turns.rules = { stay: 1, deadly: 0 }
    await end(world, turns.live('last', disk))
  } catch (error) {
    world.wrong(inspect(error))
  }
  return world
}

/** Nobody else is there. */
async function end(world: World, life: Life): Promise<void> {
  const looked = (async () => {
    const queue = await Queue.open(PATH, world.around(life), { create: true })
    const taken = await exportAll(queue)
    const last = taken.at(-1)?.to ?? world.acked
    if (last < world.acked || last > world.offered) world.wrong(`the queue ends at ${last}, acked are ${world.acked}, offered ${world.offered}`)
    world.wrong(faultOf(taken, taken[0]?.from ?? 0, taken.at(-1)?.to ?? 0))
    const first = taken[0]?.from ?? 0
    for (const [name, { given }] of world.places) {
      if (first > given && name !== FORGETTABLE) world.wrong(`reader ${name} was given ${given}, the queue begins at ${first}`)
    }
  })()
  await world.turns.run([looked])
}
