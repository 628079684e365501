/**
 * The selector that shares events out, flume-route(1), --balance. Which output gets an event follows from its number in its
 * partition, or from its key, so that a replay gives it to the same. A queue numbers its events itself; for others they
 * are counted, and the number so far is kept by the outputs with their positions.
 */
import { FlumeError } from '../errors.js'
import { NEWLINE, type Batch, type Mark, type Position } from '../events/batch.js'
import { fnv1a, mixed } from '../events/hash.js'
import { endsWithBody, Heads } from '../events/heads.js'
import { parseEvent } from '../events/json.js'
import { isOfQueue } from '../events/partition.js'
import { PLAIN, type Refused } from '../events/rejects.js'
import { positionOf } from './choice.js'
import { ascending, Part, type Selection, type Selector, type Stand } from './selector.js'

/** `header`: the key, for hash. */
export interface Policy {
  readonly by: 'round-robin' | 'random' | 'hash'
  readonly header: string
}

interface Note {
  /** Policy and outputs. */
  readonly by: string
  /** Events of the partition so far. */
  readonly count: number
}

export interface BalanceOptions {
  readonly policy: Policy
  /** In their order; `identity`: what a later run knows it by. */
  readonly outputs: readonly { readonly name: string; readonly identity: string }[]
  readonly refused: Pick<Refused, 'add'>
  /** Other outputs or another policy than before are meant, though events are on their way. */
  readonly rebind: boolean
}

/** `number`: of the event in its partition; its line is [at, end). */
type Choose = (number: number, at: number, end: number, index: number) => number | undefined

const KEYS_MAX = 4096

export class Balance implements Selector {
  readonly #by: string
  /** Events of each partition so far. */
  readonly #counts = new Map<string, number>()
  readonly #seeds: readonly number[]
  /** By key: the output. */
  readonly #keys = new Map<string, number>()
  readonly #heads = new Heads()

  constructor(readonly options: BalanceOptions) {
    const { policy, outputs } = options
    this.#by = `${policy.by === 'hash' ? `hash:${policy.header}` : policy.by}, ${outputs.map(({ identity }) => identity).join(', ')}`
    this.#seeds = outputs.map(({ name }) => fnv1a(name))
  }

  select(batch: Pick<Batch, 'lines' | 'count' | 'mark'>, place: Mark): Selection {
    const { lines, count } = batch
    const { partition, from, gone = [] } = place
    const first = isOfQueue(partition) ? (from?.offset ?? 0) : (this.#counts.get(partition) ?? 0)
    this.#counts.set(partition, first + count)
    const parts = this.options.outputs.map(() => new Part(lines))
    const choose = this.#chooser(batch, place)
    for (let at = 0, index = 0; at < lines.length; index++) {
      const end = lines.indexOf(NEWLINE, at) + 1
      const output = choose(first + index, at, end, index)
      if (output !== undefined) parts[output]!.add(at, end)
      at = end
    }
    for (const one of gone) this.#counts.delete(one)
    const note: Note = { by: this.#by, count: first + count }
    return { portions: parts.map((part) => part.portion(count)), note }
  }

  /** Throws BINDING_CHANGED where what some have not got yet would go to others now. */
  resume(partition: string, stands: readonly Stand[]): readonly Position[] {
    const positions = ascending(stands.map(({ position }) => position))
    const other = stands.map(({ note }) => note).find((note) => isNote(note) && note.by !== this.#by) as Note | undefined
    if (positions.length > 1 && other !== undefined && !this.options.rebind) {
      throw new FlumeError('BINDING_CHANGED', `cannot share out by ${this.#by}: of ${partition} not all is where it belongs by ${other.by}; ` +
        'type the line once more as it was; or --rebind: unless these are the same queues in the same order, events in between may be missing or twice')
    }
    const lowest = stands.find(({ position }) => position.offset === positions[0]?.offset)
    this.#counts.set(partition, isNote(lowest?.note) ? lowest.note.count : 0)
    return positions
  }

  /** The index of the output for the line [at, end); undefined: it is no event. */
  #chooser({ lines, count, mark }: Pick<Batch, 'lines' | 'count' | 'mark'>, place: Mark): Choose {
    const { policy, outputs, refused } = this.options
    if (policy.by === 'round-robin') return (number) => number % outputs.length
    const seed = fnv1a(place.partition)
    if (policy.by === 'random') return (number) => mixed(seed ^ mixed(number)) % outputs.length
    return (number, at, end, index) => {
      try {
        const key = this.#key(lines, at, end, policy.header)
        return key === undefined ? number % outputs.length : this.#ofKey(key)
      } catch (error) {
        if (!(error instanceof FlumeError) || error.code !== 'BAD_EVENT') throw error
        const nth = mark === null ? positionOf(place, count, index)?.offset : undefined
        refused.add(lines.subarray(at, end), { reason: error.message, partition: mark?.partition ?? PLAIN, position: positionOf(mark, count, index), nth })
        return undefined
      }
    }
  }

  /** Throws BAD_EVENT. */
  #key(lines: Buffer, at: number, end: number, header: string): string | undefined {
    const head = this.#heads.find(lines, at, end)
    if (head === undefined || !endsWithBody(lines, at, end, head)) return parseEvent(lines.subarray(at, end)).headers.get(header)
    return header === 'timestamp' ? head.timestamp : head.headers.get(header)
  }

  /** The output whose hash with the key is highest: with one more output, keys move to that one only. */
  #ofKey(key: string): number {
    const known = this.#keys.get(key)
    if (known !== undefined) return known
    const hash = fnv1a(key)
    const weights = this.#seeds.map((seed) => mixed(seed ^ hash))
    const output = weights.indexOf(Math.max(...weights))
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear()
    this.#keys.set(key, output)
    return output
  }
}

function isNote(note: unknown): note is Note {
  return typeof note === 'object' && note !== null && 'by' in note && typeof note.by === 'string' && 'count' in note && Number.isSafeInteger(note.count)
}
