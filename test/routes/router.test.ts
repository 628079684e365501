/**
 * A router with outputs that come, store, ack and die at random moments, and a router that dies too: what each output has
 * stored in the end. Of several inputs, which are of one source, each dies alone, too. The outputs are those of test/support/stores.ts.
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
import { live, Pair, Store, type Pick, type Stored } from '../support/stores.js'

/** Events of each input; those of the next one follow on them. */
const COUNT = 60
const names = ['a', 'b', 'c']
const refused = { add: (): void => undefined }

/** Where a file is read from: numbered events, each of ten bytes, in batches that end anywhere, and where they must; so many of these. */
async function* read(input: number, held: Held, pick: Pick, batches: number): AsyncGenerator<Batch> {
  const partition = `file.x.${input}`
  const places = held.get(partition) ?? []
  for (const { path, offset } of places) if (path !== 'p' && offset > 0) throw new Error(`a place that is not the source's: ${JSON.stringify(places)}`)
  const stops = places.map(({ offset }) => offset / 10)
  for (let from = stops[0] ?? 0, left = batches; from < COUNT && left > 0; left--) {
    await tick()
    const next = Math.min(from + 1 + pick(6), COUNT, ...stops.filter((stop) => stop > from))
    const lines = Array.from({ length: next - from }, (_, n) => `{"body":"${input * COUNT + from + n}"}\n`).join('')
    const at = (number: number): Position => ({ offset: number * 10, path: 'p' })
    const begin = from === 0 ? null : { offset: from * 10 }
    yield batchOf(Buffer.from(lines), next - from, { partition, from: begin, to: at(next), time: 0, replayable: true })
    from = next
  }
}

/** One input, as flume-route has it: where its command dies it is started again, and asks for all partitions of the source. */
async function feed(inlet: Inlet, input: number, pick: Pick, lives: number, stop: AbortSignal): Promise<void> {
  for (let left = lives; left > 0; left--) {
    const held = await inlet.stands('file.x.', stop)
    if (held === undefined) return
    await inlet.take(read(input, held, pick, left > 1 ? pick(8) : Infinity), () => undefined, stop)
    await inlet.idle(stop)
  }
}

async function run<S extends Stored>(t: Test, selectorOf: (outlets: readonly Outlet[]) => Selector, stores: readonly S[], seed: number, inputs = 1): Promise<readonly S[]> {
  const pick = randomOf(seed)
  const clock: Clock = { now: () => 0, monotonic: () => 0, sleep: () => tick() }
  for (let runs = 0; runs < 200; runs++) {
    const stop = new AbortController()
    const outlets = names.map((name) => new Outlet({
      name, identity: name, suffix: `.${name}`, optional: false, replayable: true, holdBytesMax: 500, stalled: 10_000,
      now: () => 0, monotonic: () => 0, changed: () => undefined, progress: () => undefined, say: (message) => t.fail(`${seed}: ${message}`),
    }))
    const router = new Router({ outlets, selector: selectorOf(outlets), clock, aside: () => Promise.resolve() })
    const lives = Promise.all(outlets.map((outlet, index) => live(outlet, stores[index]!, pick, stop.signal)))
    while (outlets.some(({ kind }) => kind === undefined)) await tick()
    let over = false
    const flow = (async () => {
      const inlets = Array.from({ length: inputs }, (_, input) => new Inlet(router, { holdBytesMax: 500, partition: `pipe.${input}` }))
      await Promise.all(inlets.map((inlet, input) => feed(inlet, input, pick, inputs > 1 ? 1 + pick(4) : 1, stop.signal)))
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

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const sorted = (stores: readonly Store[]): number[] => stores.flatMap(({ events }) => events).sort((one, other) => one - other)
const ALL = upTo(COUNT)
const SELECTORS: Record<string, (outlets: readonly Outlet[]) => Selector> = {
  'replicate': () => new Choice(['all', 'all', 'all'], refused, () => undefined),
  'round-robin': () => new Balance({ policy: { by: 'round-robin', header: '' }, outputs: names.map((name) => ({ name, identity: name })), refused, rebind: false }),
  'random': () => new Balance({ policy: { by: 'random', header: '' }, outputs: names.map((name) => ({ name, identity: name })), refused, rebind: false }),
  'failover': (outlets) => new Failover(outlets, false),
}

for (const [title, selectorOf] of Object.entries(SELECTORS)) {
  t.test(`${title}: whoever dies, each event is stored once`, async (t) => {
    for (let seed = 1; seed <= Number(process.env.FLUME_SEEDS ?? 60); seed++) {
      const stores = await run(t, selectorOf, names.map(() => new Store()), seed * 7919)
      if (title === 'replicate') for (const { events } of stores) t.strictSame(events, ALL, `seed ${seed}`)
      else t.strictSame(sorted(stores), ALL, `seed ${seed}`)
      if (title === 'round-robin') t.strictSame(stores.map(({ events }) => events), names.map((_, index) => ALL.filter((n) => n % 3 === index)), `seed ${seed}`)
    }
  })
}

for (const [title, selectorOf] of Object.entries(SELECTORS)) {
  t.test(`${title}: an input that dies alone, and begins again, leaves the others of its source as they are`, async (t) => {
    const all = upTo(2 * COUNT)
    for (let seed = 1; seed <= Number(process.env.FLUME_SEEDS ?? 60); seed++) {
      const stores = await run(t, selectorOf, names.map(() => new Store()), seed * 7919, 2)
      if (title === 'replicate') for (const store of stores) t.strictSame(sorted([store]), all, `seed ${seed}`)
      else t.strictSame(sorted(stores), all, `seed ${seed}`)
      if (title === 'round-robin') t.strictSame(stores.map((store) => sorted([store])), names.map((_, index) => all.filter((n) => n % 3 === index)), `seed ${seed}`)
    }
  })
}

t.test('failover between outputs that are routers with two of their own: each of the two has each event once', async (t) => {
  for (let seed = 1; seed <= Number(process.env.FLUME_SEEDS ?? 60); seed++) {
    const pairs = await run(t, (outlets) => new Failover(outlets, false), names.map(() => new Pair()), seed * 7919)
    for (const side of [0, 1] as const) t.strictSame(sorted(pairs.map(({ stores }) => stores[side])), ALL, `seed ${seed}`)
  }
})
