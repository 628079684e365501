/** How soon each deliberate bug was found, and where it does harm: written by a campaign's `--mutants --record`, and gone through again by a test. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Mutant } from './bundle.js'

export interface Recorded {
  readonly bug: string
  readonly seed: number
  /** s of processor until it was found. */
  readonly processor: number
  readonly fault: string
}

/** All that this file has; none where it is not there. */
export function foundBefore<Kind extends Recorded>(file: string): readonly Kind[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kind[]) : []
}

/** In place of what the file had of that bug; in the order of the list, and without bugs that are not on it any more. */
export function record<Kind extends Recorded>(file: string, mutants: readonly Mutant[], found: Kind): void {
  const all = new Map([...foundBefore<Kind>(file), found].map((each) => [each.bug, each]))
  const inOrder = mutants.flatMap(({ name }) => all.get(name) ?? [])
  writeFileSync(file, `[\n${inOrder.map((each) => JSON.stringify(each)).join(',\n')}\n]\n`)
}
