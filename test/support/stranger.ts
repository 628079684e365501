/** A reader of queues by somebody who has flume-segment(5) and nothing else: no code of ours is used here. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export interface StrangeFrame {
  readonly place: number
  readonly size: number
  readonly first: number
  readonly count: number
  readonly time: number
  readonly durable: number
  readonly continues: boolean
  readonly positions: Record<string, unknown>
  readonly lines: Buffer
}

export interface StrangeSegment {
  readonly first: number
  readonly queue: string
  readonly created: number
  readonly table: Record<string, unknown>
  readonly frames: readonly StrangeFrame[]
}

const TABLE = Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c >>> 0
})

function crc32(...parts: Buffer[]): number {
  let crc = 0xffffffff
  for (const part of parts) for (const byte of part) crc = (TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

function check(right: boolean, what: string): void {
  if (!right) throw new Error(`flume-segment(5) says otherwise: ${what}`)
}

/** All segments of a queue whose frames all verify. */
export function readQueue(directory: string): StrangeSegment[] {
  const names = readdirSync(join(directory, 'segments')).filter((name) => name.endsWith('.seg')).sort()
  const committed = readSlots(join(directory, 'committed'), 'flumecom', 64)
  return names.map((name) => {
    const bytes = readFileSync(join(directory, 'segments', name))
    const last = committed?.readBigUInt64LE(0) === BigInt(name.slice(0, 20))
    return readSegment(last ? bytes.subarray(0, Number(committed.readBigUInt64LE(8))) : bytes, name)
  })
}

function readSegment(bytes: Buffer, name: string): StrangeSegment {
  const long = (at: number): number => Number(bytes.readBigUInt64LE(at))
  check(bytes.toString('latin1', 0, 8) === 'flumeseg', 'magic')
  check(bytes.readUInt32LE(8) === 1, 'format')
  check(bytes.readUInt32LE(60) === crc32(bytes.subarray(0, 60)), 'CRC of the segment header')
  const first = long(16)
  check(name === `${String(first).padStart(20, '0')}.seg`, 'name')
  const start = 64 + bytes.readUInt32LE(12)
  const table = bytes.subarray(64, start)
  check(bytes.readUInt32LE(48) === crc32(table), 'CRC of the table')
  check(bytes.subarray(52, 60).equals(Buffer.alloc(8)), 'zeros')
  const frames: StrangeFrame[] = []
  for (let at = start; at < bytes.length; ) {
    const frame = readFrame(bytes, at)
    frames.push(frame)
    at += frame.size
  }
  return { first, queue: bytes.toString('hex', 24, 40), created: long(40), table: json(table), frames }
}

function readFrame(bytes: Buffer, at: number): StrangeFrame {
  const header = bytes.subarray(at, at + 64)
  const long = (offset: number): number => Number(header.readBigUInt64LE(offset))
  check(header.subarray(0, 4).equals(Buffer.of(0xff, 0x66, 0x6c, 0x66)) && header[4] === 1, 'beginning of a frame')
  check(((header[5] ?? 255) & 0xfe) === 0 && header.readUInt16LE(6) === 0, 'flags')
  check(header.readUInt32LE(60) === crc32(header.subarray(0, 60)), 'CRC of a frame header')
  check(long(24) === at, 'place of a frame')
  const [p, l] = [header.readUInt32LE(44), header.readUInt32LE(48)]
  const positions = bytes.subarray(at + 64, at + 64 + p)
  const lines = bytes.subarray(at + 64 + p, at + 64 + p + l)
  check(header.readUInt32LE(52) === crc32(positions), 'CRC of the positions')
  check(header.readUInt32LE(56) === crc32(lines), 'CRC of the lines')
  const count = header.readUInt32LE(40)
  check(l <= 1_048_576 || count === 1, 'size of the lines')
  check(lines.toString('latin1').split('\n').length - 1 === count, 'number of events')
  const continues = header[5] === 1
  return { place: at, size: 64 + p + l, first: long(8), count, time: long(16), durable: long(32), continues, positions: json(positions), lines }
}

/** The record that is true. */
export function readSlots(path: string, magic: string, size: number): Buffer | undefined {
  const bytes = readFileSync(path)
  let counter = -1n
  let record: Buffer | undefined
  for (const at of [0, size]) {
    const slot = bytes.subarray(at, at + size)
    if (slot.length < 24 || slot.toString('latin1', 0, 8) !== magic) continue
    const body = slot.subarray(24, 24 + slot.readUInt32LE(16))
    if (slot.readUInt32LE(20) !== crc32(slot.subarray(0, 20), body) || slot.readBigUInt64LE(8) <= counter) continue
    counter = slot.readBigUInt64LE(8)
    record = body
  }
  return record
}

function json(bytes: Buffer): Record<string, unknown> {
  return bytes.length === 0 ? {} : (JSON.parse(bytes.toString()) as Record<string, unknown>)
}
