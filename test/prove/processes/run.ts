/**
 * npm run prove:processes -- [--schedules N] [--seed S] [--workers N] [--mutants [--only TEXT]]
 *
 * One queue that several processes use, whose calls come in N orders, in as many processes as there are cores, or so many. `--mutants`:
 * the deliberate bugs of mutants.ts in place of the source, and how soon each is found.
 */
import { join } from 'node:path'
import { bundle } from '../bundle.js'
import { directory, hunt, optionsOf, shared } from '../launch.js'
import { PROGRAM, type Explored } from './campaign.js'
import { MUTANTS } from './mutants.js'

const options = optionsOf('schedules')
if (options.record) throw new Error('--record: a seed is all there is to write down, and that is printed')

async function campaign(): Promise<boolean> {
  const file = join(directory, 'processes.mjs')
  await bundle(PROGRAM, file)
  const began = Date.now()
  const say = ({ found }: Explored): void => {
    if (found !== undefined) console.log(`seed ${found.seed}: ${found.fault}\n`)
  }
  const all = await shared<Explored>(file, options, say)
  const sum = (count: (each: Explored) => number): number => all.reduce((total, each) => total + count(each), 0)
  const seconds = ((Date.now() - began) / 1000).toFixed(0)
  console.log(`seed ${options.seed}: ${sum((each) => each.schedules)} schedules, in ${sum((each) => each.deadly)} of them processes were killed, ${seconds} s`)
  return all.every(({ found }) => found === undefined)
}

function mutants(): Promise<boolean> {
  return hunt<Explored>(PROGRAM, MUTANTS, options, ({ schedules, processor }) => `${schedules} schedules, ${processor} s of processor`)
}

process.exitCode = (await (options.mutants ? mutants() : campaign())) ? 0 : 1
