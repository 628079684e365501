/** Frames that a reader of the same process is given from memory, on a disk in memory that counts what is read. */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { Queue, type Putter, type Taker } from '../../src/channel/channel.js'
import { InOrder } from '../../src/channel/in-order.js'
import type { Disk } from '../../src/disk/disk.js'
import type { Batch } from '../../src/events/batch.js'
import { FakeClock } from '../support/clock.js'
import { MemoryDisk } from '../support/memory-disk.js'
import { aroundOf, faultOf, numbered, takenOf, type Taken } from '../support/queue.js'

const ACKS = { kind: 'acks' } as const
const HALF_MEGABYTE = 512 * 1024

/** A queue with one that puts and one that takes, and what is read of its segments. */
class Bench {
  readonly memory = new MemoryDisk()
  readonly clock = new FakeClock(1_700_000_000_000)
  /** Bytes read of segments. */
  read = 0
  /** Batches whose memory was given back. */
  released = 0
  /** Sequence of the event put next. */
  next = 0
  putter!: Putter
  taker!: Taker
  readonly taken: Taken[] = []
  #batches!: AsyncIterator<Batch>
  #put: Batch[] = []
  #more: () => void = () => undefined
  #ended = false
  #marks!: Promise<void>
  /** Sequences that were acked. */
  acked = 0

  async open(): Promise<void> {
    const queue = await Queue.open('/q', aroundOf(this.#disk(), this.clock), { create: true })
    this.putter = await queue.openPut({ freeMin: 0, segmentBytesMax: 4 * HALF_MEGABYTE })
    this.taker = await queue.openTake('r', { once: false })
    this.#batches = this.taker.open(ACKS, new AbortController().signal)
    this.#marks = this.#collect()
  }

  /** One more batch of so many bytes. */
  put(size = 60): void {
    const batch = numbered(this.next, this.next + 1, size)
    this.#put.push({ ...batch, release: () => this.released++ })
    this.next++
    this.#more()
  }

  /** The next batch, which is not given back. */
  async take(): Promise<Batch> {
    const { value } = (await this.#batches.next()) as IteratorYieldResult<Batch>
    this.taken.push(takenOf(value))
    return value
  }

  /** It begins again at the first event. */
  async again(): Promise<void> {
    await this.#batches.return?.()
    this.#batches = this.taker.open(ACKS, new AbortController().signal)
    this.taken.length = 0
  }

  /** All that was put is on disk and acked. */
  async settled(): Promise<void> {
    while (this.acked < this.next) await turn()
  }

  /** So many ms. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10)
      await turn()
    }
  }

  async close(): Promise<void> {
    this.#ended = true
    this.#more()
    await this.#marks
    await this.#batches.return?.()
    await this.taker.close()
    await this.putter.close()
  }

  async #collect(): Promise<void> {
    for await (const { to } of this.putter.put(this.#source())) this.acked = to.offset
  }

  async *#source(): AsyncGenerator<Batch> {
    for (;;) {
      yield* this.#put.splice(0)
      if (this.#ended) return
      if (this.#put.length === 0) await new Promise<void>((resolve) => (this.#more = resolve))
    }
  }

  #disk(): Disk {
    const disk = this.memory.boot()
    const plain = disk.open.bind(disk)
    const open: Disk['open'] = async (path, ...how) => {
      const file = await plain(path, ...how)
      if (!path.includes('/segments/')) return file
      const read = file.read.bind(file)
      return Object.assign(file, {
        read: async (into: Uint8Array, at: number) => {
          const count = await read(into, at)
          this.read += count
          return count
        },
      })
    }
    return Object.assign(disk, { open })
  }
}

t.test('what is put is given to a reader of the same process without reading it back', async (t) => {
  const bench = new Bench()
  await bench.open()
  for (let n = 0; n < 12; n++) {
    bench.put(HALF_MEGABYTE)
    ;(await bench.take()).release()
  }
  t.equal(faultOf(bench.taken, 0, 12), undefined)
  t.ok(bench.read < 4096, `${bench.read} bytes read, of ${12 * HALF_MEGABYTE} in several segments`)
  t.equal(bench.released, 12, 'all memory was given back')
  await bench.close()
})

t.test('memory is given back when the reader has released it, not before', async (t) => {
  const bench = new Bench()
  await bench.open()
  bench.put()
  const batch = await bench.take()
  await bench.settled()
  t.equal(bench.released, 0)
  batch.release()
  t.equal(bench.released, 1)
  await bench.close()
})

t.test('nothing is given out that is not on disk', async (t) => {
  const bench = new Bench()
  await bench.open()
  for (let n = 1; n <= 20; n++) {
    bench.put()
    ;(await bench.take()).release()
    const copy = bench.memory.clone()
    copy.losePower(() => 0)
    const queue = await Queue.open('/q', aroundOf(copy.boot()), { create: false })
    const putter = await queue.openPut({ freeMin: 0 })
    t.equal((await putter.held('p')).get('p')?.[0]?.offset, n, 'not even a loss of power makes the queue forget it')
    await putter.close()
  }
  await bench.close()
})

t.test('a reader that takes nothing holds up nobody: after a second its memory goes, and it reads from the segment', async (t) => {
  const bench = new Bench()
  await bench.open()
  for (let n = 0; n < 4; n++) bench.put(HALF_MEGABYTE)
  await bench.settled()
  t.equal(bench.released, 0)
  bench.putter.press(() => bench.released >= 3)
  await bench.pass(980)
  t.equal(bench.released, 0, 'it may have been started just now')
  await bench.pass(20)
  t.equal(bench.released, 3, 'no more than is wanted')
  for (let n = 0; n < 4; n++) (await bench.take()).release()
  t.equal(faultOf(bench.taken, 0, 4), undefined)
  t.ok(bench.read > 3 * HALF_MEGABYTE, 'the first three from the segment')
  t.ok(bench.read < 4 * HALF_MEGABYTE, 'the last from memory')
  t.equal(bench.released, 4)
  await bench.close()
})

t.test('a reader of 50 MB/s is waited for, however long; a slower one a second in all, and not again before it has caught up', async (t) => {
  const bench = new Bench()
  await bench.open()
  for (let n = 0; n < 2; n++) bench.put(HALF_MEGABYTE)
  await bench.settled()
  bench.putter.press(() => false)
  for (let n = 0; n < 120; n++) {
    ;(await bench.take()).release()
    bench.put(HALF_MEGABYTE)
    await bench.settled()
    await bench.pass(10)
    t.ok(bench.released === n + 1, 'nothing but what it has taken')
  }
  for (let n = 0; n < 50 && bench.released === bench.taken.length; n++) {
    ;(await bench.take()).release()
    bench.put(HALF_MEGABYTE)
    await bench.settled()
    await bench.pass(40)
  }
  t.equal(bench.released, bench.next, 'given up')
  bench.put(HALF_MEGABYTE)
  await bench.settled()
  bench.putter.press(() => false)
  await turn()
  t.equal(bench.released, bench.next, 'at once')
  while (bench.taken.length < bench.next) (await bench.take()).release()
  t.equal(faultOf(bench.taken, 0, bench.next), undefined)
  await bench.close()
})

t.test('a reader that begins again is waited for where it is less behind than what is in memory', async (t) => {
  for (const [passed, waited] of [[2, true], [4, false]] as const) {
    const bench = new Bench()
    await bench.open()
    for (let n = 0; n < 6; n++) bench.put(HALF_MEGABYTE)
    await bench.settled()
    for (let n = 0; n < passed; n++) (await bench.take()).release()
    await bench.again()
    ;(await bench.take()).release()
    bench.putter.press(() => false)
    await bench.pass(500)
    t.equal(bench.released, waited ? passed : 6, `of ${passed} and ${6 - passed}`)
    while (bench.taken.length < 6) (await bench.take()).release()
    t.equal(faultOf(bench.taken, 0, 6), undefined)
    t.equal(bench.read < 5 * HALF_MEGABYTE, waited, 'the last from memory; of what it had had a block is read')
    await bench.close()
  }
})

t.test('of many frames in memory few are looked at for the one asked for, and one where it is before all of them', (t) => {
  let looks = 0
  const frames = new InOrder<{ readonly first: number }>(({ first }) => (looks++, first))
  const looksFor = (place: number): number => {
    looks = 0
    const found = frames.at(place)?.first
    t.equal(found, place >= frames.first!.first && place <= 120_000 && place % 3 === 0 ? place : undefined, `event ${place}`)
    return looks
  }
  for (let first = 0; first <= 120_000; first += 3) frames.push({ first })
  for (let gone = 0; gone < 40_000; gone += 1000) {
    const before = frames.first!.first - 1
    t.equal(looksFor(before), 1)
    for (const place of [before + 1, before + 2, 119_991, 119_992, 120_000, 120_003]) t.ok(looksFor(place) <= 18, `${looks} looks`)
    const taken = Array.from({ length: 1000 }, () => frames.shift()?.first)
    t.same(taken, taken.map((_, n) => (gone + n) * 3))
  }
  t.same([frames.count, frames.shift(), frames.count, frames.first, frames.shift(), frames.at(0)], [1, { first: 120_000 }, 0, undefined, undefined, undefined])
  t.end()
})
