/**
 * A segment whose frames are compressed, flume-segment(5), as the file that it was: whoever reads frames need not know. Bytes that
 * are lost read as zeros, which are no frame, so that damage of one block costs its frames and no others.
 */
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import type { Disk, FileStat, ReadableFile } from '../disk/disk.js'
import { readFully } from '../disk/read-fully.js'
import { crc32 } from './checksum.js'
import { BLOCK_HEADER_SIZE, BLOCK_MAGIC, COMPRESSED, decodeBlockHeader, SEGMENT_HEADER_SIZE, type BlockHeader } from './format.js'
import { readHeader } from './segment.js'

/** Bytes that are read at once in search of a block after damage. */
const SEARCH_BYTES = 1024 * 1024

const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw)

/** To be read, compressed or not. Throws the system's error. */
export async function openSegment(disk: Disk, path: string): Promise<ReadableFile> {
  const file = await disk.open(path, 'read')
  try {
    return (await CompressedSegment.of(file)) ?? file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Bytes that a block holds, or did. */
interface Stretch {
  readonly start: number
  readonly end: number
  /** Undefined: they are lost. */
  readonly block: BlockHeader | undefined
}

export class CompressedSegment implements ReadableFile {
  /** What was found so far, in order and without a hole. */
  readonly #stretches: Stretch[] = []
  /** The byte of the compressed file up to which it was looked through, and what the file that it was has up to there. */
  #walked: number
  #reached: number
  #inflated: { readonly stretch: Stretch; readonly bytes: Buffer | undefined } | undefined

  private constructor(
    readonly file: ReadableFile,
    /** Byte of the first block: all before it stands as it was. */
    readonly start: number,
    /** Bytes of the compressed file, and of the one that it was. */
    readonly compressed: number,
    public size: number,
  ) {
    this.#walked = this.#reached = start
  }

  /** Undefined: it is not compressed. Where the header does not tell, its blocks do. */
  static async of(file: ReadableFile): Promise<CompressedSegment | undefined> {
    const header = await readHeader(file)
    if (header !== undefined && header.format !== COMPRESSED) return undefined
    const { size } = await file.stat()
    if (header !== undefined) return new CompressedSegment(file, SEGMENT_HEADER_SIZE + header.tableSize, size, header.uncompressedSize)
    const segment = new CompressedSegment(file, SEGMENT_HEADER_SIZE, size, Infinity)
    if (size <= SEGMENT_HEADER_SIZE || !(await segment.#walk()) || segment.#stretches.at(-1)?.block === undefined) return undefined
    while (await segment.#walk());
    segment.size = segment.#reached
    return segment
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    if (at < this.start) return this.file.read(into.subarray(0, this.start - at), at)
    const stretch = await this.#find(at)
    if (stretch === undefined) return 0
    const count = Math.min(into.length, stretch.end - at)
    const bytes = await this.#bytes(stretch)
    if (bytes === undefined) into.fill(0, 0, count)
    else into.set(bytes.subarray(at - stretch.start, at - stretch.start + count))
    return count
  }

  /** With the size of the file that it was. */
  async stat(): Promise<FileStat> {
    return { ...(await this.file.stat()), size: this.size }
  }

  async close(): Promise<void> {
    this.#inflated = undefined
    await this.file.close()
  }

  async #find(at: number): Promise<Stretch | undefined> {
    while (at >= this.#reached && (await this.#walk()));
    return this.#stretches.findLast(({ start, end }) => start <= at && at < end)
  }

  /** The next block, and what is lost before it. False: there is nothing more. */
  async #walk(): Promise<boolean> {
    if (this.#walked >= this.compressed || this.#reached >= this.size) return false
    const from = this.#walked
    const block = await this.#next()
    const start = block?.origin ?? this.size
    if (start > this.#reached && start !== Infinity) this.#add({ start: this.#reached, end: start, block: undefined })
    this.#walked = block === undefined ? this.compressed : block.place + BLOCK_HEADER_SIZE + block.size
    if (block !== undefined) this.#add({ start, end: start + block.originSize, block })
    return this.#walked > from
  }

  #add(stretch: Stretch): void {
    this.#stretches.push(stretch)
    this.#reached = stretch.end
  }

  /** From where it was looked through on. */
  async #next(): Promise<BlockHeader | undefined> {
    const bytes = Buffer.alloc(BLOCK_HEADER_SIZE)
    const block = decodeBlockHeader(bytes.subarray(0, await this.file.read(bytes, this.#walked)), 0, this.#walked)
    if (block !== undefined && block.origin >= this.#reached) return block
    const window = Buffer.alloc(SEARCH_BYTES)
    for (let at = this.#walked; at < this.compressed; at += SEARCH_BYTES - BLOCK_HEADER_SIZE + 1) {
      const found = window.subarray(0, await this.file.read(window, at))
      for (let hit = found.indexOf(BLOCK_MAGIC); hit >= 0; hit = found.indexOf(BLOCK_MAGIC, hit + 1)) {
        const block = decodeBlockHeader(found, hit, at + hit)
        if (block !== undefined && block.origin >= this.#reached) return block
      }
    }
    return undefined
  }

  /** Undefined: they are lost. */
  async #bytes(stretch: Stretch): Promise<Buffer | undefined> {
    if (this.#inflated?.stretch !== stretch) this.#inflated = { stretch, bytes: stretch.block && (await this.#inflate(stretch.block)) }
    return this.#inflated.bytes
  }

  async #inflate({ place, size, originSize, checksum }: BlockHeader): Promise<Buffer | undefined> {
    const bytes = Buffer.allocUnsafe(size)
    if ((await readFully(this.file, bytes, place + BLOCK_HEADER_SIZE)) < size || crc32(bytes) !== checksum) return undefined
    const inflated = await inflate(bytes, { chunkSize: Math.max(originSize, zlib.constants.Z_MIN_CHUNK), maxOutputLength: originSize }).catch(() => undefined)
    return inflated?.length === originSize ? inflated : undefined
  }
}
