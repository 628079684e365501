/**
 * Sink: events into the files of their buckets, flume-sink-hdfs(1). A mark is yielded when every file that holds an event
 * of it, or of a mark before it, is in place under its final name and synced.
 */
import { setMaxListeners } from 'node:events'
import type { Disk } from '../../disk/disk.js'
import type { Batch, Mark } from '../../events/batch.js'
import { boundIn, type Bound } from '../../events/binding.js'
import type { Clock, Sink } from '../../events/flow.js'
import type { Host } from '../../events/host.js'
import type { Refused } from '../../events/rejects.js'
import { Retry } from '../retry.js'
import { Buckets, type RollOptions } from './buckets.js'
import type { Passed } from './bucket.js'
import type { FileSystem } from './filesystem.js'
import { Filler, type FillOptions } from './fill.js'
import { Places, type PlaceOptions } from './path.js'
import { Records } from './records.js'

export interface SinkOptions extends PlaceOptions, RollOptions, FillOptions {
  /** Absolute directory for the sink's own records. */
  readonly spool: string
  /** ms for which a thing may fail until that ends the sink; undefined: for ever */
  readonly retryFor?: number | undefined
}

export interface SinkAround {
  /** Whatever it retries ends with the sink; `onProgress`: a part of a file got nearer to its place. */
  openFiles(retry: Retry, onProgress: () => void): FileSystem
  /** For the records. */
  readonly disk: Disk
  readonly clock: Clock
  readonly host: Host
  readonly rejects: Refused
  /** Stop waiting for what may never come: space on a full disk. */
  readonly stop: AbortSignal
  say(message: string): void
  /** It gets on, though there may be no mark to ack for long. */
  progress(): void
  uuid(): string
}

/** What the place of an event follows from: one line of text, and what of the event. Throws BAD_OPTION. */
export function boundOf(options: PlaceOptions, host: Host): Bound {
  const { binding, follows } = new Places(options, host)
  return boundIn(binding, follows)
}

export function hdfsSink(options: SinkOptions, around: SinkAround): Sink {
  return (batches) => new Delivery(options, around).run(batches)
}

/** ms: a timer knows no more than 2^31; whoever wakes early sleeps again. */
const SLEEP_MAX = 86_400_000
/** ms between two signs that it gets on */
const PROGRESS_EACH = 1000

class Delivery {
  readonly #clock: Clock
  readonly #progress: () => void
  #progressAt = -Infinity
  readonly #records: Records
  readonly #buckets: Buckets
  readonly #filler: Filler
  readonly #rejects: Refused
  #passed: Passed = { order: 0, mark: undefined }
  /** Ends what still waits in the background. */
  readonly #off = new AbortController()
  #acked = 0
  #failure: { readonly error: unknown } | undefined
  #alarm: { readonly at: number; readonly off: AbortController } | undefined
  #ring: () => void = () => undefined
  #rung = false

  constructor(options: SinkOptions, around: SinkAround) {
    const { openFiles, disk, clock, uuid, say, progress, stop, rejects, host } = around
    const failed = new AbortController()
    const stopping = AbortSignal.any([stop, this.#off.signal])
    setMaxListeners(0, stopping) // everybody who waits, and each request, listens
    const retry = new Retry(clock, say, stopping, { retryFor: options.retryFor, off: failed.signal })
    const onFailure = (error: unknown): void => {
      this.#failure ??= { error }
      failed.abort() // what else waits for its turn would only take its time to fail
      this.#wake()
    }
    this.#clock = clock
    this.#progress = progress
    this.#rejects = rejects
    const files = openFiles(retry, () => this.#getOn())
    const onProgress = (): void => {
      this.#getOn()
      this.#wake()
    }
    this.#records = new Records({ files, disk, clock, retry, stop, say, uuid, onProgress, spool: options.spool })
    this.#buckets = new Buckets(options, { files, clock, uuid, retry, records: this.#records, onProgress, onFailure })
    this.#filler = new Filler(options, new Places(options, host), this.#buckets, around)
  }

  async *run(batches: AsyncIterable<Batch>): AsyncGenerator<Mark> {
    const input = batches[Symbol.asyncIterator]()
    let arrived: IteratorResult<Batch, unknown> | undefined
    const pull = (): void => {
      input.next().then(
        (result) => {
          arrived = result as IteratorResult<Batch, unknown>
          this.#wake()
        },
        (error: unknown) => {
          this.#failure ??= { error }
          this.#wake()
        },
      )
    }
    try {
      pull()
      for (;;) {
        await this.#woken()
        const result: IteratorResult<Batch, unknown> | undefined = arrived
        arrived = undefined
        if (result?.done === true) break
        if (result !== undefined) {
          pull()
          await this.#take(result.value)
        }
        this.#setAlarm(this.#buckets.rollDue())
        await this.#buckets.settled()
        yield* this.#acks()
      }
      this.#buckets.rollAll()
      await this.#buckets.settled(0)
      if (this.#failure !== undefined) throw this.#failure.error
      yield* this.#acks()
      await this.#records.adopt()
      await this.#records.sweep()
    } catch (error) {
      throw this.#failure?.error ?? error
    } finally {
      this.#alarm?.off.abort()
      this.#off.abort()
      await this.#buckets.close()
    }
  }

  async #take(batch: Batch): Promise<void> {
    try {
      await this.#filler.fill(batch, this.#passed)
      await this.#rejects.flush()
    } finally {
      batch.release()
    }
    if (batch.mark !== null) this.#passed = { order: this.#passed.order + 1, mark: batch.mark }
    if (batch.flush === true) this.#buckets.rollAll()
  }

  /** The last mark that nothing holds back, if it is a new one. */
  *#acks(): Generator<Mark> {
    const { order, mark } = this.#buckets.heldAfter ?? this.#passed
    if (mark === undefined || order <= this.#acked) return
    this.#acked = order
    yield mark
    this.#records.acked(mark)
  }

  /** Returns when there is something to do. Throws what went wrong in the background. */
  async #woken(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => (this.#ring = resolve))
    this.#rung = false
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #getOn(): void {
    const now = this.#clock.monotonic()
    if (now - this.#progressAt < PROGRESS_EACH) return
    this.#progressAt = now
    this.#progress()
  }

  #wake(): void {
    this.#rung = true
    this.#ring()
  }

  /** Wakes at this time, in ms of Clock.monotonic(); a later one that was set waits no more. */
  #setAlarm(at: number): void {
    if (this.#alarm !== undefined && this.#alarm.at <= at) return
    this.#alarm?.off.abort()
    this.#alarm = undefined
    if (at === Infinity) return
    const alarm = { at, off: new AbortController() }
    this.#alarm = alarm
    void this.#clock.sleep(Math.min(at - this.#clock.monotonic(), SLEEP_MAX), alarm.off.signal).then(() => {
      if (this.#alarm !== alarm) return
      this.#alarm = undefined
      this.#wake()
    })
  }
}
