/**
 * One file as a partition: the place where its reading stands, and the open file that keeps it readable whatever
 * becomes of its name. Some bytes before the place are read again with each block, so that a file that was truncated and
 * has grown since is told from one that was appended to; of these only the hash is kept, as there may be ten thousand.
 */
import { assert } from '../errors.js'
import { NEWLINE, type Mark } from '../events/batch.js'
import type { FileStat, ReadableFile } from '../disk/disk.js'
import { HEAD_SIZE, TAIL_SIZE, identityOf, isPrintOf, printOf, readAt, sumOf, thinned, verify, type FilePosition, type Passed, type Print } from './position.js'

const NONE = Buffer.alloc(0)
const EMPTY = printOf(NONE)
const BEGINNING = { offset: 0, head: EMPTY, tail: EMPTY, sum: 0 }
/** What a position has that says where reading stands. */
type Stand = Pick<FilePosition, 'offset' | 'head' | 'tail'> & { readonly sum?: number | undefined }
/** Most bytes that are kept as they are. */
export const START_SIZE = 32
/** Of a file that was read no further than this, the whole first KiB is. */
const SMALL = 16 * 1024
/** ms in which some file systems count: of two changes so close the second may leave no trace, where the size is the same. */
const TICK = 2000
const STEP = 64 * 1024

export class Partition {
  /** Open while it can still be read. */
  file: ReadableFile | undefined
  device = ''
  inode = ''
  /** When that file was made; 0: nobody knows. */
  birth = 0n
  /** Where its file system is mounted; empty: nobody has looked. */
  mount = ''
  /** The path it matches under now; undefined: its name was given to another file, or taken away. */
  name: string | undefined
  /** The next byte to read; before it `head` (the first bytes) and `tail` (the last ones), as read; and how `head` starts. */
  offset = 0
  head = EMPTY
  tail = EMPTY
  start = ''
  /** Of a small file, as much of the first KiB as lies before the place. */
  first: Buffer = NONE
  /** Of all before it; undefined: nobody knows. */
  sum: number | undefined = 0
  /** Places before it where reading stood, the newest first. */
  passed: readonly Passed[] = []
  /** Of a file that is at byte 0: its first bytes as read, which are no whole line yet, without the NULs that may follow. */
  unsent = EMPTY
  /** The largest size it was seen to have, and its last change as of then. */
  size = 0
  modified = 0
  /** When that change was seen here; ms since the epoch. */
  changed = 0
  /** When the bytes before the place were last seen to be what they were; ms since the epoch. */
  held = 0
  /** Number of names that it has; 0: deleted. */
  links = 1
  /** Where reading began if not at byte 0: --from end. */
  began: FilePosition | null = null
  /** Of the last batch that went out. */
  marked: FilePosition | null = null
  /** A reader, or the state file, had a place in it: it was read before this process met it. */
  stood = false
  /** All before it is durable further down; null: nothing is. */
  acked: FilePosition | null = null
  /** Offsets at which a batch must end: readers further down stand there. Lowest first. */
  stops: number[] = []
  /** False: nothing of it was read yet, and it may turn out to be the copy of another. */
  judged = false
  /** In the middle of a line that is too long for an event. */
  skipping = false
  /** Events that the line at the place was sent in so far; 0: the place is at the beginning of a line. */
  parts = 0
  /** When its name went to another file or was taken away, or when it was first taken for a copy; ms since the epoch. */
  since: number | undefined
  /** Where it stood when it lost its name, or was found without one; Infinity: nothing had been read of it. */
  leftAt = 0
  /** When its end was first reached with an event that may go on; ms since the epoch. */
  endSeen: number | undefined
  /** It was the same as another so far, of which so much had been read when that was seen: nothing before this byte is to be read. */
  sameTo = 0
  same: { readonly as: Partition; readonly from: number } | undefined
  /** Closed, as its file was truncated, or holds something else; and the copy that was made of it before, once that was met. */
  cut = false
  copy: { readonly identity: string; readonly size: number } | undefined
  /** The log that its file was until it was truncated, ms since the epoch: it may be saved in place, and be that again. */
  savedFrom: { readonly log: Partition; readonly at: number } | undefined
  /** When it went on in another file, which has its name; ms since the epoch. */
  wentOn = 0
  /** When its file was gone before it was opened: what was seen there may be in its successor; ms since the epoch. */
  missedAt: number | undefined
  /** It was seen empty, with this time, and has grown since: it may have been rotated in between. */
  emptyUntil: number | undefined
  /** Its file had a rotated name when it was met: it may be one that was seen before, and gone before it was opened. */
  unseen = false
  /** There may be something to do. */
  due = true
  /** Its bytes from `offset` to here are lost, and that was not said yet. */
  lost: { readonly to: number; readonly reason: string } | undefined
  /** It was looked for and not found, where not all could be seen. */
  hidden = false
  /** When there is something to do even if nothing happens; ms since the epoch. */
  wakeAt: number | undefined

  constructor(
    readonly id: string,
    /** Absolute, as the file was called when it was first seen. */
    readonly path: string,
  ) {}

  get identity(): string {
    return identityOf(this)
  }

  attach(file: ReadableFile, stat: FileStat, name: string | undefined, now: number): void {
    assert(this.file === undefined)
    this.file = file
    this.hidden = false
    this.device = String(stat.device)
    this.inode = String(stat.inode)
    this.birth = stat.born
    this.mount = ''
    this.name = name
    if (name === undefined) this.leftAt = this.offset
    this.cut = false
    this.copy = undefined
    this.size = stat.size
    this.modified = stat.modified
    this.links = stat.links
    this.changed = now
    this.held = now
    this.wakeAt = undefined
    this.due = true
  }

  /** Which file it was, as far as a position tells. */
  stoodIn({ device, inode, mount }: FilePosition): void {
    this.device = device
    this.inode = inode
    this.mount = mount ?? '/'
    this.birth = 0n
  }

  /** What fstat(2) says; true when that is news. */
  learn(stat: FileStat, now: number): boolean {
    const news = stat.size !== this.size || stat.modified !== this.modified
    if (news) this.changed = now
    this.size = stat.size
    this.modified = stat.modified
    this.links = stat.links
    return news
  }

  /** When it was last written to; where its time lies in the future, when that was seen. */
  get quietSince(): number {
    return Math.min(this.modified, this.changed)
  }

  /** From when on another change would show in its time. */
  get sureFrom(): number {
    return this.quietSince + TICK
  }

  /** Gives the file away, to be closed or to another partition that it turned out to be. */
  detach(): ReadableFile | undefined {
    const file = this.file
    this.file = undefined
    this.name = undefined
    this.due = false
    return file
  }

  /** What lies between the place and byte `to` is lost for good. */
  lose(to: number, reason: string): void {
    this.lost = { to, reason }
    this.due = true
  }

  /** Stands at this position of `file`, if that holds there what the position says. Null: at byte 0. */
  async place(file: ReadableFile, position: FilePosition | null): Promise<boolean> {
    const start = position === null ? Buffer.alloc(0) : await verify(file, position)
    if (start === undefined) return false
    const place = position !== null && position.offset > 0 ? position : BEGINNING
    this.stand(place, startOf(start.subarray(0, place.offset)))
    if (place.offset <= SMALL) this.first = start.subarray(0, place.offset)
    this.parts = position?.part ?? 0
    return true
  }

  /** Begins after the last whole line before byte `offset`; what is before it is never sent. */
  async startAfter(offset: number, time: number): Promise<void> {
    assert(this.file !== undefined)
    let end = offset
    while (end > 0) {
      const size = Math.min(end, STEP)
      const newline = (await readAt(this.file, end - size, size)).lastIndexOf(NEWLINE)
      end -= size - (newline + 1)
      if (newline >= 0) break
    }
    await this.startAt(end, time)
  }

  /** Begins there; what is before it is never sent. In the middle of a line, what comes is more of a line that was sent in part. */
  async startAt(offset: number, time: number): Promise<void> {
    assert(this.file !== undefined)
    const head = await readAt(this.file, 0, Math.min(offset, HEAD_SIZE))
    const tail = await readAt(this.file, offset - Math.min(offset, TAIL_SIZE), Math.min(offset, TAIL_SIZE))
    this.stand({ offset, head: printOf(head), tail: printOf(tail) }, startOf(head))
    this.parts = offset > 0 && tail.at(-1) !== NEWLINE ? 1 : 0
    this.began = this.position(time)
  }

  /** The byte from which on it must be read to go on: with what tells that it is still the same file, see holds(). */
  get base(): number {
    return this.head.size < HEAD_SIZE ? 0 : this.offset - this.tail.size
  }

  /** So many bytes from `base` on are known: those before the place, or what is unsent. */
  get knownSize(): number {
    return this.offset === 0 ? this.unsent.size : this.offset - this.base
  }

  /** Whether these are they. */
  holds(bytes: Buffer): boolean {
    if (this.offset === 0) return isPrintOf(this.unsent, bytes)
    return this.head.size < HEAD_SIZE ? isPrintOf(this.head, bytes) : isPrintOf(this.tail, bytes)
  }

  /** The place just before raw[index], which is not before the place; raw[0] is byte `base` of the file. */
  positionAt(raw: Buffer, base: number, index: number, time: number): FilePosition {
    const offset = base + index
    if (offset === this.offset) return this.position(time)
    return { ...this.#position(this.#standAt(raw, base, index), time), ...(raw[index - 1] !== NEWLINE && { part: this.parts + 1 }) }
  }

  /** The place as it is. */
  position(time: number): FilePosition {
    return { ...this.#position(this, time), ...(this.parts > 0 && { part: this.parts }) }
  }

  /** Closes a batch that ends there. */
  mark(to: FilePosition, time: number, gone: readonly string[]): Mark {
    const from = this.marked
    this.marked = to
    while (this.stops[0] !== undefined && this.stops[0] <= to.offset) this.stops.shift()
    return { partition: this.id, from, to, time, replayable: true, ...(gone.length > 0 && { gone }) }
  }

  /** At byte 0, this was read, and is no whole line yet. NULs at its end may be there only until something is written in their place. */
  sees(raw: Buffer, most = HEAD_SIZE): void {
    let end = Math.min(raw.length, most)
    while (raw[end - 1] === 0) end--
    this.unsent = printOf(raw.subarray(0, end))
  }

  /** Moves the place to just before raw[index]. */
  advance(raw: Buffer, base: number, index: number): void {
    const offset = base + index
    const left = this.offset === 0 || this.offset === offset ? [] : [{ offset: this.offset, tail: this.tail }]
    this.stand(this.marked?.offset === offset ? this.marked : this.#standAt(raw, base, index), base === 0 ? startOf(raw.subarray(0, index)) : this.start)
    if (base === 0) this.first = Buffer.from(raw.subarray(0, Math.min(index, HEAD_SIZE)))
    if (offset > SMALL) this.first = NONE
    this.passed = thinned([...left, ...this.passed], offset)
  }

  stand({ offset, head, tail, sum }: Stand, start: string): void {
    this.sum = sum
    this.passed = this.passed.filter((place) => place.offset < offset)
    this.offset = offset
    this.head = head
    this.tail = tail
    this.start = start
    this.unsent = EMPTY
    this.parts = 0
  }

  #standAt(raw: Buffer, base: number, index: number): Stand {
    const head: Print = this.head.size < HEAD_SIZE ? printOf(raw.subarray(0, Math.min(index, HEAD_SIZE))) : this.head
    const tail = printOf(raw.subarray(Math.max(0, index - TAIL_SIZE), index))
    return { offset: base + index, head, tail, sum: sumOf(this.sum, this.offset, raw.subarray(this.offset - base, index)) }
  }

  #position({ offset, head, tail, sum }: Stand, time: number): FilePosition {
    const { path, device, inode, mount, size, modified } = this
    const where = { path, device, inode, ...(mount.length > 1 && { mount }) }
    const lag = modified > 0 && modified < time - TICK && { modified }
    return { offset, ...where, head, tail, time, size: Math.max(size, offset), ...lag, ...(sum !== undefined && { sum }) }
  }
}

const startOf = (head: Buffer): string => head.toString('latin1', 0, Math.min(START_SIZE, head.length))
