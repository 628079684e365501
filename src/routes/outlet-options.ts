/** What an output of a router is, and whom it tells. */
export interface OutletOptions {
  readonly name: string
  /** What a later run knows it by. */
  readonly identity: string
  /** Ends the partitions of a reader that keeps no positions. A sink names files after them, and has not all that is in them. */
  readonly suffix: string
  /** Nobody waits for it: it misses what comes when it is full. */
  readonly optional: boolean
  /** What it gets follows from each event, so that a replay gives it the same. */
  readonly replayable: boolean
  /** It is full with so many bytes that are not acked. */
  readonly holdBytesMax: number
  /** ms after which it takes no more, where it holds all it may and acks nothing. */
  readonly stalled: number
  /** A reader has come, and it is known what it is; or it has gone. */
  changed(): void
  /** It gets on, though it has not acked anything for a while. */
  progress(): void
  say(message: string): void
  /** ms since the epoch */
  now(): number
  /** ms since some moment, which nobody sets */
  monotonic(): number
}
