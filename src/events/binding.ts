/** What the places of a sink follow from, as one line of text, flume-pipe(7): how it is told and kept. */
import { createHash } from 'node:crypto'

const SIZE_MAX = 4000
/** Bytes of an over-long one that are kept. */
const BEGIN_SIZE = 1024

/** Which part of an event its place follows from, beside the binding. */
export type Follows = 'headers' | 'events'

/** What the places of a sink follow from. */
export interface Bound {
  readonly binding: string
  /** Absent: from nothing else. */
  readonly follows?: Follows
}

export function boundIn(binding: string, follows: Follows | undefined): Bound {
  return { binding, ...(follows && { follows }) }
}

/** An over-long one is cut and ends in its hash. */
export function bindingText(text: string): string {
  if (Buffer.byteLength(text) <= SIZE_MAX) return text
  return `${Buffer.from(text).toString('latin1', 0, BEGIN_SIZE)}…${createHash('sha256').update(text).digest('hex')}`
}
