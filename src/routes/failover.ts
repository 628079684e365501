/**
 * The selector of --failover, flume-route(1): a batch goes to the first output, in their order, that takes it. Guards the rule
 * that no event is given to two: what an output was given and has not acked stays its own, until it says where it stands.
 * So that a later run knows it too, each place that an output keeps says from where on all was its own, and what before that
 * was another's and not acked. An output that is a router itself may stand at several places: what lies between is its own, too.
 */
import { FlumeError } from '../errors.js'
import type { Batch, Mark, Position } from '../events/batch.js'
import type { Outlet } from './outlet.js'
import { apart, ascending, withNote, type Selection, type Selector, type Stand } from './selector.js'

/** Events that belong to an output, and were not acked by it. */
interface Bound {
  /** Its identity. */
  readonly output: string
  readonly from: Position
  readonly to: Position
}

interface Note {
  readonly bound: readonly Bound[]
  /** From where on all up to the place is of the output that keeps it; absent: of what is given once more. */
  readonly since?: Position
}

/** What is known of a partition. */
interface Reach {
  /** Who was given what came last, and where that began. */
  owner: Outlet | undefined
  since: Position
  /** Where all that was taken ends. */
  end: Position
  bound: Bound[]
  /** Who gets once more what was taken before, by where that ends; undefined: it has it. Lowest first. */
  again: { readonly to: number; readonly owner: Outlet | undefined }[]
}

export class Failover implements Selector {
  readonly #reaches = new Map<string, Reach>()

  constructor(
    readonly outlets: readonly Outlet[],
    /** It is meant that outputs of before are not there any more. */
    readonly rebind: boolean,
  ) {}

  ready(): boolean {
    return this.#first()?.full === false
  }

  select({ lines, count }: Pick<Batch, 'lines' | 'count'>, place: Mark): Selection {
    const begin = place.from === null && count === 0 ? place.to : (place.from ?? { offset: 0 })
    const reach = this.#reachOf(place.partition, begin)
    while (reach.again[0] !== undefined && reach.again[0].to <= begin.offset) reach.again.shift()
    const [again] = reach.again
    const owner = again === undefined ? this.#first() : again.owner
    const changes = again === undefined && owner !== reach.owner
    if (changes) this.#change(place.partition, reach, owner)
    if (again === undefined) {
      reach.end = place.to
      reach.bound = reach.bound.filter(({ output, to }) => !this.#has(this.#called(output), place.partition, to.offset))
    }
    for (const one of place.gone ?? []) this.#reaches.delete(one)
    const note: Note = { bound: reach.bound, ...(again === undefined && { since: reach.since }) }
    const portions = this.outlets.map((outlet) => (outlet === owner ? { lines, count } : undefined))
    const begins = changes && owner?.waitsFor(owner.name, place.partition, Infinity) === false
    return { portions, note, ...(begins && { begin: withNote(reach.since, note) }) }
  }

  /** Throws BINDING_CHANGED where what belongs to an output that is not there any more was not acked. */
  resume(partition: string, stands: readonly Stand[], moved: ReadonlyMap<string, number>): readonly Position[] {
    const [top] = stands.toSorted((one, other) => other.position.offset - one.position.offset || (one.note === undefined ? 1 : -1))
    if (top === undefined) return []
    const last = { output: this.outlets[top.output]!.options.identity, from: noteOf(top.note).since ?? { offset: 0 }, to: top.position }
    const open = [...noteOf(top.note).bound, last].flatMap((bound) => this.#open(bound, partition, stands, moved))
    const again = open.flatMap(({ output, from, to }) => [{ to: from.offset, owner: undefined }, { to: to.offset, owner: this.#called(output) }])
    const end = top.position
    this.#reaches.set(partition, { owner: undefined, since: end, end, bound: open, again: [...again, { to: end.offset, owner: undefined }] })
    const between = stands.map(({ position }) => position).filter(({ offset }) => offset > (open[0]?.from ?? end).offset)
    return ascending([...open.flatMap(({ from, to }) => [from, to]), ...between, end])
  }

  /** What of it the output has not got by now. */
  #open(bound: Bound, partition: string, stands: readonly Stand[], moved: ReadonlyMap<string, number>): Bound[] {
    const { output, to } = bound
    const outlet = this.#called(output)
    if (outlet === undefined && !this.rebind) {
      throw new FlumeError('BINDING_CHANGED', `cannot go on without output ${output}: events of ${partition} are with it, and not acked; ` +
        'type it as before, or --rebind, and they are given to nobody')
    }
    if (outlet === undefined) return []
    const own = stands.find((stand) => this.outlets[stand.output] === outlet)?.position
    const from = own !== undefined && own.offset > bound.from.offset ? own : bound.from
    return Math.max(from.offset, moved.get(outlet.name) ?? 0) < to.offset ? [{ ...bound, from }] : []
  }

  #called(identity: string): Outlet | undefined {
    return this.outlets.find(({ options }) => options.identity === identity)
  }

  #reachOf(partition: string, begin: Position): Reach {
    let reach = this.#reaches.get(partition)
    if (reach === undefined) this.#reaches.set(partition, (reach = { owner: undefined, since: begin, end: begin, bound: [], again: [] }))
    return reach
  }

  /** From here on it is another's. */
  #change(partition: string, reach: Reach, owner: Outlet | undefined): void {
    const { owner: former, since, end } = reach
    if (former !== undefined && !this.#has(former, partition, end.offset)) {
      const acked = former.stands.get(partition)?.[0]
      reach.bound.push({ output: former.options.identity, from: acked !== undefined && acked.offset > since.offset ? apart(acked).position : since, to: end })
    }
    reach.owner = owner
    reach.since = end
  }

  /** Nothing up to there is on its way to this output any more. */
  #has(output: Outlet | undefined, partition: string, offset: number): boolean {
    return !this.outlets.some((outlet) => output !== undefined && outlet.waitsFor(output.name, partition, offset))
  }

  /** The first that takes something; where none does, nobody is asked. */
  #first(): Outlet | undefined {
    return this.outlets.find(({ takes }) => takes)
  }
}

function noteOf(note: unknown): Note {
  const isNote = typeof note === 'object' && note !== null && 'bound' in note && Array.isArray(note.bound)
  return isNote ? (note as Note) : { bound: [] }
}
