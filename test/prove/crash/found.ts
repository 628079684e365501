/** The state in which each deliberate bug does harm, as `npm run prove:crash -- --mutants --record` found it. */
import { join } from 'node:path'
import * as found from '../found.js'
import type { Found } from './campaign.js'

export const FOUND_FILE = join(import.meta.dirname, 'found.json')

export interface Recorded extends found.Recorded, Found {
  /** Looked at until it was found. */
  readonly states: number
}
