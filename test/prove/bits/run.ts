/**
 * npm run prove:bits -- [--one-in N] [--only TEXT]
 *
 * Every damage of damages.ts and listings.ts done to every file of a queue, to the state files of the sources and to the
 * record of the sink, in as many processes as there are cores. `--one-in`: a sample, every Nth state. `--only`: those whose name has TEXT in it.
 */
import { mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, saidBy } from '../bundle.js'
import type { Explored } from './campaign.js'

const { values } = parseArgs({ options: { 'one-in': { type: 'string', default: '1' }, only: { type: 'string', default: '' } } })
const MOST = 20
const directory = join(import.meta.dirname, '../../../run/prove')
mkdirSync(directory, { recursive: true })
const file = join(directory, 'bits.mjs')
await bundle({ entry: join(import.meta.dirname, 'main.ts') }, file)

const began = Date.now()
const workers = cpus().length
const stride = workers * Number(values['one-in'])
const all = await Promise.all(Array.from({ length: workers }, (_, index) => saidBy<Explored>(file, [index, stride, MOST, values.only])))

const states = new Map<string, number>()
for (const each of all) for (const [name, count] of Object.entries(each.states)) states.set(name, (states.get(name) ?? 0) + count)
for (const [name, count] of states) console.log(`${name.padEnd(24)}${String(count).padStart(9)}`)
const sum = [...states.values()].reduce((total, count) => total + count, 0)
const found = all.flatMap((each) => each.found)
const repaired = all.reduce((total, each) => total + each.repaired, 0)
console.log(`${sum} states, ${repaired} of them repaired too, ${found.length} wrong, ${((Date.now() - began) / 1000).toFixed(0)} s`)
for (const each of found) console.log(`\n${each.file}: ${each.path}, ${each.what}\n${each.fault}`)
process.exitCode = sum > 0 && found.length === 0 ? 0 : 1
