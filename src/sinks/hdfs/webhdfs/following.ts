/**
 * Bytes that are sent while their file is still being filled, so that little is left to send at its end: from memory where
 * whoever sends them has kept pace, else from the file. Others come first: it is given up where somebody waits for its turn,
 * or where too little comes to be worth a connection. That is no failure: the file is uploaded when it is complete.
 */
import type { Clock } from '../../../events/flow.js'
import { Wake } from '../../../events/wake.js'
import { readExactly, type Body, type Bytes } from './bytes.js'

/** Nobody's fault. */
export class GivenUp extends Error {}

export class Following implements Body {
  size: number | undefined
  #givenUp: string | undefined
  readonly #changed = new Wake()
  /** A block that waits for the bytes from `#end` on, and how many it has got. */
  #waiting: { readonly block: Uint8Array; filled: number } | undefined

  /** `end`: so many bytes are there. */
  constructor(
    readonly bytes: Bytes,
    private end: number,
    readonly clock: Clock,
    /** ms without a new byte */
    readonly idleMax: number,
  ) {}

  /** These came after those that were there; they are in the file, too. */
  grow(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (this.#waiting !== undefined) this.#waiting.filled += copy(piece, this.#waiting.block, this.#waiting.filled)
      this.end += piece.length
    }
    this.#changed.wake()
  }

  /** No more come. From here on it is not given up. */
  complete(): void {
    if (this.#givenUp === undefined) this.size = this.end
    this.#changed.wake()
  }

  giveUp(reason: string): void {
    if (this.size === undefined) this.#givenUp ??= reason
    this.#changed.wake()
  }

  async fill(block: Uint8Array, at: number): Promise<number> {
    for (const since = this.clock.monotonic(); ; ) {
      if (this.#givenUp !== undefined) throw new GivenUp(this.#givenUp)
      if (this.end > at) return await this.#read(block.subarray(0, this.end - at), at)
      if (this.size !== undefined) return 0
      const waiting = (this.#waiting = { block, filled: 0 })
      await this.#changed.waitFor(this.clock, this.idleMax)
      this.#waiting = undefined
      if (waiting.filled > 0) return waiting.filled
      if (this.clock.monotonic() - since >= this.idleMax) this.giveUp('too little comes')
    }
  }

  async #read(into: Uint8Array, at: number): Promise<number> {
    await readExactly(this.bytes, into, at, this.end)
    return into.length
  }
}

/** As much of the piece as there is room for from byte `at` on; returns how much that is. */
function copy(piece: Uint8Array, into: Uint8Array, at: number): number {
  const part = piece.subarray(0, into.length - at)
  into.set(part, at)
  return part.length
}
