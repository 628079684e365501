/**
 * A router with outputs in memory that come, store, ack and die at random moments, and a router that dies too: what each
 * output has stored in the end. An output stores as a queue does: a batch and its position at once, and none that does not
 * begin where it stands.
 */
import { setImmediate as tick } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { batchOf, type Batch, type Position } from '../../src/events/batch.js'
import type { Clock, Held } from '../../src/events/flow.js'
import { Balance } from '../../src/routes/balance.js'
import { Choice } from '../../src/routes/choice.js'
import { Failover } from '../../src/routes/failover.js'
import { Inlet } from '../../src/routes/inlet.js'
import { Outlet } from '../../src/routes/outlet.js'
import { Router } from '../../src/routes/router.js'
import type { Selector } from '../../src/routes/selector.js'
import { randomOf } from '../support/numbered-log.js'

type Pick = (below: number) => number
const COUNT = 60
const PARTITION = 'file.x.y'
const names = ['a', 'b', 'c']
const refused = { add: (): void => undefined }

/** What an output has on disk. */
class Store {
  readonly events: number[] = []
  readonly positions = new Map<string, Position>()

  get held(): Held {
    return new Map([...this.positions].map(([partition, position]) => [partition, [position]]))
  }

  put({ lines, mark }: Batch): void {
    const { partition, from, to } = mark!
    const stands = this.positions.get(partition)?.offset
    if (stands !== undefined && to.offset <= stands) return
    if (stands !== undefined && (from?.offset ?? 0) !== stands) throw new Error(`a batch begins at ${from?.offset}, and ${stands} is held`)
    this.positions.set(partition, JSON.parse(JSON.stringify(to)) as Position)
    this.events.push(...lines.toString().split('\n').filter(Boolean).map((line) => Number((JSON.parse(line) as { body: string }).body)))
  }
}

/** Takes what the outlet gives, a while, and dies in the middle. */
async function live(outlet: Outlet, store: Store, pick: Pick, stop: AbortSignal): Promise<void> {
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

/** Where a file is read from: numbered events, each of ten bytes, in batches that end anywhere, and where they must. */
async function* read(held: Held, pick: Pick): AsyncGenerator<Batch> {
  const places = held.get(PARTITION) ?? []
  for (const { path, offset } of places) if (path !== 'p' && offset > 0) throw new Error(`a place that is not the source's: ${JSON.stringify(places)}`)
  const stops = places.map(({ offset }) => offset / 10)
  for (let from = stops[0] ?? 0; from < COUNT;) {
    await tick()
    const next = Math.min(from + 1 + pick(6), COUNT, ...stops.filter((stop) => stop > from))
    const lines = Array.from({ length: next - from }, (_, n) => `{"body":"${from + n}"}\n`).join('')
    const at = (number: number): Position => ({ offset: number * 10, path: 'p' })
    const begin = from === 0 ? null : { offset: from * 10 }
    yield batchOf(Buffer.from(lines), next - from, { partition: PARTITION, from: begin, to: at(next), time: 0, replayable: true })
    from = next
  }
}

async function run(t: Test, selectorOf: (outlets: readonly Outlet[]) => Selector, seed: number): Promise<Store[]> {
  const pick = randomOf(seed)
  const stores = names.map(() => new Store())
  const clock: Clock = { now: () => 0, sleep: () => tick() }
  for (let runs = 0; runs < 200; runs++) {
    const stop = new AbortController()
    const outlets = names.map((name) => new Outlet({
      name, suffix: `.${name}`, optional: false, replayable: true, holdBytesMax: 500, stalled: 10_000,
      now: () => 0, changed: () => undefined, progress: () => undefined, say: (message) => t.fail(`${seed}: ${message}`),
    }))
    const router = new Router({ outlets, selector: selectorOf(outlets), clock, aside: () => Promise.resolve() })
    const inlet = new Inlet(router, { holdBytesMax: 500, partition: 'pipe.x' })
    const lives = Promise.all(outlets.map((outlet, index) => live(outlet, stores[index]!, pick, stop.signal)))
    while (outlets.some(({ kind }) => kind === undefined)) await tick()
    let over = false
    const flow = (async () => {
      const held = await inlet.stands('', stop.signal)
      if (held !== undefined) await inlet.take(read(held, pick), () => undefined, stop.signal)
      await inlet.idle(stop.signal)
      over = true
    })()
    for (let left = runs > 5 ? 20_000 : pick(200); left > 0 && !over; left--) await tick()
    const whole = over
    stop.abort()
    await Promise.all([flow, lives])
    if (whole) return stores
  }
  throw new Error(`seed ${seed}: it does not come to an end`)
}

const ALL = Array.from({ length: COUNT }, (_, n) => n)
const sorted = (stores: readonly Store[]): number[] => stores.flatMap(({ events }) => events).sort((one, other) => one - other)
const SELECTORS: Record<string, (outlets: readonly Outlet[]) => Selector> = {
  'replicate': () => new Choice(['all', 'all', 'all'], refused, () => undefined),
  'round-robin': () => new Balance({ policy: { by: 'round-robin', header: '' }, outputs: names, refused, rebind: false }),
  'random': () => new Balance({ policy: { by: 'random', header: '' }, outputs: names, refused, rebind: false }),
  'failover': (outlets) => new Failover(outlets, false),
}

for (const [title, selectorOf] of Object.entries(SELECTORS)) {
  t.test(`${title}: whoever dies, each event is stored once`, async (t) => {
    for (let seed = 1; seed <= Number(process.env.FLUME_SEEDS ?? 60); seed++) {
      const stores = await run(t, selectorOf, seed * 7919)
      if (title === 'replicate') for (const { events } of stores) t.strictSame(events, ALL, `seed ${seed}`)
      else t.strictSame(sorted(stores), ALL, `seed ${seed}`)
      if (title === 'round-robin') t.strictSame(stores.map(({ events }) => events), names.map((_, index) => ALL.filter((n) => n % 3 === index)), `seed ${seed}`)
    }
  })
}
