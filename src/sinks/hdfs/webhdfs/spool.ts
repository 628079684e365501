/**
 * A draft for HDFS: a file of this machine, uploaded whole when it is complete. It has no name, so that nothing is left
 * when the process dies, unless its events would be lost then. Of an upload only a 201 counts. After anything else a file
 * may be there, whole or not, at once or twenty minutes later, so the next attempt has another name.
 */
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../../disk/disk.js'
import { Failure, type Retry } from '../../retry.js'
import type { Draft, Finished, Left, Temporaries } from '../filesystem.js'
import { leftAt } from '../local.js'
import { withTail, type Bytes } from './bytes.js'
import { isNoRoom, type Room } from './room.js'
import { nextAttempt } from '../name.js'

/** Brings bytes [0, size) of a file to HDFS under this name: its length is compared. Throws HdfsFailure. */
export type Upload = (path: string, file: Bytes, size: number, temporaries: Temporaries) => Promise<Finished>

export interface SpoolAround {
  readonly disk: Disk
  /** Directory for the files being filled. */
  readonly directory: string
  readonly room: Room
  readonly upload: Upload
  readonly retry: Retry
}

/** `isLeft`: it keeps its name, for the next start, until it is committed. */
export async function spoolDraft(path: string, temporaries: Temporaries, isLeft: boolean, around: SpoolAround): Promise<Draft> {
  const { disk, directory, room } = around
  await disk.makeDirectory(directory, 0o700)
  await room.open()
  const name = nameOf(path, around)
  try {
    const file = await disk.open(name, 'create')
    if (!isLeft) await disk.unlink(name)
    return new SpoolDraft(path, file, temporaries, around, isLeft ? name : undefined)
  } catch (error) {
    if (!isNoRoom(error)) throw error
    return new SpoolDraft(path, undefined, temporaries, around, undefined)
  }
}

/** Undefined: nothing is left of it. */
export async function spoolLeft(path: string, around: SpoolAround): Promise<Left | undefined> {
  const name = nameOf(path, around)
  return await leftAt(around.disk, name, () => around.disk.unlink(name))
}

function nameOf(path: string, { directory }: SpoolAround): string {
  return join(directory, path.slice(path.lastIndexOf('/') + 1))
}

class SpoolDraft implements Draft {
  #closed = false
  /** What its disk has no room for, and the byte it begins at. */
  #tail: { readonly at: number; readonly pieces: Buffer[]; size: number } | undefined

  constructor(
    readonly path: string,
    /** Undefined: there was no room for it. */
    readonly file: DiskFile | undefined,
    readonly temporaries: Temporaries,
    readonly around: SpoolAround,
    /** As long as it has one. */
    public name: string | undefined,
  ) {}

  async write(pieces: readonly Uint8Array[], at: number): Promise<void> {
    try {
      if (this.#tail === undefined && this.file !== undefined && !this.around.room.isFull) return void (await this.file.write(pieces, at))
      await this.#keep(pieces, at, new Failure('ENOSPC: no room in the spool, and too much in memory', 'passes'))
    } catch (error) {
      if (!isNoRoom(error)) throw error
      await this.#keep(pieces, at, error)
    }
  }

  async #keep(pieces: readonly Uint8Array[], at: number, error: unknown): Promise<void> {
    const bytes = Buffer.concat(pieces) // whoever has written them uses them again
    await this.around.room.keep(bytes.length, this.#tail === undefined, error)
    this.#tail ??= { at, pieces: [], size: 0 }
    this.#tail.pieces.push(bytes)
    this.#tail.size += bytes.length
  }

  /** The page cache is enough for what comes again. */
  async sync(): Promise<void> {
    if (this.name !== undefined) await this.file?.sync()
  }

  async finish(size: number): Promise<Finished> {
    let path = this.path
    const bytes = withTail(this.file, this.#tail?.at ?? size, Buffer.concat(this.#tail?.pieces ?? []))
    const finished = await this.around.retry.until(`cannot write ${path}`, async () => {
      const attempt = path
      path = nextAttempt(path)
      return await this.around.upload(attempt, bytes, size, this.temporaries)
    })
    await this.#close()
    return finished
  }

  async discard(): Promise<void> {
    await this.#close()
    await this.committed()
  }

  leave(): Promise<void> {
    return this.#close()
  }

  async committed(): Promise<void> {
    const { name } = this
    this.name = undefined
    if (name !== undefined) await this.around.disk.unlink(name)
  }

  async #close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.file?.close()
    const tail = this.#tail
    this.#tail = undefined
    if (tail !== undefined) await this.around.room.release(tail.size)
  }
}
