/** A decoder as the campaign sees it: bytes go in, and it either takes them or refuses them by a FlumeError. */
import { FlumeError } from '../../../src/errors.js'

export interface Target {
  readonly name: string
  /** Real inputs, of which the others are made by changes. */
  readonly seeds: readonly (string | Buffer)[]
  /** Of its own language, beside what all are tried with. */
  readonly words?: readonly string[]
  /** Throws a FlumeError for what it refuses; anything else that it throws is a bug. */
  take(bytes: Buffer): unknown
  /** False: what it does with a large input is not to be measured, since it never gets one. */
  readonly grows?: false
}

/** Throws where a rule does not hold. */
export function holds(what: unknown, rule: string): asserts what {
  if (what !== true) throw new Error(rule)
}

/** Same bytes. */
export function same(one: Uint8Array, other: Uint8Array, rule: string): void {
  holds(Buffer.compare(one, other) === 0, rule)
}


export function isRefusal(error: unknown): boolean {
  return error instanceof FlumeError
}
