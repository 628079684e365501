/** Messages between the events would count as bytes of events: a reader that acks finds that they do not add up, or that too many are void. */
import { pause } from '../disk/descriptor.js'
import { statOfFd } from '../disk/fd.js'
import { FlumeError } from '../errors.js'
import { lookAt } from './holders.js'

/** How often, and after how many ms each, to look who reads while that is unclear: a shell that is about to become it. */
const TRIES = 20
const AGAIN = 50

/** `fd` is a pipe into which stderr goes, too. */
export function takesStderr(fd: number): boolean {
  const [output, stderr] = [statOfFd(fd), statOfFd(2)]
  return output.kind === 'pipe' && output.inode === stderr.inode && output.device === stderr.device
}

/** Throws STDERR_TAKEN, with the advice, where `fd` is a pipe into which stderr goes, too. */
export function checkStderr(fd: number, advice = 'use 2>FILE'): void {
  if (!takesStderr(fd)) return
  throw new FlumeError('STDERR_TAKEN', `cannot write events into the pipe that stderr goes into: ${advice} (so with nohup, which joins the two)`)
}

/** Whoever reads stderr, a pipe, does not take what is said there for events, as far as can be seen: cron does not, a flume stage does. */
export function isHeard(self: { readonly pid: number; readonly uid: number }): boolean {
  const stderr = statOfFd(2)
  for (let tries = 1; ; tries++) {
    const look = lookAt(stderr, self)
    if (look.is === 'unclear' && look.hidden !== undefined) return true // outside of a container, mostly a program that writes a log
    if (look.is !== 'unclear') return look.is === 'nobody' || (look.is === 'reading' && look.unseen === undefined)
    if (tries === TRIES) return false
    pause(AGAIN)
  }
}
