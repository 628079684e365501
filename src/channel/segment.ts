/**
 * One segment file, flume-segment(5): append frames, read them from a place on. What a crash may have torn is found
 * here and judged by recover.ts; a reader steps over it.
 */
import { crc32 } from './checksum.js'
import type { Block, Blocks } from '../disk/blocks.js'
import type { DiskFile, ReadableFile } from '../disk/disk.js'
import { isNoSpace } from '../disk/no-space.js'
import { assert, FlumeError } from '../errors.js'
import {
  decodeFrameHeader, decodeSegmentHeader, FRAME_HEADER_SIZE, FRAME_MAGIC, frameSize, placeFrame, SEGMENT_HEADER_SIZE, type FrameHeader, type SegmentHeader,
} from './format.js'
import type { Pages } from './pages.js'

export interface EncodedFrame {
  readonly first: number
  readonly count: number
  /** Put time, ms since the epoch. */
  readonly time: number
  readonly header: Buffer
  readonly positions: Buffer
  readonly lines: Buffer
}

/** A frame whose header verifies. */
export interface Frame {
  readonly kind: 'frame'
  readonly header: FrameHeader
  /** Of the whole frame, in bytes. */
  readonly size: number
  /** Undefined: they do not verify. */
  readonly positions: Buffer | undefined
  readonly lines: Buffer | undefined
  /** The memory of positions and lines is needed no more; once. */
  release(): void
}

/** Bytes that hold no frame header, up to the next that does. */
export interface Damage {
  readonly kind: 'damage'
  readonly from: number
  readonly to: number
}

/** Appends to one segment. One writer; one sync at a time, beside which more may be appended. */
export class SegmentWriter {
  #broken = false
  /** The file may have zeros after `end`. */
  #padded = false

  /** `end`: the byte just past the last whole frame. `durable`: so much of it is on disk. */
  constructor(
    readonly first: number,
    readonly file: DiskFile,
    public end: number,
    public durable: number,
  ) {}

  /**
   * On return the frames are in the page cache, or with `pages` past it. Throws the system's error with nothing of them left in the file,
   * else SEGMENT_WRITE.
   */
  async append(frames: readonly EncodedFrame[], pages?: Pages): Promise<void> {
    assert(frames.length > 0)
    this.#check()
    const pieces: Buffer[] = []
    let place = this.end
    for (const { header, positions, lines } of frames) {
      placeFrame(header, place, this.durable)
      pieces.push(header)
      if (positions.length > 0) pieces.push(positions)
      if (lines.length > 0) pieces.push(lines)
      place += header.length + positions.length + lines.length
    }
    this.#padded ||= pages !== undefined
    try {
      await (pages === undefined ? this.file.write(pieces, this.end) : pages.write(this.file, pieces, this.end))
    } catch (cause) {
      await this.#cut(this.end, cause)
      throw cause
    }
    this.end = place
  }

  /** What was appended before the call, up to byte `end`, survives a crash. Throws SEGMENT_WRITE; then nothing is ever appended again. */
  async sync(end: number): Promise<void> {
    this.#check()
    assert(end <= this.end)
    try {
      await this.file.sync()
    } catch (cause) {
      // the kernel may have dropped the pages: what a later sync says of them means nothing
      await this.#cut(this.durable, cause).catch(() => undefined)
      this.#broken = true
      throw new FlumeError('SEGMENT_WRITE', `cannot sync segment ${this.first} at byte ${this.durable}`, { cause })
    }
    this.durable = end
  }

  /** The file ends where its last frame does, and that is on disk. Throws the system's error where the disk is full, else SEGMENT_WRITE. */
  async seal(): Promise<void> {
    if (!this.#padded || this.#broken) return
    try {
      await this.file.truncate(this.end)
      await this.file.sync()
    } catch (cause) {
      if (isNoSpace(cause)) throw cause // some file systems need room to make a file shorter
      throw new FlumeError('SEGMENT_WRITE', `cannot cut segment ${this.first} at byte ${this.end}`, { cause })
    }
    this.#padded = false
  }

  #check(): void {
    if (this.#broken) throw new FlumeError('SEGMENT_WRITE', `cannot append to segment ${this.first}: an earlier write or sync failed`)
  }

  async #cut(end: number, because: unknown): Promise<void> {
    try {
      await this.file.truncate(end)
    } catch {
      this.#broken = true
      throw new FlumeError('SEGMENT_WRITE', `cannot append to segment ${this.first} at byte ${end}`, { cause: because })
    }
  }
}

/** Undefined where it does not verify. */
export async function readHeader(file: ReadableFile): Promise<SegmentHeader | undefined> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_SIZE)
  const count = await file.read(bytes, 0)
  return decodeSegmentHeader(bytes.subarray(0, count))
}

/** Frames, and what is none, from byte `from` up to `limit` or the end of the file. Each frame is to be released. */
export async function* readFrames(file: ReadableFile, from: number, limit: number, blocks: Blocks): AsyncGenerator<Frame | Damage> {
  const window = new Window(file, limit === Infinity ? (await file.stat()).size : limit, blocks)
  try {
    for (let at = from; at < window.end; ) {
      const header = decodeFrameHeader(await window.bytes(at, FRAME_HEADER_SIZE), 0, at)
      if (at >= window.end) return // the file is shorter than was thought
      if (header === undefined) {
        const to = await nextFrame(window, at + 1)
        yield { kind: 'damage', from: at, to }
        at = to
      } else {
        const frame = await readFrame(window, header)
        at += frame.size
        yield frame
      }
    }
  } finally {
    window.close()
  }
}

async function readFrame(window: Window, header: FrameHeader): Promise<Frame> {
  const bytes = await window.bytes(header.place, frameSize(header))
  const split = FRAME_HEADER_SIZE + header.positionsSize
  const positions = verified(bytes, FRAME_HEADER_SIZE, header.positionsSize, header.positionsChecksum)
  const lines = verified(bytes, split, header.linesSize, header.linesChecksum)
  const block = window.share()
  return { kind: 'frame', header, size: frameSize(header), positions, lines, release: () => block.release() }
}

function verified(bytes: Buffer, from: number, size: number, checksum: number): Buffer | undefined {
  if (from + size > bytes.length) return undefined
  const part = bytes.subarray(from, from + size)
  return crc32(part) === checksum ? part : undefined
}

/** The next byte from `from` on at which a frame begins, else the end. */
async function nextFrame(window: Window, from: number): Promise<number> {
  for (let at = from; at < window.end; ) {
    const bytes = await window.bytes(at, FRAME_HEADER_SIZE, true)
    for (let hit = bytes.indexOf(FRAME_MAGIC); hit >= 0; hit = bytes.indexOf(FRAME_MAGIC, hit + 1)) {
      if (decodeFrameHeader(bytes, hit, at + hit) !== undefined) return at + hit
    }
    if (at + bytes.length >= window.end) break
    at += bytes.length - FRAME_HEADER_SIZE + 1
  }
  return window.end
}

/** A block of the file in memory, moved forward as needed. */
class Window {
  #block: Block | undefined
  #start = 0
  #size = 0

  /** `end`: where to stop; where the file ends, once that was seen to be before. */
  constructor(
    readonly file: ReadableFile,
    public end: number,
    readonly blocks: Blocks,
  ) {}

  /** `size` bytes from `at` (with `more`: at least), fewer at the end of the file. Valid until the next call, or as long as shared. */
  async bytes(at: number, size: number, more = false): Promise<Buffer> {
    const wanted = Math.min(size, this.end - at)
    if (this.#block === undefined || at < this.#start || at + wanted > this.#start + this.#size) await this.#load(at, wanted)
    assert(this.#block !== undefined)
    const from = at - this.#start
    return this.#block.bytes.subarray(from, more ? this.#size : Math.min(from + wanted, this.#size))
  }

  /** The block of the last bytes(), with one user more. */
  share(): Block {
    assert(this.#block !== undefined)
    this.#block.share()
    return this.#block
  }

  close(): void {
    this.#block?.release()
    this.#block = undefined
  }

  async #load(at: number, wanted: number): Promise<void> {
    this.close()
    const block = await this.blocks.take(Math.max(wanted, Math.min(this.blocks.size, this.end - at)))
    this.#block = block
    this.#start = at
    this.#size = 0
    const most = Math.min(block.bytes.length, this.end - at)
    while (this.#size < most) {
      const count = await this.file.read(block.bytes.subarray(this.#size, most), at + this.#size)
      if (count === 0) {
        this.end = at + this.#size
        break
      }
      this.#size += count
    }
  }
}
