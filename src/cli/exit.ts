/** Exit statuses, sysexits(3): one for each code of an error, complete by its type. */
import type { Code } from '../errors.js'

export const BUG = 70

export const STATUS: Readonly<Record<Code, number>> = {
  BAD_OPTION: 64,
  BAD_EVENT: 65,
  OTHER_HISTORY: 65,
  SEGMENT_DAMAGED: 65,
  NO_INPUT: 66,
  UNAVAILABLE: 69,
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
