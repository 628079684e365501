/**
 * Bugs that were found in the two ends of a pipe, and deliberate ones, each by a short schedule in which it does harm: put back into the source it
 * does so again, and with the source as it is the same schedule ends well. Where a change of src/pipe shifts its calls, a schedule may show its bug no
 * more: `npm run prove:pipe -- --mutants --record --only NAME` finds another one.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bundle, type Mutant } from '../prove/bundle.js'
import { foundBefore } from '../prove/found.js'
import { directory } from '../prove/launch.js'
import { FOUND_FILE, type Recorded } from '../prove/pipe/found.js'
import { MUTANTS } from '../prove/pipe/mutants.js'
import { PROGRAM } from '../prove/pipe/program.js'
import type * as Schedule from '../prove/pipe/schedule.js'

const paths: string[] = []
t.teardown(() => paths.forEach((path) => rmSync(path)))

/** The simulator above the source as it is, or with a bug. */
async function simulator(mutant?: Mutant): Promise<typeof Schedule> {
  const path = join(directory, `schedule-${process.pid}-${paths.length}.mjs`)
  paths.push(path)
  await bundle({ ...PROGRAM, entry: join(import.meta.dirname, '../prove/pipe/schedule.ts') }, path, mutant)
  return (await import(path)) as typeof Schedule
}

const sound = await simulator()

const found = foundBefore<Recorded>(FOUND_FILE)

t.test('each deliberate bug has a schedule that shows it', async (t) => {
  t.same(found.map(({ bug }) => bug), MUTANTS.map(({ name }) => name))
})

for (const { bug, choices, fault } of found) {
  t.test(`in the schedule that shows it there is no harm any more: ${bug}`, async (t) => {
    const mutant = MUTANTS.find(({ name }) => name === bug)
    t.ok(mutant, 'it is on the list')
    const { Choices, faultOf } = await simulator(mutant)
    t.equal(await faultOf(new Choices(0, choices)), fault)
    const trace: string[] = []
    t.equal(await sound.faultOf(new sound.Choices(0, choices), { trace }), undefined, { trace })
  })
}
