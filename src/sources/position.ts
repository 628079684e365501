/**
 * A place in a file, and how to find it again after a rotation: device and inode, and the hashes of the file's first
 * bytes and of the bytes just before the place. Content decides; an inode is used again by the next file.
 */
import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { isPosition, type Position } from '../events/batch.js'
import type { FileStat, ReadableFile } from '../disk/disk.js'
import { readFully } from '../disk/read-fully.js'

/** Size in bytes, and their hash: the first 16 characters of sha256 in base64url. */
export interface Print {
  readonly size: number
  readonly hash: string
}

export interface FilePosition extends Position {
  /** Absolute, as the file was called when it was first seen. */
  readonly path: string
  /** As text: they are 64 bits wide. */
  readonly device: string
  readonly inode: string
  /** Where its file system is mounted; absent: it is that of the root, or nobody has looked. */
  readonly mount?: string
  /** The first bytes, at most HEAD_SIZE: as many as lie before the offset, of a place at the beginning also more. */
  readonly head: Print
  /** The bytes just before the offset, at most TAIL_SIZE. */
  readonly tail: Print
  /** ms since the epoch: when the bytes before the offset were read. */
  readonly time: number
  /** The size that the file was seen to have. */
  readonly size: number
  /** When the file was written to, ms since the epoch, where that was well before `time`. */
  readonly modified?: number
  /** The line before the offset was sent without its end, in so many events. */
  readonly part?: number
  /** CRC-32 of all bytes before the offset; absent: nobody knows. */
  readonly sum?: number
  /** Nothing comes after it: what there was is lost. The prints are those of an earlier place. */
  readonly ended?: true
}

export const HEAD_SIZE = 1024
export const TAIL_SIZE = 256
/** In ns. */
export const MS = 1_000_000n
/** Of longer files no sum is known: it takes time, and they are not what an editor saves. */
const SUMMED_MAX = 64 * 1024 * 1024

/** A place that reading has passed, and that it was one in this file. */
export type Passed = Pick<FilePosition, 'offset' | 'tail'>

/** A part of a longer text would hold on to all of that: there may be a print for each of many thousand files. */
export function printOf(bytes: Uint8Array): Print {
  return { size: bytes.length, hash: hash('sha256', bytes, 'buffer').toString('base64url', 0, 12) }
}

/** What a reader or a state file gives back, if it is a place in a file; what is missing of the details is 0. */
export function filePosition(position: Position): FilePosition | undefined {
  if (!isPosition(position)) return undefined
  const { offset, path, device, inode, mount, head, tail, time, size, modified, part, sum, ended } = position
  if (offset < 0 || typeof path !== 'string' || !isPrint(head) || !isPrint(tail)) return undefined
  if (typeof device !== 'string' || typeof inode !== 'string') return undefined
  const where = { path, device, inode, ...(typeof mount === 'string' && { mount }), ...(count(modified) > 0 && { modified: count(modified) }) }
  const place = { offset, ...where, head, tail, time: count(time), size: Math.max(offset, count(size)), ...(isSum(sum) && { sum }) }
  if (ended === true) return { ...place, ended }
  if (head.size !== Math.min(offset, HEAD_SIZE) || tail.size !== Math.min(offset, TAIL_SIZE)) return undefined
  return count(part) > 0 ? { ...place, part: count(part) } : place
}

/** The beginning of the file that this is a place in. */
export function beginningOf({ path, device, inode, mount, head, time, size }: FilePosition): FilePosition {
  return { offset: 0, path, device, inode, ...(mount !== undefined && { mount }), head, tail: printOf(Buffer.alloc(0)), time, size }
}

const count = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)

const isSum = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff

function isPrint(value: unknown): value is Print {
  return typeof value === 'object' && value !== null
    && 'size' in value && typeof value.size === 'number' && 'hash' in value && typeof value.hash === 'string'
}

/** Which file this is, while it exists; the key of one file among those open or listed now. */
export function identityOf(file: { readonly device: bigint | string; readonly inode: bigint | string }): string {
  return `${file.device}:${file.inode}`
}

/** An inode is used again soon: whether it is the same file still. Not all file systems tell when one was made (0). */
export const wasBorn = (one: bigint, other: bigint): boolean => one === other || one === 0n || other === 0n

/** The file was made after the place was read: it has only got the inode of the one that it was read in. */
export const isYounger = ({ born }: FileStat, { time }: FilePosition): boolean => born >= BigInt(Math.floor(time) + 1) * MS

/** Reads up to `size` bytes from byte `at`; fewer only at the end of the file. */
export async function readAt(file: ReadableFile, at: number, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size)
  return bytes.subarray(0, await readFully(file, bytes, at))
}

/** The first bytes of the file, as far as the position has their hash, when it holds there what the position says; else undefined. */
export async function verify(file: ReadableFile, { offset, head, tail }: FilePosition): Promise<Buffer | undefined> {
  const bytes = await readAt(file, 0, head.size)
  return isPrintOf(head, bytes) && isPrintOf(tail, await readAt(file, offset - tail.size, tail.size)) ? bytes : undefined
}

export function isPrintOf(print: Print, bytes: Buffer): boolean {
  return bytes.length === print.size && (print.size === 0 || printOf(bytes).hash === print.hash)
}

/** Of all bytes before `offset`, which are those before `from`, whose sum this is, and these. */
export function sumOf(sum: number | undefined, from: number, bytes: Uint8Array): number | undefined {
  return sum === undefined || from + bytes.length > SUMMED_MAX ? undefined : crc32(bytes, sum)
}

/** All before this place is there, byte by byte, as far as a sum tells. False where none is known. */
export async function holdsAll(file: ReadableFile, { offset, sum }: FilePosition): Promise<boolean> {
  if (sum === undefined) return false
  let found: number | undefined = 0
  for (let at = 0; at < offset; ) {
    const bytes = await readAt(file, at, Math.min(COMPARED, offset - at))
    if (bytes.length === 0) return false
    found = sumOf(found, at, bytes)
    at += bytes.length
  }
  return found === sum
}

/** Of these, the newest first, those to be kept where reading stands at `offset`: the further back, the fewer. */
export function thinned(passed: readonly Passed[], offset: number): Passed[] {
  const reach = (place: Passed | undefined): number => (place === undefined ? -1 : Math.floor(Math.log2(offset - place.offset) / 4))
  return passed.filter((place, index) => reach(passed[index + 1]) !== reach(place))
}

/** What tells whether a print is one of these first bytes; there may be thousands, and each size is hashed once. */
export function beginsWith(head: Buffer): (print: Print) => boolean {
  const hashes = new Map<number, string>()
  return ({ size, hash }) => {
    if (size === 0 || size > head.length) return size === 0
    const own = hashes.get(size) ?? printOf(head.subarray(0, size)).hash
    hashes.set(size, own)
    return own === hash
  }
}

/** True when `copy` (of `size` bytes) holds what `original` holds; that they are the same before byte `from` is known. */
export async function isPrefix(copy: ReadableFile, size: number, original: ReadableFile, from = 0): Promise<boolean> {
  const head = Math.min(size, HEAD_SIZE)
  if (!(await readAt(copy, 0, head)).equals(await readAt(original, 0, head))) return false
  const tail = Math.min(size, TAIL_SIZE)
  if (!(await readAt(copy, size - tail, tail)).equals(await readAt(original, size - tail, tail))) return false
  return (await commonSize(copy, original, size, from)) === size
}

/** How many bytes both begin with, at most `most`; that they are the same before byte `from` is known. */
export async function commonSize(one: ReadableFile, other: ReadableFile, most: number, from = 0): Promise<number> {
  for (let at = from; at < most; ) {
    const [a, b] = await Promise.all([one, other].map((file) => readAt(file, at, Math.min(COMPARED, most - at)))) as [Buffer, Buffer]
    const size = Math.min(a.length, b.length)
    if (size === 0) return at
    if (!a.subarray(0, size).equals(b.subarray(0, size))) return at + a.findIndex((byte, index) => byte !== b[index])
    at += size
  }
  return most
}

/** Bytes that are compared at once. */
const COMPARED = 256 * 1024
