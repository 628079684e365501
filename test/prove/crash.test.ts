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
/** States in which this deliberate bug is found; `npm run prove:crash -- --mutants` finds them all. */
const FEW = 4000
const TRIES = 300

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
  const all = await Promise.all(Array.from({ length: workers }, (_, index) => exploredBy(file, 1 + index, workers, Math.ceil(STATES / workers), TRIES)))
  for (const { found, test } of all) t.equal(found?.fault, undefined, test ?? 'nothing is found')
  const states = all.reduce((sum, each) => sum + each.states, 0)
  t.ok(states >= STATES, `${states} states`)
  t.ok(all.every(({ twice }) => twice > 100), 'of some of them the second crash, while the first is recovered from')
})

t.test('a deliberate bug is found', async (t) => {
  await bundle(file, MUTANTS[0])
  const { found, test } = await exploredBy(file, 1, 1, FEW, TRIES)
  t.match(found?.fault, /./, MUTANTS[0]!.name)
  t.match(test, /^t\.test\('.*found with seed 1'/, 'it is written down as a test, and comes again')
})

t.test('each deliberate bug fits the source', async (t) => {
  t.ok(MUTANTS.length >= 20)
  for (const { name, edits } of MUTANTS) for (const edit of edits) t.ok(fits(edit), `${name}: ${edit.file}`)
})
