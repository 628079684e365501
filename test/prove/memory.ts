/**
 * Imported first by a program that opens queues of a few KiB again and again: with blocks of MiBs for each, and memory of
 * its own for each small buffer, it would do little but collect garbage.
 */

const allocate = Buffer.allocUnsafeSlow
let bytesMax = Infinity
Buffer.allocUnsafeSlow = (size) => allocate(Math.min(size, bytesMax))

const filled = Buffer.alloc
Buffer.poolSize = 64 * 1024
Buffer.alloc = (size, ...fill: [(string | number | Uint8Array)?, BufferEncoding?]) => (fill.length > 0 ? filled(size, ...fill) : Buffer.allocUnsafe(size).fill(0))

/** From now on no block is larger than it must be for batches of four events of so many bytes, or of many short ones. */
export function boundBlocks(eventBytesMax: number): void {
  bytesMax = 4 * eventBytesMax + 96 * 1024
}
