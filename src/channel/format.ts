/**
 * The bytes of a segment, flume-segment(5): header, table of positions, frames. Encode and decode, no I/O. Header,
 * positions and lines of a frame are checksummed apart, so that damage in one leaves the others known.
 */
import { assert } from '../errors.js'
import { crc32 } from './checksum.js'
import { BATCH_BYTES_MAX, type Position } from '../events/batch.js'

/** Of queue.json and of a segment; and of a segment whose frames are compressed. */
export const FORMAT = 1
export const COMPRESSED = 2
export const SEGMENT_HEADER_SIZE = 64
export const FRAME_HEADER_SIZE = 64
export const BLOCK_HEADER_SIZE = 64
/** Most events of a frame: what 32 bits can count. */
export const FRAME_EVENTS_MAX = 0xffffffff
/** Longest lines of a frame of several events, in bytes. */
export const FRAME_BYTES_MAX = BATCH_BYTES_MAX
/** How each frame begins; no UTF-8 text holds these bytes. */
export const FRAME_MAGIC = Buffer.from([0xff, 0x66, 0x6c, 0x66])
/** How each block of a compressed segment begins. */
export const BLOCK_MAGIC = Buffer.from([0xff, 0x66, 0x6c, 0x62])
const DEFLATE = 1
const SEGMENT_MAGIC = Buffer.from('flumeseg')
const CONTINUES = 1
/** Formats of frames: events, or in their place that they are lost. */
const EVENTS = 1
const LOST = 2

/** Partition to the position stored of it. */
export type Table = ReadonlyMap<string, Position>
/** A change to a table: null forgets the partition. */
export type Changes = ReadonlyMap<string, Position | null>

export interface SegmentHeader {
  readonly format: number
  readonly tableSize: number
  /** Sequence of the first event. */
  readonly first: number
  /** UUID of the queue, with dashes. */
  readonly queue: string
  /** ms since the epoch */
  readonly created: number
  readonly tableChecksum: number
  /** Bytes that it has, or had before it was compressed; 0: as many as the file. */
  readonly uncompressedSize: number
}

/** Frames that were compressed together. */
export interface BlockHeader {
  /** The byte of the file at which the block begins. */
  readonly place: number
  /** The byte of the uncompressed segment at which its frames begin, and their size. */
  readonly origin: number
  readonly originSize: number
  /** Bytes after the header, and their CRC-32. */
  readonly size: number
  readonly checksum: number
}

export interface FrameHeader {
  readonly first: number
  readonly count: number
  /** Put time, ms since the epoch. */
  readonly time: number
  /** The byte of the file at which the frame begins. */
  readonly place: number
  /** So many bytes of the file were on disk when the frame was written. */
  readonly durable: number
  /** The batch goes on in the next frame. */
  readonly continues: boolean
  /** The events are lost; the lines are their gap event. */
  readonly lost: boolean
  readonly positionsSize: number
  readonly linesSize: number
  readonly positionsChecksum: number
  readonly linesChecksum: number
}

/** Header and table as they stand at the beginning of a segment. */
export function encodeSegmentStart(queue: string, first: number, created: number, table: Table): Buffer {
  const positions = encodeChanges(table)
  const bytes = Buffer.alloc(SEGMENT_HEADER_SIZE + positions.length)
  SEGMENT_MAGIC.copy(bytes, 0)
  bytes.writeUInt32LE(FORMAT, 8)
  bytes.writeUInt32LE(positions.length, 12)
  writeLong(bytes, first, 16)
  bytes.write(queue.replaceAll('-', ''), 24, 'hex')
  writeLong(bytes, timeOf(created), 40)
  bytes.writeUInt32LE(crc32(positions), 48)
  seal(bytes)
  positions.copy(bytes, SEGMENT_HEADER_SIZE)
  return bytes
}

/** Undefined where the bytes are no segment header; any format version is decoded. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_SIZE || !bytes.subarray(0, 8).equals(SEGMENT_MAGIC) || !sealed(bytes)) return undefined
  const hex = bytes.toString('hex', 24, 40)
  return {
    format: bytes.readUInt32LE(8),
    tableSize: bytes.readUInt32LE(12),
    first: readLong(bytes, 16),
    queue: hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    created: readLong(bytes, 40),
    tableChecksum: bytes.readUInt32LE(48),
    uncompressedSize: readLong(bytes, 52),
  }
}

/** The header of a segment of `size` bytes once it is compressed. */
export function compressedHeader(header: Buffer, size: number): Buffer {
  const bytes = Buffer.from(header.subarray(0, SEGMENT_HEADER_SIZE))
  bytes.writeUInt32LE(COMPRESSED, 8)
  writeLong(bytes, size, 52)
  seal(bytes)
  return bytes
}

export function encodeBlockHeader({ place, origin, originSize, size, checksum }: BlockHeader): Buffer {
  const bytes = Buffer.alloc(BLOCK_HEADER_SIZE)
  BLOCK_MAGIC.copy(bytes, 0)
  bytes[4] = DEFLATE
  writeLong(bytes, place, 8)
  writeLong(bytes, origin, 16)
  bytes.writeUInt32LE(originSize, 24)
  bytes.writeUInt32LE(size, 28)
  bytes.writeUInt32LE(checksum, 32)
  seal(bytes)
  return bytes
}

/** The header of a block that begins at byte `place` of its file; undefined where there is none. */
export function decodeBlockHeader(bytes: Buffer, at: number, place: number): BlockHeader | undefined {
  if (at + BLOCK_HEADER_SIZE > bytes.length || bytes.readUInt32LE(at) !== BLOCK_MAGIC.readUInt32LE(0)) return undefined
  const header = bytes.subarray(at, at + BLOCK_HEADER_SIZE)
  if (header[4] !== DEFLATE || !sealed(header) || readLong(header, 8) !== place) return undefined
  return { place, origin: readLong(header, 16), originSize: header.readUInt32LE(24), size: header.readUInt32LE(28), checksum: header.readUInt32LE(32) }
}

export type FrameStart = Omit<FrameHeader, 'place' | 'durable' | 'positionsSize' | 'linesSize' | 'positionsChecksum' | 'linesChecksum'>

/** A frame header that `placeFrame` still has to complete: where a frame goes is known only when it is written. */
export function encodeFrameHeader(frame: FrameStart, positions: Buffer, lines: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_SIZE)
  FRAME_MAGIC.copy(bytes, 0)
  bytes[4] = frame.lost ? LOST : EVENTS
  bytes[5] = frame.continues ? CONTINUES : 0
  writeLong(bytes, frame.first, 8)
  writeLong(bytes, frame.time, 16)
  bytes.writeUInt32LE(frame.count, 40)
  bytes.writeUInt32LE(positions.length, 44)
  bytes.writeUInt32LE(lines.length, 48)
  bytes.writeUInt32LE(crc32(positions), 52)
  bytes.writeUInt32LE(crc32(lines), 56)
  return bytes
}

/** Says where the frame goes and how much before it is on disk, and seals the header. */
export function placeFrame(header: Buffer, place: number, durable: number): void {
  writeLong(header, place, 24)
  writeLong(header, durable, 32)
  seal(header)
}

/** The header of a frame that begins at byte `place` of its file; undefined where there is none. */
export function decodeFrameHeader(bytes: Buffer, at: number, place: number): FrameHeader | undefined {
  if (at + FRAME_HEADER_SIZE > bytes.length || bytes.readUInt32LE(at) !== FRAME_MAGIC.readUInt32LE(0)) return undefined
  const header = bytes.subarray(at, at + FRAME_HEADER_SIZE)
  if ((header[4] !== EVENTS && header[4] !== LOST) || !sealed(header) || readLong(header, 24) !== place) return undefined
  return {
    first: readLong(header, 8),
    time: readLong(header, 16),
    place,
    durable: readLong(header, 32),
    count: header.readUInt32LE(40),
    continues: ((header[5] ?? 0) & CONTINUES) !== 0,
    lost: header[4] === LOST,
    positionsSize: header.readUInt32LE(44),
    linesSize: header.readUInt32LE(48),
    positionsChecksum: header.readUInt32LE(52),
    linesChecksum: header.readUInt32LE(56),
  }
}

/** Size of a whole frame in bytes. */
export function frameSize(header: FrameHeader): number {
  return FRAME_HEADER_SIZE + header.positionsSize + header.linesSize
}

export function encodeChanges(changes: Changes): Buffer {
  return changes.size === 0 ? NOTHING : Buffer.from(JSON.stringify(Object.fromEntries(changes)))
}

/** Throws SyntaxError: only bytes whose checksum is right are decoded. */
export function decodeChanges(bytes: Buffer): Changes {
  if (bytes.length === 0) return new Map()
  const changes = JSON.parse(bytes.toString()) as Record<string, Position | null> | null
  if (changes === null) throw new SyntaxError('it is no JSON object')
  return new Map(Object.entries(changes))
}

/** Changes `table` in place. */
export function applyChanges(table: Map<string, Position>, changes: Changes): void {
  for (const [partition, position] of changes) {
    if (position === null) table.delete(partition)
    else table.set(partition, position)
  }
}

const NOTHING = Buffer.alloc(0)

/** Checksums the first 60 bytes into the four after them: how every 64-byte header of a queue ends. */
function seal(header: Buffer): void {
  header.writeUInt32LE(crc32(header.subarray(0, 60)), 60)
}

function sealed(header: Buffer): boolean {
  return header.readUInt32LE(60) === crc32(header.subarray(0, 60))
}

/** The time of a clock, as it can be kept: one that stands before 1970 stands at its beginning. */
export const timeOf = (now: number): number => Math.max(0, now)

export function writeLong(bytes: Buffer, value: number, at: number): void {
  assert(Number.isSafeInteger(value) && value >= 0)
  bytes.writeUInt32LE(value % 0x1_0000_0000, at)
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4)
}

export function readLong(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000
}
