/** What the campaigns with deliberate bugs have in common: their options, the processes that share the work, and how soon each bug is found. */
import { mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, saidBy, type Mutant, type Program } from './bundle.js'

/** Where the programs of campaigns are written, and from where they find the packages. */
export const directory = join(import.meta.dirname, '../../run/prove')
mkdirSync(directory, { recursive: true })

export interface Options {
  /** Of what is looked at. */
  readonly count: number
  readonly seed: number
  /** Deliberate bugs instead of the source as it is; those whose name has this in it. */
  readonly mutants: boolean
  readonly only: string
  /** What is found of them is written down. */
  readonly record: boolean
  /** Processes at once. */
  readonly workers: number
}

/** `counted` is the option that says how many. */
export function optionsOf(counted: string): Options {
  const { values } = parseArgs({
    options: {
      [counted]: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
      mutants: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      record: { type: 'boolean', default: false },
      workers: { type: 'string', default: String(cpus().length) },
    },
  })
  const { seed, mutants, only, record, workers } = values as { seed: string; mutants: boolean; only: string; record: boolean; workers: string }
  return { count: Number(values[counted]), seed: Number(seed), mutants, only, record, workers: Number(workers) }
}

/** What the processes say that run the file, each with its part of the seeds and of the count, and with `further` arguments; each is heard as soon as it ends. */
export function shared<Explored>(
  file: string,
  { seed, count, workers }: Pick<Options, 'seed' | 'count' | 'workers'>,
  hear: (explored: Explored) => void,
  ...further: readonly number[]
): Promise<Explored[]> {
  const worker = async (_: unknown, index: number): Promise<Explored> => {
    const explored = await saidBy<Explored>(file, [seed + index, workers, Math.ceil(count / workers), ...further])
    hear(explored)
    return explored
  }
  return Promise.all(Array.from({ length: workers }, worker))
}

/**
 * Each of these bugs, so many at once, until the program, with `further` arguments, finds it. It says what `cost` makes of that. True: it found all of them.
 */
export async function hunt<Explored extends { readonly found?: { readonly fault: string } }>(
  program: Program,
  mutants: readonly Mutant[],
  { seed, count, only, workers }: Options,
  cost: (explored: Explored, mutant: Mutant) => string,
  ...further: readonly number[]
): Promise<boolean> {
  const left = mutants.filter(({ name }) => name.includes(only))
  let all = left.length > 0
  const lane = async (): Promise<void> => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      const file = join(directory, `${mutant.name.replaceAll(/[^a-z]+/g, '-')}.mjs`)
      await bundle(program, file, mutant)
      const explored = await saidBy<Explored>(file, [seed, 1, count, ...further])
      const { found } = explored
      const told = `${mutant.name}: ${cost(explored, mutant)}`
      console.log(found === undefined ? `NOT FOUND: ${told}` : `${told}: ${found.fault.slice(0, 100)}`)
      all &&= found !== undefined
    }
  }
  await Promise.all(Array.from({ length: workers }, lane))
  return all
}
