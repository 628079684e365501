/** One process at a time reads a directory for a reader that acks: two would send each file twice. */
import { dirname } from 'node:path'
import type { Disk, DiskFile } from '../../disk/disk.js'
import { shownPath } from '../../disk/path.js'
import { FlumeError } from '../../errors.js'

export class Lock {
  #file: DiskFile | undefined

  constructor(
    readonly path: string,
    readonly disk: Disk,
    /** What it is about. */
    readonly directory: string,
  ) {}

  /** For as long as this process lives. Throws BUSY where another one has it. */
  async take(): Promise<void> {
    if (this.#file !== undefined) return
    await this.disk.makeDirectory(dirname(this.path), 0o700)
    const file = await this.disk.open(this.path, 'any')
    if (!file.tryLock()) {
      await file.close()
      throw new FlumeError('BUSY', `cannot read ${shownPath(this.directory)}: another flume-spool does (it holds ${this.path})`)
    }
    this.#file = file
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }
}
