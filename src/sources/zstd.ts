/**
 * What is in a file of zstd(1), RFC 8878, where this Node can read it. Its decoder ends with the first frame of what it is
 * given at once, without a word, and knows no skippable frames: so it gets one frame after the other, without those.
 */
import zlib, { type ZlibOptions } from 'node:zlib'
import { decoded, type Decoder, type Pieces } from './decoding.js'

const { createZstdDecompress } = zlib as { readonly createZstdDecompress?: (options: ZlibOptions) => Decoder }

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
const MAGIC_SIZE = 4
const RLE = 1
const RESERVED = 3
const STEP = 64 * 1024

/** Bytes that a file of it begins with. */
export function isZstd(start: Buffer): boolean {
  return start.length >= MAGIC_SIZE && (start.readUInt32LE() === MAGIC || isSkippable(start.readUInt32LE()))
}

export const ZSTD_IS_KNOWN = createZstdDecompress !== undefined

/** Throws, behind all that could be had, where what comes is damaged; with the code Z_BUF_ERROR where it ends too early. */
export async function* unzstd(raw: Pieces): AsyncGenerator<Buffer> {
  let frames: Frames | undefined
  const pieces = (): AsyncIterable<Buffer> => (frames = new Frames(raw())).pieces()
  yield* decoded(pieces, () => createZstdDecompress!({ chunkSize: STEP }))
  if (frames?.trouble !== undefined) throw frames.trouble
}

class Frames {
  /** Why there is no more. */
  trouble: Error | undefined
  readonly #raw: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)
  /** Gathered for the decoder. */
  #pieces: Buffer[] = []
  #size = 0

  constructor(raw: AsyncIterable<Buffer>) {
    this.#raw = raw[Symbol.asyncIterator]()
  }

  /** None holds bytes of two frames. */
  async *pieces(): AsyncGenerator<Buffer> {
    try {
      while (await this.#more()) {
        yield* this.#frame()
        if (this.#size > 0) yield this.#taken()
      }
    } catch (error) {
      this.trouble = error as Error
      if (this.#size > 0) yield this.#taken()
    }
  }

  async *#frame(): AsyncGenerator<Buffer> {
    const magic = (await this.#pass(MAGIC_SIZE)).readUInt32LE()
    if (magic !== MAGIC) this.#taken()
    if (isSkippable(magic)) return void (await this.#skip((await this.#bytes(4)).readUInt32LE()))
    if (magic !== MAGIC) throw new Error('what follows is no frame of zstd')
    const descriptor = (await this.#pass(1)).readUInt8()
    await this.#pass(headerSize(descriptor))
    for (let last = false; !last; ) {
      const block = (await this.#pass(3)).readUIntLE(0, 3)
      last = (block & 1) === 1
      const type = (block >> 1) & 3
      if (type === RESERVED) throw new Error('a block of zstd is damaged')
      await this.#pass(type === RLE ? 1 : block >> 3)
      if (this.#size >= STEP) yield this.#taken()
    }
    if ((descriptor & 4) !== 0) await this.#pass(4)
  }

  #taken(): Buffer {
    const pieces = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#size = 0
    return pieces
  }

  /** The next bytes, which go to the decoder too; where there are fewer, those do. */
  async #pass(size: number): Promise<Buffer> {
    const bytes = await this.#bytes(size, (some) => {
      this.#pieces.push(some)
      this.#size += some.length
    })
    return bytes
  }

  async #bytes(size: number, each: (some: Buffer) => void = () => undefined): Promise<Buffer> {
    const found: Buffer[] = []
    for (let left = size; left > 0; left -= found.at(-1)!.length) {
      if (!(await this.#more())) throw Object.assign(new Error('unexpected end of file'), { code: 'Z_BUF_ERROR' })
      found.push(this.#rest.subarray(0, left))
      this.#rest = this.#rest.subarray(left)
      each(found.at(-1)!)
    }
    return found.length === 1 ? found[0]! : Buffer.concat(found)
  }

  async #skip(size: number): Promise<void> {
    for (let left = size; left > 0; left -= STEP) await this.#bytes(Math.min(left, STEP))
  }

  async #more(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#raw.next()
      if (next.done === true) return false
      this.#rest = next.value
    }
    return true
  }
}

const isSkippable = (magic: number): boolean => (magic & 0xfffffff0) === SKIPPABLE

/** Of what stands between the descriptor and the first block: window, dictionary and size. */
function headerSize(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0
  const size = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!
  return (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]! + size
}
