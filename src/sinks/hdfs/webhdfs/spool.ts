/**
 * A draft for HDFS: a file of this machine, uploaded when it is complete, or from the time on when much has come of it and
 * more comes fast; one that is written at once stays in memory.
 * The file has no name, so that nothing is left when the process dies, unless its events would be lost then. Of an upload
 * only a 201 counts. After anything else a file may be there, whole or not, at once or twenty minutes later, so the next
 * attempt has another name.
 */
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../../disk/disk.js'
import { isNoSpace } from '../../../disk/no-space.js'
import { Failure, type Retry } from '../../retry.js'
import type { Draft, Finished, Left, Temporaries } from '../filesystem.js'
import { leftAt } from '../local.js'
import { withTail } from './bytes.js'
import type { Room } from './room.js'
import { nextAttempt } from '../name.js'
import type { Early, Uploads } from './uploads.js'

/** Where `followFrom` bytes come within this many ms, they come fast. */
const FAST = 4000

export interface SpoolAround {
  readonly disk: Disk
  /** Directory for the files being filled. */
  readonly directory: string
  readonly room: Room
  readonly uploads: Uploads
  /** Bytes that must have come fast for an upload to begin before its file is complete. */
  readonly followFrom: number
  readonly retry: Retry
}

/** `isLeft`: it keeps its name, for the next start, until it is committed. */
export async function spoolDraft(path: string, temporaries: Temporaries, isLeft: boolean, around: SpoolAround): Promise<Draft> {
  const draft = new SpoolDraft(path, temporaries, isLeft, around)
  await around.room.open()
  if (isLeft) await draft.open()
  return draft
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
  /** Undefined: nothing is in it yet, or there was no room for it. */
  #file: DiskFile | undefined
  /** As long as it has one. */
  #name: string | undefined
  #closed = false
  /** The whole of a file that was written at once. */
  #whole: Buffer | undefined
  /** What its disk has no room for, and the byte it begins at. */
  #tail: { readonly at: number; readonly pieces: Buffer[]; size: number } | undefined
  /** Under which name it is uploaded next. */
  #path: string
  /** The upload that began before the file was complete; at most one in its life. */
  #early: Early | undefined
  /** When the bytes from here on began to come. */
  #measured: { readonly at: number; readonly since: number }

  constructor(
    readonly path: string,
    readonly temporaries: Temporaries,
    readonly isLeft: boolean,
    readonly around: SpoolAround,
  ) {
    this.#path = path
    this.#measured = { at: 0, since: around.retry.clock.monotonic() }
  }

  /** Where there is no room it goes on without a file. */
  async open(): Promise<void> {
    const { disk, directory } = this.around
    const name = nameOf(this.path, this.around)
    await disk.makeDirectory(directory, 0o700)
    try {
      this.#file = await disk.open(name, 'create')
      if (this.isLeft) this.#name = name
      else await disk.unlink(name)
    } catch (error) {
      if (!isNoSpace(error)) throw error
    }
  }

  async write(pieces: readonly Uint8Array[], at: number, isLast = false): Promise<void> {
    const isInNoFile = at === 0 && this.#file === undefined && !this.#isFull
    if (isInNoFile && isLast && !this.isLeft) return void (this.#whole = Buffer.concat(pieces)) // whoever has written them uses them again
    if (isInNoFile) await this.open()
    try {
      if (this.#file !== undefined && !this.#isFull) {
        const end = at + (await this.#file.write(pieces, at))
        return this.#early === undefined ? this.#beginEarly(this.#file, end) : this.#early.body.grow(pieces)
      }
      await this.#keep(pieces, at, new Failure('ENOSPC: no room in the spool, and too much in memory', 'passes'))
    } catch (error) {
      if (!isNoSpace(error)) throw error
      await this.#keep(pieces, at, error)
    }
  }

  /** Where much has come fast, with what is in the file up to `end`. */
  #beginEarly(file: DiskFile, end: number): void {
    const { retry, uploads, followFrom } = this.around
    if (end - this.#measured.at < followFrom) return
    const now = retry.clock.monotonic()
    const isFast = now - this.#measured.since <= FAST
    this.#measured = { at: end, since: now }
    if (!isFast) return
    this.#early = uploads.follow(this.#path, file, end, this.temporaries)
    if (this.#early !== undefined) this.#path = nextAttempt(this.#path)
  }

  get #isFull(): boolean {
    return this.#tail !== undefined || this.around.room.isFull
  }

  async #keep(pieces: readonly Uint8Array[], at: number, error: unknown): Promise<void> {
    const bytes = Buffer.concat(pieces)
    this.#early?.body.giveUp('a part of it is in memory')
    await this.around.room.keep(bytes.length, this.#tail === undefined, error)
    this.#tail ??= { at, pieces: [], size: 0 }
    this.#tail.pieces.push(bytes)
    this.#tail.size += bytes.length
  }

  /** The page cache is enough for what comes again. */
  async sync(): Promise<void> {
    if (this.isLeft) await this.#file?.sync()
  }

  async finish(size: number): Promise<Finished> {
    this.#early?.body.complete()
    const finished = (await this.#early?.finished) ?? (await this.#upload(size))
    await this.#close()
    return finished
  }

  async #upload(size: number): Promise<Finished> {
    const bytes = withTail(this.#file, this.#whole ? 0 : (this.#tail?.at ?? size), this.#whole ?? Buffer.concat(this.#tail?.pieces ?? []))
    return await this.around.retry.until(`cannot write ${this.path}`, async () => {
      const attempt = this.#path
      this.#path = nextAttempt(attempt)
      return await this.around.uploads.upload(attempt, bytes, size, this.temporaries)
    })
  }

  async discard(): Promise<void> {
    await this.#close()
    await this.committed()
  }

  leave(): Promise<void> {
    return this.#close()
  }

  async committed(): Promise<void> {
    const name = this.#name
    this.#name = undefined
    if (name !== undefined) await this.around.disk.unlink(name)
  }

  async #close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#early?.body.giveUp('the sink ends')
    await this.#early?.finished
    await this.#file?.close()
    this.#whole = undefined
    const tail = this.#tail
    this.#tail = undefined
    if (tail !== undefined) await this.around.room.release(tail.size)
  }
}
