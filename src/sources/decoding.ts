/**
 * What a decoder of node:zlib makes of what it is given, to the last byte before it fails. What it made in the call that
 * fails it drops: then all is decoded once more, and it is given the bytes of that call one by one.
 */
import { Readable, pipeline } from 'node:stream'

export type Decoder = Readable & NodeJS.WritableStream & { readonly bytesWritten: number }
/** What is given to it at once, from the beginning. */
export type Pieces = () => AsyncIterable<Buffer>

/** Throws, behind all that could be had, where what comes is damaged; with the code Z_BUF_ERROR where it ends too early. */
export async function* decoded(pieces: Pieces, create: () => Decoder): AsyncGenerator<Buffer> {
  const decoder = create()
  let passed = 0
  try {
    for await (const bytes of drained(pieces(), decoder)) {
      passed += bytes.length
      yield bytes
    }
  } catch (error) {
    if (isEarly(error)) throw error
    let left = passed
    for await (const bytes of drained(inBytes(pieces(), decoder.bytesWritten), create())) {
      if (left < bytes.length) yield bytes.subarray(left)
      left -= Math.min(left, bytes.length)
    }
    throw error // it was written to between the two
  }
}

/** It has no end. */
export const isEarly = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR'

/** Also what it held when it failed, and then throws. */
async function* drained(pieces: AsyncIterable<Buffer>, decoder: Decoder): AsyncGenerator<Buffer> {
  pipeline(Readable.from(pieces), decoder, () => undefined)
  try {
    yield* decoder as AsyncIterable<Buffer>
  } catch (error) {
    const held = decoder.read() as Buffer | null
    if (held !== null) yield held
    throw error
  }
}

/** The same up to byte `from`, and single bytes of the piece that holds that one. */
async function* inBytes(pieces: AsyncIterable<Buffer>, from: number): AsyncGenerator<Buffer> {
  let left = from
  for await (const piece of pieces) {
    if (left > 0) yield piece.subarray(0, left)
    for (let i = left; i < piece.length; i++) yield piece.subarray(i, i + 1)
    if (left < piece.length) return
    left -= piece.length
  }
}
