/** main.ts and all that it needs as one file, from the source as it is or with a deliberate bug, and a process that runs it. */
import { join } from 'node:path'
import * as program from '../bundle.js'
import type { Explored } from './campaign.js'

export const PROGRAM: program.Program = { entry: join(import.meta.dirname, 'main.ts') }

/** Writes it to `path`. Throws where a bug does not fit the source. */
export function bundle(path: string, mutant?: program.Mutant): Promise<void> {
  return program.bundle(PROGRAM, path, mutant)
}

/** What a process found that ran the file with these arguments of main.ts. */
export function exploredBy(file: string, seed: number, stride: number, states: number, tries = 0): Promise<Explored> {
  return program.saidBy(file, [seed, stride, states, tries])
}
