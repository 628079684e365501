/**
 * npm run prove:fuzz -- [--inputs N] [--seed S] [--only TEXT] [--no-growth]
 *
 * Every decoder with N inputs in all, in as many processes as there are cores: no crash, no hang, memory bounded, objects as they
 * were; properties by fast-check; then inputs that repeat something, and eight times as much of it for at most 20 times the work. What
 * is wrong is printed with its input, and comes again with its seed.
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
  },
})
const targets = TARGETS.filter(({ name }) => name.includes(values.only))
const each = Math.ceil(Number(values.inputs) / targets.length)
const directory = join(import.meta.dirname, '../../../run/prove')
mkdirSync(directory, { recursive: true })
const file = join(directory, 'fuzz.mjs')
await bundle({ entry: join(import.meta.dirname, 'main.ts') }, file)
const began = Date.now()
const properties = runProperties(Number(values.seed), 20_000)
const all: Fuzzed[] = []
const left = targets.flatMap(({ name, grows }) => [[name, values.seed, String(each)], ...(values['no-growth'] || grows === false ? [] : [[name, 'growth']])])
const lane = async (): Promise<void> => {
  for (let args = left.shift(); args !== undefined; args = left.shift()) {
    const fuzzed = await fuzzedBy(file, args)
    all.push(fuzzed)
    for (const { fault, input } of fuzzed.faults) console.log(`\n${args[0]}: ${fault}\n${input === undefined ? '' : `input, base64: ${input.slice(0, 4000)}\n`}`)
  }
}
await Promise.all(cpus().map(lane))
const sum = (count: (one: Fuzzed) => number): number => all.reduce((total, one) => total + count(one), 0)
const peak = Math.max(...all.map(({ resident }) => resident))
console.log(
  `seed ${values.seed}: ${targets.length} decoders, ${sum(({ done }) => done)} inputs and ${properties} of fast-check, at most ${(peak / 1e6).toFixed(0)} MB, ` +
  `${sum(({ faults }) => faults.length)} faults, ${((Date.now() - began) / 1000).toFixed(0)} s`,
)
process.exitCode = sum(({ faults }) => faults.length) === 0 ? 0 : 1
