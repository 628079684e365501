/**
 * A draft for HDFS: a file of this machine without a name, so that nothing is left when the process dies, uploaded whole
 * when it is complete. Of an upload only a 201 counts. After anything else a file may be there, whole or not, at once or
 * twenty minutes later, so the next attempt has another name.
 */
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../../disk/disk.js'
import type { Retry } from '../../retry.js'
import type { Draft, Finished, Temporaries } from '../filesystem.js'
import { nextAttempt } from '../name.js'

/** Brings bytes [0, size) of a file to HDFS under this name: its length is compared. Throws HdfsFailure. */
export type Upload = (path: string, file: DiskFile, size: number, temporaries: Temporaries) => Promise<Finished>

export interface SpoolAround {
  readonly disk: Disk
  /** Directory for the files being filled. */
  readonly directory: string
  readonly upload: Upload
  readonly retry: Retry
}

export async function spoolDraft(path: string, temporaries: Temporaries, around: SpoolAround): Promise<Draft> {
  const { disk, directory } = around
  await disk.makeDirectory(directory, 0o700)
  const name = join(directory, path.slice(path.lastIndexOf('/') + 1))
  const file = await disk.open(name, 'create')
  await disk.unlink(name)
  return new SpoolDraft(path, file, temporaries, around)
}

class SpoolDraft implements Draft {
  #closed = false

  constructor(
    readonly path: string,
    readonly file: DiskFile,
    readonly temporaries: Temporaries,
    readonly around: SpoolAround,
  ) {}

  async write(pieces: readonly Uint8Array[], at: number): Promise<void> {
    await this.file.write(pieces, at)
  }

  /** The page cache is enough: what is spooled is not acked. */
  async sync(): Promise<void> {}

  async finish(size: number): Promise<Finished> {
    let path = this.path
    const finished = await this.around.retry.until(`cannot write ${path}`, async () => {
      const attempt = path
      path = nextAttempt(path)
      return await this.around.upload(attempt, this.file, size, this.temporaries)
    })
    await this.#close()
    return finished
  }

  async discard(): Promise<void> {
    await this.#close()
  }

  async #close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.file.close()
  }
}
