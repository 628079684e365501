/**
 * Outputs of a router in memory, that come, store, ack and die at random moments. An output stores as a queue does: a batch
 * and its position at once, and none that does not begin where it stands.
 */
import { setImmediate as tick } from 'node:timers/promises'
import type { Batch, Position } from '../../src/events/batch.js'
import type { Held } from '../../src/events/flow.js'
import type { Outlet } from '../../src/routes/outlet.js'

export type Pick = (below: number) => number

/** What an output has on disk. */
export class Store {
  /** The bodies, which are numbers. */
  readonly events: number[] = []
  readonly positions = new Map<string, Position>()

  get held(): Held {
    return new Map([...this.positions].map(([partition, position]) => [partition, [position]]))
  }

  put({ lines, count, mark }: Batch): void {
    const { partition, from, to, gone = [] } = mark!
    const stands = this.positions.get(partition)?.offset
    if (stands !== undefined && (to.offset < stands || (to.offset === stands && count > 0))) return
    if (stands !== undefined && (from?.offset ?? 0) !== stands) throw new Error(`a batch begins at ${from?.offset}, and ${stands} is held`)
    this.positions.set(partition, JSON.parse(JSON.stringify(to)) as Position)
    for (const one of gone) this.positions.delete(one)
    this.events.push(...lines.toString().split('\n').filter(Boolean).map((line) => Number((JSON.parse(line) as { body: string }).body)))
  }
}

/** Takes what the outlet gives, a while, and dies in the middle; comes again until `stop`. */
export async function live(outlet: Outlet, store: Store, pick: Pick, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    for (let pause = pick(30); pause > 0 && !stop.aborted; pause--) await tick()
    if (stop.aborted) return
    const life = new AbortController()
    const over = AbortSignal.any([stop, life.signal])
    let left = pick(3) === 0 ? Infinity : pick(8)
    for await (const batch of outlet.open({ kind: 'keeps', held: store.held }, over)) {
      batch.release()
      if (batch.mark === null) continue
      for (let pause = pick(4); pause > 0; pause--) await tick()
      if (over.aborted) break
      const dies = left-- <= 0
      if (!dies || pick(2) === 0) store.put(batch)
      if (dies) break
      await outlet.settle(batch.mark)
    }
    life.abort()
  }
}
