/**
 * The buckets in use: opened on the first event that falls in one, filled, rolled, committed, forgotten. What is not
 * committed yet is held here, and says how far may be acked.
 */
import { Blocks, type Block } from '../../disk/blocks.js'
import type { Clock } from '../../events/flow.js'
import { allocate } from '../../events/json.js'
import type { Retry } from '../retry.js'
import { OpenFile, type Bucket, type Passed, type Span } from './bucket.js'
import { CODECS, compressed, type CodecName } from './codec.js'
import type { FileSystem, Finished } from './filesystem.js'
import { encodeName, temporaryName } from './name.js'
import type { Place } from './path.js'
import { commit, openBucket } from './recover.js'
import type { Records } from './records.js'

export interface RollOptions {
  readonly suffix: string
  readonly codec: CodecName
  /** Bytes of a file before it is compressed; it ends at the next mark. */
  readonly rollBytes: number
  /** ms since the file was opened */
  readonly rollInterval: number
  /** Events of a file, at least. */
  readonly rollCount: number | undefined
  /** ms without an event */
  readonly idleTimeout: number | undefined
  readonly openFilesMax: number
  /** Bytes in files that are not committed yet, together; half of it in those being filled. */
  readonly spoolBytesMax: number
}

export interface BucketsAround {
  readonly files: FileSystem
  readonly clock: Clock
  readonly retry: Retry
  readonly records: Records
  uuid(): string
  /** Something was committed, or removed. */
  onProgress(): void
  /** The sink cannot go on. */
  onFailure(error: unknown): void
}

/** So small that each of many buckets has one; a file is written several at once. */
export const BLOCK_SIZE = 16 * 1024
const BLOCK_COUNT = 256
/** For the few files that get most, so that lines are decoded in long runs. */
const LARGE_BLOCK_SIZE = 1024 * 1024
const LARGE_BLOCK_COUNT = 8
/** Bytes of a file from which on it gets large blocks. */
const LARGE_FROM = 1024 * 1024
/** Commits under way at once, beyond those of files that are rolled together. */
const COMMITS_MAX = 16

export class Buckets {
  /** By key, the one used longest ago first. */
  readonly #buckets = new Map<string, Bucket>()
  readonly #blocks = new Blocks(BLOCK_SIZE, BLOCK_COUNT, allocate)
  readonly #largeBlocks = new Blocks(LARGE_BLOCK_SIZE, LARGE_BLOCK_COUNT, allocate)
  /** Files not committed yet. */
  readonly #held = new Set<OpenFile>()
  /** Names of temporary files of this process. */
  readonly #own = new Set<string>()
  /** Commits under way; none of these ever rejects. */
  readonly #committing = new Set<Promise<void>>()
  #openCount = 0

  constructor(
    readonly options: RollOptions,
    readonly around: BucketsAround,
  ) {}

  /** The bucket of a place and stream, which becomes the one used last. */
  async of(place: Place, span: Span): Promise<Bucket> {
    const { stream } = span
    const key = `${place.directory}/${place.prefix}/${stream}`
    const known = this.#buckets.get(key)
    if (known !== undefined) this.#buckets.delete(key)
    const bucket = known ?? (await this.#open(place, span))
    this.#buckets.set(key, bucket)
    return bucket
  }

  /** The file of a bucket that takes the events of this span. */
  async fileOf(bucket: Bucket, span: Span, before: Passed): Promise<OpenFile> {
    bucket.file ??= await this.#create(bucket, span, before)
    bucket.file.end = span.end
    return bucket.file
  }

  /** Sees to it that the file's block has room for `size` bytes, at most BLOCK_SIZE. */
  async reserve(file: OpenFile, size: number): Promise<void> {
    if (file.room >= size) return
    file.spill()
    const large = file.size >= LARGE_FROM ? this.#largeBlocks.tryTake() : undefined
    file.block = large ?? this.#blocks.tryTake() ?? (await this.#nextBlock())
  }

  /** The last mark before the first one that is held; undefined: none is. */
  get heldAfter(): Passed | undefined {
    let first: Passed | undefined
    for (const { before } of this.#held) if (first === undefined || before.order < first.order) first = before
    return first
  }

  /** At a mark: rolls what is full, or has been open for long, or is too many. Returns when to come again, in ms. */
  rollDue(): number {
    const now = this.around.clock.now()
    if (this.around.files.isFull || 2 * sizeOf(this.#filling()) > this.options.spoolBytesMax) this.rollAll()
    let next = Infinity
    for (const bucket of this.#buckets.values()) {
      if (bucket.file === undefined) continue
      if (bucket.isLast) bucket.file.spill()
      const due = this.#dueAt(bucket.file, now)
      if (due <= now || this.#openCount > this.options.openFilesMax) this.#roll(bucket)
      else next = Math.min(next, due)
    }
    this.#forget()
    return Math.min(next, this.around.records.sweepDue(now))
  }

  /** At a mark: commits all there is. */
  rollAll(): void {
    for (const bucket of this.#buckets.values()) this.#roll(bucket)
  }

  /** Waits until few commits are under way; for `settled(0)` until all that was rolled is committed, or could not be. */
  async settled(most = COMMITS_MAX): Promise<void> {
    while (this.#committing.size > most || this.#isSpoolFull()) await Promise.race(this.#committing)
  }

  #isSpoolFull(): boolean {
    return this.#committing.size > 0 && (this.around.files.isFull || sizeOf(this.#held) > this.options.spoolBytesMax)
  }

  *#filling(): Generator<OpenFile> {
    for (const { file } of this.#buckets.values()) if (file !== undefined) yield file
  }

  /** Gives up what is not rolled yet, and lets go of all. */
  async close(): Promise<void> {
    for (const { file, isLast } of this.#buckets.values()) await (isLast ? file?.leave() : file?.discard())?.catch(() => undefined)
    await this.settled(0)
    await this.around.records.close()
    await this.around.files.close()
  }

  #dueAt(file: OpenFile, now: number): number {
    const { rollBytes, rollCount, rollInterval, idleTimeout } = this.options
    if (file.size >= rollBytes || file.count >= (rollCount ?? Infinity)) return 0
    if (now < file.openedAt || now < file.lastEventAt) return 0 // the clock was set back, and says no longer how old it is
    return Math.min(file.openedAt + rollInterval, file.lastEventAt + (idleTimeout ?? Infinity))
  }

  async #open(place: Place, span: Span): Promise<Bucket> {
    const { files, records } = this.around
    await records.adopt()
    const record = span.exact || span.last ? await records.of(span) : undefined
    return await openBucket(place, span, this.#own, files, record)
  }

  async #create({ place, stream, record, isLast }: Bucket, span: Span, before: Passed): Promise<OpenFile> {
    const { files, clock, retry, uuid, onFailure } = this.around
    const name = temporaryName(stream, uuid())
    const path = `${place.directory}/${name}`
    this.#own.add(name)
    await retry.until(`cannot make the directory ${place.directory}`, () => files.makeDirectory(place.directory))
    const { suffix, codec } = this.options
    if (isLast) await record?.filling({ ...place, path, suffix, codec, first: span.first })
    const plain = await retry.until(`cannot create ${path}`, () => files.create(path, record, isLast))
    const draft = compressed(plain, CODECS[codec], retry)
    const file = new OpenFile(draft, span.first, clock.now(), before, retry, onFailure)
    this.#held.add(file)
    this.#openCount++
    return file
  }

  #roll(bucket: Bucket): void {
    const { file } = bucket
    if (file === undefined) return
    bucket.file = undefined
    this.#openCount--
    file.spill()
    const finished = file.finish() // beside that of the files before it, which are named first
    finished.catch(() => undefined)
    const committed = bucket.committed.then(async () => this.#commit(bucket, file, await finished))
    const ended = committed.catch(this.around.onFailure).then(() => void this.#committing.delete(ended))
    this.#committing.add(ended)
    bucket.committed = committed
    bucket.uncommitted++
  }

  async #commit(bucket: Bucket, file: OpenFile, finished: Finished): Promise<void> {
    const { files, retry } = this.around
    const { stream, place } = bucket
    const { directory, prefix } = place
    const name = encodeName({ prefix, stream, first: file.first, last: file.end - 1, suffix: this.options.suffix })
    const path = `${directory}/${name}`
    await commit({ directory, prefix, end: file.end, file: finished, path }, files, retry, bucket.record)
    await file.draft.committed()
    this.#own.delete(file.draft.path.slice(directory.length + 1))
    this.#held.delete(file)
    bucket.uncommitted--
    this.around.onProgress()
  }

  /** Buckets without a file are kept as long as there are few: opening one again costs a listing. */
  #forget(): void {
    if (this.#buckets.size <= this.options.openFilesMax) return
    for (const [key, bucket] of this.#buckets) if (bucket.file === undefined && bucket.uncommitted === 0) this.#buckets.delete(key)
  }

  async #nextBlock(): Promise<Block> {
    for (;;) {
      const freed = new Promise<void>((resolve) => this.#blocks.onceFree(resolve))
      for (const bucket of this.#buckets.values()) {
        if (bucket.file?.block?.bytes.length !== BLOCK_SIZE) continue
        bucket.file.spill()
        break
      }
      await freed
      const block = this.#blocks.tryTake()
      if (block !== undefined) return block
    }
  }
}

function sizeOf(files: Iterable<OpenFile>): number {
  let size = 0
  for (const file of files) size += file.size
  return size
}
