/**
 * Source: the lines of growing files, flume-tail(1), across rename, copytruncate, truncation and removal. Each file is
 * a partition; a batch holds lines of one file, and its mark says where in it the batch ends. Nothing is remembered
 * before it is acked, and a file whose name is gone stays open until all of it is.
 */
import type { Batch, Mark } from '../events/batch.js'
import type { Clock, Held, Reader, Source } from '../events/flow.js'
import type { Disk } from '../disk/disk.js'
import { Compressed } from './compressed.js'
import { check, judge, truncated } from './copies.js'
import type { HeaderOptions } from './headers.js'
import { LineEncoder, type Refused } from './lines.js'
import { Memory } from './memory.js'
import type { Multiline } from './multiline.js'
import type { Partition } from './partition.js'
import { Partitions } from './partitions.js'
import { beginningOf, filePosition, type FilePosition } from './position.js'
import { BLOCK_SIZE, Reading, isFinished, type Block } from './reading.js'
import { Rounds, type Times } from './rounds.js'
import { Sending } from './sending.js'
import { Names } from './watch.js'
import type { Notice } from './watches.js'

export interface TailOptions {
  /** Absolute: names and patterns. */
  readonly patterns: readonly string[]
  /** End at the end of what is there. */
  readonly once: boolean
  /** A file that is met at the start and was never read begins at its end. */
  readonly fromEnd: boolean
  /** `[A-Za-z0-9._-]+`: whose files these are, among all that feed one queue. */
  readonly sourceId: string
  readonly headers: HeaderOptions
  /** Longest event line in bytes. */
  readonly eventBytesMax: number
  /** Most bytes of a batch, unless one event is longer; absent: as many as a batch may have. */
  readonly batchBytesMax?: number
  /** Where positions are kept for a reader that keeps none. */
  readonly statePath: string
  readonly times: Times
  /** Which lines begin an event; absent: each. */
  readonly multiline?: Multiline
  /** Where rotated files go, beside the directory of their log and relative to it. */
  readonly olddirs: readonly string[]
  /** Of all that are read, so many are open at a time. */
  readonly openFilesMax: number
}

export interface Surroundings {
  readonly disk: Disk
  readonly clock: Clock
  readonly host: string
  /** Where lines go that are too long. */
  readonly refused: Refused
  /** Absent: by polling alone. */
  readonly notice?: Notice
  /** Called when much memory is needed no more. */
  readonly collect?: () => void
  /** `[A-Za-z0-9]+`, never the same twice. */
  randomId(): string
  say(message: string): void
}

/** ms between two looks at which places are too old to be remembered. */
const FORGET_EACH = 3_600_000

export function tail(options: TailOptions, around: Surroundings): Tail {
  return new Tail(options, around)
}

export class Tail implements Source {
  readonly asks: string
  readonly #names: Names
  readonly #partitions: Partitions
  readonly #rounds: Rounds
  readonly #sending: Sending
  readonly #reading: Reading
  readonly #memory: Memory<FilePosition>
  /** The reader gives acks, or what counts as such. */
  #acks = false
  /** Nothing was read before, and of the files that were found first, some were not met yet. */
  #first = false
  #forgetAt = 0
  /** Bytes that there were to be read when it began. */
  whole = 0

  constructor(
    readonly options: TailOptions,
    readonly around: Surroundings,
  ) {
    const { disk, clock, say, randomId, refused } = around
    const { sourceId, patterns, once, times, eventBytesMax, multiline, olddirs, openFilesMax } = options
    this.asks = `file.${sourceId}.`
    this.#memory = new Memory(this.asks, options.statePath, disk, filePosition, beginningOf)
    this.#names = new Names(patterns, disk, clock, say)
    const newId = (): string => this.asks + randomId()
    const [now, monotonic] = [() => clock.now(), () => clock.monotonic()]
    this.#partitions = new Partitions(disk, this.#names, once ? 0 : times.young, now, monotonic, newId, olddirs, openFilesMax, this.asks)
    this.#rounds = new Rounds(this.#partitions, times, once, clock, around.notice, around.collect)
    const encoder = new LineEncoder(eventBytesMax, refused, options.batchBytesMax)
    this.#sending = new Sending(encoder, options.headers, around.host, () => clock.now(), multiline)
    this.#reading = new Reading(eventBytesMax, (...piece) => this.#sending.refuse(...piece), multiline, () => encoder.fullBytes)
  }

  /** Names and patterns that matched nothing when it last looked; and files that match, of a kind that cannot be followed. */
  get missing(): readonly string[] {
    return [...this.#partitions.missing, ...this.#partitions.logs.sizeless]
  }

  /** Of these, where nothing is: others name a directory, or a device. */
  get absent(): readonly string[] {
    return this.#partitions.missing.filter((pattern) => !this.#names.isOther(pattern))
  }

  why(absent: string): string {
    return this.#names.isPattern(absent) ? 'nothing matches' : 'there is no such file'
  }

  /** Bytes that are there and were not read yet, as of its last look. */
  get unread(): number {
    let bytes = this.#partitions.waitingBytes
    for (const { file, size, offset } of this.#partitions.all.values()) if (file !== undefined) bytes += Math.max(0, size - offset)
    return bytes
  }

  /** Files that match and could not be opened, and where nobody could look whether one is there. */
  get unreadable(): readonly string[] {
    return [...this.#partitions.logs.unreadable, ...this.#names.hidden]
  }

  /** Compressed files of which not all could be read. */
  get damaged(): readonly string[] {
    return [...this.#partitions.logs.damaged]
  }

  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch> {
    try {
      await this.#begin(reader)
      while (!stop.aborted) {
        for (const partition of this.#rounds.rotated()) {
          while (partition.due && !stop.aborted) yield* this.#read(partition)
        }
        for (const partition of this.#rounds.due()) {
          yield* this.#read(partition)
          if (stop.aborted) return
        }
        if (this.#rounds.finished()) return
        this.#rounds.rest(this.#acks)
        this.#forgetOld()
        await this.#rounds.next(stop)
        if (this.#partitions.waits && !stop.aborted) this.#met(await this.#rounds.more())
      }
    } finally {
      await this.#memory.flush()
    }
  }

  async settle(mark: Mark): Promise<void> {
    const partition = this.#partitions.all.get(mark.partition)
    if (partition !== undefined) partition.acked = (partition.marked?.offset === mark.to.offset ? partition.marked : filePosition(mark.to)) ?? null
    this.#memory.settle(mark)
  }

  /** Where its readers stand, by their acks. */
  ackedPlaces(): Held {
    return this.#partitions.stands()
  }

  /** Writes what was settled, and gives up files, watches and locks; open() may not be called again. */
  async close(): Promise<void> {
    await this.#memory.flushAll()
    this.#rounds.close()
    for (const partition of this.#partitions.all.values()) await partition.detach()?.close()
    await this.#memory.close()
  }

  /** Stands where this reader stands. */
  async #begin(reader: Reader): Promise<void> {
    const { all } = this.#partitions
    this.#acks = reader.kind !== 'plain'
    const places = await this.#memory.places(reader)
    const blank = await this.#partitions.begin(places)
    const paths = new Set([...all.values()].filter(({ marked }) => marked !== null).map(({ path }) => path))
    const added = await this.#rounds.look(paths.size > 0 || this.options.fromEnd)
    const gone = await this.#partitions.seek()
    this.#forgetAt = 0
    this.#forgetOld()
    for (const partition of blank) if (paths.has(partition.path) && partition.sameTo === 0) await this.#partitions.anew(partition)
    if (this.options.fromEnd) await this.#toEnd(blank.filter(({ path, began, stood }) => stood && began === null && !paths.has(path)))
    this.#first = paths.size === 0
    if (this.#first) for (const partition of blank) partition.judged = true
    this.#met(added)
    if (this.options.fromEnd) await this.#toEnd(added.filter(({ path }) => !paths.has(path)))
    this.whole = Math.max(this.whole, this.unread)
    if (places.size > 0) this.#sayWhere(gone)
    if (this.options.once) return
    for (const pattern of this.absent) this.#names.sayOnce(`waiting for ${pattern}: ${this.why(pattern)}`)
  }

  /** These are read from now on. Of the first ones ever, none is taken for a copy. */
  #met(added: readonly Partition[]): void {
    if (this.#first) for (const partition of added) partition.judged = true
    this.#first &&= this.#partitions.waits
  }

  /** Files of which this reader has read nothing, nor of anything before them under their name. */
  async #toEnd(added: readonly Partition[]): Promise<void> {
    for (const partition of added) {
      if (partition.file === undefined) continue
      partition.judged = true
      await partition.startAfter(partition.size, this.around.clock.now())
    }
  }

  #sayWhere(gone: number): void {
    const found = [...this.#partitions.all.values()].filter(({ file, marked }) => file !== undefined && marked !== null)
    const first = found[0]
    if (found.length === 1 && first !== undefined) this.around.say(`going on with ${first.path} at byte ${first.offset}`)
    else if (found.length > 1) this.around.say(`going on with ${found.length} files where their reading stood`)
    if (gone > 0) this.around.say(`${gone} of the files read before ${gone === 1 ? 'is' : 'are'} not there any more`)
  }

  #forgetOld(): void {
    const now = this.around.clock.now()
    if (now < this.#forgetAt) return
    this.#forgetAt = now + FORGET_EACH
    const before = now - this.options.times.forget
    for (const { id, path, name, file, marked, lost, hidden } of [...this.#partitions.all.values()]) {
      if (file !== undefined || name !== undefined || lost !== undefined || hidden) continue
      if (marked === null || marked.time > before || !this.#names.owns(path)) continue
      this.#partitions.all.delete(id)
      this.#sending.gone.push(id)
    }
  }

  /** Where the file system of its file is mounted, or of that to which its name leads. */
  #mountOf({ name, path }: Partition): string {
    const at = name ?? path
    return this.#names.mounts.of(this.#partitions.logs.targets.get(at) ?? at)
  }

  /** The next bytes of one file. */
  async *#read(partition: Partition): AsyncGenerator<Batch> {
    partition.mount ||= this.#mountOf(partition)
    if (partition.lost !== undefined) yield this.#sending.gap(partition, partition.lost)
    const { modified, size } = partition
    // where more than a block is known to be there, reading it tells whether it is still the same file
    if (partition.offset === 0 || partition.size - partition.offset <= BLOCK_SIZE) await check(partition, this.#partitions)
    partition.due = partition.lost !== undefined
    if (partition.file === undefined) return this.#rounds.lookSoon()
    if (!(await judge(partition, this.#partitions))) {
      rest(partition)
      return this.#rounds.retire(partition, this.#acks)
    }
    if (partition.emptyUntil !== undefined && partition.size > 0) this.#rounds.lookSoon()
    if (partition.offset < partition.size || partition.modified !== modified || partition.skipping || this.#rounds.looksAgain(partition)) {
      const now = this.around.clock.now()
      const block = await this.#reading.next(partition)
      if (block === undefined) return this.#cutShort(partition, { modified, size })
      partition.held = now
      partition.due = block.more
      const last = (block.end > block.to || partition.skipping) && (block.cut || (!block.more && this.#lastDue(partition, block)))
      if (last && partition.skipping) {
        await this.#reading.endSkipping(partition, block)
        partition.due = true
      } else yield* this.#sending.lines(partition, block, last)
    }
    if (this.#owesPlace(partition)) yield await this.#sending.place(partition)
    if (partition.due) return
    rest(partition)
    partition.due = this.#rounds.looksAgain(partition)
    await this.#rounds.retire(partition, this.#acks)
  }

  /** The event at its end, of which more may come. */
  #lastDue(partition: Partition, block: Block): boolean {
    return isFinished(block) ? this.#rounds.lastEventDue(partition) : this.#rounds.lastLineDue(partition)
  }

  /** What was read before is not there any more: the file, of which this was known, was truncated and has grown since. */
  async #cutShort(partition: Partition, known: Pick<Partition, 'modified' | 'size'>): Promise<void> {
    Object.assign(partition, known)
    await truncated(partition, this.#partitions)
    this.#rounds.lookSoon()
  }

  /**
   * It stands where no batch has said: when it begins at its end, after a line that went to the rejects, or in a file
   * that was compressed since, so that the next run need not look into that. The rest of a file that was replaced owes
   * none, as its place is found in the file that holds the same, too.
   */
  #owesPlace({ marked, offset, skipping, began, name, file, inode }: Partition): boolean {
    if (marked === null) return (offset > (began?.offset ?? 0) || (began !== null && name !== undefined)) && !skipping
    return (marked.offset !== offset || (file instanceof Compressed && marked.inode !== inode)) && !skipping
  }
}

function rest({ file }: Partition): void {
  if (file instanceof Compressed) file.rest()
}
