/** A spoiled queue, repaired: what it gives out before and after, and what is wrong with that. */
import { Queue, type Surroundings } from '../../src/channel/channel.js'
import { planRepair, type Plan } from '../../src/channel/repair/plan.js'
import { Repair } from '../../src/channel/repair/repair.js'
import { Paths } from '../../src/channel/surroundings.js'
import { checkAll, segmentsOn } from './checking.js'
import type { MemoryDisk } from './memory-disk.js'
import { aroundOf, takeAll, type Taken } from './queue.js'

const never = new AbortController().signal

export function plan(disk: MemoryDisk, accept?: 'copied' | 'moved'): Promise<Plan> {
  return planRepair(new Paths('/q'), aroundOf(disk.boot()), accept, never)
}

/** All of it. */
export async function repair(around: Surroundings, accept?: 'copied' | 'moved'): Promise<void> {
  const repair = await Repair.open(new Paths('/q'), around, accept, never)
  await repair.apply()
  await repair.close()
}

/** What each reader gets, one that is new too, by its name. On a copy: the disk stays as it is. */
export async function given(disk: MemoryDisk, names: readonly string[]): Promise<Map<string, readonly Taken[] | string>> {
  const all = new Map<string, readonly Taken[] | string>()
  for (const name of names) all.set(name, await givenTo(disk.clone(), name).catch((error: unknown) => String(error)))
  return all
}

async function givenTo(disk: MemoryDisk, name: string): Promise<readonly Taken[]> {
  const queue = await Queue.open('/q', aroundOf(disk.boot()), { create: false })
  await (await queue.openPut({ freeMin: 0 })).close()
  const taker = await queue.openTake(name, { once: true })
  return takeAll(taker, { kind: 'acks' }, false)
}

/** Undefined where the repair did what its plan says, and nothing else changed. */
export async function faultOfRepair(disk: MemoryDisk, names: readonly string[]): Promise<string | undefined> {
  const planned = await plan(disk)
  const before = await given(disk, names)
  const old = segmentsOn(disk).map((path) => disk.find(path)!.bytes)
  await repair(aroundOf(disk.boot()))
  const steps = JSON.stringify(planned.steps)
  const { findings, summary } = await checkAll(aroundOf(disk.boot()))
  if (summary.wrong > 0) return `still wrong: ${JSON.stringify(findings)} after ${steps}`
  const again = await plan(disk)
  if (again.steps.length > 0) return `there is more to mend: ${JSON.stringify(again.steps)} after ${steps}`
  const after = await given(disk, names)
  for (const name of names) {
    const [was, is] = [before.get(name), after.get(name)]
    if (typeof is === 'string') return `${name}: ${is} after ${steps}`
    if (typeof was === 'string' || planned.strays.length > 0) continue // what was astray is there again
    if (JSON.stringify(was) !== JSON.stringify(is)) return `${name}: ${differenceOf(was!, is!)} after ${steps}`
  }
  const kept = filesOf(disk, '/q')
  // of one that ended in what was never acked there is what is before that
  const isKept = (bytes: Buffer): boolean => kept.some((each) => isBeginning(bytes, each) || (each.length > 0 && isBeginning(each, bytes)))
  return old.every(isKept) ? undefined : `what was replaced is kept nowhere, after ${steps}`
}

function isBeginning(part: Buffer, whole: Buffer): boolean {
  return whole.subarray(0, part.length).equals(part)
}

function filesOf(disk: MemoryDisk, path: string): Buffer[] {
  const inode = disk.find(path)!
  return inode.kind === 'file' ? [inode.bytes] : [...inode.entries.keys()].flatMap((name) => filesOf(disk, `${path}/${name}`))
}

function differenceOf(was: readonly Taken[], is: readonly Taken[]): string {
  const at = was.findIndex((each, n) => JSON.stringify(each) !== JSON.stringify(is[n]))
  const short = (taken: Taken | undefined): string => JSON.stringify(taken)?.slice(0, 200) ?? 'nothing'
  return `batch ${at}: ${short(was[at])} is now ${short(is[at])}`
}
