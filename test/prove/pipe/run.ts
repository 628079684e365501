/**
 * npm run prove:pipe -- [--schedules N] [--seed S] [--mutants [--only TEXT]]
 *
 * Schedules of writers, readers and stages on pipes, in as many processes as there are cores: first the model of the handshake, all of it, then the
 * real ends of src/pipe above a kernel in miniature. What is wrong is made as short as it can be, and its choices are printed. `--mutants`: the
 * deliberate bugs of mutants.ts in place of the source, and how soon each is found.
 */
import { mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, saidBy, type Mutant } from '../bundle.js'
import type { Explored } from './campaign.js'
import { enumerate } from './model.js'
import { MUTANTS } from './mutants.js'
import { PROGRAM } from './program.js'

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
})
const schedules = Number(values.schedules)
const seed = Number(values.seed)
const directory = join(import.meta.dirname, '../../../run/prove')
mkdirSync(directory, { recursive: true })

async function campaign(): Promise<boolean> {
  const model = enumerate(2)
  console.log(`the model, all of it: ${model.states} states, ${model.steps} steps, ${model.fault ?? 'all is well'}`)
  const file = join(directory, 'pipe.mjs')
  await bundle(PROGRAM, file)
  const began = Date.now()
  const workers = cpus().length
  const all = await Promise.all(Array.from({ length: workers }, (_, index) => saidBy<Explored>(file, [seed + index, workers, Math.ceil(schedules / workers)])))
  const sum = (count: (each: Explored) => number): number => all.reduce((total, each) => total + count(each), 0)
  console.log(`seed ${seed}: ${sum((each) => each.schedules)} schedules, ${sum((each) => each.distinct)} of them different, ${((Date.now() - began) / 1000).toFixed(0)} s`)
  const wrong = all.flatMap(({ found }) => found ?? [])
  for (const { fault, choices, seed } of wrong) console.log(`\nseed ${seed}: ${fault}\nnode run/prove/pipe.mjs 1 1 1 trace '${JSON.stringify(choices)}'`)
  return wrong.length === 0 && model.fault === undefined
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
  await bundle(PROGRAM, file, mutant)
  const began = Date.now()
  const { found, schedules: looked } = await saidBy<Explored>(file, [seed, 1, schedules])
  const cost = `${looked} schedules, ${((Date.now() - began) / 1000).toFixed(1)} s`
  console.log(found === undefined ? `NOT FOUND: ${mutant.name}: ${cost}` : `${mutant.name}: ${cost}: ${found.fault.slice(0, 100)}`)
  return found !== undefined
}

process.exitCode = (await (values.mutants ? mutants() : campaign())) ? 0 : 1
