/**
 * Outputs of a router in memory, that come, store, ack and die at random moments. An output stores as a queue does: a batch
 * and its position at once, and none that does not begin where it stands.
 */
import { setImmediate as tick } from 'node:timers/promises'
import type { Batch, Mark, Position } from '../../src/events/batch.js'
import type { Held } from '../../src/events/flow.js'
import type { Outlet } from '../../src/routes/outlet.js'
import { ascending } from '../../src/routes/selector.js'

export type Pick = (below: number) => number

/** What an output has on disk. */
export interface Stored {
  readonly held: Held
  put(batch: Batch): void
  /** Up to where all is stored that was put by now; undefined: nothing more than was said. May be asked at any time. */
  settled(pick: Pick): Mark | undefined
  /** Something that was put is not stored. */
  readonly busy: boolean
  /** The output dies: what is not stored is gone. */
  die(): void
}

export class Store implements Stored {
  /** The bodies, which are numbers. */
  readonly events: number[] = []
  readonly positions = new Map<string, Position>()
  readonly busy = false
  #put: Mark | undefined

  get held(): Held {
    return new Map([...this.positions].map(([partition, position]) => [partition, [position]]))
  }

  put({ lines, count, mark }: Batch): void {
    const { partition, from, to, gone = [] } = mark!
    this.#put = mark!
    const stands = this.positions.get(partition)?.offset
    if (stands !== undefined && (to.offset < stands || (to.offset === stands && count > 0))) return
    if (stands !== undefined && (from?.offset ?? 0) !== stands) throw new Error(`a batch begins at ${from?.offset}, and ${stands} is held`)
    this.positions.set(partition, JSON.parse(JSON.stringify(to)) as Position)
    for (const one of gone) this.positions.delete(one)
    this.events.push(...lines.toString().split('\n').filter(Boolean).map((line) => Number((JSON.parse(line) as { body: string }).body)))
  }

  settled(): Mark | undefined {
    const mark = this.#put
    this.#put = undefined
    return mark
  }

  die(): void {
    this.#put = undefined
  }
}

/** An output that is a router with two of its own, each of which gets all, one sometimes long after the other. */
export class Pair implements Stored {
  readonly stores = [new Store(), new Store()] as const
  #waiting: Batch[][] = [[], []]
  #put: Mark[] = []

  get held(): Held {
    const partitions = new Set(this.stores.flatMap(({ positions }) => [...positions.keys()]))
    return new Map([...partitions].map((partition) => [partition, ascending(this.stores.flatMap(({ positions }) => positions.get(partition) ?? []))]))
  }

  put(batch: Batch): void {
    for (const waiting of this.#waiting) waiting.push({ ...batch, lines: Buffer.from(batch.lines) })
    this.#put.push(batch.mark!)
  }

  settled(pick: Pick): Mark | undefined {
    for (const [index, store] of this.stores.entries()) {
      const waiting = this.#waiting[index]!
      for (let left = pick(3) === 0 ? 1 + pick(4) : 0; left > 0 && waiting[0] !== undefined && this.#begins(store, waiting[0]); left--) store.put(waiting.shift()!)
    }
    const done = this.#put.splice(0, this.#put.length - Math.max(...this.#waiting.map(({ length }) => length)))
    return done.at(-1)
  }

  /** As a router does: both hold where a partition begins before one of them gets anything of it. */
  #begins({ positions }: Store, { mark, count }: Batch): boolean {
    const { partition, from } = mark!
    if (from === null && count === 0) return true
    const offset = from?.offset ?? 0
    const known = this.stores.map((store) => store.positions.get(partition)).find((position) => position?.offset === offset)
    if (!positions.has(partition)) positions.set(partition, known ?? { offset })
    return this.stores.every((store) => store.positions.has(partition))
  }

  get busy(): boolean {
    return this.#put.length > 0
  }

  die(): void {
    this.#waiting = [[], []]
    this.#put = []
  }
}

/** Takes what the outlet gives, a while, and dies in the middle; comes again until `stop`. */
export async function live(outlet: Outlet, store: Stored, pick: Pick, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    for (let pause = pick(30); pause > 0 && !stop.aborted; pause--) await tick()
    if (stop.aborted) return
    const life = new AbortController()
    const over = AbortSignal.any([stop, life.signal])
    let left = pick(3) === 0 ? Infinity : pick(8)
    const settling = settleAll(outlet, store, pick, over)
    for await (const batch of outlet.open({ kind: 'keeps', held: store.held }, over)) {
      batch.release()
      if (batch.mark === null) continue
      for (let pause = pick(4); pause > 0; pause--) await tick()
      if (over.aborted) break
      const dies = left-- <= 0
      if (!dies || pick(2) === 0) store.put(batch)
      if (dies) life.abort()
      if (dies) break
      await settle(outlet, store, pick)
    }
    while (!over.aborted && store.busy) await tick()
    life.abort()
    await settling
    store.die()
  }
}

async function settleAll(outlet: Outlet, store: Stored, pick: Pick, stop: AbortSignal): Promise<void> {
  for (; !stop.aborted; await tick()) await settle(outlet, store, pick)
}

async function settle(outlet: Outlet, store: Stored, pick: Pick): Promise<void> {
  const mark = store.settled(pick)
  if (mark !== undefined) await outlet.settle(mark)
}
