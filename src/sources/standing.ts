/** Partitions and the files they stood in: who stood in which, and where that is again. */
import type { FileStat, ReadableFile } from '../disk/disk.js'
import type { Partition } from './partition.js'
import { identityOf, isYounger, verify, type FilePosition } from './position.js'
import type { Known } from './search.js'

/** Several where a file was truncated, or an inode used again; the one that was read furthest first. */
export function byIdentity(partitions: readonly Partition[]): ReadonlyMap<string, readonly Partition[]> {
  const found = new Map<string, Partition[]>()
  const unended = partitions.filter(({ marked }) => marked?.ended !== true)
  for (const partition of unended.sort((a, b) => (b.marked?.offset ?? 0) - (a.marked?.offset ?? 0))) {
    const same = found.get(partition.identity) ?? []
    same.push(partition)
    found.set(partition.identity, same)
  }
  return found
}

/** Those of them that may have stood in this file; it may have got the inode of another one since. */
export function mayHaveStood(closed: ReadonlyMap<string, readonly Partition[]>, stat: FileStat): readonly Partition[] {
  return (closed.get(identityOf(stat)) ?? []).filter(({ marked }) => marked === null || !isYounger(stat, marked))
}

/** The one of them that stood in this file, placed there. */
export async function standing(partitions: readonly Partition[], file: ReadableFile): Promise<Partition | undefined> {
  for (const partition of partitions) {
    if (partition.file !== undefined) continue
    if (await partition.place(file, partition.marked)) return partition
    partition.cut = true
  }
  return undefined
}

/** Of each of these, which was its log before, as far as that was seen. */
export function before(added: readonly Partition[], all: Iterable<Partition>): Partition[] {
  if (added.length === 0) return []
  const last = new Map<string, Partition>()
  const fresh = new Set(added)
  for (const partition of all) {
    if (!fresh.has(partition) && partition.modified >= (last.get(partition.path)?.modified ?? 0)) last.set(partition.path, partition)
  }
  return added.flatMap(({ path }) => last.get(path) ?? [])
}

/** To the lowest of these; without any to where it began. A file that does not hold that place any more is let go. */
export async function rewind(partition: Partition, positions: readonly FilePosition[]): Promise<void> {
  const lowest = positions[0] ?? null
  partition.marked = lowest
  partition.acked = lowest
  partition.stops = positions.slice(1).map(({ offset }) => offset)
  partition.skipping = false
  partition.savedFrom = partition.same = undefined
  partition.due = true
  if (lowest !== null) {
    partition.judged = true
    partition.stood = true
    partition.size = Math.max(partition.size, lowest.size)
    if (partition.file === undefined) partition.stoodIn(lowest)
  }
  if (partition.file === undefined || (await partition.place(partition.file, lowest ?? partition.began))) return
  await partition.detach()?.close()
}

/** The file of a log that this run does not read is where it was, and holds what was read of it: what holds that, too, is another file. */
export async function isThere({ path, marked }: Partition, copy: Partition, { disk, names }: Pick<Known, 'disk' | 'names'>): Promise<boolean> {
  if (marked === null || copy.file === undefined || marked.device !== copy.device || names.owns(path)) return false
  const file = await disk.open(path, 'read').catch(() => undefined)
  if (file === undefined) return false
  try {
    if (identityOf(await file.stat()) !== identityOf(marked)) return false
    for (const each of [file, copy.file]) if ((await verify(each, marked)) === undefined) return false
  } finally {
    await file.close()
  }
  names.sayOnce(`${copy.path} begins as ${path}, which was read before and is there still: it is read as another file`)
  return true
}
