/** Both ends of one FIFO in this process, and a way to wait for what it does. */
import { execFileSync } from 'node:child_process'
import { constants, openSync } from 'node:fs'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Test } from 'tap'

/** The reading end does not block. */
export function fifo(t: Test): { readonly reading: number; readonly writing: number } {
  const path = `${t.testdir({})}/fifo`
  execFileSync('mkfifo', [path])
  return { reading: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writing: openSync(path, constants.O_WRONLY) }
}

export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await immediate()
}
