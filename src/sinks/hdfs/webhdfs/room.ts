/**
 * Room for the files on their way to HDFS. Where their disk is full, what comes until the next mark stays in memory, and
 * all files are finished then: that gives their room back. A reserve, released meanwhile, leaves some for the records,
 * without which nothing can be uploaded.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../../disk/disk.js'
import { isNoSpace } from '../../../disk/no-space.js'
import type { Retry } from '../../retry.js'

/** Bytes for the records. */
const RESERVE = 1024 * 1024
/** Bytes in memory at once: more than comes between two marks, with all blocks that are to be written. */
const KEPT_MAX = 64 * 1024 * 1024
/** ms between two messages */
const SAY_EACH = 60_000

export class Room {
  /** Files with a tail in memory, and the bytes of all. */
  #tails = 0
  #kept = 0
  #reserve: Promise<DiskFile | undefined> | undefined
  /** The reserve as it grows and shrinks, in order. */
  #resized: Promise<unknown> = Promise.resolve()
  /** As far as is known. */
  #isSetAside = true
  #saidAt = -Infinity

  constructor(
    readonly disk: Disk,
    readonly directory: string,
    readonly retry: Retry,
  ) {}

  /** There is none: all files are to be finished. */
  get isFull(): boolean {
    return this.#tails > 0 || !this.#isSetAside
  }

  /** Sets the reserve aside, once. */
  async open(): Promise<void> {
    this.#reserve ??= this.#setAside()
    await this.#reserve
  }

  /** So many bytes stay in memory, as the disk has told with this error; throws it where that is too much. `isFirst`: of their file. */
  async keep(size: number, isFirst: boolean, error: unknown): Promise<void> {
    if (this.#kept + size > KEPT_MAX) throw error
    this.#kept += size
    if (!isFirst || this.#tails++ > 0) return
    this.#say()
    try {
      await this.#resize(0)
    } catch (failure) {
      this.#kept -= size // it does not stay: nobody releases it
      this.#tails--
      throw failure
    }
  }

  /** A file that had a tail of so many bytes is gone, with all that it had on the disk. */
  async release(size: number): Promise<void> {
    this.#kept -= size
    this.#tails--
    if (this.#tails === 0) await this.#resize(RESERVE)
  }

  async #setAside(): Promise<DiskFile | undefined> {
    const name = join(this.directory, `_reserve.${randomUUID()}.tmp`)
    await this.disk.makeDirectory(this.directory, 0o700)
    try {
      const file = await this.disk.open(name, 'create')
      await this.disk.unlink(name)
      await this.#grow(file)
      return file
    } catch (error) {
      if (isNoSpace(error)) return undefined
      throw error
    }
  }

  /** Without a reserve it goes on too, as long as the records find room. */
  async #resize(size: number): Promise<void> {
    const resized = this.#resized.then(async () => {
      const reserve = await this.#reserve
      if (reserve !== undefined) await (size === 0 ? reserve.truncate(0) : this.#grow(reserve))
    })
    this.#resized = resized.catch(() => undefined)
    await resized
  }

  /** Where there is no room for all of it it takes none, until the next time. */
  async #grow(reserve: DiskFile): Promise<void> {
    try {
      await reserve.write([Buffer.alloc(RESERVE)], 0)
      this.#isSetAside = true
    } catch {
      this.#isSetAside = false
      await reserve.truncate(0)
    }
  }

  #say(): void {
    const now = this.retry.clock.monotonic()
    if (now - this.#saidAt < SAY_EACH) return
    this.#saidAt = now
    const advice = 'with more room there, or a smaller --spool-bytes-max, files are as large as they should be'
    this.retry.say(`no room in ${this.directory}: all files are finished now, with what they have; ${advice}`)
  }
}
