/** Each damage of each file of each queue, one after the other, and what is wrong with what the queue makes of it. */
import type { MemoryDisk } from '../../support/memory-disk.js'
import { spoil } from '../../support/checking.js'
import { damagesOf, hitBy, type Damage } from './damages.js'
import { faultOfDamage, type Hurt } from './judge.js'
import { listingsOf } from './listings.js'
import { recordOf, stateOf, type Remembered } from './remembered.js'
import { KINDS, wholeOf, type Kind, type Whole } from './queues.js'

/** One of so many states is repaired, too. */
const REPAIRED = 8

export interface Found {
  readonly file: string
  readonly path: string
  readonly what: string
  readonly fault: string
}

export interface Explored {
  /** By the kind of file. */
  states: Record<string, number>
  repaired: number
  readonly found: Found[]
}

/** Of all states whose name has `only` in it those with the number `index` in each `stride`; ends early with `most` that are wrong. */
export async function explore(index: number, stride: number, most: number, only = ''): Promise<Explored> {
  const explored: Explored = { states: {}, repaired: 0, found: [] }
  let number = 0
  for await (const state of allStates()) {
    if (!`${state.file} ${state.what}`.includes(only) || number++ % stride !== index) continue
    explored.states[state.file] = (explored.states[state.file] ?? 0) + 1
    const repairs = number % REPAIRED === 0 || !/^(bit|cut)/.test(state.what)
    if (repairs) explored.repaired++
    const fault = await state.fault(repairs).catch((error: unknown) => `throws ${error instanceof Error ? error.stack : String(error)}`)
    if (fault !== undefined) explored.found.push({ file: state.file, path: state.path, what: state.what, fault })
    if (explored.found.length >= most) return explored
  }
  return explored
}

interface State {
  /** What kind of file it is. */
  readonly file: string
  readonly path: string
  readonly what: string
  /** `repairs`: a queue is repaired, too. */
  fault(repairs: boolean): Promise<string | undefined>
}

async function* allStates(): AsyncGenerator<State> {
  for (const kind of KINDS) yield* statesOf(kind, await wholeOf(kind))
  yield* statesOfRemembered('state of flume-tail', await stateOf('tail'))
  yield* statesOfRemembered('state of flume-spool', await stateOf('spool'))
  for (const hundredths of [45, 95]) yield* statesOfRemembered(`record at ${hundredths} %`, await recordOf(hundredths, false))
  yield* statesOfRemembered('record, files taken', await recordOf(70, true))
}

function* statesOfRemembered(file: string, { disk, path, older, fault }: Remembered): Generator<State> {
  for (const { what, bytes } of damagesOf(disk.find(path)!.bytes, older)) {
    const damaged = (): MemoryDisk => {
      const copy = disk.clone()
      spoil(copy, path, bytes)
      return copy
    }
    yield { file, path, what, fault: () => fault(damaged()) }
  }
}

function* statesOf(kind: Kind, queue: Whole): Generator<State> {
  const { disk, older } = queue
  for (const { what, paths, whole, apply } of listingsOf(disk, older)) {
    const hurts = (to: MemoryDisk): Hurt[] => paths.map((path) => ({ path, hit: hitBy(disk.find(path)?.bytes ?? NOTHING, to.find(path)?.bytes ?? NOTHING) }))
    yield { file: `${kind} names`, path: paths[0]!, what, fault: (repairs) => faultOf(queue, (to) => (apply(to), hurts(to)), repairs, whole) }
  }
  const paths = filesOn(disk, '/q').filter((path) => !path.endsWith('lock') && (kind !== 'packed' || !path.startsWith('/q/cursors')))
  for (const path of paths) {
    const { bytes } = disk.find(path)!
    for (const damage of damagesOf(bytes, older.get(path) ?? [])) {
      yield { file: `${kind} ${fileOf(path)}`, path, what: damage.what, fault: (repairs) => faultOf(queue, (to) => spoiled(to, path, damage), repairs, false) }
    }
  }
}

function spoiled(disk: MemoryDisk, path: string, damage: Damage): Hurt[] {
  const after = damage.bytes()
  const hit = hitBy(disk.find(path)!.bytes, after)
  spoil(disk, path, () => after)
  return [{ path, hit, stale: damage.stale }]
}

/** `apply` damages a copy of the disk. */
async function faultOf(queue: Whole, apply: (disk: MemoryDisk) => readonly Hurt[], repairs: boolean, back: boolean): Promise<string | undefined> {
  const damaged = queue.disk.clone()
  return faultOfDamage(damaged, queue, apply(damaged), repairs, back)
}

const NOTHING = Buffer.alloc(0)

function filesOn(disk: MemoryDisk, path: string): string[] {
  const inode = disk.find(path)!
  return inode.kind === 'file' ? [path] : [...inode.entries.keys()].sort().flatMap((name) => filesOn(disk, `${path}/${name}`))
}

/** What kind of file it is. */
function fileOf(path: string): string {
  return path.endsWith('.seg') ? 'segments' : path.startsWith('/q/cursors') ? 'cursors' : path.slice(3)
}
