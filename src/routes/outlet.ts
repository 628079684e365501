/**
 * Source of one output: what it is to get, in order, and what its last reader had not acked once more for the next.
 * Guards the rule that nothing is given twice to who has it: a reader that keeps positions says where it stands.
 */
import { FlumeError } from '../errors.js'
import type { Batch, Mark, Position } from '../events/batch.js'
import type { Reader, Source } from '../events/flow.js'
import { Wake } from '../events/wake.js'

/** What one output gets of a batch. */
export interface Portion {
  readonly lines: Buffer
  readonly count: number
}

interface Load extends Portion {
  readonly mark: Numbered
  /** Called once. */
  acked(): void
}

/** In the order of all that went to this output; a copy of the mark keeps it. */
interface Numbered extends Mark {
  readonly order: number
}

export interface Around {
  /** A reader has come, and it is known what it is. */
  met(): void
  say(message: string): void
}

export class Outlet implements Source {
  /** All partitions: which ones the stages before this one have is not known yet. */
  readonly asks = ''
  /** What its reader is; undefined until one has come. */
  kind: Reader['kind'] | undefined
  /** What its places follow from, where it is a sink that says so; and whether another than before is meant. */
  binding: string | undefined
  rebind = false
  /** Not acked, oldest first. */
  #loads: Load[] = []
  /** So many of them were given to the reader that is there now. */
  #given = 0
  #order = 0
  /** Where the reader stands, as far as it has told or acked; lowest first. */
  #stands = new Map<string, readonly Position[]>()
  /** Nothing more comes. */
  finished = false
  #flush = false
  #straddled = false
  readonly #changed = new Wake()

  /** `suffix`: ends the partitions of a reader that keeps no positions. A sink names files after them, and has not all that is in them. */
  constructor(
    readonly name: string,
    readonly suffix: string,
    readonly around: Around,
  ) {}

  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch> {
    this.#meet(reader)
    while (!stop.aborted) {
      const load = this.#loads[this.#given]
      if (load !== undefined) {
        this.#given++
        yield { lines: load.lines, count: load.count, mark: this.#marked(load.mark), release: () => this.#written(load) }
      } else if (this.#flush) {
        this.#flush = false
        yield { lines: Buffer.alloc(0), count: 0, mark: null, flush: true, release: () => undefined }
      } else if (this.finished) return
      else await this.#changed.wait(undefined, undefined, stop)
    }
  }

  async settle(mark: Mark): Promise<void> {
    this.#ack((mark as Numbered).order)
  }

  push(mark: Mark, portion: Portion, acked: () => void): void {
    if (this.#has(mark, portion.count)) return acked()
    this.#loads.push({ ...portion, mark: { ...mark, order: ++this.#order }, acked })
    this.#changed.wake()
  }

  /** Asks the reader to make final what it has. */
  flush(): void {
    this.#flush = true
    this.#changed.wake()
  }

  /** Nothing more comes. */
  finish(): void {
    this.finished = true
    this.#changed.wake()
  }

  /** All of it was given, and acked by a reader that acks. */
  get done(): boolean {
    return this.finished && this.#loads.length === 0
  }

  /** Where the reader stands durably, by partition. */
  get stands(): ReadonlyMap<string, readonly Position[]> {
    return this.#stands
  }

  #meet(reader: Reader): void {
    if (this.kind === 'plain' && reader.kind !== 'plain' && this.#order > 0) {
      throw new FlumeError('PIPE_BROKEN', `${this.name} gives acks after all: what was written before it said so is void, the next run sends it again`)
    }
    this.kind = reader.kind
    if (reader.kind === 'acks') {
      this.binding = reader.binding
      this.rebind = reader.rebind === true
    }
    this.#given = 0
    if (reader.kind === 'keeps') {
      this.#stands = new Map(reader.held)
      const loads = this.#loads
      this.#loads = loads.filter(({ mark, count }) => !this.#has(mark, count))
      for (const { mark, count, acked } of loads) if (this.#has(mark, count)) acked()
    }
    this.around.met()
  }

  /** A position alone may stand at the same place and say more of it. */
  #has({ partition, to }: Mark, count: number): boolean {
    const lowest = this.kind === 'keeps' ? this.#stands.get(partition)?.[0]?.offset : undefined
    return lowest !== undefined && (to.offset < lowest || (to.offset === lowest && count > 0))
  }

  /** A batch that begins before the place where the reader stands and ends after it cannot be cut: the reader gets all of it. */
  #marked(mark: Numbered): Numbered {
    if (this.kind === 'acks') return { ...mark, partition: mark.partition + this.suffix }
    const lowest = this.kind === 'keeps' ? this.#stands.get(mark.partition)?.[0] : undefined
    if (lowest === undefined || lowest.offset <= (mark.from?.offset ?? 0)) return mark
    if (!this.#straddled) this.around.say(`gets events of ${mark.partition} twice: the stage before does not begin where this output stands`)
    this.#straddled = true
    return { ...mark, from: lowest }
  }

  /** Where there are no acks, what is written counts as acked. */
  #written({ mark }: Load): void {
    if (this.kind === 'plain') this.#ack(mark.order)
  }

  #ack(order: number): void {
    const after = this.#loads.findIndex(({ mark }) => mark.order > order)
    const acked = this.#loads.splice(0, after < 0 ? this.#loads.length : after)
    this.#given = Math.max(0, this.#given - acked.length)
    for (const load of acked) {
      this.#stand(load.mark)
      load.acked()
    }
  }

  #stand({ partition, to, gone = [] }: Mark): void {
    const further = this.#stands.get(partition)?.filter(({ offset }) => offset > to.offset) ?? []
    this.#stands.set(partition, [to, ...further])
    for (const one of gone) this.#stands.delete(one)
  }
}
