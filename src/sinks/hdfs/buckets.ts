/**
 * The buckets in use: opened on the first event that falls in one, filled, rolled, committed, forgotten. What is not
 * committed yet is held here, and says how far may be acked.
 */
import type { Clock } from '../../events/flow.js'
import { Wake } from '../../events/wake.js'
import type { Retry } from '../retry.js'
import { Bucket, OpenFile, type Passed, type Span } from './bucket.js'
import { CODECS, compressed, type CodecName } from './codec.js'
import { FileBlocks } from './file-blocks.js'
import type { Draft, FileSystem, Finished } from './filesystem.js'
import { Listings } from './listings.js'
import { encodeName, temporaryName } from './name.js'
import { placeKey, type Place } from './path.js'
import { commit } from './recover.js'
import type { Records } from './records.js'
import { Permits } from './permits.js'

export interface RollOptions {
  readonly suffix: string
  readonly codec: CodecName
  /** Bytes of a file before it is compressed; it ends at the next mark. */
  readonly rollBytes: number
  /** ms since the file was opened */
  readonly rollInterval: number
  /** Events of a file, at least. */
  readonly rollCount: number
  /** ms without an event */
  readonly idleTimeout: number
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
  /** Something was committed, or removed, or opened. */
  onProgress(): void
  /** The sink cannot go on. */
  onFailure(error: unknown): void
}

/** Commits under way at once, beyond those of files that are rolled together. */
const COMMITS_MAX = 16
/** Of the files rolled together that are in memory alone, this many are made and finished at once; the others wait. */
const FINISHING_MAX = 128

export class Buckets {
  /** By key, the one used longest ago first. */
  readonly #buckets = new Map<string, Bucket>()
  readonly #blocks = new FileBlocks(() => this.#filling())
  /** Files not committed yet. */
  readonly #held = new Set<OpenFile>()
  /** Names of temporary files of this process. */
  readonly #own = new Set<string>()
  readonly #listings: Listings
  /** Commits under way; none of these ever rejects. */
  readonly #committing = new Set<Promise<void>>()
  readonly #finishing = new Permits(FINISHING_MAX)
  readonly #ended = new Wake()
  /** Files being filled. */
  #fillingCount = 0
  /** Bytes of files that are rolled and not committed. */
  #rolledBytes = 0

  constructor(
    readonly options: RollOptions,
    readonly around: BucketsAround,
  ) {
    this.#listings = new Listings(around.files, this.#own)
  }

  /** The bucket of a place and stream, which becomes the one used last. */
  async of(place: Place, span: Span): Promise<Bucket> {
    const { stream } = span
    const key = `${placeKey(place)}/${stream}`
    const known = this.#buckets.get(key)
    if (known !== undefined) this.#buckets.delete(key)
    const bucket = known ?? (await this.#open(place, span))
    this.#buckets.set(key, bucket)
    return bucket
  }

  /**
   * The file of a bucket that takes the events of this span. One too many is in memory alone, where what a batch brings
   * finds room, and is made when it must be: mostly at the next mark, where it, or others, are rolled.
   */
  async fileOf(bucket: Bucket, span: Span, before: Passed): Promise<OpenFile> {
    bucket.file ??= this.#create(bucket, span, before)
    if (this.#fillingCount <= this.options.openFilesMax || bucket.isLast) await bucket.file.opened()
    bucket.file.end = span.end
    return bucket.file
  }

  /** Sees to it that the file's block has room for `size` bytes, at most BLOCK_SIZE. */
  reserve(file: OpenFile, size: number): Promise<void> {
    return this.#blocks.reserve(file, size)
  }

  /** The last mark before the first one that is held; undefined: none is. */
  get heldAfter(): Passed | undefined {
    let first: Passed | undefined
    for (const { before } of this.#held) if (first === undefined || before.order < first.order) first = before
    return first
  }

  /** At a mark: rolls what is full, or has been open for long, or is too many. Returns when to come again, in ms of Clock.monotonic(). */
  rollDue(): number {
    const now = this.around.clock.monotonic()
    if (this.around.files.isFull || 2 * sizeOf(this.#filling()) > this.options.spoolBytesMax) this.rollAll()
    let next = Infinity
    for (const bucket of this.#buckets.values()) {
      if (bucket.file === undefined) continue
      if (bucket.isLast) bucket.file.spill()
      const due = this.#dueAt(bucket.file)
      if (due <= now || this.#fillingCount > this.options.openFilesMax) this.#roll(bucket)
      else next = Math.min(next, due)
    }
    this.#forget()
    return Math.min(next, this.around.records.sweepDue())
  }

  /** At a mark: commits all there is. */
  rollAll(): void {
    for (const bucket of this.#buckets.values()) this.#roll(bucket)
  }

  /** Waits until few commits are under way; for `settled(0)` until all that was rolled is committed, or could not be. */
  async settled(most = COMMITS_MAX): Promise<void> {
    const filling = sizeOf(this.#filling())
    while (this.#committing.size > most || this.#isSpoolFull(filling)) await this.#ended.wait()
  }

  #isSpoolFull(filling: number): boolean {
    return this.#committing.size > 0 && (this.around.files.isFull || filling + this.#rolledBytes > this.options.spoolBytesMax)
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

  #dueAt(file: OpenFile): number {
    const { rollBytes, rollCount, rollInterval, idleTimeout } = this.options
    if (file.size >= rollBytes || file.count >= rollCount) return 0
    return Math.min(file.openedAt + rollInterval, file.lastEventAt + idleTimeout)
  }

  async #open(place: Place, span: Span): Promise<Bucket> {
    const { records, onProgress } = this.around
    await records.adopt()
    const { stream, exact, last } = span
    const record = exact || last ? await records.of(span) : undefined
    const end = await this.#listings.endOf(place, stream)
    onProgress() // with thousands of directories that alone takes long
    return new Bucket(place, stream, Math.max(end, record?.endOf(place) ?? 0), record, last)
  }

  #create(bucket: Bucket, { first }: Span, before: Passed): OpenFile {
    const { clock, retry, uuid, onFailure } = this.around
    const name = temporaryName(bucket.stream, uuid())
    const path = `${bucket.place.directory}/${name}`
    this.#own.add(name)
    const file = new OpenFile(path, () => this.#make(bucket, path, first), first, clock.monotonic(), before, retry, onFailure)
    this.#held.add(file)
    this.#fillingCount++
    return file
  }

  async #make({ place, record, isLast }: Bucket, path: string, first: number): Promise<Draft> {
    const { files, retry } = this.around
    await retry.until(`cannot make the directory ${place.directory}`, () => files.makeDirectory(place.directory))
    const { suffix, codec } = this.options
    if (isLast) await record?.filling({ ...place, path, suffix, codec, first })
    const plain = await retry.until(`cannot create ${path}`, () => files.create(path, record, isLast))
    return compressed(plain, CODECS[codec], retry)
  }

  #roll(bucket: Bucket): void {
    const { file } = bucket
    if (file === undefined) return
    bucket.file = undefined
    this.#fillingCount--
    this.#rolledBytes += file.size
    // beside that of the files before it, which are named first
    const finished = file.isOpened ? file.finish() : this.#finishing.take(() => file.finish())
    finished.catch(() => undefined)
    const committed = bucket.committed.then(async () => this.#commit(bucket, file, await finished))
    const ended = committed.catch(this.around.onFailure).then(() => {
      this.#committing.delete(ended)
      this.#ended.wake()
    })
    this.#committing.add(ended)
    bucket.committed = committed
    bucket.uncommitted++
  }

  async #commit(bucket: Bucket, file: OpenFile, finished: Finished): Promise<void> {
    const { files, retry } = this.around
    const { stream, place } = bucket
    const { directory } = place
    const name = encodeName({ ...place, stream, first: file.first, last: file.end - 1, suffix: this.options.suffix })
    const path = `${directory}/${name}`
    await commit({ ...place, end: file.end, file: finished, path }, files, retry, bucket.record)
    await file.committed()
    this.#own.delete(file.path.slice(directory.length + 1))
    this.#held.delete(file)
    this.#rolledBytes -= file.size
    this.#listings.reached(place, stream, file.end)
    bucket.uncommitted--
    this.around.onProgress()
  }

  /** Buckets without a file are kept as long as there are few: opening one again costs a listing. */
  #forget(): void {
    if (this.#buckets.size <= this.options.openFilesMax) return
    for (const [key, bucket] of this.#buckets) if (bucket.file === undefined && bucket.uncommitted === 0) this.#buckets.delete(key)
  }
}

function sizeOf(files: Iterable<OpenFile>): number {
  let size = 0
  for (const file of files) size += file.size
  return size
}
