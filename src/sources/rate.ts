/** A source that gives out no more than so many bytes a second, for backfills beside other work. */
import { BATCH_BYTES_MAX, type Batch, type Mark } from '../events/batch.js'
import type { Clock, Held, Reader, Source } from '../events/flow.js'

export class Paced implements Source {
  readonly asks: string
  /** Absent where the source has it not. */
  readonly ackedPlaces?: () => Held
  readonly progress?: () => void
  /** When the next batch may go, by the clock that nobody sets. What was not used earlier is not made up for. */
  #next = 0

  constructor(
    readonly source: Source & { readonly asks: string },
    /** Of event lines, as they go into the pipe. */
    readonly bytesPerSecond: number,
    readonly clock: Clock,
  ) {
    this.asks = source.asks
    if (source.ackedPlaces !== undefined) this.ackedPlaces = () => source.ackedPlaces!()
    if (source.progress !== undefined) this.progress = () => source.progress!()
  }

  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch> {
    for await (const batch of this.source.open(reader, stop)) {
      const size = batch.lines.length // it is the reader's after that
      const now = this.clock.monotonic()
      if (this.#next > now) await this.clock.sleep(this.#next - now, stop)
      this.#next = Math.max(this.#next, now) + (size / this.bytesPerSecond) * 1000
      yield batch
    }
  }

  settle(mark: Mark): Promise<void> {
    return this.source.settle(mark)
  }
}

/** Most bytes of a batch at this rate: four a second, and none longer than without a rate. */
export function batchBytesAt(bytesPerSecond: number): number {
  return Math.min(Math.ceil(bytesPerSecond / 4), BATCH_BYTES_MAX)
}
