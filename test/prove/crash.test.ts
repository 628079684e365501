/** After a crash at any moment a queue is what was promised; and the campaign that shows it finds deliberate bugs. */
import { mkdirSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { fits } from './bundle.js'
import { bundle, exploredBy } from './crash/bundle.js'
import { MUTANTS } from './crash/mutants.js'

const STATES = 50_000
/** States in which these deliberate bugs are found; `npm run prove:crash -- --mutants` finds them all. */
const FEW = 4000

const ROOT = join(import.meta.dirname, '../..')
/** Where the packages are found. */
const directory = join(ROOT, 'run/prove')
mkdirSync(directory, { recursive: true })
const file = join(directory, `crash-${process.pid}.mjs`)
t.teardown(() => rmSync(file))

t.setTimeout(300_000)

t.test('in every state that a crash may leave, what was acked is there, in order, once, and nothing is invented', async (t) => {
  await bundle(file)
  const workers = cpus().length
  const all = await Promise.all(Array.from({ length: workers }, (_, index) => exploredBy(file, 1 + index, workers, Math.ceil(STATES / workers), true)))
  for (const { found, test } of all) t.equal(found?.fault, undefined, test ?? 'nothing is found')
  const states = all.reduce((sum, each) => sum + each.states, 0)
  t.ok(states >= STATES, `${states} states`)
  t.ok(all.every(({ twice }) => twice > 100), 'of some of them the second crash, while the first is recovered from')
})

t.test('deliberate bugs are found', async (t) => {
  const [first, ...others] = MUTANTS.slice(0, 6)
  const lane = async (number: number): Promise<void> => {
    const mutated = join(directory, `crash-${process.pid}-${number}.mjs`)
    for (let mutant = others.shift(); mutant !== undefined; mutant = others.shift()) {
      await bundle(mutated, mutant)
      t.match((await exploredBy(mutated, 1, 1, FEW)).found?.fault, /./, mutant.name)
    }
    rmSync(mutated)
  }
  await bundle(file, first)
  const [{ found, test }] = await Promise.all([exploredBy(file, 1, 1, FEW, true), lane(0), lane(1)])
  t.match(found?.fault, /./, first!.name)
  t.match(test, /^t\.test\('.*found with seed 1'/, 'it is written down as a test, and comes again')
})

t.test('each deliberate bug fits the source', async (t) => {
  t.ok(MUTANTS.length >= 20)
  for (const { name, edits } of MUTANTS) for (const edit of edits) t.ok(fits(edit), `${name}: ${edit.file}`)
})
