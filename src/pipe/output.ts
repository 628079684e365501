/** Sink: batches to a pipe, flume-pipe(7). */
import type { Clock, Source } from '../events/flow.js'

export interface OutputOptions {
  readonly fd: number
  readonly command: string
  readonly version: string
  readonly pid: number
  readonly ack: 'auto' | 'off' | 'require'
  /** ms to wait for the last acks after the last byte. */
  readonly grace: number
  readonly clock: Clock
  say(message: string): void
}

/** Runs the source into the pipe, one reader after the other, and settles what they ack. Returns how to end: a status, or the signal to die of. */
export declare function deliver(source: Source, options: OutputOptions, stop: AbortSignal): Promise<number | NodeJS.Signals>
