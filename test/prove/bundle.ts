/** A program of a campaign as one file, from the source as it is or with a deliberate bug, and a process that runs it. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'

const ROOT = join(import.meta.dirname, '../..')

export interface Edit {
  /** Below src. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
}

/** A deliberate bug, which a campaign must find. */
export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
}

export interface Program {
  /** Its first file. */
  readonly entry: string
  /** Exports what stands for globals of the same name. */
  readonly inject?: string
  readonly plugins?: readonly Plugin[]
}

/** Writes it to `path`. Throws where a bug does not fit the source. */
export async function bundle({ entry, inject, plugins = [] }: Program, path: string, mutant?: Mutant): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
    inject: inject === undefined ? [] : [inject],
    plugins: [...plugins, ...(mutant === undefined ? [] : [mutating(mutant)])],
  })
}

/** What a process says, as one line of JSON, that runs the file with these arguments. One thread: there are as many of them as cores. */
export async function saidBy<Result>(file: string, args: readonly (string | number)[]): Promise<Result> {
  const child = spawn(process.execPath, ['--single-threaded-gc', file, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pieces: Buffer[] = []
  for await (const piece of child.stdout) pieces.push(piece as Buffer)
  return JSON.parse(Buffer.concat(pieces).toString()) as Result
}

/** How often each edit's text stands in its file: once, or the list of deliberate bugs is out of date. */
export function fits({ file, from }: Edit): boolean {
  return readFileSync(join(ROOT, 'src', file), 'utf8').split(from).length === 2
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

function edited(source: string, edit: Edit): string {
  if (!fits(edit)) throw new Error(`${edit.file} does not have ${JSON.stringify(edit.from)} once: the list of deliberate bugs is out of date`)
  return source.replace(edit.from, () => edit.to)
}
