/** A start does the same whatever lies in the queue: one listing, and the last segment; nothing is opened, read or looked at for each of the others. */
import t from 'tap'
import { Queue } from '../../src/channel/channel.js'
import type { Disk, DiskFile } from '../../src/disk/disk.js'
import { PUT, queueOn, segmentsOn } from '../support/checking.js'
import { MemoryDisk } from '../support/memory-disk.js'
import { aroundOf, numbered, putAll, takeAll } from '../support/queue.js'

/** Segments of which none is ever passed: one batch fills half of it. */
const EVENTS_OF_SEGMENT = 24

async function queueOf(segments: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const batches = Array.from({ length: segments * 2 }, (_, n) => numbered(n * 12, (n + 1) * 12))
  await queueOn(disk, segments * EVENTS_OF_SEGMENT, batches)
  t.equal(segmentsOn(disk).length, segments)
  return disk
}

/** What is asked of the disk, by what is done; a size of all is a look at each. */
function counted(disk: Disk, counts: Map<string, number>): Disk {
  const count = (what: string, by = 1): void => void counts.set(what, (counts.get(what) ?? 0) + by)
  const watched = (file: DiskFile): DiskFile =>
    new Proxy(file, {
      get: (target, name: keyof DiskFile) => {
        const call: unknown = target[name]
        return typeof call === 'function' ? (...args: unknown[]): unknown => (count(name), call.apply(target, args) as unknown) : call
      },
    })
  return new Proxy(disk, {
    get: (target, name: keyof Disk) => async (...args: unknown[]) => {
      const result = await (target[name] as (...all: unknown[]) => unknown).apply(target, args)
      count(name, name === 'sizes' ? (result as Map<string, number>).size : 1)
      return name === 'open' ? watched(result as DiskFile) : result
    },
  })
}

/** Of a putter and a reader at the end, opened and closed, with one batch between. */
async function costOf(disk: MemoryDisk, events: number): Promise<object> {
  const counts = new Map<string, number>()
  const before = new Map<string, number>()
  const queue = await Queue.open('/q', aroundOf(counted(disk.boot(), counts)), { create: true })
  const putter = await queue.openPut(PUT)
  for (const [what, count] of counts) before.set(what, count)
  await putAll(putter, [numbered(events, events + 1)])
  const taker = await queue.openTake('end', { once: true })
  await takeAll(taker, { kind: 'keeps', held: new Map([[taker.asks, [{ offset: events }]]]) })
  await taker.close()
  await putter.close()
  return { start: Object.fromEntries(before), all: Object.fromEntries(counts) }
}

t.test('what a start asks of the disk is the same for 4 segments and for 150', async (t) => {
  const [few, many] = [4, 150]
  const small = await costOf(await queueOf(few), few * EVENTS_OF_SEGMENT)
  t.same(await costOf(await queueOf(many), many * EVENTS_OF_SEGMENT), small)
  t.match(small, { start: { list: 3, sizes: undefined } }, JSON.stringify(small))
})
