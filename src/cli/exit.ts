/** Exit statuses, sysexits(3): one for each code of an error, complete by its type. */
import type { Code } from '../errors.js'

export const USAGE = 64
export const NO_INPUT = 66
export const BUG = 70
export const TEMPORARY = 75

export const STATUS: Readonly<Record<Code, number>> = {
  BAD_OPTION: USAGE,
  BAD_EVENT: 65,
  OTHER_HISTORY: 65,
  SEGMENT_DAMAGED: 65,
  NO_INPUT,
  UNAVAILABLE: 69,
  VERSION: 69,
  BUG,
  CANNOT_CREATE: 73,
  IO: 74,
  SEGMENT_WRITE: 74,
  PIPE_BROKEN: 74,
  NO_ACKS: TEMPORARY,
  BUSY: TEMPORARY,
  QUEUE_COPIED: TEMPORARY,
  BINDING_CHANGED: TEMPORARY,
  PERMISSION: 77,
}
