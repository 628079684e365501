/** What the writing end of a pipe needs to know, and how it ends. */
import type { Clock } from '../events/flow.js'
import type { PipeStep } from './step.js'

export interface OutputOptions {
  readonly fd: number
  /** It is open here alone: it is closed at the end, and a slow reader of it holds no thread. */
  readonly own?: boolean
  readonly command: string
  readonly pid: number
  /** Effective uid. */
  readonly uid: number
  readonly ack: 'auto' | 'off' | 'require'
  /** Nothing is written before it is known who reads: for a stage that makes all before it begin again with each new reader. */
  readonly patient?: boolean
  /** Its marks are those of the stages before: one of these ends their partitions as the binding of the reader has it. */
  readonly relays?: boolean
  /** ms to wait for the last acks after the last byte. */
  readonly grace: number
  /** What it means that a reader gives no acks, for people; default: nothing is remembered. */
  readonly withoutAcks?: string
  readonly clock: Clock
  /** 96 random bits in base64url. */
  nonce(): string
  say(message: string): void
  /** Called after each step at which the stage may die. */
  readonly step?: (name: PipeStep) => void
}

/** How a command ends: its status, or the signal to die of. */
export type End = number | NodeJS.Signals
