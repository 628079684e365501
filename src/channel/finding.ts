/** What is wrong in a queue, as --check prints it: which file, which byte, why, and what it means for events. */
import type { Gap } from './gap.js'

/**
 * `note`: nothing is wrong. `identity`: it is not known which queue this is; `copied`: it is not where it was. `retain`: it is
 * not known what is to be kept. `stray`: a segment of another queue or under a wrong name; `double`: one whose events stand in
 * others too; `positions`: nothing can be put. `cursor`: a reader without its place. `removed`: a reader before the oldest
 * event; `ahead`: one after the end of the queue. `miscounted`: a frame with another number of events than it says. `lost`:
 * damage that is stepped over.
 */
export type Kind = 'note' | 'identity' | 'copied' | 'retain' | 'stray' | 'double' | 'positions' | 'cursor' | 'removed' | 'ahead' | 'miscounted' | 'lost'

export interface Finding {
  readonly kind: Kind
  readonly file: string
  /** Null: the file as a whole, or there is none. */
  readonly byte: number | null
  readonly reason: string
  readonly meaning: string
  /** Events that are lost by it, both included; absent: none. */
  readonly first?: number
  readonly last?: number
  /** The same as they are given out. */
  readonly gap?: Gap
}

/** What was read, and what is wrong with it. */
export interface Summary {
  readonly segments: number
  /** Of all segments. */
  readonly bytes: number
  /** Sequence of the oldest event, and of the one that comes next. */
  readonly first: number
  readonly next: number
  readonly readers: number
  /** Findings that are no note. */
  readonly wrong: number
  /** Events lost by all of them. */
  readonly lost: number
}

/** Of two records one is enough; `what` goes on with it. */
export function spoiledRecord(file: string, byte: number, what: string): Finding {
  return { kind: 'note', file, byte, reason: 'one of its two records does not verify', meaning: `${what} with the other one; no event is lost` }
}

export function lost(file: string, byte: number | null, reason: string, gap: Gap): Finding {
  const { first, end } = gap
  if (first >= end) return noEvent(file, byte, reason, 'no event is lost')
  return { kind: 'lost', file, byte, reason, meaning: `${events(gap)} lost`, first, last: end - 1, gap }
}

/** Damage that costs no event. */
export function noEvent(file: string, byte: number | null, reason: string, meaning: string): Finding {
  return { kind: 'lost', file, byte, reason, meaning }
}

/** Lost, and said to be in the queue itself. */
export function known(file: string, byte: number, gap: Gap): Finding {
  const { first, end } = gap
  return { kind: 'note', file, byte, reason: 'says what is lost', meaning: `${events(gap)} lost`, first, last: end - 1, gap }
}

/** `events 3 to 7 are`, `event 3 is` */
function events({ first, end }: Gap): string {
  return end - first === 1 ? `event ${first} is` : `events ${first} to ${end - 1} are`
}
