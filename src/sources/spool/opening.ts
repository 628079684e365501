/** A file that is to be read is opened, and looked at once more: it may have been written to, or have vanished, since it was found. */
import type { Disk, FileStat, ReadableFile } from '../../disk/disk.js'
import { errnoOf, FlumeError } from '../../errors.js'
import { Compressed, openLog } from '../compressed.js'
import type { Waiting } from './backlog.js'
import type { SpoolFile } from './file.js'
import type { Known } from './known.js'
import type { Looks } from './looks.js'
import type { Tree } from './tree.js'

export interface Opened {
  readonly log: ReadableFile
  /** As it lies on the disk. */
  readonly stat: FileStat
  readonly known: SpoolFile | undefined
  /** As far as it was read, all that is in it could be had. */
  isWhole(): boolean
}

export class Opening {
  constructor(
    readonly disk: Disk,
    readonly tree: Tree,
    readonly looks: Looks,
    readonly known: Known,
  ) {}

  /** Undefined: there is nothing to be read in it, or not now. */
  async open({ path, size, modified }: Waiting): Promise<Opened | undefined> {
    try {
      let whole = true
      const damaged = (reason: string, begun: boolean): void => {
        if (begun && size === 0) return
        whole = false
        this.tree.cannot('read all of', path, reason)
      }
      const log = await openLog((path) => this.disk.open(path, 'read'), path, damaged)
      const stat = await rawOf(log).stat()
      const known = this.known.of({ path, stat })
      const read = known?.aside === true || (known?.sent === true && known.isAs(stat))
      const wait = this.looks.finishesIn({ path, stat })
      if (stat.kind === 'file' && wait === 0 && !read) return { log, stat, known, isWhole: () => whole }
      await log.close()
      if (wait > 0) this.looks.again(path, wait)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined // it vanished
      if (error instanceof FlumeError) this.tree.incompletely(path, error.message)
      else this.tree.cannot('read', path, error)
      this.looks.refuse({ path, size, modified })
    }
    return undefined
  }
}

/** As it lies on the disk. */
export const rawOf = (log: ReadableFile): ReadableFile => (log instanceof Compressed ? log.file : log)
