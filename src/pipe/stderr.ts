/** Messages between the events would count as bytes of events: a reader that acks finds that they do not add up, or that too many are void. */
import { statOfFd } from '../disk/fd.js'
import { FlumeError } from '../errors.js'

/** Throws BAD_OPTION, with the advice, where `fd` is a pipe into which stderr goes, too. */
export function checkStderr(fd: number, advice = 'use 2>FILE'): void {
  const [output, stderr] = [statOfFd(fd), statOfFd(2)]
  if (output.kind !== 'pipe' || output.inode !== stderr.inode || output.device !== stderr.device) return
  throw new FlumeError('BAD_OPTION', `cannot write events into the pipe that stderr goes into: ${advice}`)
}
