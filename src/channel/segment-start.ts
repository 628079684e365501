/** How a segment begins: its header, whose it is, and the table of positions, taken from the segment before where it is damaged. */
import { crc32 } from './checksum.js'
import { openSegment } from './compressed.js'
import type { Blocks } from '../disk/blocks.js'
import type { ReadableFile } from '../disk/disk.js'
import { assert, FlumeError } from '../errors.js'
import { COMPRESSED, decodeChanges, FORMAT, SEGMENT_HEADER_SIZE, type SegmentHeader, type Table } from './format.js'
import { isOf, type Identity } from './identity.js'
import { recover, type Place } from './recover.js'
import { readFrames, readHeader } from './segment.js'
import type { QueueView } from './view.js'

/** What may be missing all the same: `positions` that nothing tells are none. For a repair. */
export interface Without {
  readonly positions: boolean
}

export const NOTHING_MISSING: Without = { positions: false }

/** Where the frames of the last segment begin, and the table there. Throws VERSION, OTHER_HISTORY, SEGMENT_DAMAGED. */
export async function startOf(view: QueueView, segments: readonly number[], without: Without): Promise<{ place: Place; table: Table }> {
  const { paths, around, identity, blocks } = view
  const last = segments.at(-1)
  assert(last !== undefined)
  const path = paths.segment(last)
  const file = await openSegment(around.disk, path)
  try {
    const header = await readHeader(file)
    if (header !== undefined) checkHeader(header, last, path, identity)
    const end = header === undefined ? await firstFrame(file, blocks) : SEGMENT_HEADER_SIZE + header.tableSize
    const table = header === undefined ? undefined : await readTable(file, header)
    return { place: { end, next: last }, table: table ?? (await earlierTable(view, segments, without)) }
  } finally {
    await file.close()
  }
}

/** The table of a segment whose own is damaged: the one before it, brought up to date. */
async function earlierTable(view: QueueView, segments: readonly number[], without: Without): Promise<Table> {
  const { paths, around, blocks } = view
  const path = paths.segment(segments.at(-1) ?? 0)
  if (segments.length < 2) {
    if (without.positions) return new Map()
    throw new FlumeError(
      'SEGMENT_DAMAGED',
      `cannot read the positions in segment ${path} at byte ${SEGMENT_HEADER_SIZE}: ` +
        'what sends into the queue would begin again; --repair says what can be done',
    )
  }
  around.say(`segment ${path} is damaged at its beginning: takes the positions from the one before it`)
  const earlier = segments.slice(0, -1)
  const { place, table } = await startOf(view, earlier, without)
  const file = await openSegment(around.disk, paths.segment(earlier.at(-1) ?? 0))
  try {
    return (await recover(file, place, table, { end: (await file.stat()).size, next: 0 }, blocks)).table
  } finally {
    await file.close()
  }
}

/** Byte of the first frame of segment `first`, and when it was made (ms; 0: not known). Throws VERSION, OTHER_HISTORY. */
export async function beginningOf(
  { paths, identity, blocks }: QueueView,
  file: ReadableFile,
  first: number,
): Promise<{ at: number; created: number }> {
  const header = await readHeader(file)
  if (header === undefined) return { at: await firstFrame(file, blocks), created: 0 }
  checkHeader(header, first, paths.segment(first), identity)
  return { at: SEGMENT_HEADER_SIZE + header.tableSize, created: header.created }
}

/** Throws VERSION. */
export function checkFormat({ format }: SegmentHeader, path: string): void {
  if (format === FORMAT || format === COMPRESSED) return
  throw new FlumeError('VERSION', `cannot read segment ${path}: its format is ${format}, this program knows ${FORMAT} and ${COMPRESSED}`)
}

/** Throws VERSION, and OTHER_HISTORY for a segment of another queue or under a wrong name. */
function checkHeader(header: SegmentHeader, first: number, path: string, identity: Identity): void {
  checkFormat(header, path)
  if (header.first !== first || !isOf(identity, header.queue)) {
    const why = header.first === first ? `and queue.json says ${identity.queue}` : 'under a wrong name'
    const what = `it is segment ${header.first} of queue ${header.queue}, ${why}`
    throw new FlumeError('OTHER_HISTORY', `cannot read segment ${path}: ${what}; --repair says what can be done`)
  }
}

export async function readTable(file: ReadableFile, header: SegmentHeader): Promise<Table | undefined> {
  const bytes = Buffer.alloc(header.tableSize)
  const count = await file.read(bytes, SEGMENT_HEADER_SIZE)
  if (count !== bytes.length || crc32(bytes) !== header.tableChecksum) return undefined
  return decodeChanges(bytes) as Table
}

/** Where the first frame of a segment without a header begins: found, not computed. */
export async function firstFrame(file: ReadableFile, blocks: Blocks): Promise<number> {
  for await (const found of readFrames(file, SEGMENT_HEADER_SIZE, Infinity, blocks)) {
    if (found.kind === 'damage') return found.to
    found.release()
    return found.header.place
  }
  return SEGMENT_HEADER_SIZE
}
