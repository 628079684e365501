/**
 * Larger pipes: with 64 KiB two busy stages wake each other for every few lines. Node has no fcntl(2), perl has, and is
 * nearly everywhere; where it is not, or the user may not, the pipe stays as it is.
 */
import { spawn } from 'node:child_process'

/** fcntl(2) F_SETPIPE_SZ; 1 MiB is what /proc/sys/fs/pipe-max-size allows by default. */
const SCRIPT = 'fcntl(STDIN, 1031, 1048576)'

/** Does not wait, and never fails. */
export function enlargePipe(fd: number): void {
  const child = spawn('perl', ['-e', SCRIPT], { stdio: [fd, 'ignore', 'ignore'] })
  child.on('error', () => undefined)
  child.unref()
}
