/**
 * Whether a file was truncated, and then where its rest is: in the copy that copytruncate made. And the other way
 * round: whether a new file is such a copy. A full first KiB and the bytes before the place decide; a shorter file
 * counts only where the original was just truncated in the same directory, so that two short files that happen to be
 * the same stay two.
 */
import { dirname } from 'node:path'
import { assert } from '../errors.js'
import { Compressed, isGone } from './compressed.js'
import { cutCopySize, startsLike } from './cut.js'
import { HEAD_SIZE, beginsWith, commonSize, holdsAll, isPrefix, isPrintOf, readAt, type Print } from './position.js'
import { Partition } from './partition.js'
import { isThere } from './standing.js'
import { isCompressed, isRotated } from './turns.js'
import { between, inherit, isMet, search, type Known } from './search.js'

/**
 * Looks whether the file was truncated, by its size; then goes on in the copy, if there is one. Otherwise learns its
 * size and time.
 */
export async function check(partition: Partition, known: Known): Promise<void> {
  if (partition.file === undefined) return partition.missedAt === undefined ? undefined : missed(partition, partition.missedAt, known)
  const stat = await partition.file.stat()
  if (await isGone(partition.file)) return rotatedAway(partition, known)
  if (stat.size < partition.offset || wasUnread(partition, stat.size)) return truncated(partition, known)
  if (partition.savedFrom !== undefined && (await wasTruncated(partition, known))) return
  const { size, modified, name, path } = partition
  if (size === 0 && name === path && (stat.size > 0 || stat.modified !== modified)) partition.emptyUntil ??= modified
  if (partition.learn(stat, known.now())) partition.due = true
}

/** Nothing was read of it yet, and what was seen there is gone. */
function wasUnread({ judged, savedFrom, offset, size, file }: Partition, now: number): boolean {
  return (judged || savedFrom !== undefined) && offset === 0 && now < size && !(file instanceof Compressed)
}

/** The same by the bytes before the place: the file may have grown since. True: it goes on elsewhere, if anywhere. */
async function wasTruncated(partition: Partition, known: Known): Promise<boolean> {
  const { file, base, knownSize } = partition
  if (file === undefined || partition.holds(await readAt(file, base, knownSize))) return false
  await truncated(partition, known)
  return true
}

/**
 * Its bytes are not there any more: goes on in the copy; what no copy has is lost. What the file holds now is a
 * partition of its own.
 */
export async function truncated(partition: Partition, known: Known): Promise<void> {
  if (partition.file !== undefined && (await isGone(partition.file))) return rotatedAway(partition, known)
  const now = known.now()
  const place = partition.position(now)
  const { path, name, since } = partition
  const file = partition.detach()
  assert(file !== undefined)
  partition.cut = true
  const successor = new Partition(known.newId(), path)
  successor.attach(file, await file.stat(), name, now)
  successor.since = since
  successor.judged = true
  successor.sees(await readAt(file, 0, HEAD_SIZE)) // it may be copied and truncated again before it is read
  known.all.set(successor.id, successor)
  const listings = known.listings()
  const found = await search(partition, place, true, known, listings)
  const others = await between(partition, known, listings)
  if (place.offset === 0 && (found || others > 0 || isMet(partition, known))) return
  if (place.head.size === HEAD_SIZE && successor.file !== undefined) {
    successor.savedFrom = { log: partition, at: now }
    successor.judged = false
  } else if (!found) lost(partition, known)
}

/** Nothing holds what was read of it, nor what was seen of it after that. */
function lost(partition: Partition, known: Known): void {
  const { path, size, offset } = partition
  if (size > offset) partition.lose(size, 'truncated')
  else if (offset > 0) {
    known.names.sayOnce(`${path} was truncated, and no copy holds what was read of it: what was written after that, if anything, is lost`)
  }
}

/** Its file was closed for a while, and its name was given to another: it is looked for as if nobody had looked meanwhile. */
async function rotatedAway(partition: Partition, known: Known): Promise<void> {
  const place = partition.position(known.now())
  const { size } = partition
  await partition.detach()?.close()
  const listings = known.listings()
  const found = await search(partition, place, false, known, listings)
  const others = await between(partition, known, listings)
  partition.hidden = !found && (await listings.mayHide(partition.path, place))
  const isLost = !found && !partition.hidden && size > place.offset
  if (isLost && place.offset > 0) partition.lose(size, 'removed')
  else if (isLost && others === 0 && !isMet(partition, known)) return missed(partition, known.now(), known)
  if (partition.file === undefined && partition.lost === undefined && partition.marked === null) known.all.delete(partition.id)
}

/**
 * Nothing was read of it, as it was gone by then. Where its log goes on in the file that has its name next, and that has not less,
 * it was a copy of the log as that is, and where what was made of it is met yet, it is that; else it is lost.
 */
function missed(partition: Partition, at: number, known: Known): void {
  const { path, size, changed } = partition
  const isIt = (one: Partition): boolean => one.name === path && one.size >= size && (one.wentOn >= changed || (!one.judged && one.sameTo > 0))
  partition.missedAt = undefined
  if ([...known.all.values()].some(isIt) || isMet(partition, known)) known.all.delete(partition.id)
  else if (known.now() - at >= known.young) partition.lose(size, 'removed')
  else {
    partition.missedAt = at
    partition.wakeAt = at + known.young
  }
}

/**
 * Decides what a file is that nothing was read of yet. True: it may be read. False: not yet, or it was found to be the
 * rest of another partition and is that one's now.
 */
export async function judge(partition: Partition, known: Known): Promise<boolean> {
  if (partition.judged) return true
  if (partition.file === undefined) return false
  if (partition.savedFrom !== undefined) return isAnother(partition, partition.savedFrom, known)
  if (partition.size === 0) return false
  const head = await readAt(partition.file, 0, HEAD_SIZE)
  known.wakeAlike(head)
  const begins = beginsWith(head)
  let replaced: Partition | undefined
  for (const other of [...known.all.values()]) {
    if (other === partition || !(await mayBeCopy(partition, head, begins, other))) continue
    let same = await isCopy(partition, other)
    // it may have been truncated in the middle of that, and be another copy by now
    if (!same && (await wasTruncated(other, known))) same = await isCopy(partition, other)
    if (partition.file === undefined) return false
    if (other.file === undefined) {
      const { marked } = other
      if (counts(partition, head, other) && marked !== null && !(await isThere(other, partition, known)) && (await other.place(partition.file, marked))) {
        await inherit(other, partition, known)
        return false
      }
    } else if (same && holdBack(partition, counts(partition, head, other), other, known)) return false
    else {
      if (!same && partition.same?.as === other) await differs(partition, other, partition.same.from, known)
      if (isReplaced(other, partition) && (replaced === undefined || wasLast(other, replaced))) replaced = other
    }
  }
  if (replaced !== undefined && (await goesOn(replaced, partition, known))) return false
  await start(partition, known)
  return true
}

async function isCopy({ file, size, same, sameTo }: Partition, other: Partition): Promise<boolean> {
  if (file === undefined || other.file === undefined) return false
  return isPrefix(file, size, other.file, same?.as === other ? Math.min(sameTo, size) : 0)
}

/**
 * It was the same so far. One that had less than what was read of the other at first is no copy of that, nor is one that
 * goes on otherwise before anybody was told that it is.
 */
async function differs(partition: Partition, other: Partition, from: number, known: Known): Promise<void> {
  if (partition.file === undefined || other.file === undefined) return
  const common = await commonSize(partition.file, other.file, partition.size)
  const isYoung = !other.cut && known.now() - (partition.since ?? 0) < known.young
  partition.sameTo = common < from || isYoung ? 0 : common
  partition.same = undefined
}

/** What was truncated where it stands may be saved in place: it is the same again, byte by byte, or another one. True: another, which may be read. */
async function isAnother(partition: Partition, { log, at }: NonNullable<Partition['savedFrom']>, known: Known): Promise<boolean> {
  const soFar = known.all.get(log.id) === log ? await isSaved(partition, log) : 'another'
  if (soFar === 'whole') {
    await log.detach()?.close() // a copy, to which nobody writes
    await inherit(log, partition, known)
    return false
  }
  if (soFar === 'begun' && known.now() - at < known.young) {
    if (partition.file !== undefined) partition.sees(await readAt(partition.file, 0, Math.min(partition.size, SEEN_MAX)), SEEN_MAX)
    partition.wakeAt = at + known.young
    return false
  }
  if (log.cut) lost(log, known)
  partition.savedFrom = undefined
  partition.judged = true
  return true
}

/** Of what is not read yet: less than is read at once, BLOCK_SIZE_MIN. */
const SEEN_MAX = 32 * 1024

/** Whether the file holds what the log held: of one whose bytes nothing has any more, as far as that was read. */
async function isSaved({ file, size }: Partition, log: Partition): Promise<'whole' | 'begun' | 'another'> {
  assert(file !== undefined)
  if (log.file !== undefined) {
    const { size: whole } = await log.file.stat()
    return (await isPrefix(file, Math.min(size, whole), log.file)) ? (size < whole ? 'begun' : 'whole') : 'another'
  }
  const { marked, start, cut } = log
  const head = await readAt(file, 0, HEAD_SIZE)
  if (!cut || marked === null || !startsLike(head, start)) return 'another'
  if (size < marked.offset) return head.length < HEAD_SIZE || isPrintOf(marked.head, head) ? 'begun' : 'another'
  return (await holdsAll(file, marked)) && (await log.place(file, marked)) ? 'whole' : 'another'
}

/** As far as can be told from the first bytes: they are the same, and short ones lie in one directory. */
async function mayBeCopy(partition: Partition, head: Buffer, begins: (print: Print) => boolean, other: Partition): Promise<boolean> {
  if (!other.judged && other.savedFrom === undefined) return false
  const { marked } = other
  // of a compressed one not all is known that is in it: place() reads as far as it takes
  const mayHold = (offset: number): boolean => partition.size >= offset || partition.file instanceof Compressed
  if (other.file === undefined) return marked !== null && marked.ended !== true && mayHold(marked.offset) && begins(marked.head)
  const print = other.offset === 0 ? other.unsent : other.head
  const { size } = print
  if (size === 0 || !startsLike(head, other.start)) return false
  if (head.length < HEAD_SIZE && dirname(partition.path) !== dirname(other.path)) return false
  if (size <= head.length) return begins(print)
  return head.equals(await readAt(other.file, 0, head.length)) || isRotated(partition.path, other.path) // which may be truncated by now
}

/**
 * It is large enough to be the same by its content alone, or is called as what is made of the other by compressing it, or one of the
 * two is deleted and they have names of one log.
 */
function counts({ path, name, links }: Partition, head: Buffer, other: Partition): boolean {
  if (head.length === HEAD_SIZE || (name !== undefined && isCompressed(name, other.name))) return true
  const isAlone = links === 0 || other.file === undefined || other.links === 0
  return isAlone && (isRotated(path, other.path) || (links === 0 && isRotated(other.path, path)))
}

/** A copy of a file that is still there: a full one for as long as it is the same, a short one only for a while. */
function holdBack(partition: Partition, full: boolean, other: Partition, known: Known): boolean {
  partition.since ??= known.now()
  if (full && partition.same?.as !== other) partition.same = { as: other, from: other.offset }
  if (full) partition.sameTo = partition.size
  if (known.now() - partition.since < known.young) return true
  if (!full) return false
  const compressed = partition.file instanceof Compressed && isRotated(partition.path, other.path) // as each night
  const as = other.name ?? (other.path === partition.path ? 'the file that had its name before' : other.path)
  if (!compressed) known.names.sayOnce(`${partition.path} holds the same as ${as}: it is taken for a copy and not read`)
  return true
}

/** Its name was given to that file, which may be a longer copy of it, and may have lost it since. */
function isReplaced({ name, path }: Partition, by: Partition): boolean {
  return name === undefined && path === by.path
}

/** It had the name later than the other; where both lost it at once, it was read further. */
function wasLast(one: Partition, other: Partition): boolean {
  return ((one.since ?? 0) - (other.since ?? 0) || one.offset - other.offset) >= 0
}

/**
 * The log was replaced by one that holds all that had been read of it, byte by byte: an editor saved it, or its file system
 * was moved. True: the log goes on in that file, and what is still written to the old one is a partition of its own.
 * Where the old one holds more, that is read from it, and of the new one what it has instead.
 */
async function goesOn(log: Partition, by: Partition, known: Known): Promise<boolean> {
  if (log.file === undefined || by.file === undefined || by.file instanceof Compressed) return false
  const { size } = await log.file.stat()
  const common = await commonSize(log.file, by.file, size)
  if (log.file === undefined || by.file === undefined || common < Math.max(log.leftAt, HEAD_SIZE)) return false
  by.sameTo = Math.max(by.sameTo, common)
  if (common < size) return false
  const rest = new Partition(known.newId(), log.path)
  const old = log.detach()
  assert(old !== undefined)
  rest.attach(old, await old.stat(), undefined, known.now())
  await rest.startAt(size, known.now())
  rest.since = log.since
  rest.leftAt = rest.sameTo = size
  rest.judged = true
  known.all.set(rest.id, rest)
  log.wentOn = known.now()
  return inherit(log, by, known)
}

/**
 * From the beginning; or where it began to differ from the one that it was a copy of; or, where that was truncated since, at the end
 * of what was read there.
 */
async function start(partition: Partition, known: Known): Promise<void> {
  const { same, sameTo, began } = partition
  const read = (await cutCopySize(partition, known.all.values())) ?? (same?.as.cut === true && same.as.offset >= sameTo ? sameTo : 0)
  partition.judged = true
  partition.since = undefined
  partition.same = undefined
  if (read > (began?.offset ?? 0)) await partition.startAt(read, known.now())
  else if (sameTo > (began?.offset ?? 0)) await partition.startAfter(sameTo, known.now())
}
