/**
 * What every command is: a source of batches, stages that map them, and a sink that yields the marks it has made
 * durable. Pulling is the backpressure: a source is never ahead of its sink by more than the sink asked for.
 */
import type { Batch, Mark, Position } from './batch.js'
import type { Follows } from './binding.js'

/**
 * Who takes the batches, as far as a source must know to decide where to begin.
 * - `plain`: a program that gives no acks; begin where the last run left off, or where an earlier reader of this run
 *   did (`held`); remember nothing. `binding`: what a sink that only looks would write to.
 * - `off`: --ack=off; what is written counts as acked, in a memory of its own.
 * - `acks`: acks, but keeps no positions: the source's own memory is the truth. `rebind`: its binding has
 *   changed on purpose (--rebind). `follows`: where an event goes follows from this of it, too.
 * - `keeps`: holds these positions durably, and they are the only truth; none for a partition means that nothing of
 *   it was ever stored. Several for one partition: resume at the lowest and end a batch exactly at each of the others.
 *   `ask`: for other partitions, once all that was given out is acked; undefined when this reader is over before it answers.
 */
export type Reader =
  | { readonly kind: 'plain'; readonly held?: Held; readonly binding?: string; readonly follows?: Follows }
  | { readonly kind: 'off' }
  | { readonly kind: 'acks'; readonly binding?: string; readonly follows?: Follows; readonly rebind?: boolean }
  | { readonly kind: 'keeps'; readonly held: Held; ask?(prefix: string, stop: AbortSignal): Promise<Held | undefined> }

/** Partition to the positions held of it, lowest offset first; never an empty list. */
export type Held = ReadonlyMap<string, readonly Position[]>

export interface Source {
  /** Prefix of the partitions to ask the reader for at its start; absent: none, `held` of a reader that keeps positions is empty. */
  readonly asks?: string
  /**
   * Batches for this reader, from where it stands. Called again for each reader that comes; the earlier iterable has
   * been returned by then. Ends at the end of the input, or soon after `stop` is aborted.
   */
  open(reader: Reader, stop: AbortSignal): AsyncIterable<Batch>
  /** Where its readers stand by their acks, for a later one that gives none; absent: whoever calls settle() remembers. */
  ackedPlaces?(): Held
  /** The reader has acked everything up to this mark, which a batch of the current open() carried. In order. */
  settle(mark: Mark): Promise<void>
  /** The reader gets on, though it has not acked anything for a while. */
  progress?(): void
}

/** A yielded mark is an ack: that batch, and all before it, is durable. */
export type Sink = (batches: AsyncIterable<Batch>) => AsyncIterable<Mark>

/** The time of day and timers, as an argument, so that a test need not wait. */
export interface Clock {
  /** ms since the epoch; somebody may set it, back or forward. For what is compared with a file's time, kept, or shown. */
  now(): number
  /** ms since some moment, which nobody sets: for how long a thing takes, or waits. */
  monotonic(): number
  /** Resolves after `ms`, 24 days at most, or at once when `stop` is aborted; never rejects. */
  sleep(ms: number, stop?: Stop): Promise<void>
}

/** What ends a wait: an AbortSignal, or an Alarm of wake.ts, which is cheaper to make. */
export interface Stop {
  readonly aborted: boolean
  addEventListener(type: 'abort', call: () => void): void
  removeEventListener(type: 'abort', call: () => void): void
}

/** ms: a timer of more ends at once. */
export const TIMER_MAX = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, stop) =>
    new Promise((resolve) => {
      if (stop?.aborted) return resolve()
      const end = (): void => {
        clearTimeout(timer)
        stop?.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, Math.min(ms, TIMER_MAX))
      stop?.addEventListener('abort', end)
    }),
}
