/** The positions of a queue as of one of its events, from the segments alone. */
import type { Position } from '../events/batch.js'
import { openSegment } from './compressed.js'
import { applyChanges, decodeChanges } from './format.js'
import { readFrames } from './segment.js'
import { NOTHING_MISSING, startOf } from './segment-start.js'
import { listSegments } from './surroundings.js'
import type { QueueView } from './view.js'

/** Where each partition stood when all before event `next` was put. Throws VERSION, OTHER_HISTORY, SEGMENT_DAMAGED. */
export async function tableBefore(next: number, view: QueueView): Promise<Map<string, Position>> {
  const { paths, around, blocks } = view
  const segments = (await listSegments(around.disk, paths)).filter((first) => first <= next)
  const last = segments.at(-1)
  if (last === undefined) return new Map()
  const { place, table } = await startOf(view, segments, NOTHING_MISSING)
  const positions = new Map(table)
  const file = await openSegment(around.disk, paths.segment(last))
  try {
    for await (const found of readFrames(file, place.end, Infinity, blocks)) {
      if (found.kind === 'damage') continue
      const { header, positions: changes } = found
      const before = header.first + header.count <= next
      if (before && changes !== undefined) applyChanges(positions, decodeChanges(changes))
      found.release()
      if (!before) break
    }
  } finally {
    await file.close()
  }
  return positions
}
