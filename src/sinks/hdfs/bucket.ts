/**
 * One directory and prefix, and what of one stream is in it. Its files are filled one after the other, begin and end at
 * marks, and are committed in this order: so all up to `last` of the highest file in place is in place.
 */
import { assert } from '../../errors.js'
import type { Block } from '../../disk/blocks.js'
import { PAGE_SIZE } from '../../disk/disk.js'
import type { Mark } from '../../events/batch.js'
import { orRefusal, type Retry } from '../retry.js'
import type { Draft, Finished } from './filesystem.js'
import type { Place } from './path.js'
import type { CommitRecord } from './record.js'

/** The sequences that a batch covers: from `first` up to and without `end`. */
export interface Span {
  readonly stream: string
  readonly first: number
  readonly end: number
  /** A replay brings exactly the same spans with the same events. */
  readonly exact: boolean
  /** Nobody sends its events again. */
  readonly last: boolean
}

/** A mark and its place in the order of all. */
export interface Passed {
  readonly order: number
  readonly mark: Mark | undefined
}

export class Bucket {
  /** The span whose events it is getting, or got last. */
  filling: Span | undefined
  /** The file being filled. */
  file: OpenFile | undefined
  /** Resolves when all files so far are committed. */
  committed: Promise<void> = Promise.resolve()
  /** Files rolled and not yet committed. */
  uncommitted = 0

  constructor(
    readonly place: Place,
    readonly stream: string,
    /** All sequences before it are in place, or in a file of ours on its way there. */
    public reached: number,
    readonly record: CommitRecord | undefined,
    /** Nobody sends its events again. */
    readonly isLast: boolean,
  ) {}
}

/** Bytes written between two syncs in the background, so that the last one is short. */
const SYNC_EACH = 4 * 1024 * 1024

/** A block that is filled so far. */
interface Full {
  readonly block: Block
  readonly size: number
}

/**
 * A file being filled: a block of memory that events are decoded into, and a draft that it is written to when full. The
 * draft is made when it is first needed.
 */
export class OpenFile {
  /** Bytes and events it has been given. */
  size = 0
  count = 0
  /** The sequence just after the last one that it covers. */
  end: number
  lastEventAt: number
  /** The block being filled, and how far. */
  block: Block | undefined
  fill = 0
  /** Blocks on their way to the draft, of which nothing is written yet. */
  #full: Full[] = []
  #draft: Promise<Draft> | undefined
  #isFinishing = false
  #written = 0
  #syncedAt = 0
  #writes: Promise<void> = Promise.resolve()
  #sync: Promise<void> | undefined

  constructor(
    /** Its temporary name. */
    readonly path: string,
    readonly make: () => Promise<Draft>,
    readonly first: number,
    readonly openedAt: number,
    /** The last mark without an event in this file. */
    readonly before: Passed,
    readonly retry: Retry,
    readonly onFailure: (error: unknown) => void,
  ) {
    this.end = first + 1
    this.lastEventAt = openedAt
  }

  /** Its draft, made at the first call. */
  opened(): Promise<Draft> {
    return (this.#draft ??= this.make())
  }

  get isOpened(): boolean {
    return this.#draft !== undefined
  }

  /** All of it is in the block in hand. */
  get isInBlock(): boolean {
    return this.fill === this.size
  }

  /** Room in the block in hand. */
  get room(): number {
    return this.block === undefined ? 0 : this.block.bytes.length - this.fill
  }

  /** Goes on in a larger block. */
  moveTo(block: Block): void {
    this.block?.bytes.copy(block.bytes, 0, 0, this.fill)
    this.block?.release()
    this.block = block
  }

  /** Hands the block over as far as the file then ends with a whole page, and goes on in another one, with room for a page more, with the rest. */
  goOnIn(next: Block): void {
    const { block, fill } = this
    const rest = Math.min(this.size % PAGE_SIZE, fill)
    if (rest === fill) return this.moveTo(next)
    block?.bytes.copy(next.bytes, 0, fill - rest, fill)
    this.fill = fill - rest
    this.spill()
    this.block = next
    this.fill = rest
  }

  /** Says that `size` more bytes of the block are filled. */
  filled(size: number): void {
    this.fill += size
    this.size += size
    assert(this.room >= 0)
  }

  /** Resolves when all that was handed over is written, or cannot be. */
  written(): Promise<void> {
    return this.#writes.catch(() => undefined)
  }

  /** Hands the block over to be written, in order and in the background, and given back. */
  spill(): void {
    const { block, fill } = this
    if (block === undefined) return
    this.block = undefined
    this.fill = 0
    this.#full.push({ block, size: fill })
    if (this.#full.length > 1) return
    this.#writes = this.#writes.then(
      () => this.#write(),
      (error: unknown) => {
        this.#release(this.#takeFull()) // somebody may be waiting for a block
        throw error
      },
    )
    this.#writes.catch(this.onFailure)
  }

  /** All of it is durable under its temporary name. */
  async finish(): Promise<Finished> {
    this.#isFinishing = true
    this.spill()
    await this.#writes
    await this.#sync
    const draft = await this.opened()
    return await orRefusal(`cannot sync ${this.path}`, draft.finish(this.size))
  }

  /** Gives up what is not committed. */
  async discard(): Promise<void> {
    this.block?.release()
    this.block = undefined
    await Promise.allSettled([this.#writes, this.#sync])
    await (await this.#draft)?.discard()
  }

  /** Gives up, and leaves what has come for the next start. */
  async leave(): Promise<void> {
    this.spill()
    await Promise.allSettled([this.#writes, this.#sync])
    await (await this.#draft)?.leave()
  }

  /** It has its final name. */
  async committed(): Promise<void> {
    await (await this.#draft)?.committed()
  }

  /** All that has come together while the last write ran. */
  async #write(): Promise<void> {
    const full = this.#takeFull()
    const pieces = full.map(({ block, size }) => block.bytes.subarray(0, size))
    try {
      const draft = await this.opened()
      await this.retry.until(`cannot write ${this.path}`, () => draft.write(pieces, this.#written, this.#isFinishing && this.#full.length === 0))
      for (const { size } of full) this.#written += size
    } finally {
      this.#release(full)
    }
    if (this.#written - this.#syncedAt < SYNC_EACH || this.#sync !== undefined) return
    this.#syncedAt = this.#written
    this.#sync = this.#syncNow(await this.opened())
    this.#sync.catch(this.onFailure)
  }

  #takeFull(): readonly Full[] {
    const full = this.#full
    this.#full = []
    return full
  }

  #release(full: readonly Full[]): void {
    for (const { block } of full) block.release()
  }

  async #syncNow(draft: Draft): Promise<void> {
    await orRefusal(`cannot sync ${this.path}`, draft.sync()) // never again on the same file: pages may be lost
    this.#sync = undefined
  }
}
