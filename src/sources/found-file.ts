/** A regular file that a look at the disk has found. */
import type { FileStat } from '../disk/disk.js'

export interface FoundFile {
  /** Absolute. */
  readonly path: string
  readonly stat: FileStat
}
