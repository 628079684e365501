/**
 * Batches from the stage before to all outputs, and one ack back when each output that acks has acked. What is not
 * acked is held, and a part of it given once more to an output that begins again. Guards two rules: no output gets
 * anything of a partition before all that keep positions hold where it begins, so that they never have to guess after
 * a crash; and what stands before an ack is acked.
 */
import type { Batch, Mark, Position } from '../events/batch.js'
import type { Held } from '../events/flow.js'
import { Wake } from '../events/wake.js'
import type { Choose } from './choice.js'
import type { Outlet, Portion } from './outlet.js'

export interface RouterOptions {
  readonly outlets: readonly Outlet[]
  readonly choose: Choose
  /** Most bytes that are held, unless one batch is longer. */
  readonly holdBytesMax: number
  /** Partition of what came without marks: `[A-Za-z0-9._-]+`, never the same twice. */
  readonly partition: string
  /** ms since the epoch */
  now(): number
  /** Called for each batch, before its events go anywhere: makes durable what will not. */
  aside(): Promise<void>
}

/** One for each output; undefined: it is not for this one. */
type Portions = readonly (Portion | undefined)[]

/** A batch on its way. */
interface Passage {
  readonly mark: Mark
  readonly portions: Portions
  readonly size: number
  done: boolean
  ack(): void
}

const NOTHING: Portion = { lines: Buffer.alloc(0), count: 0 }

export class Router {
  /** Not acked by all, oldest first. */
  #held: Passage[] = []
  #heldBytes = 0
  /** The last ones of them: from the first on that waits for the beginning of its partition. */
  #waiting: Passage[] = []
  /** Partitions whose beginning is on its way to outputs that do not hold it, and those that all hold. */
  readonly #beginning = new Set<string>()
  readonly #begun = new Set<string>()
  /** Bytes that came without marks. */
  #offset = 0
  readonly #changed = new Wake()

  constructor(readonly options: RouterOptions) {}

  /** All batches of one input. `ack` is called with each mark, in order. Returns when all went to the outputs, or at `stop`. */
  async take(batches: AsyncIterable<Batch>, ack: (mark: Mark) => void, stop: AbortSignal): Promise<void> {
    const { choose, aside, holdBytesMax, outlets } = this.options
    for await (const batch of batches) {
      if (batch.flush === true) {
        for (const outlet of outlets) outlet.flush()
        continue
      }
      const portions = keep(choose(batch), batch.lines)
      await aside()
      this.#pass(batch, portions, ack)
      batch.release()
      if (this.#heldBytes >= holdBytesMax) for (const outlet of outlets) outlet.flush()
      while (this.#heldBytes >= holdBytesMax && !stop.aborted) await this.#changed.wait(undefined, undefined, stop)
    }
    while (this.#waiting.length > 0 && !stop.aborted) await this.#changed.wait(undefined, undefined, stop)
  }

  /** Where the outputs that keep positions stand, once all that was taken is acked; undefined at `stop`. */
  async stands(prefix: string, stop: AbortSignal): Promise<Held | undefined> {
    while (this.#held.length > 0 && !stop.aborted) await this.#changed.wait(undefined, undefined, stop)
    if (stop.aborted) return undefined
    const held = new Map<string, readonly Position[]>()
    for (const { stands } of this.#keepers()) {
      for (const [partition, positions] of stands) {
        if (partition.startsWith(prefix)) held.set(partition, merged(held.get(partition) ?? [], positions))
      }
    }
    return held
  }

  #keepers(): Outlet[] {
    return this.options.outlets.filter(({ kind }) => kind === 'keeps')
  }

  #pass({ mark, lines }: Batch, portions: Portions, ack: (mark: Mark) => void): void {
    const passage = { mark: mark ?? this.#own(lines.length), portions, size: sizeOf(portions), done: false, ack: () => mark && ack(mark) }
    this.#held.push(passage)
    this.#heldBytes += passage.size
    if (!this.#begin(passage)) this.#waiting.push(passage)
    this.#advance()
  }

  /** A place of our own for what came without one. */
  #own(size: number): Mark {
    const { partition, now } = this.options
    const from = this.#offset === 0 ? null : { offset: this.#offset }
    this.#offset += size
    return { partition, from, to: { offset: this.#offset }, time: now(), replayable: true }
  }

  /**
   * Where a partition is new to some of several outputs that keep positions, these first get the place where it begins,
   * and all that follows waits until they hold it: after a crash, one that has nothing could not be told from one that
   * lacks nothing. True: the batch itself is that place, and has gone to the outputs.
   */
  #begin(passage: Passage): boolean {
    const { mark, portions } = passage
    const { partition, from, time } = mark
    if (this.#begun.has(partition) || this.#beginning.has(partition)) return false
    const keepers = this.#keepers()
    const lacking = keepers.filter(({ stands }) => !stands.has(partition))
    if (keepers.length < 2 || lacking.length === 0) {
      this.#begun.add(partition)
      return false
    }
    this.#beginning.add(partition)
    const held = (): void => {
      this.#beginning.delete(partition)
      this.#begun.add(partition)
      this.#advance()
    }
    const isPlace = from === null && portions.every((portion) => portion?.count === 0)
    if (isPlace) this.#give(passage, held)
    else {
      const place = { partition, from: null, to: placeOf(mark, keepers), time, replayable: true }
      this.#send(place, this.options.outlets.map((outlet) => (lacking.includes(outlet) ? NOTHING : undefined)), held)
    }
    return isPlace
  }

  /** What waits and need not goes to the outputs. */
  #advance(): void {
    for (let passage = this.#waiting[0]; passage !== undefined && !this.#beginning.has(passage.mark.partition); passage = this.#waiting[0]) {
      this.#waiting.shift()
      this.#give(passage)
    }
    this.#changed.wake()
  }

  #give(passage: Passage, acked = (): void => undefined): void {
    this.#send(passage.mark, passage.portions, () => {
      passage.done = true
      acked()
      this.#settle()
    })
  }

  /** Calls `acked` when all these outputs have acked it. */
  #send(mark: Mark, portions: Portions, acked: () => void): void {
    let left = portions.filter((portion) => portion !== undefined).length
    for (const [index, outlet] of this.options.outlets.entries()) {
      const portion = portions[index]
      if (portion !== undefined) outlet.push(mark, portion, () => --left === 0 && acked())
    }
  }

  #settle(): void {
    while (this.#held[0]?.done === true) {
      const passage = this.#held.shift()!
      this.#heldBytes -= passage.size
      passage.ack()
    }
    this.#changed.wake()
  }
}

/** Memory of our own for what shares that of the batch. */
function keep(portions: readonly Portion[], lines: Buffer): readonly Portion[] {
  if (!portions.some((portion) => portion.lines === lines)) return portions
  const copy = Buffer.from(lines)
  return portions.map((portion) => (portion.lines === lines ? { ...portion, lines: copy } : portion))
}

function sizeOf(portions: Portions): number {
  let size = 0
  for (const lines of new Set(portions.map((portion) => portion?.lines))) size += lines?.length ?? 0
  return size
}

/** Where the batch begins, as somebody knows it who stands there. */
function placeOf({ partition, from }: Mark, outlets: readonly Outlet[]): Position {
  const { offset } = from ?? { offset: 0 }
  const known = outlets.flatMap(({ stands }) => stands.get(partition) ?? [])
  return known.find((position) => position.offset === offset) ?? { offset }
}

/** Lowest first, each once. */
function merged(some: readonly Position[], others: readonly Position[]): readonly Position[] {
  const more = others.filter(({ offset }) => !some.some((position) => position.offset === offset))
  return more.length === 0 ? some : [...some, ...more].sort((one, other) => one.offset - other.offset)
}
