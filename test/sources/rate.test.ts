/** flume-tail --rate: so many bytes of events in a second, and no event less. */
import '../support/real-processes.js'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { batchOf } from '../../src/events/batch.js'
import type { Source } from '../../src/events/flow.js'
import { Settlement } from '../../src/pipe/settlement.js'
import { Paced, batchBytesAt } from '../../src/sources/rate.js'
import { FakeClock } from '../support/clock.js'
import { shell } from '../support/shell.js'
import { Tailing } from '../support/tailing.js'

const RATE = 10_000

t.test('in no second go more bytes than that, and a quarter of it at once; time that was not used is not made up for', async (t) => {
  const lines = Array.from({ length: 1000 }, (_, i) => `line ${i}`)
  const file = join(t.testdir({ log: `${lines.join('\n')}\n` }), 'log')
  const clock = new FakeClock()
  const { source } = new Tailing([file], clock, { batchBytesMax: batchBytesAt(RATE), headers: { known: [], fixed: new Map() } })
  const stop = new AbortController()
  const sent: { readonly at: number; readonly size: number }[] = []
  const start = clock.now()
  let count = 0
  const running = (async () => {
    for await (const batch of new Paced(source, RATE, clock).open({ kind: 'keeps', held: new Map() }, stop.signal)) {
      count += batch.count
      sent.push({ at: clock.now() - start, size: batch.lines.length })
      batch.release()
    }
  })()
  while (count < 1000) {
    await clock.idle()
    clock.advance(10)
  }
  clock.advance(100_000)
  await clock.idle()
  fs.appendFileSync(file, `${lines.join('\n')}\n`)
  clock.advance(1000)
  while (count < 2000) {
    await clock.idle()
    clock.advance(10)
  }
  stop.abort()
  await running
  await source.close()
  t.ok(sent.every(({ size }) => size <= RATE / 4))
  for (const { at } of sent) {
    const bytes = sent.filter((one) => one.at >= at && one.at < at + 1000).reduce((sum, { size }) => sum + size, 0)
    t.ok(bytes <= RATE + RATE / 4, `${bytes} bytes in the second from ${at} ms`)
  }
})

t.test('a clock that is set back delays nothing', async (t) => {
  const clock = new FakeClock()
  const batches = Array.from({ length: 3 }, () => batchOf(Buffer.alloc(RATE), 1, null))
  const source = { asks: '', open: async function* () { yield* batches }, settle: async () => undefined }
  const paced = new Paced(source, RATE, clock).open({ kind: 'off' }, new AbortController().signal)
  await paced.next()
  const second = paced.next()
  await clock.idle()
  clock.set(-86_400_000)
  clock.advance(1000)
  await second
  const third = paced.next()
  await clock.idle()
  clock.advance(1000)
  t.match(await third, { done: false })
})

t.test('a source that remembers what is acked, or wants to hear that a reader gets on, does so with a rate, too', async (t) => {
  const held = new Map([['x.1', [{ offset: 7 }]]])
  let heard = 0
  const source = {
    asks: 'x.', open: async function* () { yield* [] }, settle: async () => undefined, ackedPlaces: () => held, progress: () => void heard++,
  }
  const paced: Source = new Paced(source, RATE, new FakeClock())
  t.equal(paced.ackedPlaces?.(), held)
  paced.progress?.()
  t.equal(heard, 1)
})

t.test('a reader that gives no acks begins where one before it in this run has acked, with a rate as without', async (t) => {
  const source: Source & { readonly asks: string } = { asks: 'x.', open: async function* () { yield* [] }, settle: async () => undefined }
  for (const one of [source, new Paced(source, RATE, new FakeClock())]) {
    const settlement = new Settlement(one, () => undefined, () => undefined)
    settlement.begin(new Map())
    settlement.settle([{ partition: 'x.1', from: null, to: { offset: 7 }, time: 0, replayable: true }])
    await settlement.done()
    t.same(settlement.stands(), new Map([['x.1', [{ offset: 7 }]]]))
  }
})

t.test('--rate 0 is refused; with a rate all lines come', async (t) => {
  const directory = t.testdir({ log: 'a\nb\n' })
  t.match(await shell('flume-tail --rate 0 log', directory), { status: 64, err: /cannot send at 0 bytes a second/ })
  t.match(await shell('flume-tail --once --settle-once 0 --rate 1M log | jq -r .body; seq 3 | flume-tail --rate 1K - | jq -r .body', directory), { status: 0, out: 'a\nb\n1\n2\n3\n' })
})

t.test('however high the rate is, short lines and long ones all come, as they are', async (t) => {
  const directory = t.testdir({ log: '' })
  fs.writeFileSync(join(directory, 'log'), `${Array.from({ length: 400_000 }, (_, n) => n).join('\n')}\n${'x'.repeat(4_000_000)}\nlast\n`)
  for (const rate of ['9M', '64M', '10G']) {
    const line = `flume-tail --once --settle-once 0 -q --rate ${rate} log | flume-buffer q${rate} | flume-sink-hdfs --path out${rate}`
    const { out, err } = await shell(`${line}; echo "\${PIPESTATUS[*]}"; cat out${rate}/* | cmp - log && echo same`, directory)
    t.equal(out, '0 0 0\nsame\n', `${rate}: ${err}`)
  }
  fs.mkdirSync(join(directory, 'in'))
  fs.copyFileSync(join(directory, 'log'), join(directory, 'in/log'))
  const { out, err } = await shell('flume-spool --once -q --rate 64M in | flume-buffer qs | flume-sink-hdfs --path outs; cat outs/* | cmp - log && echo same', directory)
  t.equal(out, 'same\n', err)
})
