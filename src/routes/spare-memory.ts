/** Memory for copies of batches, used again: fresh memory for each costs a third of the time of a router. */

/** Copies are kept of up to this size, and in all no more bytes than this for later. */
const SIZE_MAX = 2 * 1024 * 1024
const SPARE_BYTES_MAX = 8 * 1024 * 1024
const SIZE_MIN = 16 * 1024

export class Copies {
  /** By their size, a power of two. */
  readonly #spare = new Map<number, Buffer[]>()
  #spareBytes = 0

  /** At least that long; what stands in it is anything. */
  take(length: number): Buffer {
    if (length > SIZE_MAX) return Buffer.allocUnsafeSlow(length)
    const size = Math.max(SIZE_MIN, 2 ** Math.ceil(Math.log2(length)))
    const spare = this.#spare.get(size)?.pop()
    if (spare !== undefined) this.#spareBytes -= size
    return spare ?? Buffer.allocUnsafeSlow(size)
  }

  /** Nobody uses it any more. */
  give(copy: Buffer): void {
    if (copy.length > SIZE_MAX || this.#spareBytes + copy.length > SPARE_BYTES_MAX) return
    this.#spareBytes += copy.length
    const spare = this.#spare.get(copy.length)
    if (spare === undefined) this.#spare.set(copy.length, [copy])
    else spare.push(copy)
  }
}
