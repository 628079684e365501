/** A few bytes for people, to a descriptor that is already open: never through process.stdout, which would make it non-blocking. */
import { writeSync } from 'node:fs'
import { errnoOf } from '../errors.js'

const PAUSE = 10

/**
 * Writes all of `text` before it returns. Where the descriptor is non-blocking and full, tries again for `patience` ms,
 * then throws EAGAIN, as it throws every other error of write(2).
 */
export function writeAll(fd: number, text: string, patience: number): void {
  let bytes = Buffer.from(text)
  let left = patience
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes))
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN' || left <= 0) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE)
      left -= PAUSE
    }
  }
}
