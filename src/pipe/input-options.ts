/** What the reading end of a pipe needs to know. */
import type { Memory } from './intake.js'
import type { Role } from './role.js'
import type { PipeStep } from './step.js'

export interface InputOptions extends Role, Memory {
  readonly fd: number
  readonly command: string
  readonly pid: number
  /** Effective uid. */
  readonly uid: number
  /** Longest line of a program that gives no marks. */
  readonly eventBytesMax: number
  /** Lines of positions come with the events of a program, as they stand; else they are left out. */
  readonly takesPositions?: true
  /** A line that is longer, in pieces as they come; `last` ends it. `nth`: which one it is of those that came without marks, from 1. */
  tooLong(piece: Buffer, last: boolean, nth: number): Promise<void>
  say(message: string): void
  /** Called after each step at which the stage may die. */
  readonly step?: (name: PipeStep) => void
}
