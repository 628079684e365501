/**
 * Where a source stands with its reader: where that says, if it keeps positions, else where the source itself remembers
 * to have come. Acked positions go into a state file, or nowhere.
 */
import type { Mark, Position } from '../events/batch.js'
import type { Held, Reader } from '../events/flow.js'
import type { Disk } from '../disk/disk.js'
import { FlumeError } from '../errors.js'
import { State } from './state.js'

export class Memory<P extends Position> {
  /** Undefined: nothing is remembered. */
  #state: State<P> | undefined
  readonly #states = new Map<string, State<P>>()

  constructor(
    /** Of the partitions of this source. */
    readonly prefix: string,
    readonly statePath: string,
    readonly disk: Disk,
    readonly placeOf: (position: Position) => P | undefined,
    /** The beginning of the partition in which this is a place. */
    readonly beginningOf: (place: P) => P,
  ) {}

  /** The places of this reader, lowest first. Throws VERSION, and BUSY where another process uses the state file. */
  async places(reader: Reader): Promise<ReadonlyMap<string, readonly P[]>> {
    if ('held' in reader && reader.held !== undefined && (reader.kind === 'keeps' || reader.held.size > 0)) {
      this.#state = undefined
      return this.#understood(reader.held)
    }
    const path = reader.kind === 'off' ? this.statePath.replace(/(\.json)?$/, '.off.json') : this.statePath
    const state = this.#states.get(path) ?? new State(path, this.disk, this.prefix.slice(0, this.prefix.indexOf('.') + 1), this.placeOf)
    this.#states.set(path, state)
    this.#state = reader.kind === 'plain' ? undefined : state
    await this.#state?.lock()
    const positions = await state.load()
    return new Map([...positions].map(([partition, position]) => [partition, [position]]))
  }

  /** Not waited for: hundreds of acks may come at once. */
  settle({ partition, to, gone = [] }: Mark): void {
    this.#state?.set(partition, to)
    for (const one of gone) this.#state?.forget(one)
    this.#state?.write()
  }

  /** On return all that was settled is on disk. */
  async flush(): Promise<void> {
    await this.#state?.flush()
  }

  /** flush(), of all readers that there were. */
  async flushAll(): Promise<void> {
    for (const state of this.#states.values()) await state.flush()
  }

  /** Gives up the locks. */
  async close(): Promise<void> {
    for (const state of this.#states.values()) await state.close()
  }

  /**
   * Where no more than the beginning of a partition is held, nothing of it was stored, and nothing tells which one it was. Nor is
   * any other offset alone a place in a file: standard input had such, under the same names, before its own began with stdin. Throws
   * VERSION where a position is not understood: going on from elsewhere could lose or repeat lines.
   */
  #understood(held: Held): ReadonlyMap<string, readonly P[]> {
    const places = new Map<string, P[]>()
    for (const [partition, positions] of held) {
      if (!partition.startsWith(this.prefix) || positions.every(isBare)) continue
      const known = positions.filter((position) => position.offset > 0 || !isBare(position)).map((position) => {
        const place = this.placeOf(position)
        if (place !== undefined) return place
        throw new FlumeError('VERSION', `cannot go on with ${partition}: this version does not understand the position that its reader holds`)
      })
      if (known[0] !== undefined) places.set(partition, known.length < positions.length ? [this.beginningOf(known[0]), ...known] : known)
    }
    return places
  }
}

/** An offset alone: of 0 as a reader holds it that has nothing of the partition yet, flume-pipe(7). */
function isBare(position: Position): boolean {
  return Object.keys(position).length === 1
}
