/** What the reading of segments takes: where they are, whose they must be, and memory. */
import type { Blocks } from '../disk/blocks.js'
import type { Identity } from './identity.js'
import type { Paths, Surroundings } from './surroundings.js'

export interface QueueView {
  readonly paths: Paths
  readonly around: Surroundings
  readonly identity: Identity
  readonly blocks: Blocks
}
