/**
 * Batches of an input that cannot be read again, held until they are acked; with 8 MiB of them whoever reads it stops. For a reader
 * without acks only the last 8 MiB are kept: a reader that comes later voids what is in the pipe and needs them again.
 */
import { batchOf, FLUSH, type Batch, type Mark } from './batch.js'
import type { Clock } from './flow.js'
import { Wake } from './wake.js'

/** More than is in a pipe. */
const HELD_BYTES_MAX = 8 * 1024 * 1024

export class Unacked {
  /** The reader gives acks. */
  acks = false
  #held: { readonly lines: Buffer; readonly count: number; readonly mark: Mark }[] = []
  #bytes = 0
  readonly #settled = new Wake()

  get full(): boolean {
    return this.acks && this.#bytes >= HELD_BYTES_MAX
  }

  get empty(): boolean {
    return this.#held.length === 0
  }

  /** For the next reader. */
  get batches(): Batch[] {
    return this.#held.map(({ lines, count, mark }) => batchOf(lines, count, mark))
  }

  /** The same batch, whose lines, or a copy of them, are held. */
  hold(batch: Batch & { readonly mark: Mark }): Batch {
    const { count, mark } = batch
    const lines = batch.own === true ? batch.lines : Buffer.from(batch.lines)
    batch.release()
    this.#held.push({ lines, count, mark })
    this.#bytes += lines.length
    while (!this.acks && this.#bytes - this.#held[0]!.lines.length >= HELD_BYTES_MAX) this.settle(this.#held[0]!.mark.to.offset)
    return batchOf(lines, count, mark)
  }

  /** All up to there is durable further down, or was given to somebody who gives no acks. */
  settle(offset: number): void {
    for (let first = this.#held[0]; first !== undefined && first.mark.to.offset <= offset; first = this.#held[0]) {
      this.#bytes -= first.lines.length
      this.#held.shift()
    }
    this.#settled.wake()
  }

  /** Asks for acks, and waits for them, where too much is held. */
  async *room(stop: AbortSignal): AsyncGenerator<Batch> {
    if (!this.full) return
    yield FLUSH
    while (this.full && !stop.aborted) await this.#settled.wait(stop)
  }

  /** Asks for the acks of all, and waits until they are there, or none has come for `ms`. */
  async *rest(clock: Clock, ms: number, stop: AbortSignal): AsyncGenerator<Batch> {
    if (this.empty) return
    yield FLUSH
    for (let before = Infinity; !this.empty && this.#held.length < before && !stop.aborted; ) {
      before = this.#held.length
      await this.#settled.waitFor(clock, ms, stop)
    }
  }
}
