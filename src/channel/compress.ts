/**
 * One segment that is written no more, compressed: a file of its own that takes its place when it is whole and on disk. A crash leaves
 * the one or the other, and a reader of the old one goes on in it. What has any damage stays as it is, for --repair.
 */
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import type { DiskFile, ReadableFile } from '../disk/disk.js'
import { isNoSpace } from '../disk/no-space.js'
import { readFully } from '../disk/read-fully.js'
import { crc32 } from './checksum.js'
import { compressedHeader, decodeFrameHeader, encodeBlockHeader, FORMAT, FRAME_HEADER_SIZE, frameSize, SEGMENT_HEADER_SIZE } from './format.js'
import { readHeader } from './segment.js'
import type { Paths, Surroundings } from './surroundings.js'

/** Frames are compressed together up to this many bytes; a larger one, alone. */
const BLOCK_BYTES = 1024 * 1024
/** Of zlib: logs get 7 to 20 times smaller; from the next one on it takes up to three times as long for 10 to 20 % more. */
const LEVEL = 3
/** A segment that shrinks to no less than WORTH of its size is left alone; judged after TRIAL_BYTES, and at its end. */
const WORTH = 0.9
const TRIAL_BYTES = 8 * 1024 * 1024

const deflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.deflateRaw)
const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw)

/** `compressed`: sizes in bytes before and after. `left`: it is compressed already, has damage, or gets hardly smaller. `room`: not enough for now. */
export type Outcome = { readonly kind: 'compressed'; readonly before: number; readonly after: number } | { readonly kind: 'left' | 'room' | 'stopped' }

/** Puts the temporary file in the place of the segment; false: that is gone, and so is the file. */
export type Replace = (first: number, temporary: string, size: number) => Promise<boolean>

/** Nobody else writes segments meanwhile. Throws the system's error, with nothing left behind. */
export async function compressSegment(paths: Paths, { disk }: Surroundings, first: number, replace: Replace, stop: AbortSignal): Promise<Outcome> {
  const path = paths.segment(first)
  const temporary = `${path}.tmp`
  const source = await disk.open(path, 'read')
  let target: DiskFile | undefined
  let placed = false
  try {
    const { size: before, modified } = await source.stat()
    if ((await readHeader(source))?.format !== FORMAT) return { kind: 'left' }
    target = await disk.open(temporary, 'any')
    await target.truncate(0)
    const after = await copy(source, target, before, stop)
    if (typeof after !== 'number') return { kind: after }
    await disk.touch(temporary, modified) // by it --retain tells how old the events are
    await target.sync()
    placed = await replace(first, temporary, after)
    return placed ? { kind: 'compressed', before, after } : { kind: 'left' }
  } catch (error) {
    if (isNoSpace(error)) return { kind: 'room' }
    throw error
  } finally {
    await source.close()
    await target?.close()
    if (target !== undefined && !placed) await disk.unlink(temporary).catch(() => undefined)
  }
}

/** Bytes written; a word where it is not to be. */
async function copy(source: ReadableFile, target: DiskFile, size: number, stop: AbortSignal): Promise<number | 'left' | 'stopped'> {
  const header = (await readHeader(source))!
  const start = SEGMENT_HEADER_SIZE + header.tableSize
  const beginning = await bytesOf(source, 0, start)
  let end = await target.write([compressedHeader(beginning, size), beginning.subarray(SEGMENT_HEADER_SIZE)], 0)
  for (let at = start; at < size; ) {
    if (stop.aborted) return 'stopped'
    const frames = await framesOf(source, at, size)
    if (frames === undefined) return 'left'
    const bytes = await deflate(frames, { level: LEVEL })
    if (!(await inflate(bytes, { chunkSize: Math.max(frames.length, zlib.constants.Z_MIN_CHUNK) })).equals(frames)) return 'left'
    const block = { place: end, origin: at, originSize: frames.length, size: bytes.length, checksum: crc32(bytes) }
    end += await target.write([encodeBlockHeader(block), bytes], end)
    at += frames.length
    if (at >= Math.min(size, TRIAL_BYTES) && end > at * WORTH) return 'left'
  }
  return end > size * WORTH ? 'left' : end
}

/** Whole frames from byte `at` on that verify, one at least; undefined: the first does not. */
async function framesOf(file: ReadableFile, at: number, size: number): Promise<Buffer | undefined> {
  let bytes = await bytesOf(file, at, Math.min(BLOCK_BYTES, size - at))
  const first = decodeFrameHeader(bytes, 0, at)
  if (first === undefined || at + frameSize(first) > size) return undefined
  if (frameSize(first) > bytes.length) bytes = await bytesOf(file, at, frameSize(first))
  let end = 0
  for (let header = decodeFrameHeader(bytes, 0, at); header !== undefined && end + frameSize(header) <= bytes.length; ) {
    const lines = end + FRAME_HEADER_SIZE + header.positionsSize
    if (crc32(bytes.subarray(end + FRAME_HEADER_SIZE, lines)) !== header.positionsChecksum) break
    if (crc32(bytes.subarray(lines, lines + header.linesSize)) !== header.linesChecksum) break
    end += frameSize(header)
    header = decodeFrameHeader(bytes, end, at + end)
  }
  return end === 0 ? undefined : bytes.subarray(0, end)
}

async function bytesOf(file: ReadableFile, at: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size)
  return bytes.subarray(0, await readFully(file, bytes, at))
}
