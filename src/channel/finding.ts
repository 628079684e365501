/** What is wrong in a queue, as --check prints it: which file, which byte, why, and what it means for events. */

/**
 * `note`: nothing is lost, and the next start sees to it. `identity`: it is not known which queue this is; `copied`: it is not
 * where it was. `retain`: it is not known what is to be kept. `stray`: a segment of another queue or under a wrong name;
 * `double`: one whose events stand in others too; `positions`: nothing can be put. `cursor`: a reader without its place.
 * `ahead`: a reader after the end of the queue. `lost`: damage that is stepped over.
 */
export type Kind = 'note' | 'identity' | 'copied' | 'retain' | 'stray' | 'double' | 'positions' | 'cursor' | 'ahead' | 'lost'

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

export function lost(file: string, byte: number | null, reason: string, first: number, end: number, otherwise = 'no event is lost'): Finding {
  if (first >= end) return { kind: 'lost', file, byte, reason, meaning: otherwise }
  return { kind: 'lost', file, byte, reason, meaning: `${events(first, end)} lost`, first, last: end - 1 }
}

/** `events 3 to 7 are`, `event 3 is`: `end` is not included. */
function events(first: number, end: number): string {
  return end - first === 1 ? `event ${first} is` : `events ${first} to ${end - 1} are`
}
