/**
 * npm run prove:pipe -- [--schedules N] [--seed S] [--workers N] [--mutants [--only TEXT] [--record]]
 *
 * Schedules of writers, readers and stages on pipes, in as many processes as there are cores, or N: first the model of the handshake, all of it, then the
 * real ends of src/pipe above a kernel in miniature. What is wrong is made as short as it can be, and its choices are printed. `--mutants`: the
 * deliberate bugs of mutants.ts in place of the source, and how soon each is found; `--record` writes that down, for test/pipe/schedules.test.ts too.
 */
import { join } from 'node:path'
import { bundle } from '../bundle.js'
import { record } from '../found.js'
import { directory, hunt, optionsOf, shared } from '../launch.js'
import type { Explored } from './campaign.js'
import { FOUND_FILE, type Recorded } from './found.js'
import { enumerate } from './model.js'
import { MUTANTS } from './mutants.js'
import { PROGRAM } from './program.js'

const options = optionsOf('schedules')

async function campaign(): Promise<boolean> {
  const file = join(directory, 'pipe.mjs')
  await bundle(PROGRAM, file)
  const began = Date.now()
  const underWay = shared<Explored>(file, options, ({ found }) => {
    if (found !== undefined) console.log(`seed ${found.seed}: ${found.fault}\nnode run/prove/pipe.mjs 1 1 1 trace '${JSON.stringify(found.choices)}'\n`)
  })
  const model = enumerate(2)
  console.log(`the model, all of it: ${model.states} states, ${model.steps} steps, ${model.fault ?? 'all is well'}`)
  const all = await underWay
  const sum = (count: (each: Explored) => number): number => all.reduce((total, each) => total + count(each), 0)
  console.log(`seed ${options.seed}: ${sum((each) => each.schedules)} schedules, ${sum((each) => each.distinct)} of them different, ${((Date.now() - began) / 1000).toFixed(0)} s`)
  return all.every(({ found }) => found === undefined) && model.fault === undefined
}

function mutants(): Promise<boolean> {
  return hunt<Explored>(PROGRAM, MUTANTS, options, ({ schedules, processor, found }, { name }) => {
    if (options.record && found !== undefined) {
      const { fault, choices } = found
      record<Recorded>(FOUND_FILE, MUTANTS, { bug: name, seed: options.seed, schedules, processor, fault, choices })
    }
    return `${schedules} schedules, ${processor} s of processor`
  })
}

process.exitCode = (await (options.mutants ? mutants() : campaign())) ? 0 : 1
