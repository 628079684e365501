/** What stands in place of events that are lost: one gap event, flume-segment(5). */
import { GAP } from '../events/event.js'

/** `removed`: before the oldest segment. */
export type Reason = 'damaged' | 'missing' | 'removed'

export interface Gap {
  /** Sequences of the lost events; `end` is not included. */
  readonly first: number
  readonly end: number
  readonly reason: Reason
  /** ms since the epoch; 0: not known. */
  readonly time: number
}

export function gapLine({ first, end, reason, time }: Gap, queue: string): Buffer {
  const headers = { [GAP]: reason, queue, first: String(first), last: String(end - 1), timestamp: String(time) }
  return Buffer.from(`${JSON.stringify({ headers, body: '' })}\n`)
}

/** The reason in a gap event. */
export function reasonOf(line: Buffer): Reason {
  const { headers } = JSON.parse(line.toString()) as { readonly headers: { readonly [GAP]: Reason } }
  return headers[GAP]
}
