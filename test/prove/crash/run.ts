/**
 * npm run prove:crash -- [--states N] [--seed S] [--mutants [--only TEXT]]
 *
 * Every state that a crash may leave of a queue, in as many processes as there are cores. What is wrong is reduced and
 * printed as a test. `--mutants`: the deliberate bugs of mutants.ts in place of the source, and how soon each is found.
 */
import { mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Mutant } from '../bundle.js'
import { bundle, exploredBy } from './bundle.js'
import type { Explored } from './campaign.js'
import { MUTANTS } from './mutants.js'

const { values } = parseArgs({
  options: {
    states: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
})
const states = Number(values.states)
const seed = Number(values.seed)
const directory = join(import.meta.dirname, '../../../run/prove')
mkdirSync(directory, { recursive: true })

async function campaign(): Promise<boolean> {
  const file = join(directory, 'crash.mjs')
  await bundle(file)
  const began = Date.now()
  const workers = cpus().length
  const all = await Promise.all(Array.from({ length: workers }, (_, index) => exploredBy(file, seed + index, workers, Math.ceil(states / workers), true)))
  const sum = (count: (each: Explored) => number): number => all.reduce((total, each) => total + count(each), 0)
  const seconds = ((Date.now() - began) / 1000).toFixed(0)
  console.log(`seed ${seed}: ${sum((each) => each.states)} states of ${sum((each) => each.works)} works, ${sum((each) => each.twice)} of them after a second crash, ${seconds} s`)
  const wrong = all.filter(({ found }) => found !== undefined)
  for (const { found, test } of wrong) console.log(`\n${found?.fault}\n\n${test}`)
  return wrong.length === 0
}

async function mutants(): Promise<boolean> {
  const left = MUTANTS.filter(({ name }) => name.includes(values.only))
  let all = left.length > 0
  const lane = async (): Promise<void> => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) all = (await isFound(mutant)) && all
  }
  await Promise.all(cpus().map(lane))
  return all
}

async function isFound(mutant: Mutant): Promise<boolean> {
  const file = join(directory, `${mutant.name.replaceAll(/[^a-z]+/g, '-')}.mjs`)
  await bundle(file, mutant)
  const began = Date.now()
  const { found, states: looked } = await exploredBy(file, seed, 1, states)
  const cost = `${looked} states, ${((Date.now() - began) / 1000).toFixed(1)} s`
  console.log(found === undefined ? `NOT FOUND: ${mutant.name}: ${cost}` : `${mutant.name}: ${cost}: ${found.fault.slice(0, 100)}`)
  return found !== undefined
}

process.exitCode = (await (values.mutants ? mutants() : campaign())) ? 0 : 1
