/** Queues to be damaged, each with what its files held before and with the bytes in which each event stands. */
import { Blocks } from '../../../src/disk/blocks.js'
import { Queue } from '../../../src/channel/channel.js'
import { CompressedSegment, openSegment } from '../../../src/channel/compressed.js'
import { BLOCK_HEADER_SIZE, decodeBlockHeader, SEGMENT_HEADER_SIZE } from '../../../src/channel/format.js'
import { readFrames, readHeader } from '../../../src/channel/segment.js'
import { segmentsOn } from '../../support/checking.js'
import { FakeClock } from '../../support/clock.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { aroundOf, numbered, putAll } from '../../support/queue.js'
import type { Stretch } from './damages.js'

/** Events `first` to `end` - 1 stand in these bytes of the file. */
export interface Holds extends Stretch {
  readonly path: string
  readonly first: number
  readonly end: number
}

export interface Whole {
  readonly disk: MemoryDisk
  /** Events in it: 0 to `count` - 1. */
  readonly count: number
  /** Where readers stand that have acked some, in order. */
  readonly readers: ReadonlyMap<string, number>
  readonly holds: readonly Holds[]
  /** By path, newest first. */
  readonly older: ReadonlyMap<string, readonly Buffer[]>
}

export const KINDS = ['plain', 'packed', 'alone'] as const
export type Kind = (typeof KINDS)[number]

const EVENTS = 36
const SIZE = 24
const OLDER_MAX = 12

class Ticking extends FakeClock {
  override now(): number {
    return this.time++
  }
}

/** `plain`: three segments. `packed`: all but the last compressed. `alone`: one segment, of which a crash had torn what came after it. */
export async function wholeOf(kind: Kind): Promise<Whole> {
  const disk = new MemoryDisk()
  const older = new Map<string, Buffer[]>()
  disk.watch = () => remember(disk, '/q', older)
  if (kind === 'alone') await torn(disk)
  const around = aroundOf(disk.boot(), new Ticking(1_600_000_000_000))
  const queue = await Queue.open('/q', around, { create: true })
  const putter = await queue.openPut({ segmentBytesMax: kind === 'alone' ? 100_000 : 1300, freeMin: 0 })
  const held = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
  await putAll(putter, batches(held, EVENTS))
  await putter.close()
  const readers = new Map<string, number>()
  readers.set('r', await readSome(queue, 'r', 5, kind === 'alone'))
  if (kind === 'packed') await queue.compressNow(new AbortController().signal)
  disk.watch = undefined
  disk.kill()
  disk.settle()
  return { disk, count: EVENTS, readers, holds: await holdsOf(disk), older }
}

/** Events that were put and never acked, in other batches, when the power failed. */
async function torn(disk: MemoryDisk): Promise<void> {
  const queue = await Queue.open('/q', aroundOf(disk.boot(), new Ticking(1_500_000_000_000)), { create: true })
  const putter = await queue.openPut({ freeMin: 0 })
  await putAll(putter, batches(0, 10))
  disk.plan = { step: disk.steps + 2, failure: 'end' }
  await Promise.race([putAll(putter, [numbered(10, 17, SIZE), numbered(17, 19, SIZE)]), disk.ended])
  disk.losePower((count) => (count > 4 ? 1 : 0))
}

function* batches(from: number, to: number): Generator<ReturnType<typeof numbered>> {
  for (let at = from; at < to; at += 1 + (at % 4)) yield numbered(at, Math.min(to, at + 1 + (at % 4)), SIZE)
}

async function readSome(queue: Queue, name: string, most: number, killed: boolean): Promise<number> {
  const taker = await queue.openTake(name, { once: true })
  const stop = new AbortController()
  let next = 0
  let left = most
  for await (const batch of taker.open({ kind: 'acks', binding: 'file:///out' }, stop.signal)) {
    if (left-- > 0) await taker.settle(batch.mark!)
    if (left >= 0) next = batch.mark!.to.offset
    batch.release()
    if (left < 0) stop.abort()
  }
  if (!killed) await taker.close() // else its last acks are in one of the two records only
  return next
}

function remember(disk: MemoryDisk, path: string, older: Map<string, Buffer[]>): void {
  const inode = disk.find(path)
  if (inode === undefined) return
  if (inode.kind === 'directory') {
    for (const name of inode.entries.keys()) remember(disk, `${path}/${name}`, older)
    return
  }
  const known = older.get(path) ?? []
  if (known[0]?.equals(inode.bytes) === true) return
  older.set(path, [Buffer.from(inode.bytes), ...known].slice(0, OLDER_MAX))
}

async function holdsOf(disk: MemoryDisk): Promise<Holds[]> {
  const all: Holds[] = []
  for (const path of segmentsOn(disk)) {
    const file = await openSegment(disk.boot(), path)
    const header = await readHeader(file)
    const place = placing(disk.find(path)!.bytes, file instanceof CompressedSegment)
    for await (const found of readFrames(file, SEGMENT_HEADER_SIZE + (header?.tableSize ?? 0), Infinity, new Blocks(1024 * 1024, 2))) {
      if (found.kind === 'damage') throw new Error(`${path} is damaged already`)
      found.release()
      const { first, count } = found.header
      const [from, to] = place(found.header.place, found.size)
      all.push({ path, from, to, first, end: first + count })
    }
    await file.close()
  }
  return all
}

/** The bytes in which a frame stands: of a compressed segment those of its whole block. */
function placing(bytes: Buffer, packed: boolean): (at: number, size: number) => readonly [number, number] {
  if (!packed) return (at, size) => [at, at + size]
  const blocks = Array.from(bytes.keys()).flatMap((at) => decodeBlockHeader(bytes, at, at) ?? [])
  return (at) => {
    const { place, size } = blocks.find(({ origin, originSize }) => origin <= at && at < origin + originSize)!
    return [place, place + BLOCK_HEADER_SIZE + size]
  }
}
