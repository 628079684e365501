/** The readers of a queue, for --check: whether each has its place, and whether the events from there on are still there. */
import { FlumeError } from '../errors.js'
import { listPlaces, READER_NAME, readCursor, type Seen } from './cursor.js'
import { spoiledRecord, type Finding } from './finding.js'
import type { Gap } from './gap.js'
import type { Paths, Surroundings } from './surroundings.js'

/** A record may be read in the middle of being written. */
const TRIES = 3

/** The oldest event, and when its segment was begun: ms, 0: not known. */
export interface Oldest {
  readonly first: number
  readonly created: number
}

/** `endsBefore`: the number of the event before which the queue ends, where that is less; else undefined. */
export async function* checkReaders(
  paths: Paths,
  around: Surroundings,
  { first, created }: Oldest,
  endsBefore: (at: number) => Promise<number | undefined>,
): AsyncGenerator<Finding> {
  for (const name of await listPlaces(paths, around.disk)) {
    const file = paths.cursor(name)
    const holds = READER_NAME.test(name)
    const seen = await placeOf(paths, name, around)
    if (seen === undefined) continue
    if (seen === 'damaged') {
      const meaning = `reader ${name} is refused${holds ? ', and no segment is removed' : ''}; no event is lost`
      yield { kind: 'cursor', file, byte: 0, reason: 'neither of its two records verifies', meaning }
      continue
    }
    const { next: at, spoiled } = seen
    if (spoiled !== undefined) yield spoiledRecord(file, spoiled, `reader ${name} goes on`)
    if (at < first && !holds) {
      const meaning = `it held no segment: with --ack=off the reader misses events ${at} to ${first - 1}`
      yield { kind: 'note', file, byte: null, reason: `stands before event ${at}, the oldest is ${first}`, meaning }
    } else if (at < first) {
      const gap: Gap = { first: at, end: first, reason: 'removed', time: created }
      const reason = `reader ${name} stands before event ${at}, the oldest is ${first}`
      yield { kind: 'removed', file, byte: null, reason, meaning: `events ${at} to ${first - 1} are lost to it`, gap }
    } else {
      const end = holds ? await endsBefore(at) : undefined
      if (end === undefined) continue
      const reason = `reader ${name} stands before event ${at}, but the queue ends before ${end}`
      yield { kind: 'ahead', file, byte: null, reason, meaning: `the next start goes on at ${at}; the events between are lost` }
    }
  }
}

async function placeOf(paths: Paths, name: string, around: Surroundings): Promise<Seen | 'damaged' | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      return await readCursor(paths, name, around.disk)
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'SEGMENT_DAMAGED') throw error
      if (tries === TRIES) return 'damaged'
    }
  }
}
