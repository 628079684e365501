/** What a queue may touch of the world, and where its files are. */
import { basename, join } from 'node:path'
import type { Disk } from '../disk/disk.js'
import type { Clock } from '../events/flow.js'

export interface Surroundings {
  readonly disk: Disk
  readonly clock: Clock
  readonly pid: number
  /** One line for people. */
  say(message: string): void
  uuid(): string
}

/** Names in a queue directory, flume-segment(5). */
export class Paths {
  readonly segments: string
  readonly cursors: string
  readonly lock: string
  readonly readersLock: string
  readonly committed: string
  readonly identity: string
  readonly retain: string
  readonly compress: string
  /** What repairs have replaced. */
  readonly originals: string

  constructor(readonly directory: string) {
    this.segments = join(directory, 'segments')
    this.cursors = join(directory, 'cursors')
    this.lock = join(directory, 'lock')
    this.readersLock = join(directory, 'readers.lock')
    this.committed = join(directory, 'committed')
    this.identity = join(directory, 'queue.json')
    this.retain = join(directory, 'retain')
    this.compress = join(directory, 'compress')
    this.originals = join(directory, 'originals')
  }

  segment(first: number): string {
    return join(this.segments, `${String(first).padStart(20, '0')}.seg`)
  }

  replay(name: string): string {
    return join(this.directory, 'replays', name)
  }

  cursor(name: string): string {
    return join(this.cursors, name)
  }
}

/** Sequences of the first events of all segments, in order. */
export async function listSegments(disk: Disk, paths: Paths): Promise<number[]> {
  return segmentsAmong(await disk.list(paths.segments))
}

/** The same, in order, with their sizes in bytes. */
export async function segmentSizes(disk: Disk, paths: Paths): Promise<Map<number, number>> {
  const sizes = await disk.sizes(paths.segments)
  return new Map(segmentsAmong([...sizes.keys()]).map((first) => [first, sizes.get(basename(paths.segment(first))) ?? 0]))
}

/** Of the names in their directory. */
export function segmentsAmong(names: readonly string[]): number[] {
  return names
    .filter((name) => /^\d{20}\.seg$/.test(name))
    .map((name) => Number(name.slice(0, 20)))
    .sort((a, b) => a - b)
}
