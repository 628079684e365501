/** Which segments may go: those that every registered reader has passed. Only who holds the lock of the log removes them. */
import type { Disk } from '../disk/disk.js'
import { FlumeError } from '../errors.js'
import { listReaders, readCursor } from './cursor.js'
import { listSegments, type Paths } from './surroundings.js'

export interface ReaderPlace {
  readonly reader: string
  /** Sequence that it reads next. */
  readonly next: number
  /** All before it is acked, and the cursor that says so is on disk. */
  readonly passed: number
}

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

/** Removes what all have passed, never the last segment; returns what it removed. */
export async function removePassed(disk: Disk, paths: Paths): Promise<number[]> {
  const segments = await listSegments(disk, paths)
  if (segments.length < 2) return []
  const passed = await passedByAll(disk, paths)
  const removed = segments.filter((_, index) => (segments[index + 1] ?? Infinity) <= passed)
  for (const first of removed) {
    await disk.unlink(paths.segment(first))
    await disk.syncDirectory(paths.segments) // oldest first on disk too: what is left has no hole
  }
  return removed
}
