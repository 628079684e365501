/** One read of a file may give less than is there. */
import type { DiskFile } from './disk.js'

/** Fills `into` from byte `at`; returns the bytes read, fewer only at the end of the file. */
export async function readFully(file: Pick<DiskFile, 'read'>, into: Uint8Array, at: number): Promise<number> {
  let size = 0
  while (size < into.length) {
    const count = await file.read(into.subarray(size), at + size)
    if (count === 0) break
    size += count
  }
  return size
}
