/** What selectors remember of partitions, and for how long. */
import t from 'tap'
import type { Refusal } from '../../src/events/rejects.js'
import { Balance } from '../../src/routes/balance.js'
import { Failover } from '../../src/routes/failover.js'
import { Outlet } from '../../src/routes/outlet.js'
import type { Selector } from '../../src/routes/selector.js'

const names = ['a', 'b']
const outputs = names.map((name) => ({ name, identity: name }))
const LINE = { lines: Buffer.from('{"body":"a"}\n'), count: 1, mark: null }
const PLACE = { lines: Buffer.alloc(0), count: 0, mark: null }

function outletOf(name: string): Outlet {
  const outlet = new Outlet({
    name, identity: name, suffix: '', optional: false, replayable: true, holdBytesMax: 1000, stalled: 10_000,
    now: () => 0, monotonic: () => 0, changed: () => undefined, progress: () => undefined, say: () => undefined,
  })
  outlet.up = true
  return outlet
}

/** What is noted of an event of this partition that ends there, and who gets it. */
function noted(selector: Selector, partition: string, from: number): unknown {
  const { note, portions } = selector.select(LINE, { partition, from: { offset: from }, to: { offset: from + 10 }, time: 0, replayable: true })
  return { note, counts: portions.map((portion) => portion?.count) }
}

const SELECTORS: Record<string, Selector> = {
  balance: new Balance({ policy: { by: 'round-robin', header: '' }, outputs, refused: { add: () => undefined }, rebind: false }),
  failover: new Failover(names.map(outletOf), false),
}

for (const [title, selector] of Object.entries(SELECTORS)) {
  t.test(`${title}: of a partition that is gone nothing is remembered, and of the others all`, async (t) => {
    const fresh = noted(selector, 'file.x.new', 100)
    for (const partition of ['file.x.gone', 'file.x.kept']) noted(selector, partition, 0)
    selector.select(PLACE, { partition: 'file.x.gone', from: { offset: 10 }, to: { offset: 10 }, time: 0, replayable: true, gone: ['file.x.gone'] })
    t.strictSame(noted(selector, 'file.x.gone', 100), fresh)
    t.notSame(noted(selector, 'file.x.kept', 100), fresh)
  })
}

t.test('balance: with --strict a line that is no event is named by its number where it has no position', async (t) => {
  const refused: Refusal[] = []
  const policy = { by: 'hash', header: 'user' } as const
  const selector = new Balance({ policy, outputs, refused: { add: (_line, refusal) => void refused.push(refusal) }, rebind: false })
  const lines = Buffer.from('{"body":"a"}\nno event\n')
  const place = { partition: 'pipe.x', from: { offset: 5 }, to: { offset: 7 }, time: 0, replayable: false }
  selector.select({ lines, count: 2, mark: null }, place)
  t.match(refused, [{ partition: 'plain', position: null, nth: 7 }])
  selector.select({ lines, count: 2, mark: place }, place)
  t.match(refused[1], { partition: 'pipe.x', position: { offset: 7 } })
  t.equal(refused[1]!.nth, undefined)
})
