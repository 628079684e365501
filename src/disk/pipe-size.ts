/**
 * Larger pipes: with 64 KiB two busy stages wake each other for every few lines. Node has no fcntl(2), perl has, and is
 * nearly everywhere; where it is not, or the user may not, the pipe stays as it is.
 */
import { spawn } from 'node:child_process'

/**
 * fcntl(2) F_SETPIPE_SZ; 1 MiB is what /proc/sys/fs/pipe-max-size allows by default. Opened anew (O_NONBLOCK), since a
 * descriptor that is handed to a child is made blocking for both.
 */
const SCRIPT = 'sysopen(F, "/proc/" . getppid() . "/fd/$ARGV[0]", 2048) and fcntl(F, 1031, 1048576)'

/** Resolves when it is done, or cannot be. */
export function enlargePipe(fd: number): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn('perl', ['-e', SCRIPT, String(fd)], { stdio: 'ignore' })
    child.on('error', () => resolve())
    child.on('close', () => resolve())
    child.unref()
  })
}
