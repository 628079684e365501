/**
 * Which segments may go: those that every registered reader has passed and that `retain` keeps no longer. Only who holds
 * the lock of the log removes them.
 */
import type { Disk } from '../disk/disk.js'
import { unlinkThere } from '../disk/gone.js'
import { FlumeError } from '../errors.js'
import { listReaders, readCursor } from './cursor.js'
import { Lock } from './lock.js'
import { retainOrAll, type Retain } from './retain.js'
import { listSegments, segmentSizes, type Paths, type Surroundings } from './surroundings.js'

export interface ReaderPlace {
  readonly reader: string
  /** Sequence that it reads next. */
  readonly next: number
  /** All before it is acked, and the cursor that says so is on disk. */
  readonly passed: number
}

/** Sizes in bytes of segments by the sequences of their first events, in order. */
export type Sizes = ReadonlyMap<number, number>

/** Where the registered readers stand, slowest first. A damaged cursor stands at 0: it holds everything. */
export async function readerPlaces(disk: Disk, paths: Paths): Promise<ReaderPlace[]> {
  const places: ReaderPlace[] = []
  for (const reader of await listReaders(paths, disk)) {
    const state = await readCursor(paths, reader, disk).catch(orStart)
    if (state !== undefined) places.push({ reader, next: state.next, passed: state.passed })
  }
  return places.sort((a, b) => a.next - b.next)
}

function orStart(error: unknown): { next: number; passed: number } {
  if (error instanceof FlumeError && error.code === 'SEGMENT_DAMAGED') return { next: 0, passed: 0 }
  throw error
}

/** Sequence before which no reader needs anything; 0 where there is no reader. */
export async function passedByAll(disk: Disk, paths: Paths): Promise<number> {
  const places = await readerPlaces(disk, paths)
  return places.length === 0 ? 0 : Math.min(...places.map(({ passed }) => passed))
}

/** Those that all have passed, never the last; in order. */
export function passedAmong(firsts: readonly number[], passed: number): number[] {
  const end = firsts.findIndex((_, index) => (firsts[index + 1] ?? Infinity) > passed)
  return firsts.slice(0, end)
}

/** What went, and whether some of it would have been retained. */
export interface Removed {
  readonly firsts: readonly number[]
  readonly retained: boolean
}

const NOTHING: Removed = { firsts: [], retained: false }

/** The segments by the sequences of their first events, in order; their sizes where these are asked for. */
export interface Known {
  readonly firsts: readonly number[]
  sizes(): Promise<Sizes>
}

/** Removes what all have passed and nothing retains, oldest first. `forRoom`: the oldest goes in any case. */
export async function removePassed(around: Surroundings, paths: Paths, known?: Known, forRoom = false): Promise<Removed> {
  const { disk } = around
  const all = known?.firsts ?? (await listSegments(disk, paths))
  if (passedAmong(all, await passedByAll(disk, paths)).length === 0) return NOTHING
  const lock = await Lock.tryMoment(paths.readersLock, around)
  if (lock === undefined) return NOTHING // a reader is being registered: it holds the oldest event, or will next time
  try {
    return await removeAmong(around, paths, { firsts: all, sizes: known?.sizes ?? (() => segmentSizes(disk, paths)) }, forRoom)
  } finally {
    await lock.release()
  }
}

/** The same by whoever does not put: where nobody does. */
export async function removePassedUnlessHeld(around: Surroundings, paths: Paths): Promise<void> {
  const lock = await Lock.tryMoment(paths.lock, around)
  if (lock === undefined) return
  try {
    await removePassed(around, paths)
  } finally {
    await lock.release()
  }
}

/** No reader is registered meanwhile. */
async function removeAmong(around: Surroundings, paths: Paths, known: Known, forRoom: boolean): Promise<Removed> {
  const { disk } = around
  const passed = passedAmong(known.firsts, await passedByAll(disk, paths))
  await disk.syncDirectory(paths.cursors) // a reader that is being forgotten must not come back behind what it held
  const retain = await retainOrAll(around, paths)
  const sizes: Sizes = typeof retain?.bytes === 'number' ? await known.sizes() : new Map<number, number>()
  const firsts: number[] = []
  let after = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  let retained = false
  for (const first of passed) {
    after -= sizes.get(first) ?? 0
    retained = retain !== undefined && (await isRetained(around, paths.segment(first), retain, after))
    if (retained && !(forRoom && firsts.length === 0)) break
    await removeSegment(around.disk, paths, first)
    firsts.push(first)
    if (retained) break
  }
  return { firsts, retained: retained && firsts.length > 0 }
}

/** `after`: bytes of the segments after it. */
async function isRetained({ disk, clock }: Surroundings, path: string, { age, bytes }: Retain, after: number): Promise<boolean> {
  if (bytes !== null && after >= bytes) return false
  if (age === null) return true
  const modified = (await disk.stat(path))?.modified ?? 0
  return clock.now() - modified < age
}

/** Oldest first on disk too: what is left has no hole. */
async function removeSegment(disk: Disk, paths: Paths, first: number): Promise<void> {
  await unlinkThere(disk, paths.segment(first))
  await disk.syncDirectory(paths.segments)
}
