/** The lines that go with the events, flume-pipe(7): begin and mark. */
import { isPosition, type Mark } from '../events/batch.js'

/** What starts every control line of one handshake, and no event: a quote inside an event is escaped. */
export function tagOf(nonce: string): Buffer {
  return Buffer.from(`{"flume":"${nonce}"`)
}

/** Begins with a newline: an earlier writer may have died in the middle of a line. */
export function beginLine(nonce: string, voided: number | 'all'): Buffer {
  return Buffer.from(`\n${JSON.stringify({ flume: nonce, begin: voided })}\n`)
}

/** A mark as it came or goes: the number counts from 1 in each handshake. */
export interface MarkLine extends Mark {
  readonly mark: number
  readonly bytes: number
  readonly events: number
}

export function markLine(nonce: string, number: number, bytes: number, events: number, mark: Mark): Buffer {
  const { time, partition, to, replayable, gone } = mark
  const from = mark.from && { offset: mark.from.offset } // where the reader is already: it knows the rest
  const tail = { partition, from, to, ...(replayable ? {} : { replayable }), ...(gone ? { gone } : {}) }
  return Buffer.from(`{"flume":"${nonce}","mark":${number},"bytes":${bytes},"events":${events},"time":${time},${JSON.stringify(tail).slice(1)}\n`)
}

/** A control line: the `begin`, a mark, or undefined when it is malformed. */
export function parseControl(line: string): { readonly begin: number | 'all' } | MarkLine | undefined {
  let parsed: Record<string, unknown>
  try {
    parsed = (JSON.parse(line) as Record<string, unknown> | null) ?? {}
  } catch {
    return undefined
  }
  const { begin, gone } = parsed
  if (begin !== undefined) return begin === 'all' || isCount(begin) ? { begin } : undefined
  const sound =
    Number.isSafeInteger(parsed.mark) &&
    Number.isSafeInteger(parsed.bytes) &&
    Number.isSafeInteger(parsed.events) &&
    typeof parsed.time === 'number' &&
    typeof parsed.partition === 'string' &&
    isPosition(parsed.to) &&
    (parsed.from === null || isPosition(parsed.from)) &&
    (gone === undefined || (Array.isArray(gone) && gone.every((partition) => typeof partition === 'string')))
  if (!sound) return undefined
  return { ...(parsed as unknown as MarkLine), replayable: parsed.replayable !== false }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
