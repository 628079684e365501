/** Which segments may go: those that every registered reader has passed. Only who holds the lock of the log removes them. */
import type { Disk } from '../disk/disk.js'
import { FlumeError } from '../errors.js'
import { listReaders, readCursor } from './cursor.js'
import { listSegments, type Paths } from './surroundings.js'

export interface ReaderPlace {
  readonly reader: string
  /** Sequence that it reads next. */
  readonly next: number
}

/** Where the registered readers stand, slowest first. `sync`: their cursors are on disk too. A damaged cursor stands at 0: it holds everything. */
export async function readerPlaces(disk: Disk, paths: Paths, sync = false): Promise<ReaderPlace[]> {
  const places: ReaderPlace[] = []
  for (const reader of await listReaders(paths, disk)) {
    const state = await readCursor(paths, reader, disk, sync).catch(orStart)
    if (state !== undefined) places.push({ reader, next: state.next })
  }
  return places.sort((a, b) => a.next - b.next)
}

function orStart(error: unknown): { next: number } {
  if (error instanceof FlumeError && error.code === 'SEGMENT_DAMAGED') return { next: 0 }
  throw error
}

/** Removes what all have passed, oldest first, never the last segment; returns what it removed. */
export async function removePassed(disk: Disk, paths: Paths): Promise<number[]> {
  const segments = await listSegments(disk, paths)
  if ((await passed(segments, disk, paths)).length === 0) return []
  const removed = await passed(segments, disk, paths, true)
  for (const first of removed) await disk.unlink(paths.segment(first))
  await disk.syncDirectory(paths.segments)
  return removed
}

async function passed(segments: readonly number[], disk: Disk, paths: Paths, sync = false): Promise<number[]> {
  if (segments.length < 2) return []
  const slowest = (await readerPlaces(disk, paths, sync))[0]
  return slowest === undefined ? [] : segments.filter((_, index) => (segments[index + 1] ?? Infinity) <= slowest.next)
}
