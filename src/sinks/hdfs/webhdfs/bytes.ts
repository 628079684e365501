/** What is sent to HDFS: bytes of a file, and those that its disk had no room for. */
import type { DiskFile } from '../../../disk/disk.js'
import { FlumeError } from '../../../errors.js'
import { orRefusal } from '../../retry.js'

/** As a file is read. */
export type Bytes = Pick<DiskFile, 'read'>

/** Bytes [0, at) of a file, and the tail after them. `file`: undefined where all is tail. */
export function withTail(file: DiskFile | undefined, at: number, tail: Uint8Array): Bytes {
  return {
    async read(into, from) {
      if (from < at && file !== undefined) return await file.read(into.subarray(0, at - from), from)
      const piece = tail.subarray(from - at, from - at + into.length)
      into.set(piece)
      return piece.length
    },
  }
}

/** Reads bytes [at, at + into.length) of `size`, however many reads that takes. Throws IO where the file ends before. */
export async function readExactly(file: Bytes, into: Uint8Array, at: number, size: number): Promise<void> {
  for (let end = 0; end < into.length; ) {
    const count = await orRefusal('cannot read the spool', file.read(into.subarray(end), at + end))
    if (count === 0) throw new FlumeError('IO', `cannot read the spool: it ends at byte ${at + end} of ${size}`)
    end += count
  }
}

/** What is sent, of which more may come meanwhile. */
export interface Body {
  readonly bytes: Bytes
  /** How many there are in all; undefined: nobody knows yet. */
  readonly size: number | undefined
  /** Fills the block, or its begin, with the bytes from `at` on, for which it may wait; how many these are, 0: they end there. */
  fill(block: Uint8Array, at: number): Promise<number>
}

export function wholeBody(bytes: Bytes, size: number): Body {
  return {
    bytes,
    size,
    async fill(block, at) {
      const part = block.subarray(0, size - at)
      await readExactly(bytes, part, at, size)
      return part.length
    },
  }
}
