/**
 * Where the rest of a file is when it is no more where it was: in the copy that copytruncate made, or under a new name.
 * And the other way round: whether a new file is such a copy. A full first KiB and the bytes before the place decide;
 * a shorter file counts only where the original was just truncated in the same directory, so that two short files that
 * happen to be the same stay two.
 */
import { dirname, join } from 'node:path'
import type { Disk } from '../disk/disk.js'
import { assert, errnoOf } from '../errors.js'
import { HEAD_SIZE, identityOf, isPrefix, readAt, type FilePosition } from './position.js'
import { Partition } from './partition.js'
import type { Match, Names } from './watch.js'

export interface Known {
  readonly all: Map<string, Partition>
  readonly names: Names
  readonly disk: Disk
  now(): number
  /** For a new partition. */
  newId(): string
  /** ms that a short new file which is the same as another is held back, as it may be the copy that copytruncate makes. */
  readonly young: number
}

/**
 * Looks whether the file was truncated, by its size; then goes on in the copy, if there is one. Otherwise learns its
 * size and time.
 */
export async function check(partition: Partition, known: Known): Promise<void> {
  const stat = await partition.file?.stat()
  if (stat === undefined) return
  if (stat.size < partition.offset) return truncated(partition, known)
  if (partition.learn(stat, known.now())) partition.due = true
}

/** The same by the bytes before the place: the file may have grown since. */
async function checkPlace(partition: Partition, known: Known): Promise<void> {
  const { file, offset, tail } = partition
  if (file === undefined) return
  if (!(await readAt(file, offset - tail.length, tail.length)).equals(tail)) await truncated(partition, known)
}

/**
 * Its bytes are not there any more: goes on in the copy; what no copy has is lost. What the file holds now is a
 * partition of its own.
 */
export async function truncated(partition: Partition, known: Known): Promise<void> {
  const now = known.now()
  const place = partition.position(now)
  const { size, path, name, since } = partition
  const file = partition.detach()
  assert(file !== undefined)
  const successor = new Partition(known.newId(), path)
  successor.attach(file, await file.stat(), name, now)
  successor.since = since
  successor.judged = true
  known.all.set(successor.id, successor)
  if ((await search(partition, place, true, known)) || size <= place.offset) return
  partition.lose(size, 'truncated')
}

/** Looks for the rest of a partition in its directory: by inode, then by content. False: it is not there. */
export async function search(partition: Partition, place: FilePosition, wasTruncated: boolean, known: Known): Promise<boolean> {
  if (place.offset === 0 && wasTruncated) return false
  for (const near of await neighbours(partition, place, known)) {
    const own = identityOf(near.stat) === identityOf(place)
    if (!own && !wasTruncated && place.head.size < HEAD_SIZE) continue
    if (await take(partition, place, near, known)) return true
  }
  return false
}

/** Goes on in that file, where it holds the place. */
async function take(partition: Partition, place: FilePosition, { path, stat }: Match, known: Known): Promise<boolean> {
  const owner = [...known.all.values()].find((one) => one.file !== undefined && one.identity === identityOf(stat))
  if (owner?.file !== undefined) return (await partition.place(owner.file, place)) && inherit(partition, owner, known)
  const file = await known.disk.open(path, 'read').catch(() => undefined)
  if (file === undefined) return false
  if (!(await partition.place(file, place))) {
    await file.close()
    return false
  }
  partition.attach(file, await file.stat(), undefined, known.now())
  partition.since = known.now()
  return true
}

/** The file of a partition that nothing was read of is the rest of another one. */
export async function inherit(partition: Partition, owner: Partition, known: Known): Promise<true> {
  const { name, since } = owner
  const file = owner.detach()
  assert(file !== undefined)
  known.all.delete(owner.id)
  partition.attach(file, await file.stat(), name, known.now())
  partition.since = since
  return true
}

/** Files that are large enough, its own inode first; not those that are being read as other partitions. */
async function neighbours(partition: Partition, place: FilePosition, known: Known): Promise<Match[]> {
  const directory = dirname(partition.path)
  const open = [...known.all.values()].filter(({ file, judged }) => file !== undefined && judged)
  const taken = new Set(open.map(({ identity }) => identity))
  const files: Match[] = []
  for (const name of await list(directory, known)) {
    const path = join(directory, name)
    const stat = await known.disk.stat(path).catch(() => undefined)
    if (stat?.kind === 'file' && stat.size >= place.offset && !taken.has(identityOf(stat))) files.push({ path, stat })
  }
  const own = ({ stat }: Match): boolean => identityOf(stat) === identityOf(place)
  return [...files.filter(own), ...files.filter((file) => !own(file))]
}

async function list(directory: string, { disk, names }: Known): Promise<string[]> {
  try {
    return (await disk.list(directory)).sort()
  } catch (error) {
    names.sayOnce(`cannot look into ${directory}: ${errnoOf(error) ?? String(error)}`)
    return []
  }
}

/**
 * Decides what a file is that nothing was read of yet. True: it may be read. False: not yet, or it was found to be the
 * rest of another partition and is that one's now.
 */
export async function judge(partition: Partition, known: Known): Promise<boolean> {
  if (partition.judged) return true
  if (partition.file === undefined || partition.size === 0) return false
  const head = await readAt(partition.file, 0, HEAD_SIZE)
  for (const other of [...known.all.values()]) {
    if (other === partition || !mayBeCopy(partition, head, other)) continue
    const same = other.file !== undefined && (await isPrefix(partition.file, partition.size, other.file))
    if (!same) await checkPlace(other, known) // it may have been truncated in the middle of that
    if (partition.file === undefined) return false
    if (other.file === undefined) {
      if (head.length === HEAD_SIZE && other.marked !== null && (await other.place(partition.file, other.marked))) {
        await inherit(other, partition, known)
        return false
      }
    } else if (same && holdBack(partition, head.length === HEAD_SIZE, other, known)) return false
  }
  await start(partition, known)
  return true
}

/** As far as can be told without reading: the first bytes are the same, and short ones lie in one directory. */
function mayBeCopy(partition: Partition, head: Buffer, other: Partition): boolean {
  if (!other.judged) return false
  const { marked } = other
  if (other.file === undefined) return marked !== null && marked.ended !== true && partition.size >= marked.offset
  const size = Math.min(head.length, other.head.length)
  if (size === 0 || head.compare(other.head, 0, size, 0, size) !== 0) return false
  return head.length === HEAD_SIZE || dirname(partition.path) === dirname(other.path)
}

/** A copy of a file that is still there: a full one for as long as it is the same, a short one only for a while. */
function holdBack(partition: Partition, full: boolean, other: Partition, known: Known): boolean {
  partition.since ??= known.now()
  if (known.now() - partition.since < known.young) return true
  if (!full) return false
  partition.sameTo = partition.size
  known.names.sayOnce(`${partition.path} holds the same as ${other.path}: it is taken for a copy and not read`)
  return true
}

/** From the beginning, or where it began to differ from the one that it was a copy of. */
async function start(partition: Partition, known: Known): Promise<void> {
  partition.judged = true
  partition.since = undefined
  if (partition.sameTo > 0) await partition.startAfter(partition.sameTo, known.now())
}
