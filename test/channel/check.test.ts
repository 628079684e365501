/** --check: it finds every damage, says where and what it costs, and agrees with what is given out. */
import t from 'tap'
import { Check } from '../../src/channel/check.js'
import { Queue } from '../../src/channel/channel.js'
import { encodeSegmentStart } from '../../src/channel/format.js'
import { planRepair } from '../../src/channel/repair/plan.js'
import { Paths, type Surroundings } from '../../src/channel/surroundings.js'
import type { Disk } from '../../src/disk/disk.js'
import { checkAll, flip, gapEventsIn, gapEventsOf, gapsIn, lostIn, PUT, queueOn, segmentsOn, spoil } from '../support/checking.js'
import { FakeClock } from '../support/clock.js'
import { MemoryDisk } from '../support/memory-disk.js'
import { aroundOf, exportAll, numbered, putAll } from '../support/queue.js'
import { plan } from '../support/repairing.js'

const EVENTS = 90

async function made(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await queueOn(disk, EVENTS)
  return disk
}

t.test('a queue as it was written has nothing wrong, and is told by its numbers', async (t) => {
  const disk = await made()
  const { findings, summary } = await checkAll(aroundOf(disk.boot()))
  t.same(findings, [])
  t.match(summary, { segments: segmentsOn(disk).length, first: 0, next: EVENTS, readers: 1, wrong: 0, lost: 0 })
  t.ok(summary.segments > 3)
})

t.test('a check changes nothing and takes no lock', async (t) => {
  const disk = await made()
  const putter = await (await Queue.open('/q', aroundOf(disk.boot()), { create: false })).openPut(PUT)
  const { steps } = disk
  await checkAll(aroundOf(disk.boot()))
  t.equal(disk.steps, steps)
  await putter.close()
})

/** Nothing of it can be changed, nor opened for that. */
function readOnly(disk: Disk): Disk {
  const open: Disk['open'] = async (path, mode) => {
    if (mode !== 'read') throw Object.assign(new Error(`EROFS: ${path}`), { code: 'EROFS' })
    return disk.open(path, mode)
  }
  return new Proxy(disk, {
    get: (target, name: keyof Disk) => (name === 'open' ? open : target[name].bind(target)),
  })
}

t.test('on a file system that is read-only a queue is checked, told, exported and planned for as anywhere', async (t) => {
  const disk = await made()
  await disk.boot().unlink(segmentsOn(disk)[1]!)
  const told = async (around: Surroundings): Promise<unknown[]> => {
    const queue = await Queue.open('/q', around, { create: false })
    const { steps } = await planRepair(new Paths('/q'), around, undefined, new AbortController().signal)
    return [await checkAll(around), await queue.stat(), await exportAll(queue), steps]
  }
  const { steps } = disk
  const around = { ...aroundOf(disk.boot()), disk: readOnly(disk.boot()) }
  const seen = await told(around)
  t.equal(disk.steps, steps)
  t.same(seen, await told(aroundOf(disk.boot())))
  await t.rejects((await Queue.open('/q', around, { create: false })).openPut(PUT), { code: 'EROFS' })
})

t.test('whatever byte of a segment is wrong is found, and what is called lost is what comes as gap events', async (t) => {
  const disk = await made()
  for (const path of segmentsOn(disk)) {
    const size = disk.find(path)!.bytes.length
    for (let at = 0; at < size; at += at < 400 ? 3 : Math.max(37, size >> 6)) {
      const spoiled = disk.clone()
      flip(spoiled, path, at)
      const { findings, summary } = await checkAll(aroundOf(spoiled.boot()))
      if (findings.length === 0 || summary.wrong === 0) t.fail(`byte ${at} of ${path} is not found`)
      if (findings.some(({ file, byte }) => file !== path || byte === null || byte > at)) t.fail(`byte ${at} of ${path}: ${JSON.stringify(findings)}`)
      const taken = await exportAll(await Queue.open('/q', aroundOf(spoiled.boot()), { create: false }))
      if (gapEventsOf(findings).join() !== gapEventsIn(taken).join()) t.fail(`byte ${at} of ${path}: ${JSON.stringify(findings)}`)
      if (taken.at(-1)?.to !== EVENTS) t.fail(`byte ${at} of ${path}: ends at ${taken.at(-1)?.to}`)
    }
  }
  t.pass('all of them')
})

t.test('segments that are missing, cut short or empty cost what they held', async (t) => {
  const disk = await made()
  const all = segmentsOn(disk)
  for (const [index, path] of all.slice(1).entries()) {
    for (const size of [undefined, 0, 30, 64, 300, 700]) {
      const spoiled = disk.clone()
      if (size === undefined) await spoiled.boot().unlink(path)
      else spoil(spoiled, path, (bytes) => bytes.subarray(0, size))
      const { findings } = await checkAll(aroundOf(spoiled.boot()))
      const taken = await exportAll(await Queue.open('/q', aroundOf(spoiled.boot()), { create: false }))
      t.ok(lostIn(findings).length > 0)
      t.equal(gapEventsOf(findings).join(), gapEventsIn(taken).join(), `segment ${index + 1}, ${size} bytes: ${JSON.stringify(findings)}`)
    }
  }
})

t.test('a segment under a wrong name, one of another queue, and one that stands twice are told apart', async (t) => {
  const disk = new MemoryDisk()
  const queue = await queueOn(disk, EVENTS)
  const [, second] = segmentsOn(disk)
  const other = new MemoryDisk()
  await queueOn(other, EVENTS)
  const inOther = other.find(second!)!.bytes
  const put = (target: MemoryDisk, name: string, bytes: Buffer): void => {
    target.directory('/q/segments').entries.set(name, Object.assign(target.make('file'), { bytes, durable: bytes }))
  }
  const wrong = disk.clone()
  put(wrong, '00000000000000000003.seg', disk.find(second!)!.bytes)
  t.match((await checkAll(aroundOf(wrong.boot()))).findings, [{ kind: 'stray', file: '/q/segments/00000000000000000003.seg', reason: /wrong name/ }])
  const foreign = disk.clone()
  spoil(foreign, second!, () => inOther)
  t.match((await checkAll(aroundOf(foreign.boot()))).findings[0], { kind: 'stray', file: second, reason: /of queue [0-9a-f-]{36}/ })
  await t.rejects(exportAll(await Queue.open('/q', aroundOf(foreign.boot()), { create: false })), { code: 'OTHER_HISTORY' })
  const double = disk.clone()
  put(double, '00000000000000000003.seg', encodeSegmentStart(queue.id, 3, 1_700_000_000_000, new Map()))
  t.match((await checkAll(aroundOf(double.boot()))).findings, [{ kind: 'double', file: '/q/segments/00000000000000000003.seg' }])
  t.same(gapsIn(await exportAll(await Queue.open('/q', aroundOf(double.boot()), { create: false }))), [], 'and costs nothing')
})

t.test('readers without a place, before the oldest event and after the end', async (t) => {
  const disk = await made()
  const damaged = disk.clone()
  spoil(damaged, '/q/cursors/r', () => Buffer.from('garbage'))
  t.match((await checkAll(aroundOf(damaged.boot()))).findings, [{ kind: 'cursor', file: '/q/cursors/r', byte: 0, meaning: /reader r is refused/ }])
  const before = disk.clone()
  const [oldest, second] = segmentsOn(before)
  await before.boot().unlink(oldest!)
  t.match((await checkAll(aroundOf(before.boot()))).findings, [{ kind: 'removed', file: '/q/cursors/r', meaning: `events 0 to ${Number(second!.slice(-24, -4)) - 1} are lost to it` }])
  const ahead = new MemoryDisk()
  const queue = await Queue.open('/q', aroundOf(ahead.boot()), { create: true })
  const putter = await queue.openPut(PUT)
  await putAll(putter, [numbered(0, 5)])
  await putter.close()
  const cursor = disk.clone()
  const taker = await (await Queue.open('/q', aroundOf(cursor.boot()), { create: false })).openTake('r', { once: true })
  taker.finish()
  for await (const batch of taker.open({ kind: 'acks' }, new AbortController().signal)) {
    await taker.settle(batch.mark!)
    batch.release()
  }
  await taker.close()
  ahead.directory('/q/cursors').entries.set('r', cursor.find('/q/cursors/r')!)
  t.match((await checkAll(aroundOf(ahead.boot()))).findings, [{ kind: 'lost', first: 5, last: EVENTS - 1 }, { kind: 'ahead', meaning: `the next start goes on at ${EVENTS}; the events between are lost` }])
})

t.test('a place of --ack=off holds nothing: where it stands before the oldest event is worth a note alone, and no segment', async (t) => {
  const disk = await made()
  const cursors = disk.directory('/q/cursors').entries
  cursors.set('r.off', cursors.get('r')!)
  cursors.delete('r')
  const [oldest, second] = segmentsOn(disk)
  await disk.boot().unlink(oldest!)
  const first = Number(second!.slice(-24, -4))
  const { findings, summary } = await checkAll(aroundOf(disk.boot()))
  t.match(findings, [{ kind: 'note', file: '/q/cursors/r.off', reason: `stands before event 0, the oldest is ${first}`, meaning: /^it held no segment/ }])
  t.equal(summary.wrong, 0)
  t.same((await plan(disk)).steps, [])
  spoil(disk, '/q/cursors/r.off', () => Buffer.from('garbage'))
  t.match((await checkAll(aroundOf(disk.boot()))).findings, [{ kind: 'cursor', meaning: 'reader r.off is refused; no event is lost' }])
})

t.test('queue.json that is garbage, missing or that of a copy; a newer one; no queue at all', async (t) => {
  const disk = await made()
  const garbage = disk.clone()
  spoil(garbage, '/q/queue.json', () => Buffer.from('garbage'))
  t.match((await checkAll(aroundOf(garbage.boot()))).findings, [{ kind: 'identity' }])
  const missing = disk.clone()
  await missing.boot().unlink('/q/queue.json')
  t.match((await checkAll(aroundOf(missing.boot()))).findings, [{ kind: 'identity' }])
  const copy = disk.clone()
  spoil(copy, '/q/queue.json', (bytes) => Buffer.from(bytes.toString().replace(/"inode":"\d+"/, '"inode":"1"')))
  t.match((await checkAll(aroundOf(copy.boot()))).findings, [{ kind: 'copied' }])
  const newer = disk.clone()
  spoil(newer, '/q/queue.json', (bytes) => Buffer.from(bytes.toString().replace(/"format":\d+/, '"format":99')))
  await t.rejects(checkAll(aroundOf(newer.boot())), { code: 'VERSION' })
  await t.rejects(checkAll(aroundOf(disk.boot()), '/none'), { code: 'NO_INPUT' })
})

t.test('what was written and never acked is no damage', async (t) => {
  const disk = await made()
  const last = segmentsOn(disk).at(-1)!
  spoil(disk, '/q/committed', () => Buffer.alloc(0))
  spoil(disk, last, (bytes) => Buffer.concat([bytes, Buffer.from('half a frame')]))
  const { findings, summary } = await checkAll(aroundOf(disk.boot()))
  t.match(findings, [{ kind: 'note', file: last, meaning: /the next start cuts them/ }])
  t.equal(summary.wrong, 0)
})

t.test('the rest of a page after the last frame is not worth a word', async (t) => {
  for (const [size, kinds] of [[1, []], [4095, []], [4096, ['note']]] as const) {
    const disk = await made()
    spoil(disk, '/q/committed', () => Buffer.alloc(0))
    spoil(disk, segmentsOn(disk).at(-1)!, (bytes) => Buffer.concat([bytes, Buffer.alloc(size)]))
    t.same((await checkAll(aroundOf(disk.boot()))).findings.map(({ kind }) => kind), kinds)
  }
})

t.test('beside a putter and a reader at work nothing is called wrong', async (t) => {
  const disk = new MemoryDisk()
  await queueOn(disk, 20)
  const around = aroundOf(disk.boot(), new FakeClock())
  const queue = await Queue.open('/q', around, { create: false })
  const putter = await queue.openPut(PUT)
  const taker = await queue.openTake('r', { once: false })
  const stop = new AbortController()
  const taking = (async () => {
    for await (const batch of taker.open({ kind: 'acks' }, stop.signal)) {
      if (batch.mark !== null) await taker.settle(batch.mark)
      batch.release()
    }
  })()
  const events = async function* (): AsyncGenerator<ReturnType<typeof numbered>> {
    for (let at = 20; at < 400; at += 4) yield { ...numbered(at, at + 4), mark: null }
  }
  const putting = putAll(putter, events())
  let checks = 0
  let over = false
  void putting.then(() => (over = true))
  while (!over) {
    const { findings } = await checkAll(aroundOf(disk.boot()))
    t.same(findings.filter(({ kind }) => kind !== 'note'), [])
    checks++
  }
  t.ok(checks > 1, `${checks} checks`)
  stop.abort()
  await taking
  await taker.close()
  await putter.close()
})

t.test('a check that is stopped ends at once', async (t) => {
  const disk = await made()
  spoil(disk, segmentsOn(disk)[1]!, (bytes) => bytes.subarray(0, 300))
  const stop = new AbortController()
  stop.abort()
  const check = new Check(new Paths('/q'), aroundOf(disk.boot()), stop.signal)
  for await (const finding of check.findings()) t.fail(finding.reason)
  t.equal(check.summary.segments <= 1, true)
})
