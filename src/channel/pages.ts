/**
 * Direct writes of what does not come in whole pages: gathered behind what the last page of the file has already, and filled up
 * with zeros, which the next write replaces.
 */
import { assert } from '../errors.js'
import { allocatePages } from '../disk/direct.js'
import { PAGE_SIZE, type DiskFile, type ReadableFile } from '../disk/disk.js'

/** Bytes for what mostly waits to be written at once, and the page that it shares with what is before it; more goes in several writes. */
const SIZE = 3 * 1024 * 1024 + 16 * PAGE_SIZE

export class Pages {
  readonly #bytes = allocatePages(SIZE)
  /** The begin of a page of this file, up to byte `#end`, is at the front of `#bytes`. */
  #file: DiskFile | undefined
  #end = 0

  /** From byte `at`, where the file ends but for zeros, on; afterwards it may end with zeros. One call at a time. */
  async write(file: DiskFile, pieces: readonly Buffer[], at: number): Promise<void> {
    let fill = await this.#begin(file, at)
    let start = at - fill
    for (const piece of pieces) {
      for (let from = 0; from < piece.length; ) {
        const count = piece.copy(this.#bytes, fill, from)
        from += count
        fill += count
        if (fill < SIZE) continue
        await file.write([this.#bytes], start, true)
        start += SIZE
        fill = 0
      }
    }
    const size = Math.ceil(fill / PAGE_SIZE) * PAGE_SIZE
    this.#bytes.fill(0, fill, size)
    if (size > 0) await file.write([this.#bytes.subarray(0, size)], start, true)
    this.#bytes.copyWithin(0, fill - (fill % PAGE_SIZE), fill)
    this.#file = file
    this.#end = start + fill
  }

  /** Puts what the page of byte `at` has before it at the front; returns how many bytes these are. */
  async #begin(file: DiskFile, at: number): Promise<number> {
    const held = this.#file === file && this.#end === at
    this.#file = undefined
    const size = at % PAGE_SIZE
    for (let fill = 0; !held && fill < size; ) {
      const count = await file.read(this.#bytes.subarray(fill, size), at - size + fill)
      assert(count > 0)
      fill += count
    }
    return size
  }
}

/** What Pages may have put behind the last piece is all there is from byte `from` to the end of the file, at `size`. */
export async function isPadding(file: ReadableFile, from: number, size: number): Promise<boolean> {
  if (size - from >= PAGE_SIZE) return false
  const bytes = Buffer.alloc(size - from)
  const count = await file.read(bytes, from)
  return count === bytes.length && bytes.every((byte) => byte === 0)
}
