/** Much at once that no reader reads back is written past the page cache, in whole pages: what of a segment that shows. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Queue, type Putter, type PutOptions, type Taker } from '../../src/channel/channel.js'
import type { Disk } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'
import type { Batch } from '../../src/events/batch.js'
import { passing } from '../support/clock.js'
import { MemoryDisk } from '../support/memory-disk.js'
import { aroundOf, exportAll, faultOf, numbered, takeAll, type Around } from '../support/queue.js'

const ACKS = { kind: 'acks' } as const
const MEGABYTE = 1024 * 1024

/** A disk in memory, and of each write to its segments whether it was to go past the page cache. `full`: at the one after so many it is full. */
function watched(disk: Disk, full = Infinity): { readonly disk: Disk; readonly directs: boolean[] } {
  const directs: boolean[] = []
  const plain = disk.open.bind(disk)
  const open: Disk['open'] = async (path, ...how) => {
    const file = await plain(path, ...how)
    if (!path.endsWith('.seg') && !path.endsWith('.seg.tmp')) return file
    const write = file.write.bind(file)
    return Object.assign(file, {
      write: async (pieces: readonly Uint8Array[], at: number, direct = false) => {
        if ((at > 0 || direct) && directs.push(direct) === full + 1) throw Object.assign(new Error('no room'), { code: 'ENOSPC' })
        return write(pieces, at, direct)
      },
    })
  }
  return { disk: Object.assign(disk, { open }), directs }
}

/** One that puts, and one of the same process that takes what is put, batch by batch. */
class Flow {
  readonly #put: Batch[] = []
  #more: () => void = () => undefined
  #ended = false
  readonly #marks: Promise<void>
  readonly #batches: AsyncIterator<Batch> | undefined
  next: number

  constructor(
    readonly putter: Putter,
    readonly taker: Taker | undefined,
    from = 0,
  ) {
    this.next = from
    this.#batches = taker?.open(ACKS, new AbortController().signal)
    this.#marks = this.#collect()
  }

  /** One more batch of one event of so many characters, which the reader takes. */
  async pass(size: number): Promise<void> {
    this.#put.push(numbered(this.next, this.next + 1, size))
    this.next++
    this.#more()
    if (this.#batches === undefined) return
    for (;;) {
      const { mark, release } = ((await this.#batches.next()) as IteratorYieldResult<Batch>).value
      release()
      if (mark !== null) return this.taker!.settle(mark) // else it asks for acks, as the queue is full
    }
  }

  async close(): Promise<void> {
    this.#ended = true
    this.#more()
    await this.#marks
    await this.#batches?.return?.()
    await this.taker?.close()
    await this.putter.close()
  }

  async #collect(): Promise<void> {
    for await (const mark of this.putter.put(this.#given())) void mark
  }

  async *#given(): AsyncGenerator<Batch> {
    while (!this.#ended || this.#put.length > 0) {
      const batch = this.#put.shift()
      if (batch === undefined) await new Promise<void>((resolve) => (this.#more = resolve))
      else yield batch
    }
  }
}

async function flowOn(around: Around, reader: string | undefined, options: Partial<PutOptions> = {}): Promise<Flow> {
  const queue = await Queue.open('/q', around, { create: true })
  const putter = await queue.openPut({ freeMin: 0, ...options })
  const from = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
  return new Flow(putter, reader === undefined ? undefined : await queue.openTake(reader, { once: false }), from)
}

t.test('what readers of this process are given from memory goes past the page cache, where it is much', async (t) => {
  const { disk, directs } = watched(new MemoryDisk().boot())
  const flow = await flowOn(aroundOf(disk), 'a')
  await flow.pass(MEGABYTE)
  await flow.pass(1000)
  await flow.pass(MEGABYTE)
  await flow.close()
  t.same(directs, [true, false, true])
})

t.test('what a reader of another process, or one that comes later, reads from the segment does not', async (t) => {
  const memory = new MemoryDisk()
  const { disk, directs } = watched(memory.boot())
  const alone = await flowOn(aroundOf(disk), undefined)
  await alone.pass(MEGABYTE)
  await alone.close()
  t.same(directs, [false], 'there is no reader yet')

  const other = await (await Queue.open('/q', aroundOf(disk), { create: false })).openTake('other', { once: true })
  await takeAll(other, ACKS)
  const flow = await flowOn(aroundOf(disk), 'a')
  await flow.pass(MEGABYTE) // what was there
  await flow.pass(MEGABYTE)
  await flow.close()
  t.same(directs, [false, false, false], 'and then one that is elsewhere')
  await other.close()
})

t.test('of what a process leaves that is killed there are zeros at the end, which nobody need be told of', async (t) => {
  const memory = new MemoryDisk()
  for (let n = 0; n < 4; n++) {
    const around = aroundOf(memory.boot())
    const flow = await flowOn(around, 'a')
    await flow.pass(300_000 + n)
    await flow.pass(400_000 + n)
    t.same(around.said, [])
    memory.kill()
  }
  const queue = await Queue.open('/q', aroundOf(memory.boot()), { create: false })
  t.equal(faultOf(await exportAll(queue), 0, 8), undefined)
})

t.test('on a real disk, whatever lies before it in the page and however much it is, all comes back', async (t) => {
  const directory = join(t.testdir({}), 'q')
  const sizes = [300_000, 1, 3 * MEGABYTE + 60_000, 262_144, 7 * MEGABYTE, 5000, MEGABYTE, 9 * MEGABYTE + 1]
  for (const [n, size] of sizes.entries()) {
    const around = aroundOf(nodeDisk)
    const queue = await Queue.open(directory, around, { create: true })
    const putter = await queue.openPut({ freeMin: 0, segmentBytesMax: 16 * MEGABYTE })
    const flow = new Flow(putter, await queue.openTake('a', { once: false }), n * 3)
    for (const more of [0, 1, 300_000]) await flow.pass(size + more)
    await flow.close()
    t.same(around.said, [])
  }
  const queue = await Queue.open(directory, aroundOf(nodeDisk), { create: false })
  const taken = await exportAll(queue)
  t.equal(faultOf(taken, taken[0]!.from, 3 * sizes.length), undefined)
  const segments = readdirSync(join(directory, 'segments')).map((name) => readFileSync(join(directory, 'segments', name)))
  t.ok(segments.length > 0 && segments.every((bytes) => bytes.at(-1) === 0x0a), 'each segment ends with its last line')
})

t.test('where the disk is full in the middle, it is written again from its beginning', async (t) => {
  const { disk, directs } = watched(new MemoryDisk().boot(), 3)
  await passing(async (clock) => {
    const flow = await flowOn(aroundOf(disk, clock), 'a')
    await flow.pass(300_001)
    await flow.pass(7 * MEGABYTE)
    await flow.close()
  })
  t.same(directs, Array(7).fill(true), 'one, two and the one that failed, and then three')
  const queue = await Queue.open('/q', aroundOf(disk), { create: false })
  t.equal(faultOf(await exportAll(queue), 0, 2), undefined)
})

t.test('where a full disk has not even room to make a file shorter, a segment waits for its end, and a lock does without', async (t) => {
  const disk = new MemoryDisk().boot()
  const plain = disk.open.bind(disk)
  let left = 3
  const open: Disk['open'] = async (path, ...how) => {
    const file = await plain(path, ...how)
    const truncate = file.truncate.bind(file)
    return Object.assign(file, {
      truncate: async (size: number) => {
        if (path.endsWith('.lock') || (path.endsWith('.seg.tmp') && size > 0 && left-- > 0)) throw Object.assign(new Error('no room'), { code: 'ENOSPC' })
        return truncate(size)
      },
    })
  }
  Object.assign(disk, { open })
  const said = await passing(async (clock) => {
    const around = aroundOf(disk, clock)
    const flow = await flowOn(around, 'a', { segmentBytesMax: 2 * MEGABYTE })
    for (let n = 0; n < 9; n++) await flow.pass(MEGABYTE - 1000 * n)
    await flow.close()
    return around.said
  })
  t.ok(left <= 0)
  t.match(said.join('\n'), /queue \/q is full: its disk is full.*\n.*has room again/)
  const taken = await exportAll(await Queue.open('/q', aroundOf(disk), { create: false }))
  t.equal(faultOf(taken, taken[0]!.from, 9), undefined)
})
