/**
 * npm run prove:crash -- [--states N] [--seed S] [--workers N] [--mutants [--only TEXT]]
 *
 * Every state that a crash may leave of a queue, in as many processes as there are cores, or N. What is wrong is reduced and
 * printed as a test. `--mutants`: the deliberate bugs of mutants.ts in place of the source, and how soon each is found.
 */
import { join } from 'node:path'
import { directory, hunt, optionsOf, shared } from '../launch.js'
import { bundle, PROGRAM } from './bundle.js'
import type { Explored } from './campaign.js'
import { MUTANTS } from './mutants.js'

const options = optionsOf('states')

async function campaign(): Promise<boolean> {
  const file = join(directory, 'crash.mjs')
  await bundle(file)
  const began = Date.now()
  const say = ({ found, test }: Explored): void => {
    if (found !== undefined) console.log(`${found.fault}\n\n${test}\n`)
  }
  const all = await shared<Explored>(file, options, say, 'reduce')
  const sum = (count: (each: Explored) => number): number => all.reduce((total, each) => total + count(each), 0)
  const seconds = ((Date.now() - began) / 1000).toFixed(0)
  console.log(`seed ${options.seed}: ${sum((each) => each.states)} states of ${sum((each) => each.works)} works, ${sum((each) => each.twice)} of them after a second crash, ${seconds} s`)
  return all.every(({ found }) => found === undefined)
}

function mutants(): Promise<boolean> {
  return hunt<Explored>(PROGRAM, MUTANTS, options, ({ states, processor }) => `${states} states, ${processor} s of processor`)
}

process.exitCode = (await (options.mutants ? mutants() : campaign())) ? 0 : 1
