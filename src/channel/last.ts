/** What a start makes of the segments that are there: which is the last, how far it goes, and the number of the next event. */
import type { DiskFile } from '../disk/disk.js'
import { assert, errnoOf, FlumeError } from '../errors.js'
import { CompressedSegment, openSegment } from './compressed.js'
import { isPadding } from './pages.js'
import type { End } from './published.js'
import { recover, type Recovered } from './recover.js'
import { readerPlaces } from './retention.js'
import { SegmentWriter } from './segment.js'
import { beginningOf, startOf, type Without } from './segment-start.js'
import { segmentsAmong, type Paths, type Surroundings } from './surroundings.js'
import type { QueueView } from './view.js'

const COPY_SIZE = 1024 * 1024
/** Their positions went with them: who sent them goes on from earlier ones. */
const ONCE_MORE = ', and what was put last may be sent once more'

/** The segments there are. One is named when it is whole, so one without a header is an accident of the file system; it holds nothing. */
export async function dropUnmade(paths: Paths, around: Surroundings): Promise<number[]> {
  const { disk } = around
  const names = await disk.list(paths.segments)
  for (const name of names) if (name.endsWith('.tmp')) await disk.unlink(`${paths.segments}/${name}`)
  const segments = segmentsAmong(names)
  for (let last = segments.at(-1); last !== undefined && (await disk.stat(paths.segment(last)))?.size === 0; last = segments.at(-1)) {
    around.say(`segment ${paths.segment(last)} is empty: removed`)
    await disk.unlink(paths.segment(last))
    await disk.syncDirectory(paths.segments)
    segments.pop()
  }
  return segments
}

/** The event that comes after the last of these segments, as far as its frames tell. */
async function nextAfter(view: QueueView, segments: readonly number[]): Promise<number> {
  const last = segments.at(-1) ?? 0
  const file = await openSegment(view.around.disk, view.paths.segment(last))
  try {
    const { at } = await beginningOf(view, file, last)
    return (await recover(file, { end: at, next: last }, new Map(), { end: (await file.stat()).size, next: last }, view.blocks)).next
  } finally {
    await file.close()
  }
}

/** Never less than what was published, what the segment before the last holds, or what a reader has acked: a number once given out is not used again. */
export async function nextSequence(view: QueueView, segments: readonly number[], found: number, known: End | undefined): Promise<number> {
  const { paths, around } = view
  // where it is not known how far the log went, the segment before the last may go further than that
  const before = known === undefined && segments.length > 1 ? await nextAfter(view, segments.slice(0, -1)) : 0
  const furthest = (await readerPlaces(around.disk, paths)).at(-1)
  const next = Math.max(found, before, known?.next ?? 0, furthest?.next ?? 0)
  if (next > Math.max(found, before)) {
    const who = furthest !== undefined && furthest.next === next ? `reader ${furthest.reader} stands` : 'it once went'
    around.say(`queue ${paths.directory} ends before event ${found}, but ${who} before ${next}: goes on at ${next}, the events between are lost${ONCE_MORE}`)
  }
  return next
}

/** The last of the segments, ready to be appended to, and what is in it. Throws SEGMENT_DAMAGED, VERSION, OTHER_HISTORY. */
export async function recoverLast(
  view: QueueView,
  segments: readonly number[],
  known: End | undefined,
  without: Without,
): Promise<{ writer: SegmentWriter; recovered: Recovered }> {
  const { paths, around, blocks } = view
  const last = segments.at(-1)
  assert(last !== undefined)
  const path = paths.segment(last)
  const file = await around.disk.open(path, 'update')
  try {
    const start = await startOf(view, segments, without)
    const compressed = await CompressedSegment.of(file)
    const published = known?.segment === last ? { end: known.end, next: known.next } : undefined
    const recovered = await recover(compressed ?? file, start.place, start.table, published, blocks)
    sayDamaged(path, recovered, around)
    // the one after it has gone: nothing is ever appended to it
    if (compressed !== undefined) return { writer: new SegmentWriter(last, file, recovered.end, recovered.end), recovered: { ...recovered, tailDamaged: true } }
    await settle(file, path, Math.max(start.place.end, published?.end ?? 0), recovered.end, around)
    return { writer: new SegmentWriter(last, file, recovered.end, recovered.end), recovered }
  } catch (cause) {
    await file.close()
    if (cause instanceof FlumeError || errnoOf(cause) === undefined) throw cause
    throw new FlumeError('IO', `cannot recover segment ${path}`, { cause })
  }
}

function sayDamaged(path: string, { damaged, behind }: Recovered, { say }: Surroundings): void {
  if (damaged === 0) return
  const costs = `the events there are lost${behind ? ONCE_MORE : ''}`
  say(`segment ${path} is damaged in ${damaged} place${damaged === 1 ? '' : 's'}: ${costs}`)
}

/**
 * Cuts what is not kept, and writes what is kept but was not known to be on disk once more: a sync that failed in an
 * earlier process may have left pages that look clean and are not on disk.
 */
async function settle(file: DiskFile, path: string, from: number, end: number, around: Surroundings): Promise<void> {
  const { size } = await file.stat()
  if (size > end) {
    if (!(await isPadding(file, end, size))) around.say(`segment ${path}: cut ${size - end} bytes after byte ${end} that were never acked`)
    await file.truncate(end)
  }
  const bytes = Buffer.allocUnsafe(Math.min(COPY_SIZE, Math.max(0, end - from)))
  for (let at = from; at < end; ) {
    const count = await file.read(bytes.subarray(0, Math.min(bytes.length, end - at)), at)
    assert(count > 0)
    at += await file.write([bytes.subarray(0, count)], at)
  }
  await file.sync()
}
