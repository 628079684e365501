/**
 * Deliberate bugs of the queue, each by a short work and a crash after which it does harm: put into the source it does so again, and with the source
 * as it is the same crash leaves what was promised. Where a change of src/channel shifts its calls, a crash may show its bug no more:
 * `npm run prove:crash -- --mutants --record --only NAME` finds another one.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bundle, type Mutant } from '../prove/bundle.js'
import type * as Campaign from '../prove/crash/campaign.js'
import { FOUND_FILE, type Recorded } from '../prove/crash/found.js'
import { MUTANTS } from '../prove/crash/mutants.js'
import { foundBefore } from '../prove/found.js'
import { directory } from '../prove/launch.js'

const paths: string[] = []
t.teardown(() => paths.forEach((path) => rmSync(path)))

/** The campaign above the source as it is, or with a bug. */
async function campaign(mutant?: Mutant): Promise<typeof Campaign> {
  const path = join(directory, `crashes-${process.pid}-${paths.length}.mjs`)
  paths.push(path)
  await bundle({ entry: join(import.meta.dirname, '../prove/crash/campaign.ts') }, path, mutant)
  return (await import(path)) as typeof Campaign
}

/** Each queue that is made has a name of its own. */
const named = (text: string | undefined): string | undefined => text?.replaceAll(/[\da-f]{8}-[\da-f-]{27}/g, 'UUID')

const sound = await campaign()

const found = foundBefore<Recorded>(FOUND_FILE)

t.test('deliberate bugs have a crash that shows them', async (t) => {
  t.ok(found.length >= 20)
})

for (const { bug, work, crash, fault } of found) {
  t.test(`after the crash that shows it all is there: ${bug}`, async (t) => {
    const mutant = MUTANTS.find(({ name }) => name === bug)
    t.ok(mutant, 'it is on the list')
    const { faultOfCrash } = await campaign(mutant)
    t.equal(named(await faultOfCrash(work, crash)), named(fault))
    t.equal(await sound.faultOfCrash(work, crash), undefined)
  })
}
