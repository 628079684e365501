/**
 * A small record that is overwritten in place, in two slots of one file, flume-segment(5): whatever a crash tears,
 * the other slot is whole. Between two syncs only one slot is written.
 */
import { assert } from '../errors.js'
import { crc32 } from './checksum.js'
import type { DiskFile } from '../disk/disk.js'
import { readFully } from '../disk/read-fully.js'
import { readLong, writeLong } from './format.js'

const HEAD_SIZE = 24

export class Slots {
  /** Counter and slot of the last record read or written. */
  #counter = 0
  #slot = 1
  #synced = true
  #spoiled: number | undefined

  /**
   * `magic`: 8 bytes. `slotSize` in bytes. `bodySizeMin`: a shorter record is none of this kind. `begun`: the file was made by
   * whole(), so from the second record on both slots are in use.
   */
  constructor(
    readonly file: DiskFile,
    readonly magic: string,
    readonly slotSize: number,
    readonly bodySizeMin = 0,
    readonly begun = false,
  ) {}

  /** Byte of a slot that should hold a whole record and does not, as of the last read: damaged, or torn by a loss of power. */
  get spoiled(): number | undefined {
    return this.#spoiled
  }

  /** The newest whole record, undefined where there is none. */
  async read(): Promise<Buffer | undefined> {
    return (await this.readAll())[0]
  }

  /** The whole records, newest first. The other is the one of the last sync, or was torn. */
  async readAll(): Promise<Buffer[]> {
    const bytes = Buffer.alloc(2 * this.slotSize)
    const size = await readFully(this.file, bytes, 0)
    const spoiled: number[] = []
    const records = [0, 1].flatMap((slot) => {
      const piece = bytes.subarray(slot * this.slotSize, Math.min(size, (slot + 1) * this.slotSize))
      const record = this.#decode(piece)
      if (record !== undefined) return [{ ...record, slot }]
      if (slot === 0 || piece.some((byte) => byte !== 0)) spoiled.push(slot)
      return []
    })
    records.sort((a, b) => b.counter - a.counter)
    if (this.begun && records.length === 1 && records[0]!.counter > 1 && spoiled.length === 0) spoiled.push(1)
    if (records.length === 2 && records[0]!.counter === records[1]!.counter) spoiled.push(0) // one of them is in the other's place
    this.#spoiled = spoiled[0] === undefined ? undefined : spoiled[0] * this.slotSize
    if (records[0] !== undefined) {
      this.#counter = records[0].counter
      this.#slot = records[0].slot
    }
    return records.map(({ body }) => body)
  }

  /**
   * read(), by the one that will write: what was read is on disk before any of it is overwritten. It is written once
   * more, since a sync that failed in an earlier process may have left a page that looks clean and is not on disk.
   */
  async adopt(): Promise<Buffer | undefined> {
    const body = await this.read()
    if (body === undefined) return undefined
    await this.file.write([this.#encode(body)], this.#slot * this.slotSize)
    await this.file.sync()
    return body
  }

  /** On return other processes see it; the record of the last sync stays whole beside it. */
  async write(body: Buffer): Promise<void> {
    assert(body.length <= this.slotSize - HEAD_SIZE)
    if (this.#synced) this.#slot = 1 - this.#slot
    this.#synced = false
    this.#counter++
    await this.file.write([this.#encode(body)], this.#slot * this.slotSize)
  }

  async sync(): Promise<void> {
    if (this.#synced) return
    const counter = this.#counter
    await this.file.sync()
    if (counter === this.#counter) this.#synced = true
  }

  /** On return the record is on disk, and in both slots: the next write leaves no older one behind. */
  async settle(body: Buffer): Promise<void> {
    await this.write(body)
    await this.sync()
    await this.write(body)
  }

  /** A whole file of both slots, the record in the first. */
  static whole(magic: string, slotSize: number, body: Buffer): Buffer {
    const slots = new Slots(undefined as unknown as DiskFile, magic, slotSize)
    slots.#counter = 1
    const bytes = Buffer.alloc(2 * slotSize)
    slots.#encode(body).copy(bytes)
    return bytes
  }

  #encode(body: Buffer): Buffer {
    const bytes = Buffer.alloc(HEAD_SIZE + body.length)
    bytes.write(this.magic, 0, 'latin1')
    writeLong(bytes, this.#counter, 8)
    bytes.writeUInt32LE(body.length, 16)
    body.copy(bytes, HEAD_SIZE)
    bytes.writeUInt32LE(checksum(bytes, body.length), 20)
    return bytes
  }

  #decode(bytes: Buffer): { counter: number; body: Buffer } | undefined {
    if (bytes.length < HEAD_SIZE || bytes.toString('latin1', 0, 8) !== this.magic) return undefined
    const size = bytes.readUInt32LE(16)
    if (size < this.bodySizeMin || HEAD_SIZE + size > bytes.length || checksum(bytes, size) !== bytes.readUInt32LE(20)) return undefined
    return { counter: readLong(bytes, 8), body: bytes.subarray(HEAD_SIZE, HEAD_SIZE + size) }
  }
}

/** Of the first 20 bytes followed by the body. */
function checksum(bytes: Buffer, size: number): number {
  return crc32(bytes.subarray(HEAD_SIZE, HEAD_SIZE + size), crc32(bytes.subarray(0, 20)))
}
