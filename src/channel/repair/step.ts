/** One thing that is wrong, and what a repair does about it. */
import type { Kind } from '../finding.js'

export interface Step {
  readonly kind: Kind
  readonly file: string
  /** Null: the file as a whole, or there is none. */
  readonly byte: number | null
  /** What is wrong. */
  readonly reason: string
  readonly does: string
  readonly costs: string
  /** Events that are lost already, both included. */
  readonly first?: number
  readonly last?: number
  /** It cannot be mended. */
  readonly left?: true
}
