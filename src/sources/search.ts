/**
 * Where a file is that is no more where it was: under a new name or in a copy, in its directory or where rotated files
 * go, compressed or not. Its inode tells, then its content. And what else was this log in the meantime: a log that was
 * rotated twice while nobody looked has passed through a file that was never seen.
 */
import { basename, dirname } from 'node:path'
import { assert } from '../errors.js'
import type { Disk, ReadableFile } from '../disk/disk.js'
import { Compressed, hasInside } from './compressed.js'
import { isCutCopy } from './cut.js'
import type { FoundFile } from './found-file.js'
import type { Earlier, Listings } from './listing.js'
import { HEAD_SIZE, MS, identityOf, isPrefix, isYounger, readAt, wasBorn, verify, type FilePosition } from './position.js'
import { Partition } from './partition.js'
import { compareTurns, isRotated, logOf, plainOf, rotatedFrom } from './turns.js'
import type { Names } from './watch.js'

/** A file may be renamed or compressed between the look at its directory and the look into it. */
const TRIES = 4

export interface Known {
  readonly all: Map<string, Partition>
  readonly names: Names
  readonly disk: Disk
  now(): number
  /** For a new partition. */
  newId(): string
  /** ms that a short new file which is the same as another is held back, as it may be the copy that copytruncate makes. */
  readonly young: number
  /** What lies in the directories now. */
  listings(): Listings
  /** The file with this identity is read to its end, as a partition that is not among `all` for now. */
  isResting(identity: string): boolean
  /** What has these first bytes, as far as can be told at once, is among `all` again. */
  wakeAlike(head: Buffer): void
}

/** Looks for the rest of a partition by inode, then by content. False: it is not there. */
export async function search(
  partition: Partition, place: FilePosition, wasTruncated: boolean, known: Known, listings: Listings,
): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (await searchOnce(partition, place, wasTruncated, known, listings)) return true
    if (!listings.renew()) return false
  }
  return false
}

async function searchOnce(
  partition: Partition, place: FilePosition, wasTruncated: boolean, known: Known, listings: Listings,
): Promise<boolean> {
  const own = await listings.withIdentity(partition.path, identityOf(place))
  if (place.offset === 0 && partition.stops.length === 0) {
    return !wasTruncated && own !== undefined && wasBorn(own.stat.born, partition.birth) && take(partition, place, own, known, listings)
  }
  const isSure = own !== undefined && !isYounger(own.stat, place)
  if (isSure && ((await isDone(partition, place, own, known)) || (await take(partition, place, own, known, listings)))) return true
  for (const candidate of await sameStart(partition, place, wasTruncated, listings)) {
    if (await take(partition, place, candidate, known, listings)) return true
  }
  return own !== undefined && !isSure && take(partition, place, own, known, listings)
}

/** Files that may hold the place, the likeliest first: with the same first KiB, or short ones that count as well. */
async function sameStart(partition: Partition, { head }: FilePosition, wasTruncated: boolean, listings: Listings): Promise<FoundFile[]> {
  const { path } = partition
  const earlier = await listings.earlier(path)
  const found = head.size === HEAD_SIZE ? await listings.withHead(path, head.hash) : wasTruncated ? await listings.all(path) : earlier
  const rank = ranking(wholeSecond(lastWritten(partition)), earlier, listings.namesOf(path))
  return found.map((candidate) => ({ candidate, rank: rank(candidate) })).sort((a, b) => a.rank - b.rank).map(({ candidate }) => candidate)
}

/**
 * What the log may have become comes before what has its name now, which may begin the same: the oldest of those that were written to
 * after the place was read, then those that were only made then. What was there already, by a rotated name, is the least likely.
 */
function ranking(since: number, earlier: readonly Earlier[], names: readonly string[]): (candidate: FoundFile) => number {
  const ages = new Map(earlier.map(({ path }, index) => [path, index]))
  const count = earlier.length
  return ({ path, stat: { modified, born } }) => {
    const age = ages.get(path)
    if (age === undefined) return 2 * count + (names.includes(path) ? 0 : 1)
    if (modified >= since) return age
    const isMade = born === 0n || born >= BigInt(since) * MS
    return (isMade ? count : 2 * count + 2) + count - 1 - age
  }
}

/** All that is in this compressed file was read before. Its inode may be that of another log by now: its first bytes tell. */
export async function isDone(partition: Partition, { offset, size, head }: FilePosition, { path, stat }: FoundFile, { disk }: Known): Promise<boolean> {
  if (size > offset || !(await hasInside(disk, path, offset, head))) return false
  partition.modified = stat.modified
  return true
}

/** Goes on in that file, where it holds the place and is not being read as another partition. */
async function take(partition: Partition, place: FilePosition, candidate: FoundFile, known: Known, listings: Listings): Promise<boolean> {
  const { stat } = candidate
  if (known.isResting(identityOf(stat))) return false
  const owner = listings.owners.get(identityOf(stat))
  if (owner?.file !== undefined) {
    if (owner.judged || !(await partition.place(owner.file, place))) return false
    listings.owners.set(identityOf(stat), partition)
    return inherit(partition, owner, known)
  }
  const file = await listings.open(candidate)
  if (file === undefined) return false
  if (!(await partition.place(file, place))) {
    await file.close()
    return false
  }
  partition.attach(file, await file.stat(), undefined, known.now())
  partition.since = known.now()
  listings.owners.set(partition.identity, partition)
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

/**
 * Takes up the files that were this log after the partition was, and have been rotated too before anybody looked. They
 * have names such as rotation gives, were written to later than the file of the partition, and belong to no other.
 * Returns how many there are, with those that match a pattern and so are found without that. `modified`: when it was written to
 * before they were, where that is not what its file says now; ms since the epoch.
 */
export async function between(partition: Partition, known: Known, listings: Listings, modified?: number): Promise<number> {
  let count = 0
  for (let tries = 0; tries < TRIES; tries++) {
    count += await betweenOnce(partition, known, listings, modified)
    if (!listings.renew()) break
  }
  return count
}

async function betweenOnce(partition: Partition, known: Known, listings: Listings, before?: number): Promise<number> {
  const { path } = partition
  const found = partition.file === undefined ? undefined : await listings.withIdentity(path, partition.identity)
  const candidates = await listings.earlier(path, found?.path)
  const became = await whatTheyAre(path, candidates, known, listings)
  const stood = became.get(partition)
  const modified = before ?? stood?.stat.modified ?? (partition.modified > 0 ? undefined : partition.marked?.modified) ?? lastWritten(partition)
  const names = new Set(listings.namesOf(path).map((name) => basename(name)))
  // where it was met on its way: the name that it had is another log's
  const left = logOf(path) === path ? undefined : basename(logOf(path))
  const turn = stood === undefined ? undefined : rotatedFrom(basename(stood.path)).find(({ base }) => names.has(base))?.turn
  const later = ({ stat, turn: other }: Earlier): boolean =>
    stat.modified > modified || (stat.modified === modified && turn !== undefined && compareTurns(turn, other) < 0)
  // of a file that is gone, and of which nothing was read, nothing tells which one it is now: it is read as one that was never seen
  const mayBeIt = ({ stat }: Earlier): boolean => partition.file === undefined && partition.marked === null && stat.modified >= wholeSecond(modified)
  const taken = new Set([...became.values()].map((candidate) => candidate.path))
  const paths = new Set(candidates.map((candidate) => candidate.path))
  let count = 0
  for (const candidate of candidates.filter((candidate) => later(candidate) || mayBeIt(candidate))) {
    const identity = identityOf(candidate.stat)
    if (taken.has(candidate.path) || candidate.stat.size === 0) continue
    const plain = plainOf(candidate.path)
    if (plain !== candidate.path && paths.has(plain)) continue // it is being made of that
    if (listings.owners.has(identity) || known.isResting(identity) || [...known.all.values()].some((one) => isIn(one, candidate))) continue
    if (await isCopied(candidate, path, became, known, listings)) continue
    if (before !== undefined && (await looking(candidate, listings, (copy) => holdsKnown(copy, partition)))) continue
    if (await wasRead(path, candidate, known, listings)) continue
    if (known.names.owns(candidate.path) || (candidate.base !== left && (await add(path, candidate, known, listings)))) count++
  }
  return count
}

/** The partition is in that file, or was: one that is gone may have left its inode to this. */
function isIn({ identity, file, birth, marked }: Partition, { stat }: Earlier): boolean {
  return identity === identityOf(stat) && (file !== undefined || (birth !== 0n ? birth === stat.born : marked === null || !isYounger(stat, marked)))
}

/** Its file, as far as it was seen; else when it was read. ms since the epoch. */
const lastWritten = ({ modified, marked }: Partition): number => (modified > 0 ? modified : (marked?.time ?? 0))

/** As programs may keep the time of a file that they copy or compress. */
const wholeSecond = (ms: number): number => Math.floor(ms / 1000) * 1000

/** Which of the candidates the open files of this log are; of one that is deleted, what was made of it before. */
async function whatTheyAre(path: string, candidates: readonly Earlier[], known: Known, listings: Listings): Promise<Map<Partition, FoundFile>> {
  const found = new Map<Partition, FoundFile>()
  const deleted: Partition[] = []
  for (const partition of known.all.values()) {
    if (partition.path !== path || partition.file === undefined) continue
    const own = await listings.withIdentity(path, partition.identity)
    if (own !== undefined) found.set(partition, own)
    else deleted.push(partition)
  }
  for (const partition of deleted) {
    const others = new Set([...found.values()].map((candidate) => candidate.path))
    for (const candidate of candidates) {
      if (others.has(candidate.path) || !(await isMadeOf(candidate, partition, known, listings))) continue
      found.set(partition, candidate)
      break
    }
  }
  return found
}

/** It holds what is in the open file of the partition, as far as first KiB and place tell. */
async function isMadeOf(candidate: FoundFile, partition: Partition, known: Known, listings: Listings): Promise<boolean> {
  const { file } = partition
  const head = file === undefined ? Buffer.alloc(0) : await readAt(file, 0, HEAD_SIZE)
  if (head.length === 0) return false
  return looking(candidate, listings, async (copy) => (
    head.equals(await readAt(copy, 0, head.length)) && (await verify(copy, partition.position(known.now()))) !== undefined
  ))
}

/** A part of this log that is closed by now, or was truncated, was read in it, by another name. */
async function wasRead(path: string, candidate: FoundFile, known: Known, listings: Listings): Promise<boolean> {
  const left = await placesLeft(path, known)
  if (left.length === 0) return false
  return looking(candidate, listings, async (file) => {
    for (const { one, place } of left) {
      if ((place.head.size === HEAD_SIZE || one.file !== undefined) && (await verify(file, place)) !== undefined) return true
      if ((one.cut || one.file !== undefined) && (await isCutCopy(file, candidate.stat.modified, one, place))) return true
    }
    return false
  })
}

/** Where files of this log that are closed by now were left, and the one that has its name: it was truncated, and nobody has noticed that. */
async function placesLeft(path: string, known: Known): Promise<{ one: Partition; place: FilePosition }[]> {
  const left: { one: Partition; place: FilePosition }[] = []
  for (const one of known.all.values()) {
    const { file, name, offset, base, knownSize, marked } = one
    if (one.path !== path) continue
    if (file === undefined) {
      if (marked !== null && marked.ended !== true) left.push({ one, place: marked })
    } else if (name === path && offset > 0 && !one.holds(await readAt(file, base, knownSize))) left.push({ one, place: one.position(known.now()) })
  }
  return left
}

/**
 * It is being copied there at this moment: the log, before it is truncated, or a file that was the log, which goes where the copy is.
 * A full first KiB tells; shorter ones may be the same by chance.
 */
async function isCopied(candidate: FoundFile, path: string, became: ReadonlyMap<Partition, FoundFile>, known: Known, listings: Listings): Promise<boolean> {
  const { stat } = candidate
  for (const one of known.all.values()) {
    const { file, name, birth } = one
    if (file === undefined || (name !== path && one.path !== path) || stat.born < birth) continue
    const own = became.get(one)?.path ?? path
    // a log that was rotated is older than its successor; and a file is moved as it is called, or from a name that is not meant to last
    const short = name === path ? stat.born > birth : basename(own) === basename(candidate.path) || !listings.namesOf(path).some((log) => isRotated(own, log))
    if (stat.size < HEAD_SIZE && !short) continue
    if (await looking(candidate, listings, (copy) => isPrefix(copy, stat.size, file))) return true
  }
  return false
}

/** It is what the partition is in, copied just now: what that has, or will have, is truncated. */
async function holdsKnown(copy: ReadableFile, partition: Partition): Promise<boolean> {
  return partition.holds(await readAt(copy, partition.base, partition.knownSize))
}

async function looking(candidate: FoundFile, listings: Listings, look: (file: ReadableFile) => Promise<boolean>): Promise<boolean> {
  const file = await listings.open(candidate)
  try {
    return file !== undefined && (await look(file))
  } finally {
    await file?.close()
  }
}

async function add(path: string, candidate: FoundFile, known: Known, listings: Listings): Promise<boolean> {
  const file = await listings.open(candidate)
  if (file === undefined) return false
  const partition = new Partition(known.newId(), path)
  partition.attach(file, await file.stat(), undefined, known.now())
  partition.since = known.now()
  partition.leftAt = Infinity
  partition.judged = true
  partition.unseen = true
  known.all.set(partition.id, partition)
  listings.owners.set(partition.identity, partition)
  return true
}

/** Its file was gone before it was opened, and one was met that is younger and may be what was made of it: each is taken for one only. */
export function isMet({ path, size, birth }: Partition, known: Known): boolean {
  for (const one of known.all.values()) {
    const isSame = one.path === path || (dirname(one.path) === dirname(path) && isRotated(one.path, path))
    if (!isSame || !one.unseen || one.birth < birth || (one.size < size && !(one.file instanceof Compressed))) continue
    one.unseen = false
    return true
  }
  return false
}
