/** main.ts and all that it needs as one file, from the source as it is or with a deliberate bug, and a process that runs it. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import type { Explored } from './campaign.js'
import type { Edit, Mutant } from './mutants.js'

const ROOT = join(import.meta.dirname, '../../..')

/** Writes it to `path`. Throws where a bug does not fit the source. */
export async function bundle(path: string, mutant?: Mutant): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, 'main.ts')],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
    plugins: mutant === undefined ? [] : [mutating(mutant)],
  })
}

/** What a process found that ran the file with these arguments of main.ts. */
export async function exploredBy(file: string, seed: number, stride: number, states: number, reduces = false): Promise<Explored> {
  const args = [seed, stride, states, ...(reduces ? ['reduce'] : [])].map(String)
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pieces: Buffer[] = []
  for await (const piece of child.stdout) pieces.push(piece as Buffer)
  return JSON.parse(Buffer.concat(pieces).toString()) as Explored
}

function mutating({ edits }: Mutant): Plugin {
  return {
    name: 'mutant',
    setup({ onLoad }) {
      onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
        const here = edits.filter(({ file }) => path === join(ROOT, 'src', file))
        return here.length === 0 ? undefined : { contents: here.reduce(edited, readFileSync(path, 'utf8')), loader: 'ts' }
      })
    },
  }
}

function edited(source: string, { file, from, to }: Edit): string {
  if (source.split(from).length !== 2) throw new Error(`${file} does not have ${JSON.stringify(from)} once: the list of deliberate bugs is out of date`)
  return source.replace(from, () => to)
}
