/**
 * What an optional output does not get, counted and said: events of this run, and what lies between the place where it stands
 * and the one where this run begins. That is known by comparison alone: a run that was killed could not say it any more.
 */
import type { Held } from '../events/flow.js'
import type { Position } from '../events/batch.js'
import { isOfQueue } from '../events/partition.js'
import { Tally } from '../events/tally.js'

export interface MissedSurroundings {
  /** ms since some moment, which nobody sets */
  monotonic(): number
  say(message: string): void
}

interface Gap {
  readonly partition: string
  readonly size: number
  readonly begin: number
}

export class Missed {
  readonly #events: Tally
  /** Where this run begins in a partition, until that is compared. */
  readonly #begins = new Map<string, number>()
  readonly #compared = new Set<string>()

  constructor(readonly around: MissedSurroundings) {
    this.#events = new Tally((events) => `has missed ${events} so far: it is down, or too slow`, around)
  }

  get count(): number {
    return this.#events.count
  }

  /** Events of this run. */
  add(count: number): void {
    this.#events.add(count)
  }

  close(): void {
    this.#events.close()
  }

  /** This run begins there, and what comes before it nobody gives it any more. */
  begin(held: Held): void {
    for (const [partition, [lowest]] of held) this.beginOne(partition, lowest?.offset ?? 0)
  }

  /** Of several places, the one that was told first counts. */
  beginOne(partition: string, offset: number): void {
    if (!this.#compared.has(partition) && !this.#begins.has(partition)) this.#begins.set(partition, offset)
  }

  /** Nothing more is said of these. */
  forget(partitions: readonly string[]): void {
    for (const partition of partitions) {
      this.#begins.delete(partition)
      this.#compared.delete(partition)
    }
  }

  /** It is known where the output stands. */
  compare(stands: ReadonlyMap<string, readonly Position[]>): void {
    if (this.#begins.size === 0) return
    const gaps: Gap[] = []
    for (const [partition, begin] of this.#begins) {
      this.#compared.add(partition)
      const size = begin - (stands.get(partition)?.[0]?.offset ?? 0)
      if (size > 0) gaps.push({ partition, size, begin })
    }
    this.#begins.clear()
    for (const unit of ['events', 'bytes']) this.#say(unit, gaps.filter(({ partition }) => isOfQueue(partition) === (unit === 'events')))
  }

  #say(unit: string, gaps: readonly Gap[]): void {
    const [first, another] = gaps
    if (first === undefined) return
    const size = gaps.reduce((sum, gap) => sum + gap.size, 0)
    const where = another === undefined ? `${first.partition}, up to ${first.begin}` : `${gaps.length} files or queues`
    this.around.say(`has missed ${size} ${unit} of ${where}: it had not acked them when the last run ended`)
  }
}
