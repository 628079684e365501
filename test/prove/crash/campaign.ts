/** Works from one seed after another; at each change of the disk the states that a crash may leave, each checked against what was promised. */
import { chooser, type MemoryDisk } from '../../support/memory-disk.js'
import { secondsOfProcessor } from '../processor.js'
import { faultAfter } from './check.js'
import { crashAt, crashes } from './states.js'
import { perform, workOf, type Promised, type Work } from './work.js'

/** States of one change at most: all of them, or a sample. */
const STATES_OF_CHANGE = 16
/** Of so many states one is looked at whole, and after one of so many the power fails again while it recovers; of so many of these one is looked at whole. */
const WHOLE = 8
const TWICE = 32
const TWICE_WHOLE = 4

/** Where the path of a crash begins: just before change `change` of the work. `again`: the crash while the first is recovered from. */
export interface Crash {
  readonly change: number
  readonly path: readonly number[]
  readonly again?: Crash
}

export interface Found {
  readonly work: Work
  readonly crash: Crash
  readonly fault: string
}

export interface Explored {
  /** States that differ in their bytes, or in what was promised. */
  states: number
  /** Of them, those with a second crash. */
  twice: number
  works: number
  /** s of processor, until one was found wrong. */
  processor: number
  found?: Found
  /** The same as a test. */
  test?: string
}

/** Looks at `states` states at least, of the works `seed`, `seed + stride`, …, and ends early where one is wrong. `begin` is told of each work. */
export async function explore(seed: number, stride: number, states: number, begin: (work: Work) => void): Promise<Explored> {
  const explored: Explored = { states: 0, twice: 0, works: 0, processor: 0 }
  const seen = new Set<string>()
  for (let next = seed; explored.states < states && explored.found === undefined; next += stride) {
    const work = workOf(next)
    begin(work)
    const found = await exploreWork(work, seen, explored, states)
    if (found !== undefined) explored.found = found
    explored.works++
  }
  explored.processor = secondsOfProcessor()
  return explored
}

interface Moment {
  readonly change: number
  readonly disk: MemoryDisk
  readonly promised: Promised
}

/** The disk before each change of a work, as far as it goes; and why it goes no further. */
async function momentsOf(work: Work): Promise<{ moments: readonly Moment[]; fault: string | undefined }> {
  const moments: Moment[] = []
  const look = (disk: MemoryDisk, promised: Promised): unknown => moments.push({ change: moments.length, disk: disk.clone(), promised: copyOf(promised) })
  const fault = await perform(work, look).then(() => undefined, (error: unknown) => `the work itself fails: ${String(error)}`)
  return { moments, fault }
}

/** The first fault of one work. `seen`: prints of the states that need not be looked at again. */
export async function exploreWork(work: Work, seen: Set<string>, explored: Explored, states: number): Promise<Found | undefined> {
  const { moments, fault } = await momentsOf(work)
  for (const moment of moments) {
    for (const { disk, path } of crashes(moment.disk, STATES_OF_CHANGE, work.seed + moment.change)) {
      if (isKnown(disk, moment.promised, seen)) continue
      const crash = { change: moment.change, path }
      const found = await lookAt(work, disk, moment.promised, crash, explored.states++, seen, explored)
      if (found !== undefined) return found
      if (explored.states >= states) return undefined
    }
  }
  return fault === undefined ? undefined : { work, crash: { change: moments.length, path: [] }, fault }
}

async function lookAt(work: Work, disk: MemoryDisk, promised: Promised, crash: Crash, number: number, seen: Set<string>, explored: Explored): Promise<Found | undefined> {
  const again = number % TWICE === 0 ? disk.clone() : undefined
  const fault = await faultAfter(disk, promised, number % WHOLE === 0)
  if (fault !== undefined) return { work, crash, fault }
  if (again === undefined) return undefined
  const moments = await recoveries(again, promised)
  const moment = moments[chooser(work.seed + number)(Math.max(1, moments.length))]
  if (moment === undefined) return undefined
  for (const second of crashes(moment.disk, 2, number)) {
    if (isKnown(second.disk, promised, seen)) continue
    explored.states++
    const fault = await faultAfter(second.disk, promised, explored.twice++ % TWICE_WHOLE === 0)
    if (fault !== undefined) return { work, crash: { ...crash, again: { change: moment.change, path: second.path } }, fault }
  }
  return undefined
}

/** The disk before each change that recovery makes. */
async function recoveries(disk: MemoryDisk, promised: Promised): Promise<Moment[]> {
  const moments: Moment[] = []
  disk.watch = () => moments.push({ change: moments.length, disk: disk.clone(), promised })
  await faultAfter(disk, promised, false)
  return moments
}

/** What a crash that was found once leaves today; undefined where all is well. For a test of its own. */
export async function faultOfCrash(work: Work, crash: Crash): Promise<string | undefined> {
  const { moments, fault } = await momentsOf(work)
  const at = moments[crash.change]
  if (at === undefined) return fault
  const dark = crashAt(at.disk, crash.path)
  if (crash.again === undefined) return faultAfter(dark, at.promised, true)
  const moment = (await recoveries(dark, at.promised))[crash.again.change]
  if (moment === undefined) throw new Error(`recovery has no change ${crash.again.change}`)
  return faultAfter(crashAt(moment.disk, crash.again.path), at.promised, true)
}

function copyOf({ acked, offered, retained, readers }: Promised): Promised {
  return { acked, offered, retained, readers: new Map([...readers].map(([name, reader]) => [name, { ...reader }])) }
}

/** Whether a state was there before; from now on it was. */
function isKnown(disk: MemoryDisk, { acked, offered, retained, readers }: Promised, seen: Set<string>): boolean {
  const known = seen.size
  seen.add([disk.print(), acked, offered, retained, ...[...readers.values()].map(({ next }) => next)].join(' '))
  return seen.size === known
}
