/** From where to where a queue is read: what a person typed, as sequences. */
import { openSegment } from './compressed.js'
import type { ReadableFile } from '../disk/disk.js'
import { unlessMissing } from '../disk/gone.js'
import { FlumeError } from '../errors.js'
import type { Batch } from '../events/batch.js'
import { decodeFrameHeader, FRAME_HEADER_SIZE } from './format.js'
import { reasonOf } from './gap.js'
import { readFrames } from './segment.js'
import { beginningOf } from './segment-start.js'
import { listSegments, type Paths } from './surroundings.js'
import type { QueueView } from './view.js'

/** `time`: ms since the epoch. */
export type Bound = { readonly kind: 'sequence'; readonly sequence: number } | { readonly kind: 'time'; readonly time: number }

/** `from` absent: the oldest event. `to` absent: the last one that is there now; it is included, a time is not. */
export interface Asked {
  readonly from?: Bound
  readonly to?: Bound
}

/** Sequences; `end` is not included. */
export interface Range {
  readonly from: number
  readonly end: number
}

/** The same for the same segments. `next`: the event that comes next. Throws NO_INPUT for a sequence that is not there yet. */
export async function resolveRange(view: QueueView, { from, to }: Asked, next: number): Promise<Range> {
  const segments = await listSegments(view.around.disk, view.paths)
  const at = async (bound: Bound): Promise<number> =>
    bound.kind === 'sequence' ? there(bound.sequence, next, view.paths) : firstAt(view, segments, bound.time, next)
  const begin = from === undefined ? ((await oldestEvent(view)) ?? next) : await at(from)
  const end = to === undefined ? next : (await at(to)) + (to.kind === 'sequence' ? 1 : 0)
  return { from: begin, end: Math.max(begin, end) }
}

/** The oldest event for whoever begins there: not what is only said to be removed, which is for readers that come from before it. */
export async function oldestEvent(view: QueueView): Promise<number | undefined> {
  const segments = await listSegments(view.around.disk, view.paths)
  for (const first of segments) {
    const kept = await inSegment(view, first, async (file, { at }) => {
      if (!(await beginsLost(file, at))) return true // the usual case, for which no lines are read
      for await (const found of readFrames(file, at, Infinity, view.blocks)) {
        const isRemoved = found.kind === 'frame' && found.header.lost && found.lines !== undefined && reasonOf(found.lines) === 'removed'
        if (found.kind === 'frame') found.release()
        if (!isRemoved) return true
      }
      return false
    })
    if (kept !== false || first === segments.at(-1)) return first
  }
  return undefined
}

async function beginsLost(file: ReadableFile, at: number): Promise<boolean> {
  const bytes = Buffer.alloc(FRAME_HEADER_SIZE)
  await file.read(bytes, at)
  return decodeFrameHeader(bytes, 0, at)?.lost === true
}

function there(sequence: number, next: number, paths: Paths): number {
  if (sequence < next) return sequence
  const why = next === 0 ? 'it is empty' : `its last event is ${next - 1}`
  throw new FlumeError('NO_INPUT', `cannot give out event ${sequence} of queue ${paths.directory}: ${why}`)
}

/** The first event put at `time` or later; `next` where there is none. */
async function firstAt(view: QueueView, segments: readonly number[], time: number, next: number): Promise<number> {
  for (let index = await firstSegment(view, segments, time); index < segments.length; index++) {
    const found = await firstIn(view, segments[index] ?? 0, time)
    if (found !== undefined) return Math.min(found, next)
  }
  return next
}

/** Index of the segment that was written at `time`; where that is not known, of one before it. */
async function firstSegment(view: QueueView, segments: readonly number[], time: number): Promise<number> {
  let start = 0
  for (let index = 1; index < segments.length; index++) {
    const created = (await inSegment(view, segments[index] ?? 0, async (_, beginning) => beginning.created)) ?? 0
    if (created >= time) break
    if (created > 0) start = index
  }
  return start
}

function firstIn(view: QueueView, first: number, time: number): Promise<number | undefined> {
  return inSegment(view, first, async (file, { at }) => {
    for await (const found of readFrames(file, at, Infinity, view.blocks)) {
      if (found.kind === 'damage') continue
      found.release()
      if (found.header.count > 0 && found.header.time >= time) return found.header.first
    }
    return undefined
  })
}

/** Undefined, too, where the segment was removed meanwhile. */
async function inSegment<T>(
  view: QueueView,
  first: number,
  look: (file: ReadableFile, beginning: Awaited<ReturnType<typeof beginningOf>>) => Promise<T>,
): Promise<T | undefined> {
  const file = await openSegment(view.around.disk, view.paths.segment(first)).catch(unlessMissing)
  if (file === undefined) return undefined
  try {
    return await look(file, await beginningOf(view, file, first))
  } finally {
    await file.close()
  }
}

/** The batches of a log from `from` on, without what lies outside the range: the first and the last may be a part of a frame. */
export async function* within(batches: AsyncIterable<Batch>, { from, end }: Range): AsyncGenerator<Batch> {
  if (from >= end) return
  for await (const batch of batches) {
    const last = batch.mark !== null && batch.mark.to.offset >= end
    yield cut(batch, from, end)
    if (last) return
  }
}

function cut(batch: Batch, from: number, end: number): Batch {
  const { lines, mark } = batch
  if (mark === null || mark.from === null) return batch
  const [first, last] = [mark.from.offset, mark.to.offset]
  if (first >= from && last <= end) return batch
  const [begin, stop] = [Math.max(first, from), Math.min(last, end)]
  const start = afterLines(lines, 0, begin - first)
  return {
    ...batch,
    lines: lines.subarray(start, afterLines(lines, start, stop - begin)),
    count: stop - begin,
    mark: { ...mark, from: { offset: begin }, to: { offset: stop } },
    release: () => batch.release(),
  }
}

/** The byte after `count` lines from byte `at` on. */
export function afterLines(lines: Buffer, at: number, count: number): number {
  let end = at
  for (let left = count; left > 0; left--) end = lines.indexOf(10, end) + 1
  return end
}
