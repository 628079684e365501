/**
 * Memory that is used again: a bounded pool of blocks, each counted by who still looks into it. What a process holds
 * of its data is never more than its pool, whatever the backlog: a source that finds no free block waits.
 */
import { assert } from '../errors.js'

/** One piece of memory; free again when everyone who shares it has released it. */
export class Block {
  #users = 0
  constructor(
    readonly bytes: Buffer,
    readonly onFree: (block: Block) => void,
  ) {}

  /** One more user. */
  share(): void {
    this.#users++
  }

  /** Only one user is left: it may begin again at the start. */
  get sole(): boolean {
    return this.#users === 1
  }

  release(): void {
    assert(this.#users > 0, 'a block is released once by each user')
    if (--this.#users === 0) this.onFree(this)
  }
}

export class Blocks {
  #made = 0
  #free: Block[] = []
  #waiting: (() => void)[] = []

  /** At most `count` blocks of `size` bytes, made as they are needed of what `allocate` gives. */
  constructor(
    readonly size: number,
    readonly count: number,
    readonly allocate: (size: number) => Buffer = (bytes) => Buffer.allocUnsafeSlow(bytes),
  ) {}

  /** A free block with one user, or undefined: all are in use. A larger one than `size` is made for this use alone. */
  tryTake(size = this.size): Block | undefined {
    const block = size > this.size ? new Block(Buffer.allocUnsafeSlow(size), () => undefined) : this.#pooled()
    block?.share()
    return block
  }

  /** A free block with one user; waits until there is one. */
  async take(size = this.size): Promise<Block> {
    for (;;) {
      const block = this.tryTake(size)
      if (block !== undefined) return block
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** There is a free block, or one may be made. */
  get available(): boolean {
    return this.#free.length > 0 || this.#made < this.count
  }

  /** Calls `wake` once, when a block is next given back. */
  onceFree(wake: () => void): void {
    this.#waiting.push(wake)
  }

  #pooled(): Block | undefined {
    const block = this.#free.pop()
    if (block !== undefined || this.#made === this.count) return block
    this.#made++
    return new Block(this.allocate(this.size), (free) => {
      this.#free.push(free)
      this.#waiting.shift()?.()
    })
  }
}
