/**
 * npm run prove:crash -- [--states N] [--seed S] [--workers N] [--mutants [--only TEXT] [--record]]
 *
 * Every state that a crash may leave of a queue, in as many processes as there are cores, or N. What is wrong is reduced and
 * printed as a test. `--mutants`: the deliberate bugs of mutants.ts in place of the source, and how soon each is found; `--record` writes
 * that down, for test/channel/crashes.test.ts too.
 */
import { join } from 'node:path'
import { record } from '../found.js'
import { directory, hunt, optionsOf, shared } from '../launch.js'
import { bundle, PROGRAM } from './bundle.js'
import type { Explored } from './campaign.js'
import { FOUND_FILE, type Recorded } from './found.js'
import { MUTANTS } from './mutants.js'

/** Shorter works that are tried at most: of a state that nobody knew, and of each deliberate bug. */
const TRIES = 300
const TRIES_RECORDED = 30

const options = optionsOf('states')

async function campaign(): Promise<boolean> {
  const file = join(directory, 'crash.mjs')
  await bundle(file)
  const began = Date.now()
  const say = ({ found, test }: Explored): void => {
    if (found !== undefined) console.log(`${found.fault}\n\n${test}\n`)
  }
  const all = await shared<Explored>(file, options, say, TRIES)
  const sum = (count: (each: Explored) => number): number => all.reduce((total, each) => total + count(each), 0)
  const seconds = ((Date.now() - began) / 1000).toFixed(0)
  console.log(`seed ${options.seed}: ${sum((each) => each.states)} states of ${sum((each) => each.works)} works, ${sum((each) => each.twice)} of them after a second crash, ${seconds} s`)
  return all.every(({ found }) => found === undefined)
}

function mutants(): Promise<boolean> {
  return hunt<Explored>(PROGRAM, MUTANTS, options, ({ states, processor, found }, { name }) => {
    if (options.record && found !== undefined) record<Recorded>(FOUND_FILE, MUTANTS, { bug: name, seed: options.seed, states, processor, ...found })
    return `${states} states, ${processor} s of processor`
  }, options.record ? TRIES_RECORDED : 0)
}

process.exitCode = (await (options.mutants ? mutants() : campaign())) ? 0 : 1
