/** Exit statuses, sysexits(3): one for each code of an error, complete by its type. */
import { FlumeError, errnoOf, type Code } from '../errors.js'

export const BUG = 70
/** Not an error of sysexits(3), but the answer of a check: as grep(1) and cmp(1). */
export const FOUND_WRONG = 1

export const STATUS: Readonly<Record<Code, number>> = {
  BAD_OPTION: 64,
  STDERR_TAKEN: 64,
  BAD_EVENT: 65,
  OTHER_HISTORY: 65,
  SEGMENT_DAMAGED: 65,
  STATE_DAMAGED: 65,
  NO_INPUT: 66,
  UNAVAILABLE: 69,
  STOPPED: 69, // no process ends with it: main dies of the signal
  VERSION: 69,
  BUG,
  CANNOT_CREATE: 73,
  IO: 74,
  SEGMENT_WRITE: 74,
  PIPE_BROKEN: 74,
  NO_ACKS: 75,
  BUSY: 75,
  QUEUE_COPIED: 75,
  BINDING_CHANGED: 75,
  PERMISSION: 77,
}

/** A failed system call that nobody gave a code is the world's mistake, not ours, unless its arguments were wrong. */
export function statusOf(error: unknown): number {
  if (error instanceof FlumeError) return STATUS[error.code]
  const errno = error instanceof Error && 'syscall' in error ? errnoOf(error) : undefined
  if (errno === undefined || OURS.test(errno)) return BUG
  if (errno === 'EROFS') return STATUS.CANNOT_CREATE
  return errno === 'EACCES' || errno === 'EPERM' ? STATUS.PERMISSION : STATUS.IO
}

const OURS = /^(EBADF|EFAULT|EINVAL|ESRCH|ENOSYS|ERR_.*)$/
