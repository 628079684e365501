/**
 * npm run prove:fuzz -- [--inputs N] [--seed S] [--only TEXT] [--no-growth | --only-growth] [--workers N]
 *
 * Every decoder with N inputs in all, in as many processes as there are cores: no crash, no hang, memory bounded, objects as they
 * were; properties by fast-check; and inputs that repeat something, 16 KiB to 1 MiB of it, eight times as much for at most 27 times the
 * work, three times at each doubling. What is wrong is printed with its input, and comes again with its seed; inputs that grow have none, and are the same each time.
 */
import { mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from '../bundle.js'
import { fuzzedBy, type Fuzzed } from './process.js'
import { runProperties } from './properties.js'
import { TARGETS } from './targets.js'

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1200000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string', default: '' },
    'no-growth': { type: 'boolean', default: false },
    'only-growth': { type: 'boolean', default: false },
    workers: { type: 'string', default: String(cpus().length) },
  },
})
const targets = TARGETS.filter(({ name }) => name.includes(values.only))
const each = Math.ceil(Number(values.inputs) / targets.length)
const directory = join(import.meta.dirname, '../../../run/prove')
mkdirSync(directory, { recursive: true })
const file = join(directory, 'fuzz.mjs')
await bundle({ entry: join(import.meta.dirname, 'main.ts') }, file)
const began = Date.now()
const properties = values['only-growth'] ? 0 : runProperties(Number(values.seed), 20_000)
const mutated = values['only-growth'] ? [] : targets.map(({ name }) => [name, values.seed, String(each)])
const growing = values['no-growth'] ? [] : targets.filter(({ grows }) => grows !== false).map(({ name }) => [name, 'growth'])
const all: Fuzzed[] = []
const left = [...mutated, ...growing]
const lane = async (): Promise<void> => {
  for (let args = left.shift(); args !== undefined; args = left.shift()) {
    const fuzzed = await fuzzedBy(file, args)
    all.push(fuzzed)
    for (const { fault, input } of fuzzed.faults) console.log(`\n${args[0]}: ${fault}\n${input === undefined ? '' : `input, base64: ${input.slice(0, 4000)}\n`}`)
  }
}
await Promise.all(Array.from({ length: Number(values.workers) }, lane))
const sum = (count: (one: Fuzzed) => number): number => all.reduce((total, one) => total + count(one), 0)
const peak = Math.max(...all.map(({ resident }) => resident))
const faults = sum(({ faults }) => faults.length)
console.log(
  `seed ${values.seed}: ${sum(({ done }) => done)} inputs of ${mutated.length} decoders and ${properties} of fast-check, ${sum(({ grown }) => grown)} inputs that grow of ${growing.length}, ` +
  `at most ${(peak / 1e6).toFixed(0)} MB, ${faults} faults, ${((Date.now() - began) / 1000).toFixed(0)} s`,
)
process.exitCode = faults === 0 ? 0 : 1
