/**
 * Source of a stage in the middle, flume-pipe(7): what comes in goes on, changed, with its marks one for one, and asks,
 * acks and positions of its reader go back. It holds nothing of what its writer will send again. For what comes from a
 * program that gives no marks it makes a partition of its own.
 */
import type { Batch, Mark, Position } from '../events/batch.js'
import { boundIn, type Bound } from '../events/binding.js'
import type { Reader, Source } from '../events/flow.js'
import { Unacked } from '../events/unacked.js'
import type { Input } from './input.js'
import type { Role } from './role.js'

export interface RelayOptions {
  /** Of what comes without marks; a new name each run. */
  readonly partition: string
  /** False: what goes out does not follow from each event alone. */
  readonly replayable: boolean
  /** What the places of a reader that says this follow from, with what is done here. */
  bind(bound: Bound): Bound
  /** Batches with higher numbers than this are void, and come again. */
  forget?(acked: number): void
  /** ms since the epoch */
  now(): number
}

/**
 * The lines of a batch as they go on, none to any number for each; takes over the memory of what it is given. `number`: of a batch
 * that comes again where it is not acked, higher than those before it; 0: it does not.
 */
export type Change = (batch: Batch, number: number) => Batch | Promise<Batch>

/** It knows which batch it closes, also as part of another mark. */
interface Numbered extends Mark {
  readonly batch: number
}

export class Relay implements Source {
  readonly #unacked = new Unacked()
  /** Bytes that came without marks so far. */
  #offset = 0
  /** Number of the last batch that came with a mark, and of the last of them that was acked. */
  #last = 0
  #acked = 0

  constructor(
    readonly input: Input,
    readonly change: Change,
    readonly options: RelayOptions,
  ) {}

  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch> {
    this.#unacked.acks = reader.kind !== 'plain'
    this.options.forget?.(this.#acked)
    yield* await this.#again(reader, stop)
    for await (const batch of this.input.open(this.#roleOf(reader, stop), stop)) {
      if (batch.flush === true) {
        yield batch
      } else if (batch.mark === null) {
        yield await this.#own(batch)
        yield* this.#unacked.room(stop)
      } else {
        const number = ++this.#last
        const mark: Numbered = { ...batch.mark, ...(this.options.replayable ? {} : { replayable: false }), batch: number }
        yield this.change({ ...batch, mark }, number)
      }
    }
  }

  async settle(mark: Mark): Promise<void> {
    if (mark.partition === this.options.partition) return this.#unacked.settle(mark.to.offset)
    if (isNumbered(mark)) this.#acked = Math.max(this.#acked, mark.batch)
    this.input.ack(mark)
  }

  progress(): void {
    this.input.progress()
  }

  /** What this reader has not got of what cannot be read again. */
  async #again(reader: Reader, stop: AbortSignal): Promise<readonly Batch[]> {
    const { partition } = this.options
    if (reader.kind !== 'keeps' || this.#offset === 0) return this.#unacked.batches
    const held = await reader.ask?.(partition, stop)
    if (held === undefined) return []
    for (const { offset } of held.get(partition)?.slice(0, 1) ?? []) this.#unacked.settle(offset)
    return this.#unacked.batches
  }

  async #own(batch: Batch): Promise<Batch> {
    const { partition, replayable, now } = this.options
    const from: Position | null = this.#offset === 0 ? null : { offset: this.#offset }
    this.#offset += batch.lines.length
    const mark = { partition, from, to: { offset: this.#offset }, time: now(), replayable }
    return this.#unacked.hold({ ...(await this.change({ ...batch, mark }, 0)), mark })
  }

  /** To the writer this stage is what its reader is. */
  #roleOf(reader: Reader, stop: AbortSignal): Role {
    const bound = 'binding' in reader && reader.binding !== undefined ? this.options.bind(boundIn(reader.binding, reader.follows)) : {}
    switch (reader.kind) {
      case 'plain':
        return { acks: false, ...bound }
      case 'off':
        return {}
      case 'acks':
        return { ...bound, ...(reader.rebind === true ? { rebind: true } : {}) }
      case 'keeps':
        return { held: async (prefix) => reader.ask?.(prefix, stop) }
    }
  }
}

const isNumbered = (mark: Mark): mark is Numbered => 'batch' in mark
