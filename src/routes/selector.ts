/**
 * Which outputs get which events of a batch: Flume's channel selectors and failover sink processor. What cannot be seen from
 * an event alone is noted with the place where the batch ends, which the outputs keep, so that a replay chooses the same.
 */
import type { Batch, Mark, Position } from '../events/batch.js'

/** What one output gets of a batch. */
export interface Portion {
  readonly lines: Buffer
  readonly count: number
}

/** One for each output; undefined: it gets neither events nor the place. */
export type Portions = readonly (Portion | undefined)[]

export interface Selection {
  readonly portions: Portions
  /** JSON; absent: nothing is to be kept. */
  readonly note?: unknown
  /** Where the batch begins, with its note: what an output to which the partition is new is to keep first. Absent: the router sees to that. */
  readonly begin?: Position
}

/** Where an output stands in a partition, and the note that it keeps. */
export interface Stand {
  readonly output: number
  readonly position: Position
  readonly note: unknown
}

export interface Selector {
  /** `place`: the mark of the batch, or one of our own where it came without. */
  select(batch: Pick<Batch, 'lines' | 'count' | 'mark'>, place: Mark): Selection
  /**
   * Where the stage before is to begin in a partition, and where it is to end batches, lowest first, now that the outputs
   * that are waited for stand there. `moved`: up to which offset what an output of this name did not ack is with another.
   */
  resume(partition: string, stands: readonly Stand[], moved: ReadonlyMap<string, number>): readonly Position[]
  /** False: no output can take anything now. Absent: always true. */
  ready?(): boolean
}

export const NOTHING: Portion = { lines: Buffer.alloc(0), count: 0 }

/** Bytes that it costs to hold a portion beside its lines. */
export const LOAD_SIZE = 200

/** Bytes that it costs to hold it. */
export function sizeOf({ lines }: Portion): number {
  return LOAD_SIZE + lines.length
}

/** The place with the note, as outputs keep it; one that a router before this one has put there stays inside. */
export function withNote(position: Position, note: unknown): Position {
  return { ...position, route: { note, ...(position.route === undefined ? {} : { in: position.route }) } }
}

/** The other way round. */
export function apart(position: Position): { readonly position: Position; readonly note: unknown } {
  const { route, ...place } = position
  if (typeof route !== 'object' || route === null || !('note' in route)) return { position, note: undefined }
  return { position: 'in' in route ? { ...place, route: route.in } : place, note: route.note }
}

/** Lowest first, each once. */
export function ascending(positions: readonly Position[]): readonly Position[] {
  const sorted = positions.toSorted((one, other) => one.offset - other.offset)
  return sorted.filter(({ offset }, index) => offset !== sorted[index - 1]?.offset)
}

/** Lines of a batch for one output, as the runs of bytes that they are. */
export class Part {
  /** Where each begins and ends, in turn. */
  #runs: number[] = []
  #count = 0
  #size = 0

  constructor(readonly lines: Buffer) {}

  add(from: number, to: number): void {
    this.#count++
    this.#size += to - from
    const runs = this.#runs
    if (runs.length > 0 && runs[runs.length - 1] === from) runs[runs.length - 1] = to
    else runs.push(from, to)
  }

  /** `count`: of the whole batch. */
  portion(count: number): Portion {
    if (this.#count === 0) return NOTHING
    if (this.#count === count) return { lines: this.lines, count }
    const lines = Buffer.allocUnsafe(this.#size)
    let at = 0
    for (let index = 0; index < this.#runs.length; index += 2) at += this.lines.copy(lines, at, this.#runs[index], this.#runs[index + 1])
    return { lines, count: this.#count }
  }
}
