/** What one output of a router is given, in memory: to a reader, and once more to the one after it. */
import t from 'tap'
import type { Batch, Mark } from '../../src/events/batch.js'
import type { Reader } from '../../src/events/flow.js'
import { Outlet } from '../../src/routes/outlet.js'
import { NOTHING, type Portion } from '../../src/routes/selector.js'

const LINE: Portion = { lines: Buffer.from('{"body":"a"}\n'), count: 1 }
const place = (from: number, to: number): Mark => ({ partition: 'p', from: { offset: from }, to: { offset: to }, time: 0, replayable: true })

function outletOf(options: { readonly optional: boolean; readonly holdBytesMax: number }): Outlet {
  return new Outlet({
    ...options, name: 'o', identity: 'o', suffix: '', replayable: true, stalled: 10_000,
    now: () => 0, monotonic: () => 0, changed: () => undefined, progress: () => undefined, say: () => undefined,
  })
}

/** So many batches, as a reader that then dies; `flush` stands for one that asks it to make final what it has. */
async function read(outlet: Outlet, reader: Reader, count: number): Promise<(Batch | 'flush')[]> {
  const batches: (Batch | 'flush')[] = []
  const death = new AbortController()
  for await (const batch of outlet.open(reader, death.signal)) {
    batches.push(batch.flush === true ? 'flush' : batch)
    if (batches.length === count) break
  }
  return batches
}

t.test('a reader that died with what it was asked to make final leaves both to the next', async (t) => {
  const outlet = outletOf({ optional: false, holdBytesMax: 1000 })
  outlet.push(place(0, 10), LINE, () => undefined)
  outlet.flush()
  for (let reader = 0; reader < 3; reader++) t.match(await read(outlet, { kind: 'acks' }, 2), [{ count: 1 }, 'flush'])
  const [first] = await read(outlet, { kind: 'acks' }, 1)
  await outlet.settle((first as Batch).mark!)
  outlet.push(place(10, 20), LINE, () => undefined)
  outlet.finish()
  t.match(await read(outlet, { kind: 'acks' }, 2), [{ count: 1, mark: { to: { offset: 20 } } }], 'what came later it was not asked to')
})

t.test('an output that hangs, and is given places alone, does not hold them without bound', async (t) => {
  const outlet = outletOf({ optional: true, holdBytesMax: 10_000 })
  let held = 0
  for (let n = 0; n < 1000; n++) {
    held++
    outlet.push(place(n, n + 1), NOTHING, () => held--)
  }
  t.ok(held < 100, `${held} are held`)
  t.equal(outlet.missed, 0, 'none of them is an event')
})

t.test('what comes again after it was given, and before it is acked, is given as it came: its reader knows it', async (t) => {
  const outlet = outletOf({ optional: false, holdBytesMax: 1000 })
  const ranges = [[0, 10], [10, 20], [20, 30], [0, 12], [12, 25], [25, 40]] as const
  for (const [from, to] of ranges) outlet.push(place(from, to), LINE, () => undefined)
  const batches = await read(outlet, { kind: 'keeps', held: new Map(), ask: async () => new Map() }, ranges.length)
  const given = batches.map((batch) => (batch as Batch).mark!).map(({ from, to }) => [from?.offset, to.offset])
  t.strictSame(given, [[0, 10], [10, 20], [20, 30], [0, 12], [12, 25], [30, 40]])
})
