/** What each process does with the queue, and what must be true of what it is told. */
import { Check } from '../../../src/channel/check.js'
import { Queue, type Surroundings, type Taker } from '../../../src/channel/channel.js'
import { planRepair, type Plan } from '../../../src/channel/repair/plan.js'
import { Repair } from '../../../src/channel/repair/repair.js'
import { Paths } from '../../../src/channel/surroundings.js'
import { FlumeError } from '../../../src/errors.js'
import type { Batch, Mark } from '../../../src/events/batch.js'
import type { Choose } from '../../support/memory-disk.js'
import { faultOf, numbered, takenOf, type Taken } from '../../support/queue.js'
import type { Life, Turns } from './turns.js'

export const PATH = '/q'

/** What a reader was given, as far as it knows: all before `acked` is acked, nothing from `given` on was ever given to it. */
interface Place {
  readonly acked: number
  readonly given: number
  /** Of the world, when it was there: where these are others now, it may have been forgotten. */
  readonly forgets: number
}

/** What the world outside the queue was told. */
export class World {
  readonly faults: string[] = []
  readonly places = new Map<string, Place>()
  /** Events before it are acked to who put them; none from `offered` on was ever put. */
  acked = 0
  offered = 0
  /** Counted before a reader is forgotten, and after. */
  forgets = 0
  /** Somebody mends the queue, or did and was killed: nobody else may put. */
  mending = 0
  /** Some process was killed. */
  killed = false
  #uuids = 0

  constructor(
    readonly turns: Turns,
    readonly choose: Choose,
    readonly segmentBytesMax: number,
  ) {}

  wrong(what: string | undefined): void {
    if (what !== undefined) this.faults.push(what)
  }

  around({ disk, process }: Life): Surroundings {
    const uuid = (): string => `00000000-0000-4000-8000-${String(this.#uuids++).padStart(12, '0')}`
    return { disk, clock: this.turns.clock, pid: 100 + process.charCodeAt(0), uuid, say: (message) => this.#said(process, message) }
  }

  /** Some time, or none. */
  async pause(most: number): Promise<void> {
    if (this.choose(2) === 0) await this.turns.clock.sleep(this.choose(most))
  }

  #said(process: string, message: string): void {
    if (process === LOOKER && message.endsWith('are removed')) return // it holds nothing
    if (this.killed && message.endsWith('that were never acked')) return
    if (/damaged|lost|missing|removed|never acked|cannot|does not verify/.test(message)) this.wrong(`${process} says: ${message}`)
  }
}

export const LOOKER = 'looker'
/** ms */
const PUT_MAX = 60_000

/** Puts some batches; with `both` its reader takes what there is, in the same process. */
export async function puts(world: World, life: Life, both: boolean): Promise<void> {
  const { choose, turns } = world
  const queue = await Queue.open(PATH, world.around(life), { create: true })
  const stop = new AbortController()
  const sizeMax = choose(3) === 0 ? 4 * world.segmentBytesMax : Infinity
  const opened = queue.openPut({ segmentBytesMax: world.segmentBytesMax, freeMin: 0, stop: stop.signal, sizeMax })
  const putter = await opened.catch((error: unknown) => (isBusy(error) && world.mending > 0 ? undefined : Promise.reject(error as Error)))
  if (putter === undefined) return
  void turns.clock.sleep(PUT_MAX).then(() => stop.abort()) // nobody may ever make room
  const from = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
  if (from < world.acked || from > world.offered) world.wrong(`the queue holds ${from}, acked are ${world.acked}, offered ${world.offered}`)
  world.acked = world.offered = from // who puts goes on from there
  const size = [20, 60, 400][choose(3)]!
  const batches = async function* (): AsyncGenerator<Batch> {
    for (let left = choose(20); left > 0 && !life.isDead; left--) {
      const at = world.offered
      world.offered += 1 + choose(5)
      yield numbered(at, world.offered, size)
      if (choose(4) === 0) await turns.clock.sleep(choose(1500))
    }
  }
  const taking = both ? takes(world, life, queue, { name: 'a', keeps: false }) : undefined
  taking?.catch(() => undefined)
  for await (const mark of putter.put(batches())) world.acked = mark.to.offset
  if (!life.isDead && !stop.signal.aborted && world.acked < world.offered) world.wrong(`${world.offered} were put, ${world.acked} are acked`)
  await world.pause(choose(4) === 0 ? 20_000 : 3000) // some of it is old enough to be compressed
  await taking
  await putter.close()
}

interface Reader {
  readonly name: string
  /** It holds its position itself. */
  readonly keeps: boolean
}

export async function reads(world: World, life: Life, reader: Reader): Promise<void> {
  await world.pause(3000)
  await takes(world, life, await Queue.open(PATH, world.around(life), { create: true }), reader)
}

async function takes(world: World, life: Life, queue: Queue, { name, keeps }: Reader): Promise<void> {
  const taker = await openTake(queue, name)
  if (taker === undefined) return
  const place = placeOf(world, name)
  const held = new Map(place === undefined ? [] : [[taker.asks, [{ offset: place.acked }]]])
  const taken: Taken[] = []
  for await (const batch of taker.open(keeps ? { kind: 'keeps', held } : { kind: 'acks', binding: 'file:///out' }, new AbortController().signal)) {
    if (life.isDead) break
    if (batch.mark === null) continue // the queue is full, and asks for acks
    const { from, to } = takenOf(batch)
    if (taken.length === 0 && place !== undefined && (from < place.acked || from > place.given)) {
      world.wrong(`reader ${name} acked ${place.acked}, was given ${place.given}, and goes on at ${from}`)
    }
    taken.push(takenOf(batch))
    const { forgets } = world
    world.places.set(name, { acked: keeps ? to : Math.max(from, placeOf(world, name)?.acked ?? 0), given: to, forgets })
    await taker.settle(batch.mark)
    world.places.set(name, { acked: to, given: to, forgets })
    batch.release()
    if (world.choose(12) === 0) break
  }
  await taker.close()
  world.wrong(faultOf(taken, taken[0]?.from ?? 0, taken.at(-1)?.to ?? 0))
}

async function openTake(queue: Queue, name: string): Promise<Taker | undefined> {
  try {
    return await queue.openTake(name, { once: true })
  } catch (error) {
    if (isBusy(error)) return undefined // the one who puts reads under this name, too
    throw error
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof FlumeError && error.code === 'BUSY'
}

/** Undefined: it has none yet, or may have been forgotten. */
function placeOf({ places, forgets }: World, name: string): Place | undefined {
  const place = places.get(name)
  const isSure = name !== FORGETTABLE || (place?.forgets === forgets && forgets % 2 === 0)
  return isSure ? place : undefined
}

/** This reader may be forgotten. */
export const FORGETTABLE = 'c'

/** Looks, or changes what is kept, in one of these ways. */
export async function looks(world: World, life: Life): Promise<void> {
  await world.pause(2500)
  try {
    const queue = await Queue.open(PATH, world.around(life), { create: false })
    await LOOKS[world.choose(LOOKS.length)]!(queue, world, life)
  } catch (error) {
    // there is none, or no such reader; another one does the same
    if (!(error instanceof FlumeError) || !['NO_INPUT', 'BUSY'].includes(error.code)) throw error
  }
}

const LOOKS: readonly ((queue: Queue, world: World, life: Life) => Promise<unknown>)[] = [
  (queue) => queue.stat(),
  (queue) => queue.retain({ age: null, bytes: null }),
  (queue) => queue.retain(undefined),
  (queue) => queue.compress(true),
  (queue) => queue.compress(false),
  (queue) => queue.compressNow(new AbortController().signal),
  async (_, world, life) => {
    const check = new Check(new Paths(PATH), world.around(life), new AbortController().signal)
    for await (const finding of check.findings()) if (!world.killed || finding.kind !== 'note') world.wrong(`--check: ${JSON.stringify(finding)}`)
  },
  async (_, world, life) => mends(world, await planRepair(new Paths(PATH), world.around(life), undefined, new AbortController().signal)),
  async (_, world, life) => {
    world.mending++
    try {
      const repair = await Repair.open(new Paths(PATH), world.around(life), undefined, new AbortController().signal)
      mends(world, repair.plan)
      await repair.apply()
      await repair.close()
    } finally {
      world.mending--
    }
  },
  async (queue, world) => world.wrong(faultOfLook(await all(queue.export()))),
  async (queue, world) => {
    const replay = await queue.openReplay({}, 'r')
    world.wrong(faultOfLook(await all(replay.open({ kind: 'acks', binding: 'file:///again' }, new AbortController().signal), (mark) => replay.settle(mark))))
    await replay.close()
  },
  async (queue, world) => {
    world.forgets++
    await queue.forget(FORGETTABLE).finally(() => world.forgets++)
  },
]

/** Nothing is to be mended, but for what a process that was killed has left. */
function mends(world: World, { steps }: Plan): void {
  if (!world.killed && steps.length > 0) world.wrong(`--repair: ${JSON.stringify(steps)}`)
}

async function all(batches: AsyncIterable<Batch>, settle?: (mark: Mark) => Promise<void>): Promise<Taken[]> {
  const taken: Taken[] = []
  for await (const batch of batches) {
    taken.push(takenOf(batch))
    if (batch.mark !== null) await settle?.(batch.mark)
    batch.release()
  }
  return taken
}

/** What is removed while somebody looks is a gap, at any place; all else is there once and in order. */
function faultOfLook(taken: readonly Taken[]): string | undefined {
  let next = taken[0]?.from ?? 0
  for (const batch of taken) {
    if (batch.from !== next) return `${batch.from} comes after ${next}`
    next = batch.to
    if (!batch.text.startsWith('{"headers":{"flume.gap":"removed"')) {
      const fault = faultOf([batch], batch.from, batch.to)
      if (fault !== undefined) return fault
    }
  }
  return undefined
}
