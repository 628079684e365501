/** One rule of the chain, and what it makes of an event. */
import type { Draft } from './draft.js'

/** The event is gone. */
export const DROP = Symbol('drop')

/** The interceptor cannot do its work on this event. */
export class Unfit {
  constructor(readonly reason: string) {}
}

/** Why: what it found in JSON is no text. */
export const HALF = 'it has half of a surrogate pair'
/** Why: a regular expression takes the halves of a surrogate pair as two, and so does what it makes of them. */
export const CUT = 'it cuts a character in two, which the flag u takes as one'

/** Characters of all that a batch becomes. */
export const BATCH_SIZE_MAX = 64 * 1024 * 1024

/** Undefined: the event goes on, as it is by now; several: they go on in its place. */
export type Outcome = undefined | typeof DROP | Unfit | readonly Draft[]

/** Where an event stands: the same on each replay from a queue. */
export interface Place {
  readonly partition: string
  /** From a queue the sequence of the event; else a number that no other event of the partition has. */
  readonly offset: number
  /** Of an event that was made of another: which of its parts, `.2` or `.2.0`; else empty. */
  readonly part: string
  /** ms since the epoch: when the queue took it, the same on each replay; else when it came. Of all events of a batch. */
  readonly time: number
  /** Number of its batch in this run, see forget(); 0: it does not come again. */
  readonly batch: number
}

export interface Interceptor {
  /** Changes the event in place. */
  intercept(event: Draft, place: Place): Outcome
  /** What it does follows from the headers and the time of the batch alone, and it does not touch the body. */
  readonly headersOnly?: true
  /** It does not touch the body, whatever else what it does follows from: the place of the event, the clock, events before it. */
  readonly bodyless?: true
  /** What it may change of an event that goes on, at most; absent: headers, and the body. */
  readonly changes?: 'nothing' | 'body' | undefined
  /** What it took from around the process, where that may be other in the next run. */
  readonly given?: string
  /** What it does does not follow from the event and its place. */
  readonly replayable?: false
  /** Batches with higher numbers than this are void: their events come again, as if they had not come before. */
  forget?(acked: number): void
  /** At the end: what is to be said is said. */
  close?(): void
}
