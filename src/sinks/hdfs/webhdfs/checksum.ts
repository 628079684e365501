/**
 * HDFS's own checksum of a file, computed here: the CRC of each chunk, of those of a block the MD5, of these, and of the
 * zeros behind them in HDFS's buffer, the MD5. So an upload can be compared with what the DataNodes hold without reading it
 * back.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { readExactly, type Bytes } from './bytes.js'

/** As GETFILECHECKSUM gives it. */
export interface FileChecksum {
  /** `MD5-of-0MD5-of-512CRC32C`: 512 are the bytes of a chunk. */
  readonly algorithm: string
  /** Hexadecimal: two numbers of 4 and 8 bytes, the MD5, and what HDFS has behind it in its buffer. */
  readonly bytes: string
}

const MD5_SIZE = 16
const MD5_AT = 12
/** Of one read, at least. */
const READ_SIZE = 1024 * 1024

/**
 * True: bytes [0, size) of the file, in blocks of `blockSize` bytes, have this checksum. Undefined: it is of a kind that is
 * not known here.
 */
export async function hasChecksum(file: Bytes, size: number, blockSize: number, { algorithm, bytes }: FileChecksum): Promise<boolean | undefined> {
  const match = /^MD5-of-\d+MD5-of-(\d+)(CRC32C?)$/.exec(algorithm)
  const chunkSize = Number(match?.[1] ?? 0)
  if (match === null || chunkSize === 0) return undefined
  const chunksOfBlock = blockSize / chunkSize // the number in the algorithm is 0 over WebHDFS, however many blocks there are
  const crc = match[2] === 'CRC32C' ? (await import('@node-rs/crc32')).crc32c : crc32
  const blocks: Buffer[] = []
  let block = createHash('md5')
  let chunks = 0
  for await (const piece of piecesOf(file, size, chunkSize)) {
    const sums = Buffer.allocUnsafe(4)
    for (let at = 0; at < piece.length; at += chunkSize) {
      sums.writeUInt32BE(crc(piece.subarray(at, at + chunkSize)))
      block.update(sums)
      if (++chunks < chunksOfBlock) continue
      blocks.push(block.digest())
      block = createHash('md5')
      chunks = 0
    }
  }
  if (chunks > 0) blocks.push(block.digest())
  const whole = Buffer.alloc(bufferSize(blocks.length * MD5_SIZE))
  Buffer.concat(blocks).copy(whole)
  return createHash('md5').update(whole).digest('hex') === bytes.slice(2 * MD5_AT, 2 * (MD5_AT + MD5_SIZE))
}

/** HDFS hashes its whole buffer, which begins with 32 bytes and grows twofold. */
function bufferSize(size: number): number {
  let room = 32
  while (room < size) room *= 2
  return room
}

/** The file in pieces of whole chunks, but for the last. Each is valid until the next. */
async function* piecesOf(file: Bytes, size: number, chunkSize: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.floor(READ_SIZE / chunkSize)) * chunkSize)
  for (let at = 0; at < size; ) {
    const piece = buffer.subarray(0, size - at)
    await readExactly(file, piece, at, size)
    yield piece
    at += piece.length
  }
}
