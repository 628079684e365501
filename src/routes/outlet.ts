/**
 * Source of one output: what it is to get, in order, and what its last reader had not acked once more for the next.
 * Guards the rule that nothing is given twice to who has it: a reader that keeps positions says where it stands.
 */
import { FlumeError } from '../errors.js'
import { FLUSH, type Batch, type Mark, type Position } from '../events/batch.js'
import { boundIn, type Bound } from '../events/binding.js'
import type { Held, Reader, Source } from '../events/flow.js'
import { Wake } from '../events/wake.js'
import { Missed } from './missed.js'
import { moved } from './moved.js'
import type { OutletOptions } from './outlet-options.js'
import { NOTHING, sizeOf, type Portion } from './selector.js'

interface Load extends Portion {
  readonly mark: Numbered
  /** Called once. */
  acked(): void
  /** The output that was given it first, if that is another. */
  readonly of?: string
}

/** In the order of all that went to this output; a copy of the mark keeps it. */
interface Numbered extends Mark {
  readonly order: number
}

export class Outlet implements Source {
  /** All partitions: which ones the stages before this one have is not known yet. */
  readonly asks = ''
  /** What its reader is; undefined until one has come. */
  kind: Reader['kind'] | undefined
  /** What its places follow from, where it is a sink that says so; and whether another than before is meant. */
  bound: Bound | undefined
  rebind = false
  /** Not acked, oldest first. */
  #loads: Load[] = []
  #loadBytes = 0
  /** So many of them were given to the reader that is there now; and where these end, by partition. */
  #given = { count: 0, to: new Map<string, Position>() }
  /** So many of them were given to some reader. */
  #everGiven = 0
  #order = 0
  /** Where the reader stands, as far as it has told or acked; lowest first. */
  #stands = new Map<string, readonly Position[]>()
  /** Nothing more comes. */
  finished = false
  #flush = false
  /** A reader was asked to make final what it was given up to there, or is to be. */
  #flushed = 0
  /** There is a reader. */
  up = false
  /** Since when there is none; ms. */
  downSince: number
  /** When it was last seen to get on; ms. */
  #heardAt = 0
  #straddled = false
  /** Called once it is known where its reader stands. */
  #comparing: (() => void)[] = []
  /** It takes no more, whatever comes. */
  #over = false
  readonly #missed: Missed
  readonly #changed = new Wake()
  readonly name: string

  constructor(readonly options: OutletOptions) {
    this.name = options.name
    this.#missed = new Missed(options)
    this.downSince = options.monotonic()
  }

  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch> {
    this.#meet(reader)
    try {
      yield* this.#give(stop)
    } finally {
      this.up = false
      this.downSince = this.options.monotonic()
      this.options.changed()
    }
  }

  async *#give(stop: AbortSignal): AsyncGenerator<Batch> {
    while (!stop.aborted) {
      const load = this.#loads[this.#given.count]
      if (load !== undefined) {
        this.#given.count++
        this.#everGiven = Math.max(this.#everGiven, this.#given.count)
        yield { lines: load.lines, count: load.count, mark: this.#marked(load), release: () => this.#written(load) }
      } else if (this.#flush) {
        this.#flush = false
        yield FLUSH
      } else if (this.finished) return
      else await this.#changed.wait(stop)
    }
  }

  async settle(mark: Mark): Promise<void> {
    this.#ack((mark as Numbered).order)
  }

  /** `of`: the output that was given it first. */
  push(mark: Mark, portion: Portion, acked: () => void, of?: string): void {
    const { optional, holdBytesMax } = this.options
    if (optional) this.#begin(() => this.#missed.beginOne(mark.partition, mark.from?.offset ?? 0))
    if (this.#has(mark, portion.count)) return acked()
    if (this.#over || (optional && this.#loadBytes > 0 && this.#loadBytes + sizeOf(portion) > holdBytesMax)) {
      this.#missed.add(portion.count)
      return acked()
    }
    if (this.#loads.length === 0) this.#heardAt = this.options.monotonic()
    this.#loads.push({ ...portion, mark: { ...mark, order: ++this.#order }, acked, ...(of === undefined ? {} : { of }) })
    this.#loadBytes += sizeOf(portion)
    this.#changed.wake()
  }

  /** An optional one: the stages before begin there. `compared` is called when what it lacks of that is said. */
  begin(held: Held, compared: () => void): void {
    this.#begin(() => this.#missed.begin(held))
    if (this.kind === undefined) this.#comparing.push(compared)
    else compared()
  }

  #begin(begins: () => void): void {
    begins()
    if (this.kind === 'keeps') this.#missed.compare(this.#stands)
  }

  /** These partitions are gone for good. `forgotten` is called when its reader holds no place in them any more. */
  forget(partitions: readonly string[], forgotten: () => void): void {
    this.#missed.forget(partitions)
    const gone = partitions.filter((partition) => this.#stands.has(partition))
    const [partition] = gone
    if (this.finished || partition === undefined) return forgotten()
    const to = this.#stands.get(partition)![0]!
    this.push({ partition, from: to, to, time: this.options.now(), replayable: true, gone }, NOTHING, forgotten)
  }

  /** Asks the reader to make final what it has. */
  flush(): void {
    this.#flush = true
    this.#flushed = this.#order
    this.#changed.wake()
  }

  /** Nothing more comes. */
  finish(): void {
    this.finished = true
    this.#changed.wake()
  }

  progress(): void {
    this.#heardAt = this.options.monotonic()
    this.options.progress()
  }

  /** It holds as much as it may. */
  get full(): boolean {
    return this.#loadBytes >= this.options.holdBytesMax
  }

  /** There is a reader, and it gets on. */
  get takes(): boolean {
    return this.up && !(this.full && this.options.monotonic() - this.#heardAt > this.options.stalled)
  }

  /** Something of what it was given is not acked. */
  get holds(): boolean {
    return this.#loads.length > 0
  }

  /** Something of this partition up to there, which the output of this name was given, is not acked. */
  waitsFor(owner: string, partition: string, offset: number): boolean {
    const names = [partition, moved(partition, owner)]
    return this.#loads.some(({ mark, of = this.name }) => of === owner && mark.to.offset <= offset && names.includes(mark.partition))
  }

  /**
   * What it has not acked goes to another output, under a partition of its own: that one may have got what comes after it.
   * Returns the number of events that this one may have stored.
   */
  moveTo(other: Outlet): number {
    let doubt = 0
    for (const [index, { mark, of = this.name, ...load }] of this.#loads.entries()) {
      if (index < this.#everGiven) doubt += load.count
      const partition = of === this.name ? moved(mark.partition, of) : mark.partition
      other.push({ ...mark, partition }, load, load.acked, of)
    }
    this.#loads = []
    this.#loadBytes = this.#everGiven = this.#given.count = 0
    return doubt
  }

  /** Events that an optional one has not got. */
  get missed(): number {
    return this.#missed.count
  }

  /** Of an optional one: what it has not acked, and all that may come, counts as missed. */
  giveUp(): void {
    this.#over = true
    const loads = this.#loads.splice(0)
    this.#loadBytes = this.#given.count = 0
    this.#missed.add(loads.reduce((sum, { count }) => sum + count, 0))
    this.#missed.close()
    for (const { acked } of loads) acked()
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
      this.bound = reader.binding === undefined ? undefined : boundIn(reader.binding, reader.follows)
      this.rebind = reader.rebind === true
    }
    this.#given = { count: 0, to: new Map() }
    if (reader.kind === 'keeps') {
      this.#stands = new Map(reader.held)
      const loads = this.#loads
      this.#loads = loads.filter(({ mark, count }) => !this.#has(mark, count))
      this.#loadBytes = this.#loads.reduce((sum, load) => sum + sizeOf(load), 0)
      this.#everGiven -= loads.slice(0, this.#everGiven).filter(({ mark, count }) => this.#has(mark, count)).length
      for (const { mark, count, acked } of loads) if (this.#has(mark, count)) acked()
      if (this.options.optional) this.#missed.compare(this.#stands)
    }
    for (const compared of this.#comparing.splice(0)) compared()
    if (this.#loads.some(({ mark }) => mark.order <= this.#flushed)) this.#flush = true // the reader before it may have died of that
    this.up = true
    this.#heardAt = this.options.monotonic()
    this.options.changed()
  }

  #has({ partition, to }: Mark, count: number): boolean {
    return this.kind === 'keeps' && isBehind(to, count, this.#stands.get(partition)?.[0])
  }

  /**
   * A reader that keeps positions takes a batch only where it stands, and knows one that ends before. One that ends after
   * that place and begins before it cannot be cut: the reader gets all of it.
   */
  #marked({ mark, count }: Load): Numbered {
    const { partition, to } = mark
    const { replayable, suffix } = this.options
    if (this.kind === 'acks') return { ...mark, partition: partition + suffix, replayable: replayable && mark.replayable }
    if (this.kind !== 'keeps') return mark
    const begin = mark.from?.offset ?? 0
    const stands = this.#given.to.get(partition) ?? this.#stands.get(partition)?.[0]
    if (isBehind(to, count, stands)) return mark
    this.#given.to.set(partition, to)
    if (stands === undefined || stands.offset === begin) return mark
    if (stands.offset > begin && to.offset > stands.offset && !this.#straddled) {
      this.options.say(`gets events of ${partition} twice: the stage before does not begin where this output stands`)
      this.#straddled = true
    }
    return { ...mark, from: stands }
  }

  /** Where there are no acks, what is written counts as acked. */
  #written({ mark }: Load): void {
    if (this.kind === 'plain') this.#ack(mark.order)
  }

  #ack(order: number): void {
    const after = this.#loads.findIndex(({ mark }) => mark.order > order)
    const acked = this.#loads.splice(0, after < 0 ? this.#loads.length : after)
    this.#given.count = Math.max(0, this.#given.count - acked.length)
    this.#everGiven = Math.max(0, this.#everGiven - acked.length)
    this.#heardAt = this.options.monotonic()
    for (const load of acked) {
      this.#loadBytes -= sizeOf(load)
      this.#stand(load.mark)
      load.acked()
    }
  }

  #stand({ partition, to, gone = [] }: Mark): void {
    const further = this.#stands.get(partition)?.filter(({ offset }) => offset > to.offset) ?? []
    this.#stands.set(partition, [to, ...further])
    for (const one of gone) {
      this.#stands.delete(one)
      this.#given.to.delete(one)
    }
  }
}

/** Whoever stands there has it. A position alone may stand at the same place and say more of it. */
const isBehind = (to: Position, count: number, stands: Position | undefined): boolean =>
  stands !== undefined && (to.offset < stands.offset || (to.offset === stands.offset && count > 0))
