/**
 * The buckets in use: opened on the first event that falls in one, filled, rolled, committed, forgotten. What is not
 * committed yet is held here, and says how far may be acked.
 */
import { join } from 'node:path'
import { Blocks, type Block } from '../../disk/blocks.js'
import type { Clock } from '../../events/flow.js'
import { told, type Retry } from '../retry.js'
import { Bucket, OpenFile, type Passed, type Span } from './bucket.js'
import type { FileSystem } from './filesystem.js'
import { encodeName, frontierOf, isTemporaryOf, temporaryName } from './name.js'
import type { Place } from './path.js'

export interface RollOptions {
  readonly suffix: string
  /** Bytes of a file; it ends at the next mark. */
  readonly rollBytes: number
  /** ms since the file was opened */
  readonly rollInterval: number
  /** Events of a file, at least. */
  readonly rollCount: number | undefined
  /** ms without an event */
  readonly idleTimeout: number | undefined
  readonly openFilesMax: number
}

export interface BucketsAround {
  readonly files: FileSystem
  readonly clock: Clock
  readonly retry: Retry
  uuid(): string
  /** Something was committed. */
  onCommit(): void
  /** The sink cannot go on. */
  onFailure(error: unknown): void
}

/** A run of lines fits in. */
export const BLOCK_SIZE = 256 * 1024
const BLOCK_COUNT = 32

export class Buckets {
  /** By key, the one used longest ago first. */
  readonly #buckets = new Map<string, Bucket>()
  readonly #blocks = new Blocks(BLOCK_SIZE, BLOCK_COUNT)
  /** Files not committed yet. */
  readonly #held = new Set<OpenFile>()
  /** Names of temporary files of this process. */
  readonly #own = new Set<string>()
  #openCount = 0

  constructor(
    readonly options: RollOptions,
    readonly around: BucketsAround,
  ) {}

  /** The bucket of a place and stream, which becomes the one used last. */
  async of(place: Place, stream: string): Promise<Bucket> {
    const key = `${place.directory}/${place.prefix}/${stream}`
    const known = this.#buckets.get(key)
    if (known !== undefined) this.#buckets.delete(key)
    const bucket = known ?? (await this.#open(place, stream))
    this.#buckets.set(key, bucket)
    return bucket
  }

  /** The file of a bucket that takes the events of this span. */
  async fileOf(bucket: Bucket, span: Span, before: Passed): Promise<OpenFile> {
    const { files, clock, retry, uuid, onFailure } = this.around
    if (bucket.file === undefined) {
      const name = temporaryName(bucket.stream, uuid())
      this.#own.add(name)
      const path = join(bucket.place.directory, name)
      const draft = await retry.until(`cannot create ${path}`, () => files.create(path))
      bucket.file = new OpenFile(draft, span.first, clock.now(), before, retry, onFailure)
      bucket.uncommitted++
      this.#held.add(bucket.file)
      this.#openCount++
    }
    bucket.file.last = span.end - 1
    return bucket.file
  }

  /** Sees to it that the file's block has room for `size` bytes, or is empty. */
  async reserve(file: OpenFile, size: number): Promise<void> {
    if (file.room >= Math.min(size, BLOCK_SIZE)) return
    file.spill()
    file.block = await this.#takeBlock()
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
    let next = Infinity
    for (const bucket of this.#buckets.values()) {
      if (bucket.file === undefined) continue
      const due = this.#dueAt(bucket.file)
      if (due <= now || this.#openCount > this.options.openFilesMax) this.#roll(bucket)
      else next = Math.min(next, due)
    }
    this.#forget()
    return next
  }

  /** At a mark: commits all there is. */
  rollAll(): void {
    for (const bucket of this.#buckets.values()) this.#roll(bucket)
  }

  /** Returns when all that was rolled is committed. */
  async settled(): Promise<void> {
    await Promise.all([...this.#buckets.values()].map((bucket) => bucket.committed))
  }

  /** Gives up what is not committed. */
  async discard(): Promise<void> {
    for (const bucket of this.#buckets.values()) await bucket.file?.discard().catch(() => undefined)
  }

  #dueAt(file: OpenFile): number {
    const { rollBytes, rollCount, rollInterval, idleTimeout } = this.options
    if (file.size >= rollBytes || file.count >= (rollCount ?? Infinity)) return 0
    return Math.min(file.openedAt + rollInterval, file.lastEventAt + (idleTimeout ?? Infinity))
  }

  async #open(place: Place, stream: string): Promise<Bucket> {
    const { files, retry } = this.around
    const { directory, prefix } = place
    await retry.until(`cannot make the directory ${directory}`, () => files.makeDirectory(directory))
    const names = await told(`cannot list ${directory}`, files.list(directory))
    for (const name of names) {
      if (isTemporaryOf(name, stream) && !this.#own.has(name)) {
        await told(`cannot remove ${join(directory, name)}`, files.remove(join(directory, name)))
      }
    }
    return new Bucket(place, stream, frontierOf(names, prefix, stream))
  }

  #roll(bucket: Bucket): void {
    const { file } = bucket
    if (file === undefined) return
    bucket.file = undefined
    this.#openCount--
    bucket.committed = bucket.committed.then(() => this.#commit(bucket, file))
    bucket.committed.catch(this.around.onFailure)
    file.spill()
  }

  async #commit(bucket: Bucket, file: OpenFile): Promise<void> {
    const { files, retry } = this.around
    const { place, stream } = bucket
    const finished = await file.finish()
    const path = join(place.directory, encodeName({ prefix: place.prefix, stream, first: file.first, last: file.last, suffix: this.options.suffix }))
    await retry.until(`cannot create ${path}`, () => files.publish(finished, path))
    await told(`cannot remove ${finished.path}`, files.remove(finished.path))
    bucket.uncommitted--
    this.#held.delete(file)
    this.around.onCommit()
  }

  /** Buckets without a file are kept as long as there are few: opening one again costs a listing. */
  #forget(): void {
    if (this.#buckets.size <= this.options.openFilesMax) return
    for (const [key, bucket] of this.#buckets) if (bucket.uncommitted === 0) this.#buckets.delete(key)
  }

  async #takeBlock(): Promise<Block> {
    for (;;) {
      const block = this.#blocks.tryTake()
      if (block !== undefined) return block
      const freed = new Promise<void>((resolve) => this.#blocks.onceFree(resolve))
      for (const bucket of this.#buckets.values()) {
        if (bucket.file?.block === undefined) continue
        bucket.file.spill()
        break
      }
      await freed
    }
  }
}
