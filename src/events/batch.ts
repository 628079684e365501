/**
 * A batch: whole event lines as bytes, closed by a mark. Nothing here decodes: bytes that nobody needs to
 * understand pass through a process as they came.
 *
 * Ownership: whoever takes a batch calls `release()` exactly once, when it needs `lines` no more; the memory is then
 * used again. A batch that is never released stops its source, which is what bounds memory.
 */

/** The byte that ends a line. */
export const NEWLINE = 0x0a

/**
 * A place in a partition, as JSON. `offset` orders the places of one partition and never goes back; the rest is what
 * its source needs to find the place again (position.ts for files; a queue needs nothing more).
 */
export interface Position {
  readonly offset: number
  readonly [detail: string]: unknown
}

/** Of what somebody else wrote. */
export function isPosition(value: unknown): value is Position {
  return typeof value === 'object' && value !== null && Number.isSafeInteger((value as Partial<Position>).offset)
}

/** The place just after a batch. An acked mark says that all up to it is durable further down. */
export interface Mark {
  /** One ordered input, by a name of partition.ts. */
  readonly partition: string
  /** Where the batch begins; null: at the beginning of the partition, never sent before. */
  readonly from: Position | null
  readonly to: Position
  /** ms since the epoch; the same on every replay when it comes from a queue (put time). */
  readonly time: number
  /** False: some stage's output does not follow from the event alone, so a replay may differ. */
  readonly replayable: boolean
  /** Partitions that are gone for good and may be forgotten. */
  readonly gone?: readonly string[]
}

export interface Batch {
  /** Whole lines, each ended by \n. Valid until release(). */
  readonly lines: Buffer
  /** Number of lines; 0 with a mark: positions alone. */
  readonly count: number
  /** Null: bytes of a program that gives no marks; nobody acks them. */
  readonly mark: Mark | null
  /** With count 0 and no mark: make all that came before final now (flume-pipe(7), flush). */
  readonly flush?: true
  /** Its memory is nobody else's: the lines stay valid after release() too. */
  readonly own?: true
  release(): void
}

/** Most bytes of lines in one batch, unless one event is longer: one batch is one frame of a segment. */
export const BATCH_BYTES_MAX = 1024 * 1024

/** A batch over memory of its own: nothing to give back. */
export function batchOf(lines: Buffer, count: number, mark: Mark | null): Batch {
  return { lines, count, mark, own: true, release: () => undefined }
}

/** Make all that came before final now. */
export const FLUSH: Batch = { ...batchOf(Buffer.alloc(0), 0, null), flush: true }

/** The number of \n in `bytes`. */
export function countLines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}

/** The end of the whole lines that `bytes` begin with, up to the first one of more than `max` bytes; -1: that is the first. */
export function linesEnd(bytes: Buffer, max: number): number {
  const end = bytes.lastIndexOf(NEWLINE) + 1
  let at = end <= max ? end : 0
  for (;;) {
    const next = bytes.indexOf(NEWLINE, at)
    if ((next < 0 ? bytes.length : next) - at > max) return at > 0 ? at : -1
    if (next < 0) return at
    at = next + 1
  }
}
