/** One queue that several processes use at once, in small: `npm run prove:processes` has more orders of their calls. */
import { rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { bundle, fits, saidBy } from './bundle.js'
import { directory, shared } from './launch.js'
import { PROGRAM, type Explored } from './processes/campaign.js'
import { MUTANTS } from './processes/mutants.js'

const SCHEDULES = 4000
/** Schedules in which this deliberate bug is found; `npm run prove:processes -- --mutants` finds them all. */
const FEW = 2000

const file = join(directory, `processes-${process.pid}.mjs`)
t.teardown(() => rmSync(file))

t.setTimeout(300_000)

t.test('in whatever order the calls of several processes come, and whichever is killed, each event is there once and in order, and nothing is said to be lost', async (t) => {
  await bundle(PROGRAM, file)
  const all = await shared<Explored>(file, { seed: 1, count: SCHEDULES, workers: cpus().length }, ({ found }) => t.equal(found?.fault, undefined, `seed ${found?.seed}`))
  const schedules = all.reduce((sum, each) => sum + each.schedules, 0)
  t.ok(schedules >= SCHEDULES, `${schedules} schedules`)
  t.ok(all.every(({ deadly }) => deadly > 100), 'in some of them a process is killed')
})

t.test('a deliberate bug is found', async (t) => {
  await bundle(PROGRAM, file, MUTANTS[0])
  const { found } = await saidBy<Explored>(file, [1, 1, FEW])
  t.match(found?.fault, /./, MUTANTS[0]!.name)
})

t.test('each deliberate bug fits the source', async (t) => {
  t.ok(MUTANTS.length >= 12)
  for (const { name, edits } of MUTANTS) for (const edit of edits) t.ok(fits(edit), `${name}: ${edit.file}`)
})
