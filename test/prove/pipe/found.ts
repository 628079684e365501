/** The schedule in which each deliberate bug does harm, as `npm run prove:pipe -- --mutants --record` found it. */
import { join } from 'node:path'
import * as found from '../found.js'

export const FOUND_FILE = join(import.meta.dirname, 'found.json')

export interface Recorded extends found.Recorded {
  /** Looked at until it was found. */
  readonly schedules: number
  /** Made short; after these choices always the first one. */
  readonly choices: readonly number[]
}
