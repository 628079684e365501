/**
 * Batches from the stages before to the outputs that are selected, and one ack back for each when each output that is waited
 * for has acked. Guards the rule that no output gets anything of a partition before all that keep positions hold where it
 * begins, so that they never have to guess after a crash.
 */
import type { Mark, Position } from '../events/batch.js'
import type { Clock, Held } from '../events/flow.js'
import { Wake } from '../events/wake.js'
import { Farewells } from './farewells.js'
import { movedFrom } from './moved.js'
import type { Outlet } from './outlet.js'
import { apart, ascending, NOTHING, withNote, type Portions, type Selection, type Selector, type Stand } from './selector.js'

export interface RouterOptions {
  readonly outlets: readonly Outlet[]
  readonly selector: Selector
  readonly clock: Clock
  /** Called for each batch, before its events go anywhere: makes durable what will not. */
  aside(): Promise<void>
}

/** A batch that has been given its outputs. */
interface Waiting {
  readonly mark: Mark
  readonly portions: Portions
  done(): void
}

export class Router {
  /** From the first on that waits for the beginning of its partition. */
  #waiting: Waiting[] = []
  /** Partitions whose beginning is on its way to outputs that do not hold it, and those that all hold. */
  readonly #beginning = new Set<string>()
  readonly #begun = new Set<string>()
  /** Which input gives what is on its way of a partition. */
  readonly #givers = new Map<string, object>()
  readonly #farewells: Farewells
  /** Something was acked, or an output has come or gone. */
  readonly changed = new Wake()

  constructor(readonly options: RouterOptions) {
    this.#farewells = new Farewells(options.outlets, () => this.changed.wake())
  }

  /** Nothing waits for the beginning of its partition, or to be told that it has ended. */
  get flowing(): boolean {
    return this.#waiting.length === 0 && this.#farewells.idle
  }

  flush(): void {
    for (const outlet of this.options.outlets) outlet.flush()
  }

  /** From now on this input gives of that partition: another one that begins again changes nothing of it. */
  claim(partition: string, giver: object): void {
    this.#givers.set(partition, giver)
  }

  /** All that this input gave is acked. */
  release(giver: object): void {
    for (const [partition, other] of this.#givers) if (other === giver) this.#givers.delete(partition)
  }

  /** `finish` is called once all that are waited for have acked it. */
  pass(place: Mark, { portions, note, begin }: Selection, finish: () => void): void {
    const mark = note === undefined ? place : { ...place, to: withNote(place.to, note) }
    if (begin !== undefined) this.#push({ ...place, from: null, to: begin }, this.#placeFor(this.#lacking(mark, portions)), () => undefined)
    const waiting = { mark, portions, done: finish }
    if (!this.#begin(waiting)) this.#waiting.push(waiting)
    this.#advance()
  }

  /**
   * Where the stage before is to begin in the partitions with this prefix. All that it gave must have been acked. Of what other
   * inputs give now, which may be of the same source, it hears where the outputs stand, and the selector goes on as it is.
   */
  stands(prefix: string): Held {
    const { outlets, selector } = this.options
    const found = new Map<string, Stand[]>()
    const moved = new Map<string, Map<string, number>>()
    for (const [output, { options, kind, stands }] of outlets.entries()) {
      if (options.optional || kind !== 'keeps') continue
      for (const [partition, positions] of stands) {
        if (!partition.startsWith(prefix)) continue
        const from = movedFrom(partition)
        if (from !== undefined) {
          moved.set(from.partition, (moved.get(from.partition) ?? new Map<string, number>()).set(from.output, positions[0]!.offset))
          continue
        }
        found.set(partition, [...(found.get(partition) ?? []), ...positions.map((position) => ({ output, ...apart(position) }))])
      }
    }
    const held = new Map<string, readonly Position[]>()
    for (const [partition, stands] of found) {
      const given = this.#givers.has(partition)
      const places = given ? ascending(stands.map(({ position }) => position)) : selector.resume(partition, stands, moved.get(partition) ?? new Map())
      held.set(partition, this.#withOptional(partition, places))
    }
    for (const outlet of outlets) if (outlet.options.optional) outlet.begin(held, this.#farewells.owe([...held.keys()]))
    return held
  }

  /** Those that all wait for. */
  #keepers(portions: Portions): Outlet[] {
    return this.options.outlets.filter(({ kind, options }, index) => kind === 'keeps' && !options.optional && portions[index] !== undefined)
  }

  /** Those of them that have no place in this partition. */
  #lacking({ partition }: Mark, portions: Portions): Outlet[] {
    return this.#keepers(portions).filter(({ stands }) => !stands.has(partition))
  }

  /** A place alone, for these. */
  #placeFor(some: readonly Outlet[]): Portions {
    return this.options.outlets.map((outlet) => (some.includes(outlet) ? NOTHING : undefined))
  }

  /** A batch is to end where an optional output stands too, if it comes by there. */
  #withOptional(partition: string, positions: readonly Position[]): readonly Position[] {
    const optional = this.options.outlets.filter((outlet) => outlet.options.optional && outlet.kind === 'keeps')
    const all = optional.flatMap(({ stands }) => stands.get(partition) ?? []).map((position) => apart(position).position)
    return ascending([...positions, ...all.filter(({ offset }) => offset > positions[0]!.offset)])
  }

  /**
   * Where a partition is new to some of several outputs that keep positions, these first get the place where it begins,
   * and all that follows waits until they hold it: after a crash, one that has nothing could not be told from one that
   * lacks nothing. True: the batch itself is that place, and has gone to the outputs.
   */
  #begin(waiting: Waiting): boolean {
    const { mark, portions } = waiting
    const { partition, from, time } = mark
    if (this.#begun.has(partition) || this.#beginning.has(partition)) return false
    const keepers = this.#keepers(portions)
    const lacking = this.#lacking(mark, portions)
    const others = this.options.outlets.some(({ kind, options }) => kind === 'keeps' && options.optional)
    if (lacking.length === 0 || (keepers.length < 2 && !others)) {
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
    if (isPlace) this.#give(waiting, held)
    else {
      const place = { partition, from: null, to: placeOf(mark, keepers), time, replayable: true }
      this.#send(place, this.#placeFor(lacking), held)
    }
    return isPlace
  }

  /** What waits and need not goes to the outputs. */
  #advance(): void {
    for (let next = this.#waiting[0]; next !== undefined && !this.#beginning.has(next.mark.partition); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#give(next)
    }
    this.changed.wake()
  }

  #give({ mark, portions, done }: Waiting, acked = (): void => undefined): void {
    this.#send(mark, portions, () => {
      done()
      acked()
      this.changed.wake()
    })
  }

  /** Calls `acked` when all of these outputs that are waited for have acked it. What is gone goes by itself where some are not. */
  #send(mark: Mark, portions: Portions, acked: () => void): void {
    const { gone = [], ...place } = mark
    for (const partition of gone) {
      this.#begun.delete(partition)
      this.#givers.delete(partition)
    }
    if (gone.length === 0 || !this.options.outlets.some(({ options }) => options.optional)) return this.#push(mark, portions, acked)
    const farewell = gone.includes(mark.partition) && portions.every((portion) => portion?.count === 0)
    if (farewell) acked()
    else this.#push(place, portions, acked)
    this.#farewells.add(gone)
  }

  #push(mark: Mark, portions: Portions, acked: () => void): void {
    const { outlets } = this.options
    let left = portions.filter((portion, index) => portion !== undefined && !outlets[index]!.options.optional).length
    if (left === 0) acked()
    for (const [index, outlet] of outlets.entries()) {
      const portion = portions[index]
      if (portion === undefined) continue
      const owed = (): () => void => this.#farewells.owe(portion.count > 0 ? [mark.partition] : [])
      outlet.push(mark, portion, outlet.options.optional ? owed() : () => --left === 0 && acked())
    }
  }
}

/** Where the batch begins, as somebody knows it who stands there. */
function placeOf({ partition, from }: Mark, outlets: readonly Outlet[]): Position {
  const { offset } = from ?? { offset: 0 }
  const known = outlets.flatMap(({ stands }) => stands.get(partition) ?? [])
  return known.find((position) => position.offset === offset) ?? { offset }
}

