/**
 * Damage in small: one in so many states of `npm run prove:bits`; and what it has found, each as a case of its own. Not to be
 * told from what was right: a sector of a cursor, or the end of the sink's record, that is again as it was once.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { bundle, saidBy } from './bundle.js'
import type { Explored } from './bits/campaign.js'

const ONE_IN = 499

t.setTimeout(300_000)

t.test('whatever bit, byte, sector or file is not what it was: detected, said, nothing wrong given out, and no more lost than stood there', async (t) => {
  const directory = join(import.meta.dirname, '../../run/prove')
  mkdirSync(directory, { recursive: true })
  const file = join(directory, `bits-${process.pid}.mjs`)
  t.teardown(() => rmSync(file))
  await bundle({ entry: join(import.meta.dirname, 'bits/main.ts') }, file)
  const workers = cpus().length
  const all = await Promise.all(Array.from({ length: workers }, (_, index) => saidBy<Explored>(file, [index, workers * ONE_IN, 20])))
  t.same(all.flatMap(({ found }) => found), [])
  const states = all.flatMap((each) => Object.values(each.states)).reduce((sum, count) => sum + count, 0)
  t.ok(states > 300, `${states} states`)
  t.ok(new Set(all.flatMap((each) => Object.keys(each.states))).size > 15, 'of files of every kind')
})
