/**
 * A line of JSON that ends in its own checksum, `,"crc32":"8 hex digits"}`: of a file without it nothing would tell that
 * one bit of a number is another.
 */
import { crc32 } from 'node:zlib'

const KEY = ',"crc32":"'
const SEAL_SIZE = KEY.length + 10

/** `value`: an object with at least one key. With its newline. */
export function sealed(value: object): Buffer {
  const text = Buffer.from(JSON.stringify(value))
  return Buffer.concat([text.subarray(0, -1), Buffer.from(`${KEY}${crc32(text).toString(16).padStart(8, '0')}"}\n`)])
}

/** The value as JSON, of a line without its newline. Undefined: it is not what was written, or has no checksum. */
export function unsealed(line: Buffer): Buffer | undefined {
  const split = line.length - SEAL_SIZE
  const seal = /^,"crc32":"([0-9a-f]{8})"\}$/.exec(line.toString('latin1', Math.max(0, split)))
  if (seal === null) return undefined
  const text = Buffer.concat([line.subarray(0, split), Buffer.from('}')])
  return crc32(text) === Number.parseInt(seal[1] ?? '', 16) ? text : undefined
}
