/** What is sent to HDFS: bytes of a file, and those that its disk had no room for. */
import type { DiskFile } from '../../../disk/disk.js'

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
