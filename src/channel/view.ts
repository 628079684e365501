/** What the reading of segments takes: where they are, whose they must be, and memory. */
import { Blocks } from '../disk/blocks.js'
import type { Identity } from './identity.js'
import type { Paths, Surroundings } from './surroundings.js'

export interface QueueView {
  readonly paths: Paths
  readonly around: Surroundings
  readonly identity: Identity
  readonly blocks: Blocks
}

/** For one who reads frames: what follows one in a block may be read while it is in use. */
export function readingBlocks(): Blocks {
  return new Blocks(1024 * 1024, 4)
}
