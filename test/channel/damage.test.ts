/** What `npm run prove:bits` has found, each as a case of its own. */
import t from 'tap'
import { Queue } from '../../src/channel/channel.js'
import { checkAll, flip, gapEventsIn, gapEventsOf, PUT, queueOn, segmentsOn, short, spoil } from '../support/checking.js'
import { MemoryDisk } from '../support/memory-disk.js'
import { aroundOf, exportAll, faultOf, numbered, putAll, takeAll, type Around } from '../support/queue.js'
import { faultOfRepair, plan } from '../support/repairing.js'

const EVENTS = 40

async function made(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await queueOn(disk, EVENTS, short(0, EVENTS))
  return disk
}

function open(around: Around): Promise<Queue> {
  return Queue.open('/q', around, { create: false })
}

/** What who puts is told: the event to go on with, and what is said meanwhile. */
async function putTo(disk: MemoryDisk): Promise<{ held: number; said: string }> {
  const around = aroundOf(disk.boot())
  const putter = await (await open(around)).openPut(PUT)
  const held = (await putter.held('p')).get('p')?.[0]?.offset ?? 0
  await putter.close()
  return { held, said: around.said.join('\n') }
}

t.test('where the positions of the last frame are damaged, or the frame itself, it is said that it may be sent once more', async (t) => {
  const disk = await made()
  const last = segmentsOn(disk).at(-1)!
  const { bytes } = disk.find(last)!
  for (const at of [bytes.lastIndexOf('{"p":') + 2, bytes.lastIndexOf(Buffer.from([0xff, 0x66, 0x6c, 0x66])) + 9]) {
    const damaged = disk.clone()
    flip(damaged, last, at)
    const { held, said } = await putTo(damaged)
    t.ok(held < EVENTS)
    t.match(said, `segment ${last} is damaged in 1 place: the events there are lost, and what was put last may be sent once more`)
  }
  const lines = disk.clone()
  flip(lines, last, bytes.length - 5)
  t.match(await putTo(lines), { held: EVENTS, said: /the events there are lost$/ }, 'and where only lines are, nothing comes twice')
})

t.test('where the last segment is gone, or begins with what was never written, the same is said', async (t) => {
  const disk = await made()
  const last = segmentsOn(disk).at(-1)!
  const gone = disk.clone()
  await gone.boot().unlink(last)
  t.match(await putTo(gone), { said: /the events between are lost, and what was put last may be sent once more/ })
  const zeroed = disk.clone()
  spoil(zeroed, last, (bytes) => bytes.fill(0, 0, Math.min(400, bytes.length - 200)))
  t.match(await putTo(zeroed), { said: /the events there are lost|may be sent once more/ })
})

t.test('a queue without any segment is refused to who would put, found by --check, and begun again by --repair', async (t) => {
  const disk = await made()
  for (const path of segmentsOn(disk)) await disk.boot().unlink(path)
  await t.rejects(putTo(disk), { code: 'SEGMENT_DAMAGED', message: /it once went before event 40, and has no segment any more; what sends into the queue would begin again; --repair/ })
  t.match((await checkAll(aroundOf(disk.boot()))).findings, [{ kind: 'positions', file: '/q/segments' }, { kind: 'removed' }])
  t.match((await plan(disk)).steps, [{ kind: 'positions', costs: /sends from its beginning/ }, { kind: 'removed' }])
  t.equal(await faultOfRepair(disk, []), undefined)
  const queue = await open(aroundOf(disk.boot()))
  const putter = await queue.openPut(PUT)
  await putAll(putter, [numbered(0, 3)])
  await putter.close()
  const [gap, ...rest] = await takeAll(await queue.openTake('r', { once: true }), { kind: 'acks' })
  t.match(gap, { from: 0, to: EVENTS, text: /"flume\.gap":"removed"/ })
  t.match(rest, [{ from: EVENTS, to: EVENTS + 3 }])
})

t.test('where nothing can be put, --check says of the events that are lost what is given out', async (t) => {
  const disk = new MemoryDisk()
  await queueOn(disk, 8, short(0, 8))
  spoil(disk, segmentsOn(disk)[0]!, (bytes) => bytes.subarray(0, 15))
  const { findings } = await checkAll(aroundOf(disk.boot()))
  t.equal(gapEventsOf(findings).join(), gapEventsIn(await exportAll(await open(aroundOf(disk.boot())))).join())
  t.match(findings, [{ kind: 'positions' }, { kind: 'lost', gap: { reason: 'damaged' } }])
})

t.test('a reader one of whose two records is damaged goes on with the other one, and says so; --check notes it', async (t) => {
  const disk = await made()
  const queue = await open(aroundOf(disk.boot()))
  const taker = await queue.openTake('r', { once: true })
  await takeAll(taker, { kind: 'acks' })
  await taker.close()
  for (const [slot, spoils] of [[0, (bytes: Buffer) => bytes.fill(0, 0, 512)], [4096, (bytes: Buffer) => bytes.subarray(0, 4096)], [4096, (bytes: Buffer) => bytes.fill(7, 4100, 4101)]] as const) {
    const damaged = disk.clone()
    damaged.kill()
    spoil(damaged, '/q/cursors/r', spoils)
    t.match((await checkAll(aroundOf(damaged.boot()))).findings, [{ kind: 'note', file: '/q/cursors/r', byte: slot, meaning: /goes on with the other one/ }])
    const around = aroundOf(damaged.boot())
    t.same(await takeAll(await (await open(around)).openTake('r', { once: true }), { kind: 'acks' }), [], 'it had acked all')
    t.match(around.said, [`/q/cursors/r: the record at byte ${slot} does not verify: reader r goes on with the other one, before event ${EVENTS}`])
  }
})

t.test('where queue.json names another queue the refusal says so', async (t) => {
  const disk = await made()
  spoil(disk, '/q/queue.json', (bytes) => Buffer.from(bytes.toString().replace(/"queue":"./, (text) => text.slice(0, -1) + (text.endsWith('a') ? 'b' : 'a'))))
  await t.rejects(putTo(disk), { code: 'OTHER_HISTORY', message: /and queue\.json says [0-9a-f-]{36}; --repair says what can be done/ })
  t.equal(await faultOfRepair(disk, ['r']), undefined)
  t.equal(faultOf(await exportAll(await open(aroundOf(disk.boot()))), 0, EVENTS), undefined)
})
