/** A file that says that another one is finished, or that all of its directory are. */
import { basename, dirname, join } from 'node:path'
import type { Disk } from '../../disk/disk.js'
import { errnoOf } from '../../errors.js'

export class Marker {
  readonly #before: string
  /** Undefined: one for all files of a directory. */
  readonly #behind: string | undefined

  /** A name; `*` in it stands for that of the file. */
  constructor(
    pattern: string,
    readonly disk: Disk,
  ) {
    const star = pattern.indexOf('*')
    this.#before = star < 0 ? pattern : pattern.slice(0, star)
    this.#behind = star < 0 ? undefined : pattern.slice(star + 1)
  }

  /** It is the name of a marker. */
  matches(name: string): boolean {
    if (this.#behind === undefined) return name === this.#before
    return name.length > this.#before.length + this.#behind.length && name.startsWith(this.#before) && name.endsWith(this.#behind)
  }

  /** The file at this path is finished. */
  says(path: string): boolean {
    return this.disk.statNow(this.#of(path)) !== undefined
  }

  /** It was for this file only, which is set aside: the next one of this name has to have its own. */
  remove(path: string): void {
    if (this.#behind === undefined) return
    try {
      this.disk.unlinkNow(this.#of(path))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }

  #of(path: string): string {
    return join(dirname(path), this.#behind === undefined ? this.#before : `${this.#before}${basename(path)}${this.#behind}`)
  }
}
