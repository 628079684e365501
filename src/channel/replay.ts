/**
 * Events once more, from one sequence to another, beside all readers: no cursor moves and no segment is held. The partition
 * is `queue.<UUID>.replay-<from>-<to>`, so what a sink made of them before is left alone, and a replay that was killed
 * goes on with its own copies. What was typed may mean other sequences by then: what it meant is kept until all is acked.
 */
import type { Batch, Mark } from '../events/batch.js'
import { bindingText } from '../events/binding.js'
import type { Reader, Source } from '../events/flow.js'
import { queuePartition } from '../events/partition.js'
import { resolveRange, within, type Asked, type Bound, type Range } from './range.js'
import { LogReader, type Reading } from './reading.js'
import { ReplayRecord } from './replay-record.js'
import type { QueueView } from './view.js'

export interface Replaying extends QueueView, Pick<Reading, 'published' | 'partition'> {
  /** Sequence of the event that comes next. */
  readonly next: number
}

/** The events of the range as batches, each the same every time. A batch ends at each of `stops`. */
export function replay(replaying: Replaying, range: Range, stops: readonly number[], stop = new AbortController().signal): AsyncGenerator<Batch> {
  const log = new LogReader({ ...replaying, from: range.from, stops: [...stops, range.end], stop, ends: () => true })
  return within(log.batches(), range)
}

export class Replay implements Source {
  readonly asks: string
  /** All before this sequence is acked. */
  #acked = 0

  private constructor(
    readonly replaying: Replaying,
    readonly range: Range,
    readonly record: ReplayRecord,
  ) {
    const { from, end } = range
    this.asks = queuePartition(replaying.identity.queue, `replay-${from}-${Math.max(from, end - 1)}`)
  }

  /** `name`: of the reader; each has its own replays. Throws NO_INPUT for a sequence that is not there, SEGMENT_DAMAGED. */
  static async open(replaying: Replaying, asked: Asked, name: string): Promise<Replay> {
    const record = await ReplayRecord.open(replaying.paths, replaying.around, name, `${textOf(asked.from, 'beginning')}..${textOf(asked.to, 'end')}`)
    const range = record.range ?? (await resolveRange(replaying, asked, replaying.next))
    return new Replay(replaying, range, record)
  }

  /** Throws BUSY where another replays under this name; BINDING_CHANGED where an earlier run of it wrote elsewhere. */
  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch, void, undefined> {
    const { range } = this
    const held = reader.kind === 'keeps' ? (reader.held.get(this.asks) ?? []).map(({ offset }) => offset).sort((a, b) => a - b) : []
    if (reader.kind === 'acks' || reader.kind === 'keeps') await this.record.begin(range, reader.kind === 'acks' ? bindingText(reader.binding ?? '') : '')
    const from = held[0] ?? range.from
    this.#acked = from
    yield* replay({ ...this.replaying, partition: this.asks }, { from, end: range.end }, held.slice(1), stop)
  }

  async settle({ to }: Mark): Promise<void> {
    this.#acked = Math.max(this.#acked, to.offset)
  }

  /** What was typed is forgotten once all is acked. */
  async close(): Promise<void> {
    await this.record.close(this.#acked >= this.range.end)
  }
}

function textOf(bound: Bound | undefined, otherwise: string): string {
  if (bound === undefined) return otherwise
  return bound.kind === 'sequence' ? String(bound.sequence) : `@${bound.time / 1000}`
}
