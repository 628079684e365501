/**
 * Put: batches into the log, a mark back when its batch is on disk. A batch's memory is free as soon as its bytes are
 * written; its mark is yielded only after a sync that began after that.
 */
import type { Batch, Mark, Position } from '../events/batch.js'
import type { Held } from '../events/flow.js'
import { FlumeError } from '../errors.js'
import { Commit, type Committing } from './commit.js'
import { compresses, Compressor } from './compression.js'
import { applyChanges } from './format.js'
import { encodeBatch, isNew } from './group.js'
import type { Lock } from './lock.js'

/** Bytes that may wait to be written while a write runs. */
const WAITING_MAX = 2 * 1024 * 1024
/** ms from the last sync to the next look whether segments may go; while there is no room. */
const LOOK = 1000
const LOOK_FULL = 200

export interface Putting extends Committing {
  readonly lock: Lock
  /** Called once, when all is closed. */
  closed(): Promise<void>
}

export class Putter {
  readonly #commit: Commit
  readonly #closing = new AbortController()
  /** Positions as of all that was taken; those of the log are as of all that was written. */
  readonly #table: Map<string, Position>
  #next: number
  #acks: { readonly mark: Mark; readonly at: number }[] = []
  #ended = false
  #tending: Promise<void> | undefined
  readonly #compressor: Compressor

  /** Owns the log and its lock until close(). */
  constructor(readonly putting: Putting) {
    const { log } = putting
    this.#commit = new Commit(putting)
    this.#compressor = new Compressor(log.paths, log.around, (first, temporary, size) => log.replace(first, temporary, size))
    this.#table = new Map(putting.log.table)
    this.#next = putting.log.next
    this.#tend()
  }

  /** The sink. Throws SEGMENT_WRITE; BUG where a batch does not begin where its partition stands. Once. */
  async *put(batches: AsyncIterable<Batch>): AsyncGenerator<Mark> {
    const commit = this.#commit
    void this.#pull(batches).catch((error: unknown) => commit.fail(error))
    try {
      for (;;) {
        const due = this.#acks[0]
        if (due !== undefined && due.at <= commit.durable) {
          this.#acks.shift()
          yield due.mark
          continue
        }
        commit.throwFailure()
        if (this.#closing.signal.aborted || commit.gaveUp || (this.#ended && commit.durable === commit.added)) break
        if (commit.isFull) this.#tend()
        await this.putting.changed.wait()
      }
    } finally {
      this.#ended = true
      this.putting.changed.wake()
      this.#tend()
    }
  }

  /** Positions on disk of the partitions that begin with `prefix`, once all that was taken so far is on disk. */
  async held(prefix: string): Promise<Held> {
    const commit = this.#commit
    while (commit.durable < commit.added) {
      commit.throwFailure()
      if (this.#closing.signal.aborted || commit.gaveUp) throw new FlumeError('IO', 'cannot tell the positions held: the queue is closed')
      await this.putting.changed.wait()
    }
    const held = [...this.putting.log.table].filter(([partition]) => partition.startsWith(prefix))
    return new Map(held.map(([partition, position]) => [partition, [position]]))
  }

  /** Memory of batches is wanted back: readers of this process that have it may have to read from the segment, until there is `enough`. */
  press(enough: () => boolean): void {
    this.putting.recent.press(enough)
  }

  /** Lets go of the queue. What was not acked by then may or may not be in it. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    await this.#commit.close()
    this.putting.recent.clear()
    this.putting.changed.wake()
    await this.#tending
    try {
      if (this.#commit.failure === undefined) await this.putting.log.published.sync()
      await this.putting.log.close()
    } finally {
      await this.putting.closed()
      await this.putting.lock.release()
    }
  }

  async #pull(batches: AsyncIterable<Batch>): Promise<void> {
    for await (const batch of batches) {
      if (!this.#goesOn()) {
        batch.release()
        return
      }
      this.#take(batch)
      while (this.#commit.waiting >= WAITING_MAX && this.#goesOn()) await this.putting.changed.wait()
      this.#tend()
    }
    this.#ended = true
    this.putting.changed.wake()
  }

  #goesOn(): boolean {
    return this.#commit.failure === undefined && !this.#commit.gaveUp && !this.#ended && !this.#closing.signal.aborted
  }

  #take(batch: Batch): void {
    if (isNew(batch, this.#table)) {
      const entry = encodeBatch(batch, this.#next, this.putting.log.around.clock.now())
      this.#next += entry.count
      applyChanges(this.#table, entry.changes)
      this.#commit.add(entry)
    } else {
      batch.release()
      this.putting.changed.wake()
    }
    // one that is stored already is acked when all before it is on disk
    if (batch.mark !== null) this.#acks.push({ mark: batch.mark, at: this.#commit.added })
  }

  /** A while after something was put: removes and compresses segments, and makes `committed` outlast a loss of power. */
  #tend(): void {
    this.#tending ??= this.#tended()
      .catch((error: unknown) => this.#commit.fail(error))
      .finally(() => (this.#tending = undefined))
  }

  /** One segment; whether there may be more. */
  async #compress(): Promise<boolean> {
    const { log } = this.putting
    if (!(await compresses(log.around, log.paths))) return false
    const { isFull } = this.#commit
    const outcome = await this.#compressor.next([...log.sealed.keys()], isFull, this.#closing.signal)
    this.#commit.sealsForRoom = isFull && outcome === undefined
    return outcome !== undefined
  }

  async #tended(): Promise<void> {
    const { log, moved } = this.putting
    let more = false
    do {
      if (!more) await moved.waitFor(log.around.clock, this.#commit.isFull ? LOOK_FULL : LOOK, this.#closing.signal)
      if (this.#closing.signal.aborted || this.#commit.failure !== undefined) return
      await log.published.sync()
      await log.trim()
      await this.putting.recent.look(log.paths, log.around.disk)
      more = await this.#compress()
    } while (log.sealed.size > 0 || this.#commit.isFull)
  }
}
