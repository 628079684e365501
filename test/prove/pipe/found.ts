/** How soon each deliberate bug was found, and by which schedule: written by `npm run prove:pipe -- --mutants --record`. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const FOUND_FILE = join(import.meta.dirname, 'found.json')

export interface Recorded {
  readonly bug: string
  readonly seed: number
  /** Looked at until it was found. */
  readonly schedules: number
  /** s of processor that they took. */
  readonly processor: number
  readonly fault: string
  /** The schedule in which it does harm, made short; after these choices always the first one. */
  readonly choices: readonly number[]
}

export function foundBefore(): readonly Recorded[] {
  return existsSync(FOUND_FILE) ? (JSON.parse(readFileSync(FOUND_FILE, 'utf8')) as Recorded[]) : []
}
