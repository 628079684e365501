/** Whether a damaged queue is what was promised: nothing wrong given out, nothing lost but what stood in the damaged bytes, and all of it said. */
import { basename, dirname } from 'node:path'
import { Queue } from '../../../src/channel/channel.js'
import type { Finding } from '../../../src/channel/finding.js'
import { FlumeError } from '../../../src/errors.js'
import { checkAll, gapEventsIn, gapEventsOf, type Checked } from '../../support/checking.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { FakeClock } from '../../support/clock.js'
import { aroundOf, numbered, putAll, takenOf, type Around, type Taken } from '../../support/queue.js'
import { faultOfRepair } from '../../support/repairing.js'
import type { Stretch } from './damages.js'
import type { Holds, Whole } from './queues.js'

/** Whoever sleeps wakes at once, so much later. */
class Hasty extends FakeClock {
  #left = 10_000

  override async sleep(ms: number): Promise<void> {
    if (this.#left-- === 0) throw new Error('it does not end')
    this.time += ms
  }
}

/** A file of a queue and the bytes of it that are not what they were. */
export interface Hurt {
  readonly path: string
  readonly hit: readonly Stretch[]
  readonly stale?: true | undefined
}

/** With these a queue is refused, and says what can be done; never with anything else. */
const REFUSALS = ['SEGMENT_DAMAGED', 'OTHER_HISTORY', 'QUEUE_COPIED', 'VERSION']
const MORE = 3

/** Undefined where all is well. `repairs`: also that --repair mends it; `back`: and that nothing is lost then. */
export async function faultOfDamage(damaged: MemoryDisk, whole: Whole, hurts: readonly Hurt[], repairs: boolean, back = false): Promise<string | undefined> {
  const checked = await orRefused(checkAll(aroundOf(damaged.boot())))
  const given = await giveOut(damaged.clone(), whole)
  const fault = checked instanceof FlumeError ? faultOfRefusal(checked, given) : faultOfGiven(given, checked, whole, hurts)
  if (fault !== undefined) return fault
  if (!repairs || checked instanceof FlumeError || given.opened?.code === 'QUEUE_COPIED') return undefined
  const unmended = await faultOfRepair(damaged, [...whole.readers.keys(), 'new'])
  if (unmended !== undefined || !back) return unmended
  const after = await giveOut(damaged, whole)
  const left = faultOfGiven(after, await checkAll(aroundOf(damaged.boot())), whole, [])
  return left === undefined ? undefined : `after the repair: ${left}`
}

interface Given {
  /** Why it was refused as a whole; to who puts; and to each reader. */
  readonly opened: FlumeError | undefined
  readonly put: FlumeError | undefined
  /** What who puts is told: the event it goes on with. */
  readonly held: number
  readonly readers: ReadonlyMap<string, { readonly taken: readonly Taken[]; readonly refused: FlumeError | undefined }>
  readonly said: readonly string[]
}

/** Puts some more, and gives all to every reader, and to one that is new. */
async function giveOut(disk: MemoryDisk, whole: Whole): Promise<Given> {
  const around = aroundOf(disk.boot())
  const nothing: Given = { opened: undefined, put: undefined, held: whole.count, readers: new Map(), said: around.said }
  const queue = await orRefused(Queue.open('/q', around, { create: false }))
  if (queue instanceof FlumeError) return { ...nothing, opened: queue }
  const held = await orRefused(putMore(queue))
  const readers = new Map<string, { taken: Taken[]; refused: FlumeError | undefined }>()
  for (const name of ['new', ...whole.readers.keys()]) { // in this order the segments stay until each has had them
    const taken: Taken[] = []
    const refused = await orRefused(take({ ...around, clock: new Hasty() }, name, taken))
    readers.set(name, { taken, refused: refused instanceof FlumeError ? refused : undefined })
  }
  return {
    ...nothing, readers,
    put: held instanceof FlumeError ? held : undefined,
    held: held instanceof FlumeError ? whole.count : held,
  }
}

async function putMore(queue: Queue): Promise<number> {
  const putter = await queue.openPut({ freeMin: 0 })
  const held = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
  await putAll(putter, [numbered(held, held + MORE, 24)])
  await putter.close()
  return held
}

async function take(around: Around, name: string, taken: Taken[]): Promise<void> {
  const queue = await Queue.open('/q', around, { create: false })
  const taker = await queue.openTake(name, { once: true })
  try {
    for await (const batch of taker.open({ kind: 'acks', binding: 'file:///out' }, new AbortController().signal)) {
      taken.push(takenOf(batch))
      if (batch.mark !== null) await taker.settle(batch.mark)
      batch.release()
    }
  } finally {
    await taker.close()
  }
}

async function orRefused<T>(result: Promise<T>): Promise<T | FlumeError> {
  try {
    return await result
  } catch (error) {
    if (error instanceof FlumeError && REFUSALS.includes(error.code)) return error
    throw error
  }
}

function faultOfRefusal(refused: FlumeError, { opened }: Given): string | undefined {
  return opened?.code === refused.code ? undefined : `--check says ${refused.message}, the queue says ${opened?.message ?? 'nothing'}`
}

function faultOfGiven(given: Given, { findings }: Checked, whole: Whole, hurts: readonly Hurt[]): string | undefined {
  const wrong = findings.filter(({ kind }) => kind !== 'note')
  for (const refused of [given.opened, given.put, ...[...given.readers.values()].map((each) => each.refused)]) {
    if (refused !== undefined && wrong.length === 0) return `--check finds nothing wrong, and it is refused: ${refused.message}`
    if (refused !== undefined && !names(refused.message, hurts) && !refused.message.includes('/q:')) return `the refusal does not name the file: ${refused.message}`
  }
  if (given.opened !== undefined) return undefined
  const fresh = given.readers.get('new')
  const told = gapEventsOf(findings.filter(({ kind }) => kind !== 'removed')).join()
  const gaps = gapEventsIn(fresh?.taken ?? []).join()
  if (fresh?.refused === undefined && told !== gaps) return `--check says ${told}, given out is ${gaps}`
  return faultOfReaders(given, whole, hurts) ?? faultOfPut(given, whole, hurts) ?? faultOfReport(given, findings, hurts)
}

function faultOfReaders(given: Given, whole: Whole, hurts: readonly Hurt[]): string | undefined {
  for (const [name, { taken, refused }] of given.readers) {
    const stood = whole.readers.get(name) ?? 0
    const from = taken[0]?.from ?? (refused === undefined ? Infinity : stood)
    const removed = name === 'new' && isAllHit(stood, from, whole, hurts)
    if (from > stood && removed && taken.length === 0) continue
    if (from > stood && !removed) return `reader ${name} had acked ${stood}, goes on at ${from}`
    const back = from < stood && !hurts.some(({ stale }) => stale)
    if (back && !given.said.some((said) => names(said, hurts))) return `reader ${name} had acked ${stood}, goes on at ${from}, and nobody is told`
    const fault = faultOfTaken(taken, from, given, whole, hurts, refused === undefined)
    if (fault !== undefined) return `reader ${name}: ${fault}`
  }
  return undefined
}

/** Each event once, in order, as it was put; gaps only where it stood in what was hit. After them what was put last. */
function faultOfTaken(taken: readonly Taken[], from: number, given: Given, whole: Whole, hurts: readonly Hurt[], ended: boolean): string | undefined {
  const lostAt = (n: number): boolean => whole.holds.some((each) => each.first <= n && n < each.end && isHit(each, hurts))
  let next = from
  let after = given.held
  for (const batch of taken) {
    if (batch.from !== next) return `batch ${batch.from}-${batch.to} after ${next}`
    if (batch.text.includes('flume.gap')) {
      for (let n = batch.from; n < batch.to; n++) if (n < whole.count && !lostAt(n)) return `event ${n} is lost, and did not stand in what was hit`
    } else {
      for (const [index, line] of batch.text.split('\n').slice(0, -1).entries()) {
        const wanted = batch.from + index < whole.count ? batch.from + index : after++
        if (line !== numbered(wanted, wanted + 1, 24).lines.toString().slice(0, -1)) return `event ${batch.from + index} is ${line.slice(0, 60)}`
      }
    }
    next = batch.to
  }
  const put = given.put === undefined ? MORE : 0
  if (!ended || next === whole.count + put) return undefined
  return `ends at ${next}, not ${whole.count + put}`
}

function isAllHit(first: number, end: number, { holds }: Whole, hurts: readonly Hurt[]): boolean {
  return holds.every((each) => each.end <= first || each.first >= end || isHit(each, hurts))
}

function isHit(holds: Holds, hurts: readonly Hurt[]): boolean {
  return hurts.some(({ path, hit }) => path === holds.path && hit.some(({ from, to }) => from < holds.to && to > holds.from))
}

function names(said: string, hurts: readonly Hurt[]): boolean {
  return hurts.some(({ path }) => said.includes(basename(path)))
}

/** What sends into it goes on where it stood, or is refused, or somebody is told that events may come twice. */
function faultOfPut({ held, said }: Given, { count }: Whole, hurts: readonly Hurt[]): string | undefined {
  if (held === count) return undefined
  if (held > count) return `${held} is held, ${count} were put`
  return said.some((each) => (names(each, hurts) || each.includes('/q ')) && /once more/.test(each)) ? undefined : `${count} was acked, ${held} is held, and nobody is told that events come twice`
}

function faultOfReport({ said, readers }: Given, findings: readonly Finding[], hurts: readonly Hurt[]): string | undefined {
  const here = findings.filter(({ file, reason }) => hurts.some(({ path }) => path === file || dirname(path) === file) || /or the end of the segment before it|ends too early/.test(reason))
  if ([...readers.values()].some(({ taken }) => gapEventsIn(taken).length > 0)) {
    if (here.length === 0) return `events are lost, --check names ${findings.map(({ file }) => file).join()}`
    if (!said.some((each) => /^(segment|queue) \/q\S* .*(damaged|missing|removed)/.test(each))) return 'events are lost, and nobody is told'
  }
  const hit = (hurts[0]?.hit.at(-1)?.to ?? 1) - 1
  const bytes = here.flatMap(({ byte }) => byte ?? [])
  if (bytes.length > 0 && Math.min(...bytes) > hit) return `--check says byte ${bytes.join()}, ${hit} is hit`
  return undefined
}
