/** Source: batches of whole lines from stdin, plain or closed by marks, flume-pipe(7). */
import type { Batch, Mark } from '../events/batch.js'
import type { Held } from '../events/flow.js'

export interface InputOptions {
  readonly fd: number
  readonly command: string
  readonly version: string
  readonly pid: number
  /** What the reader holds durably of the partitions with this prefix, once all it took before is durable; absent: it keeps no positions. */
  held?(prefix: string): Promise<Held>
  /** What the places of a sink follow from, as one line of text. */
  readonly binding?: string
  readonly eventBytesMax: number
  say(message: string): void
}

export declare class Input {
  constructor(options: InputOptions)
  /** Ends at the end of stdin, or soon after `stop`; what was complete by then has been yielded. */
  batches(stop: AbortSignal): AsyncIterable<Batch>
  /** Tells the writer that everything up to this mark is durable. */
  ack(mark: Mark): void
  /** bye: no more acks will come. */
  close(): Promise<void>
}
