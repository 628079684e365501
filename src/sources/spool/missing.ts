/**
 * Whether a known file is not there any more. One that is where it was, or where nobody could look, is not missing, whether it is one of
 * those that are read or not. One that is renamed while a directory is listed may be listed twice or not at all: it is
 * missing when it was in none of some listings of which the last two were the same.
 */
import { fnv1a } from '../../events/hash.js'
import { identityOf, type SpoolFile } from './file.js'
import type { Known } from './known.js'
import type { Tree } from './tree.js'

/** What a look has found out about files that were known before. */
export interface Findings {
  /** They were read to their end, all of that is acked, and they are still there. */
  readonly done: readonly SpoolFile[]
  /** They are not there, or are remembered. */
  readonly missing: readonly SpoolFile[]
  /** All that is there was seen. */
  readonly whole: boolean
}

/** How often a directory that changes all the time is listed. */
const TRIES = 8

/** Takes those out of `missing` that are there after all; true: there were some of those that are read. Throws where the directory cannot be looked into. */
export async function findMissing(missing: Set<SpoolFile>, tree: Tree, known: Known): Promise<boolean> {
  let found = false
  let before: number | undefined
  leaveOut(missing, tree, known)
  for (let tries = 0; tries < TRIES && missing.size > 0; tries++) {
    let digest = 0
    for await (const one of tree.files()) {
      const file = known.of(one)
      if (file !== undefined && missing.delete(file)) found = true
      digest = (digest + fnv1a(`${one.path} ${identityOf(one.stat)}`)) | 0 // in whatever order they come
    }
    leaveOut(missing, tree, known)
    if (digest === before) break
    before = digest
  }
  return found
}

/** Those that are where they were seen last, or may be. */
function leaveOut(missing: Set<SpoolFile>, tree: Tree, known: Known): void {
  for (const file of missing) {
    const stat = tree.whatIsAt(file.at, file.mount)
    if (stat === 'hidden' || (stat !== undefined && known.of({ path: file.at, stat }) === file)) file.leftOut = missing.delete(file)
  }
}
