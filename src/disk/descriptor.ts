/** A few bytes for people, to a descriptor that is already open: never through process.stdout, which would make it non-blocking. */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
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
      pause()
      left -= PAUSE
    }
  }
}

/** To the terminal of the session, tty(4), wherever stderr goes. False: there is none. */
export function writeToTerminal(text: string, patience: number): boolean {
  let fd: number
  try {
    fd = openSync('/dev/tty', constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK)
  } catch {
    return false
  }
  try {
    writeAll(fd, text, patience)
    return true
  } catch {
    return false
  } finally {
    closeSync(fd)
  }
}

/** For a process that has nothing else to do. */
export function pause(ms = PAUSE): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
