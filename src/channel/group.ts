/** What a putter has taken and not yet written: batches as frames, in order. Lines are not copied. */
import { countLines, type Batch, type Mark, type Position } from '../events/batch.js'
import { assert, FlumeError } from '../errors.js'
import { encodeChanges, encodeFrameHeader, FRAME_BYTES_MAX, FRAME_HEADER_SIZE, timeOf, type Changes } from './format.js'
import type { EncodedFrame } from './segment.js'

/** One batch, ready to be written; written whole or not at all. */
export interface Entry {
  readonly frames: readonly EncodedFrame[]
  readonly changes: Changes
  /** Bytes of the frames. */
  readonly size: number
  /** Events. */
  readonly count: number
  readonly release: () => void
}

/** What the mark of a batch changes in the table. */
function changesOf(mark: Mark | null): Changes {
  const changes = new Map<string, Position | null>()
  if (mark === null) return changes
  changes.set(mark.partition, mark.to)
  for (const partition of mark.gone ?? []) changes.set(partition, null)
  return changes
}

/** The frames of a batch whose first event has sequence `first`, put `now` (ms). */
export function encodeBatch(batch: Batch, first: number, now: number): Entry {
  const time = timeOf(now)
  const changes = changesOf(batch.mark)
  const positions = encodeChanges(changes)
  const parts = split(batch)
  const frames: EncodedFrame[] = []
  let next = first
  let size = 0
  for (const [index, { lines, count }] of parts.entries()) {
    const continues = index < parts.length - 1
    const last = continues ? NOTHING : positions
    const header = encodeFrameHeader({ first: next, count, time, continues, lost: false }, last, lines)
    frames.push({ first: next, count, time, header, positions: last, lines })
    next += count
    size += FRAME_HEADER_SIZE + last.length + lines.length
  }
  return { frames, changes, size, count: next - first, release: () => batch.release() }
}

/**
 * Whether the batch is to be stored, or is already. Throws BUG where it does not begin at the position held of its
 * partition, or has events and ends where it begins: something would be missing or twice.
 */
export function isNew(batch: Batch, held: ReadonlyMap<string, Position>): boolean {
  const { mark, count } = batch
  if (mark === null) return count > 0
  const from = mark.from?.offset ?? 0
  const to = mark.to.offset
  if (count > 0 && to <= from) throw new FlumeError('BUG', `cannot put ${count} events of ${mark.partition} that begin at ${from} and end at ${to}`)
  const position = held.get(mark.partition)
  if (position === undefined) return true
  if (mark.to.offset <= position.offset) return count === 0 && mark.to.offset === position.offset && changesAnything(mark, held)
  if (from === position.offset) return true
  throw new FlumeError(
    'BUG',
    `cannot put a batch of ${mark.partition} from ${mark.from?.offset ?? 'its beginning'} to ${mark.to.offset}: ${position.offset} is held`,
  )
}

function changesAnything(mark: Mark, held: ReadonlyMap<string, Position>): boolean {
  if (mark.gone?.some((partition) => held.has(partition))) return true
  return JSON.stringify(mark.to) !== JSON.stringify(held.get(mark.partition))
}

const NOTHING = Buffer.alloc(0)

interface Part {
  readonly lines: Buffer
  readonly count: number
}

/** Whole lines, each part at most a frame or one line; a batch of the usual size is not looked into. */
function split({ lines, count }: Batch): readonly Part[] {
  if (lines.length <= FRAME_BYTES_MAX || count === 1) return [{ lines, count }]
  const parts: Part[] = []
  for (let at = 0; at < lines.length; ) {
    const end = endOfPart(lines, at)
    const part = lines.subarray(at, end)
    parts.push({ lines: part, count: countLines(part) })
    at = end
  }
  return parts
}

function endOfPart(lines: Buffer, at: number): number {
  if (lines.length - at <= FRAME_BYTES_MAX) return lines.length
  const fitting = lines.lastIndexOf(10, at + FRAME_BYTES_MAX - 1)
  const end = fitting >= at ? fitting : lines.indexOf(10, at + FRAME_BYTES_MAX)
  assert(end >= 0, 'a batch ends with a newline')
  return end + 1
}
