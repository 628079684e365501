/**
 * The records of an Avro container file, each as JSON. The blocks are found here, so that a place in the middle of a large
 * file is had by skipping; what is in them is for avsc. The place behind record n of a block is byte n of that block, that behind its last
 * one its end; where it has fewer bytes than records, each byte is the place behind so many more of them.
 */
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import avro, { type Type } from 'avsc'
import type { ReadableFile } from '../../../disk/disk.js'
import { FlumeError } from '../../../errors.js'
import { readAt } from '../../position.js'
import type { SpoolRecord } from '../records.js'

interface Header {
  readonly meta: ReadonlyMap<string, Buffer>
  readonly sync: Buffer
  /** Of the header: the byte just behind it. */
  readonly end: number
}

interface Container {
  readonly type: Type
  readonly sync: Buffer
  readonly start: number
  unpack(block: Buffer): Promise<Buffer>
}

const MAGIC = Buffer.from('Obj\u0001', 'latin1')
const SYNC_SIZE = 16
const HEADER_SIZE_MAX = 16 * 1024 * 1024
/** Packed or not. */
const BLOCK_SIZE_MAX = 256 * 1024 * 1024
/** Records to a place. No codec packs more than 1032 bytes into one, but a record may have none. */
const SHARING_MAX = 10_000
/** Two numbers of 64 bits. */
const NUMBERS_SIZE_MAX = 20

const LONG = avro.Type.forSchema('long')
const STRING = avro.Type.forSchema('string')
const BYTES = avro.Type.forSchema('bytes')
/** As they stand: not all of them are numbers of JavaScript. */
const BIG_LONG = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw)

export async function* avroRecords(log: ReadableFile, from: number): AsyncGenerator<SpoolRecord> {
  const { type, sync, start, unpack } = await containerOf(log)
  for (let at = start; ; ) {
    const numbers = await readAt(log, at, NUMBERS_SIZE_MAX)
    if (numbers.length === 0) return
    const [count, size, begins] = numbersOf(numbers, at)
    const end = at + begins + size + SYNC_SIZE
    const each = Math.ceil(count / (end - at - 1)) // the end is the place behind the last one alone
    if (each > SHARING_MAX) throw damaged(`the block at byte ${at} has ${count} records in ${end - at} bytes`)
    if (from < end) {
      const block = await readAt(log, at + begins, size + SYNC_SIZE)
      if (block.length < size + SYNC_SIZE) throw damaged(`it ends in the middle of the block at byte ${at}`)
      if (!block.subarray(size).equals(sync)) throw damaged(`the block at byte ${at} does not end with the mark of this file`)
      yield* recordsOf(type, await unpack(block.subarray(0, size)), { at, end, count, each, skip: Math.max(0, from - at) * each })
    }
    at = end
  }
}

interface Block {
  readonly at: number
  /** The byte after it. */
  readonly end: number
  /** Of its records. */
  readonly count: number
  /** There is a place behind so many of them, and so many more. */
  readonly each: number
  /** So many of them were sent. */
  readonly skip: number
}

/** Where not all can be decoded there is a place behind the last one that can be, so that none waits for one that never comes. */
function* recordsOf(type: Type, bytes: Buffer, { at, end, count, each, skip }: Block): Generator<SpoolRecord> {
  let last: Buffer | undefined
  let n = 0
  try {
    for (let offset = 0; n < count; n++) {
      const decoded = decode(type, bytes, offset, at)
      if (decoded.offset < 0) throw damaged(`record ${n + 1} of the block at byte ${at} is cut off`)
      if (last !== undefined) yield { body: last, end: n % each === 0 ? at + n / each : undefined }
      offset = decoded.offset
      last = n < skip ? undefined : Buffer.from(jsonOf(decoded.value))
    }
  } catch (error) {
    if (last !== undefined) yield { body: last, end: at + Math.ceil(n / each) }
    throw error
  }
  if (last !== undefined) yield { body: last, end }
}

function decode<Value>(type: Type, bytes: Buffer, offset: number, at: number): { value: Value; offset: number } {
  try {
    return type.decode(bytes, offset)
  } catch (error) {
    throw damaged(`the block at byte ${at} cannot be decoded: ${(error as Error).message}`)
  }
}

async function containerOf(log: ReadableFile): Promise<Container> {
  for (let size = 4096; size <= HEADER_SIZE_MAX; size *= 16) {
    const bytes = await readAt(log, 0, size)
    if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged('it is no Avro container file')
    const header = headerIn(bytes)
    if (header !== undefined) return { type: typeOf(header), sync: header.sync, start: header.end, unpack: unpackerOf(header) }
    if (bytes.length < size) break
  }
  throw damaged('its header is cut off')
}

/** Undefined: it goes on behind these bytes. Not by avsc as a whole, which believes any count of pairs, also behind the end. */
function headerIn(bytes: Buffer): Header | undefined {
  const meta = new Map<string, Buffer>()
  let at = MAGIC.length
  const next = <Value>(type: Type): Value | undefined => {
    const { value, offset } = decode<Value>(type, bytes, at, 0)
    at = offset < 0 ? bytes.length : offset
    return offset < 0 ? undefined : value
  }
  for (;;) {
    const count = next<number>(LONG)
    if (count === 0) break
    if (count === undefined || (count < 0 && next(LONG) === undefined)) return undefined
    for (let n = Math.abs(count); n > 0; n--) {
      const name = next<string>(STRING)
      const value = next<Buffer>(BYTES)
      if (name === undefined || value === undefined) return undefined
      meta.set(name, value)
    }
  }
  const end = at + SYNC_SIZE
  return end > bytes.length ? undefined : { meta, sync: bytes.subarray(at, end), end }
}

function typeOf({ meta }: Header): Type {
  try {
    return avro.Type.forSchema(JSON.parse(String(meta.get('avro.schema'))) as avro.Schema, { registry: { long: BIG_LONG } })
  } catch (error) {
    throw damaged(`its schema cannot be used: ${(error as Error).message}`)
  }
}

function unpackerOf({ meta }: Header): Container['unpack'] {
  const codec = String(meta.get('avro.codec') ?? 'null')
  if (codec === 'null') return (block) => Promise.resolve(block)
  if (codec !== 'deflate') throw damaged(`its codec is ${codec}: only null and deflate can be read`)
  return async (block) => {
    try {
      return await inflate(block, { maxOutputLength: BLOCK_SIZE_MAX })
    } catch (error) {
      throw damaged(`a block cannot be unpacked: ${(error as Error).message}`)
    }
  }
}

/** Count and size, and their own size. */
function numbersOf(bytes: Buffer, at: number): [count: number, size: number, begins: number] {
  const count = decode<number>(LONG, bytes, 0, at)
  const size = count.offset < 0 ? count : decode<number>(LONG, bytes, count.offset, at)
  if (size.offset < 0) throw damaged(`it ends in the middle of the block at byte ${at}`)
  if (count.value < 0 || size.value < 0 || size.value > BLOCK_SIZE_MAX) throw damaged(`the block at byte ${at} is none`)
  return [count.value, size.value, size.offset]
}

/** Bytes as texts of U+0000 to U+00FF, as Avro itself has them in JSON; what is no number there as a text. */
function jsonOf(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return `"${value}"`
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString('latin1'))
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${jsonOf(field)}`).join(',')}}`
}

function damaged(why: string): FlumeError {
  return new FlumeError('BAD_EVENT', why)
}
