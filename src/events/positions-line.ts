/** The line among exported events that tells how far the partitions of a queue were put, flume-event(5). It is no event. */
import { batchOf, countLines, type Batch, type Position } from './batch.js'

/** How it begins; within an event only by chance. */
export const POSITIONS_TAG = Buffer.from('{"flume":"positions",')
const NEXT = Buffer.from(`\n${POSITIONS_TAG.toString()}`)

export function positionsLine(positions: ReadonlyMap<string, Position>): Buffer {
  return Buffer.from(`{"flume":"positions","positions":${JSON.stringify(Object.fromEntries(positions))}}\n`)
}

/** Whole lines in pieces: events, and the positions of each such line with its size in bytes. */
export function* splitAtPositions(lines: Buffer): Generator<Buffer | { readonly size: number; readonly positions: ReadonlyMap<string, Position> }> {
  for (let at = 0; at < lines.length; ) {
    if (POSITIONS_TAG.equals(lines.subarray(at, at + POSITIONS_TAG.length))) {
      const end = lines.indexOf(10, at) + 1
      yield positionsOf(lines.subarray(at, end)) ?? lines.subarray(at, end)
      at = end
    } else {
      const next = lines.indexOf(NEXT, at) + 1
      yield lines.subarray(at, next > 0 ? next : undefined)
      at = next > 0 ? next : lines.length
    }
  }
}

/** What a program gave, which is no flume stage, with its events alone. */
export function* withoutPositions(batch: Batch, say: (message: string) => void): Generator<Batch> {
  if (!batch.lines.includes(POSITIONS_TAG)) {
    yield batch
    return
  }
  const pieces = [...splitAtPositions(batch.lines)]
  const events = Buffer.concat(pieces.filter((piece) => Buffer.isBuffer(piece)))
  batch.release()
  for (const piece of pieces) {
    if (!('positions' in piece)) continue
    const count = piece.positions.size
    say(`left out the positions of ${count} partition${count === 1 ? '' : 's'}, which only flume-buffer takes`)
  }
  if (events.length > 0) yield batchOf(events, countLines(events), null)
}

/** Undefined: it is none. */
function positionsOf(line: Buffer): { size: number; positions: Map<string, Position> } | undefined {
  try {
    const { positions } = JSON.parse(line.toString()) as { readonly positions?: Readonly<Record<string, Partial<Position>>> }
    const all = Object.entries(positions ?? {}).filter((each): each is [string, Position] => Number.isSafeInteger(each[1]?.offset))
    return positions === undefined ? undefined : { size: line.length, positions: new Map(all) }
  } catch {
    return undefined
  }
}
