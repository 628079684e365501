/**
 * The directories that are watched: each as long as somebody has use for it. One that was removed or renamed is told so under
 * its own name, and is watched anew, as another one may have its name by now.
 */
import { basename } from 'node:path'
import type { Change } from '../disk/notice.js'

/** Calls back at changes in a directory; disk/notice.ts. */
export type Notice = (directory: string, changed: (change: Change, name: string | null) => void) => (() => void) | undefined

export class Watches {
  readonly #ends = new Map<string, () => void>()
  /** Something of their own name came or went: they may be others by now. */
  readonly #doubtful = new Set<string>()

  constructor(readonly notice: Notice | undefined) {}

  /** Watches these, and no others. */
  keep(directories: ReadonlySet<string>, changed: (directory: string, change: Change, name: string | null) => void): void {
    for (const [directory, end] of this.#ends) {
      if (directories.has(directory) && !this.#doubtful.has(directory)) continue
      end()
      this.#ends.delete(directory)
    }
    this.#doubtful.clear()
    for (const directory of directories) {
      if (this.#ends.has(directory)) continue
      const end = this.notice?.(directory, (change, name) => {
        if (change === 'entries' && name === basename(directory)) this.#doubtful.add(directory)
        changed(directory, change, name)
      })
      if (end !== undefined) this.#ends.set(directory, end)
    }
  }

  close(): void {
    for (const end of this.#ends.values()) end()
    this.#ends.clear()
  }
}
