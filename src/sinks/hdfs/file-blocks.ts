/**
 * Memory for the files being filled, bounded however many these are. A file begins in a block that grows with it, so that
 * thousands of them with a line each take little; then it gets blocks of a pool, and the few files that get most get large
 * ones. Where nothing is left the file used longest ago gives its block up, which is written to its draft.
 */
import { Block, Blocks } from '../../disk/blocks.js'
import { allocate } from '../../events/json.js'
import type { OpenFile } from './bucket.js'

/** A line no longer than this finds room in any block that was reserved for it. */
export const BLOCK_SIZE = 16 * 1024
const BLOCK_COUNT = 256
/** For the few files that get most, so that lines are decoded in long runs. */
const LARGE_BLOCK_SIZE = 1024 * 1024
const LARGE_BLOCK_COUNT = 8
/** Bytes of a file from which on it gets large blocks. */
const LARGE_FROM = 1024 * 1024
/** Blocks that grow, and all of these together: the lines of one batch, each in a file of its own, find room twice. */
const GROWING_SIZE_MIN = 128
const GROWING_SIZE_MAX = BLOCK_SIZE / 2
const GROWING_BYTES_MAX = 8 * 1024 * 1024

/** Blocks that can be had as long as there are some. */
interface Stock {
  tryTake(): Block | undefined
  onceFree(wake: () => void): void
  /** Sizes of its blocks, by which they are told from others. */
  readonly sizes: readonly [min: number, max: number]
}

export class FileBlocks {
  readonly #pool = new Blocks(BLOCK_SIZE, BLOCK_COUNT, allocate)
  readonly #large = new Blocks(LARGE_BLOCK_SIZE, LARGE_BLOCK_COUNT, allocate)
  #growingBytes = 0
  #waiting: (() => void)[] = []

  constructor(
    /** Files being filled, the one used longest ago first. */
    readonly filling: () => Iterable<OpenFile>,
  ) {}

  /** Sees to it that the file's block has room for `size` bytes, at most BLOCK_SIZE. */
  async reserve(file: OpenFile, size: number): Promise<void> {
    if (file.room >= size) return
    const wanted = file.fill + size
    if (file.isInBlock && wanted <= GROWING_SIZE_MAX) return file.moveTo(await this.#take(this.#growing(wanted)))
    if (file.isInBlock && wanted <= BLOCK_SIZE) return file.moveTo(await this.#take(this.#pooled))
    if (file.size >= LARGE_FROM) {
      await file.written() // two blocks, one of which is being written, stay in the cache of the processor
      const large = this.#large.tryTake()
      if (large !== undefined) return file.goOnIn(large)
    }
    file.spill()
    file.block = await this.#take(this.#pooled)
  }

  async #take(stock: Stock): Promise<Block> {
    for (;;) {
      const block = stock.tryTake()
      if (block !== undefined) return block
      const freed = new Promise<void>((resolve) => stock.onceFree(resolve))
      this.#spillOldest(stock)
      await freed
    }
  }

  #spillOldest({ sizes: [min, max] }: Stock): void {
    for (const file of this.filling()) {
      const size = file.block?.bytes.length ?? 0
      if (size >= min && size <= max) return file.spill()
    }
  }

  readonly #pooled: Stock = {
    sizes: [BLOCK_SIZE, BLOCK_SIZE],
    tryTake: () => this.#pool.tryTake(),
    onceFree: (wake) => this.#pool.onceFree(wake),
  }

  #growing(wanted: number): Stock {
    const size = 2 ** Math.ceil(Math.log2(Math.max(wanted, GROWING_SIZE_MIN)))
    return {
      sizes: [GROWING_SIZE_MIN, GROWING_SIZE_MAX],
      tryTake: () => (this.#growingBytes + size > GROWING_BYTES_MAX ? undefined : this.#newBlock(size)),
      onceFree: (wake) => this.#waiting.push(wake),
    }
  }

  #newBlock(size: number): Block {
    this.#growingBytes += size
    const block = new Block(Buffer.allocUnsafeSlow(size), () => {
      this.#growingBytes -= size
      for (const wake of this.#waiting.splice(0)) wake()
    })
    block.share()
    return block
  }
}
