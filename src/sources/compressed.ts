/**
 * A file as gzip(1) or zstd(1) left it, read as what is in it: a rotated log is the same after it was compressed. Bytes come in
 * order; the last ones are kept, as each block begins a little before the place, and what lies further back is had by
 * beginning again. Its size is that of what is known to be in it: more than was read, until the end was.
 */
import { createGunzip } from 'node:zlib'
import type { Disk, FileStat, ReadableFile } from '../disk/disk.js'
import { shownPath } from '../disk/path.js'
import { FlumeError } from '../errors.js'
import { decoded, isEarly, type Pieces } from './decoding.js'
import { OpenFile } from './open-files.js'
import { isPrintOf, readAt, type Print } from './position.js'
import { ZSTD_IS_KNOWN, isZstd, unzstd } from './zstd.js'

const MAGIC = Buffer.from([0x1f, 0x8b, 0x08])
/** Of what tells how it is compressed. */
const START_SIZE = 4
const STEP = 64 * 1024
/** Of what was read, so much is kept. */
const KEPT = 1024 * 1024 + 2 * STEP

/** Told why the rest of a file cannot be had. `begun`: not a byte is in it, as of one that is just being written. */
export type Damaged = (reason: string, begun: boolean) => void

/** Opens a log; one that is compressed reads as what is in it. Throws UNAVAILABLE where it is so by a program that this Node does not know. */
export async function openLog(open: (path: string) => Promise<ReadableFile>, path: string, damaged: Damaged): Promise<ReadableFile> {
  const file = await open(path)
  const start = await readAt(file, 0, START_SIZE).catch(() => Buffer.alloc(0)) // a file that gives no bytes says so when it is read
  if (start.subarray(0, MAGIC.length).equals(MAGIC) || (start.length < MAGIC.length && path.endsWith('.gz'))) return new Compressed(file, gunzip, damaged)
  if (!isZstd(start) && (start.length >= START_SIZE || !path.endsWith('.zst'))) return file
  if (ZSTD_IS_KNOWN) return new Compressed(file, unzstd, damaged)
  await file.close()
  throw new FlumeError('UNAVAILABLE', `cannot read ${shownPath(path)}: for what zstd(1) compressed it takes Node.js 22.15 or later, or zstd -d first`)
}

/** It was closed for a while, and its name leads elsewhere now. */
export async function isGone(file: ReadableFile): Promise<boolean> {
  const raw = file instanceof Compressed ? file.file : file
  return raw instanceof OpenFile && raw.isGone()
}

/** It was written by gzip(1) at once, and what is in it has this size and begins like that. The last four bytes tell the size, modulo 2^32. */
export async function hasInside(disk: Disk, path: string, size: number, head: Print): Promise<boolean> {
  const raw = await disk.open(path, 'read').catch(() => undefined)
  if (raw === undefined) return false
  const inside = new Compressed(raw, gunzip, () => undefined)
  try {
    if (!(await readAt(raw, 0, MAGIC.length)).equals(MAGIC)) return false
    const last = await readAt(raw, (await raw.stat()).size - 4, 4)
    return last.length === 4 && last.readUInt32LE() === size % 2 ** 32 && isPrintOf(head, await readAt(inside, 0, head.size))
  } finally {
    await inside.close()
  }
}

export class Compressed implements ReadableFile {
  #bytes: AsyncIterator<Buffer> | undefined
  #kept: Buffer[] = []
  /** The bytes kept are [#from..#to) of what is in it. */
  #from = 0
  #to = 0
  /** All there is was read; of a file that looked like this. */
  #ended = false
  #seen = ''
  /** There was so much in it once. */
  #known = 1

  constructor(
    readonly file: ReadableFile,
    readonly inside: (raw: Pieces) => AsyncGenerator<Buffer>,
    readonly damaged: Damaged,
  ) {}

  async read(into: Uint8Array, at: number): Promise<number> {
    if (this.#ended && at >= this.#to) return 0
    if (at < this.#from) this.#restart()
    await this.#reach(at + into.length + 1, at)
    let done = 0
    let from = this.#from
    for (const bytes of this.#kept) {
      const skip = Math.max(0, at - from)
      from += bytes.length
      if (skip >= bytes.length || done === into.length) continue
      const piece = bytes.subarray(skip, skip + into.length - done)
      into.set(piece, done)
      done += piece.length
    }
    return done
  }

  /** Where more was written to it, that is read from the start, as gzip(1) may have been in the middle of it. */
  async stat(): Promise<FileStat> {
    const stat = await this.file.stat()
    const seen = `${stat.size} ${stat.modified}`
    if (this.#ended && seen !== this.#seen) this.#restart()
    this.#seen = seen
    await this.#reach(this.#known, Infinity)
    return { ...stat, size: this.#to }
  }

  /** Nothing is to be read of it for now: there may be thousands. */
  rest(): void {
    if (!this.#ended) return this.#restart()
    this.#kept = []
    this.#from = this.#to
  }

  close(): Promise<void> {
    void this.#bytes?.return?.()
    return this.file.close()
  }

  #restart(): void {
    void this.#bytes?.return?.()
    this.#bytes = undefined
    this.#kept = []
    this.#known = Math.max(this.#known, this.#to)
    this.#from = this.#to = 0
    this.#ended = false
  }

  /** Goes on until byte `end` is known, or all; keeps what is not before `at`, and some of what is. */
  async #reach(end: number, at: number): Promise<void> {
    while (this.#to < end && !this.#ended) {
      const bytes = await this.#next()
      if (bytes === undefined) break
      this.#kept.push(bytes)
      this.#to += bytes.length
      for (let first = this.#kept[0]!; this.#from + first.length <= Math.min(at, this.#to - KEPT); first = this.#kept[0]!) {
        this.#kept.shift()
        this.#from += first.length
      }
    }
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      this.#bytes ??= this.inside(() => this.#raw())
      const next = await this.#bytes.next()
      if (next.done !== true) return next.value
    } catch (error) {
      const early = isEarly(error)
      this.damaged(early ? 'it ends in the middle' : (error as Error).message, early && this.#to === 0)
    }
    this.#ended = true
    this.#bytes = undefined
    return undefined
  }

  async *#raw(): AsyncGenerator<Buffer> {
    for (let at = 0; ; ) {
      const bytes = await readAt(this.file, at, STEP)
      if (bytes.length === 0) return
      at += bytes.length
      yield bytes
    }
  }
}

const gunzip = (raw: Pieces): AsyncGenerator<Buffer> => decoded(raw, () => createGunzip({ chunkSize: STEP }))
