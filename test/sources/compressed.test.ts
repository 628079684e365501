/** Files that gzip(1) has compressed: read as what is in them, and known again by it. */
import * as fs from 'node:fs'
import { constants, deflateRawSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { collect } from '../../src/cli/collect.js'
import { nodeDisk } from '../../src/disk/node.js'
import type { Position } from '../../src/events/batch.js'
import { openLog } from '../../src/sources/compressed.js'
import { readAt } from '../../src/sources/position.js'
import { compress } from '../support/rotating.js'
import { until } from '../support/running.js'
import { Tailing } from '../support/tailing.js'

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
const text = (from: number, to: number): string => numbers(from, to).map((line) => `${line}\n`).join('')

async function readOnce(pattern: string, held: Map<string, readonly Position[]> = new Map(), options = {}): Promise<Tailing> {
  const tailing = new Tailing([pattern], undefined, { once: true, ...options })
  await tailing.start({ kind: 'keeps', held })
  await tailing.finish()
  await tailing.close()
  return tailing
}

t.test('a compressed file that matches is read as what is in it', async (t) => {
  const plain = text(1, 100_000)
  const directory = t.testdir({ 'a.gz': gzipSync(plain), 'b.gz': 'no gzip\n', 'c.log': gzipSync('two ') })
  fs.appendFileSync(`${directory}/c.log`, gzipSync('members')) // as cat makes of two
  const { bodies, said } = await readOnce(`${directory}/*`)
  t.ok(bodies.filter((body) => body.startsWith('line')).join() === numbers(1, 100_000).join())
  t.strictSame(bodies.filter((body) => !body.startsWith('line')), ['no gzip', 'two members'])
  t.strictSame(said, [])
})

t.test('after any batch the next run goes on in the middle of it', async (t) => {
  const directory = t.testdir({ 'log.1.gz': gzipSync(text(1, 2000)) })
  const { sent } = await readOnce(`${directory}/log*`, new Map(), { eventBytesMax: 8192 })
  t.ok(sent.length > 3)
  for (let i = 1; i <= sent.length; i++) {
    const next = await readOnce(`${directory}/log*`, new Map([[sent[0]!.mark.partition, [sent[i - 1]!.mark.to]]]))
    t.strictSame([...sent.slice(0, i).flatMap(({ bodies }) => bodies), ...next.bodies], numbers(1, 2000), `after batch ${i}`)
  }
})

t.test('one that is being written is read as it comes, one that ends too early is said', async (t) => {
  const bytes = gzipSync(text(1, 50_000))
  const directory = t.testdir({ 'log.gz': bytes.subarray(0, bytes.length / 2) })
  const tailing = new Tailing([`${directory}/log.gz`])
  await tailing.start()
  t.ok(tailing.bodies.length > 1000 && tailing.bodies.length < 49_000, `${tailing.bodies.length} lines`)
  t.match(tailing.said, [/^cannot read all that is in .*log\.gz: it ends in the middle$/])
  fs.appendFileSync(`${directory}/log.gz`, bytes.subarray(bytes.length / 2))
  await tailing.pass(1000)
  t.ok(tailing.bodies.join() === numbers(1, 50_000).join())
  await tailing.close()
})

t.test('one that was seen before it was whole is known as the log that it was made of, also where that had been closed', async (t) => {
  const bytes = gzipSync(text(1, 50_000))
  for (const size of [0, 5, bytes.length / 2]) {
    const directory = t.testdir({ 'log.1': text(1, 50_000), log: text(50_001, 50_010) })
    const tailing = new Tailing([`${directory}/log*`], undefined, { openFilesMax: 1 })
    await tailing.start()
    fs.writeFileSync(`${directory}/log.1.gz`, bytes.subarray(0, size))
    await tailing.pass(1000)
    fs.appendFileSync(`${directory}/log.1.gz`, bytes.subarray(size))
    fs.unlinkSync(`${directory}/log.1`)
    for (const ms of [1000, 2000, 60_000]) await tailing.pass(ms)
    t.equal(tailing.bodies.length, 50_010, `seen with ${size} bytes`)
    await tailing.close()
  }
})

t.test('of one that is damaged the lines before that are read, and it is said', async (t) => {
  const bytes = gzipSync(Buffer.from(text(1, 50_000)))
  bytes.fill(0xff, bytes.length / 2, bytes.length / 2 + 100)
  const directory = t.testdir({ 'log.gz': bytes, other: 'other\n' })
  const tailing = await readOnce(`${directory}/*`)
  t.ok(tailing.bodies.length > 1000, `${tailing.bodies.length} lines`)
  t.strictSame(tailing.bodies.filter((body) => body.startsWith('other')), ['other'])
  t.match(tailing.said, [/^cannot read all that is in .*log\.gz: /])
  t.strictSame(tailing.source.damaged, [`${directory}/log.gz`])
})

t.test('nothing is missing of what comes before the damage, whatever the sizes', async (t) => {
  for (const count of [3, 3000, 30_000]) {
    const bytes = gzipSync(text(1, count))
    const torn = deflateRawSync(text(1, count), { finishFlush: constants.Z_SYNC_FLUSH })
    const wrong = Buffer.from(bytes)
    wrong[bytes.length - 6]! ^= 1
    for (const [damage, damaged] of Object.entries({
      'something else behind it': Buffer.concat([bytes, Buffer.from('and text\n')]),
      'something else behind two': Buffer.concat([gzipSync(''), bytes, Buffer.alloc(100_000, 'and text\n')]),
      'the sum is another': wrong,
      'a block of no known kind': Buffer.concat([bytes.subarray(0, 10), torn, Buffer.alloc(100_000, 7)]),
    })) {
      const directory = t.testdir({ 'log.gz': damaged })
      const { bodies, said } = await readOnce(`${directory}/log.gz`)
      t.ok(bodies.join() === numbers(1, count).join(), `${count} lines, ${damage}: ${bodies.length}`)
      t.match(said, [/^cannot read all that is in .*log\.gz: /])
    }
  }
})

t.test('of one of which all was read no more is looked at again than where it begins', async (t) => {
  const directory = t.testdir({ log: text(1, 100_000) })
  const first = await readOnce(`${directory}/log`)
  compress(`${directory}/log`)
  fs.renameSync(`${directory}/log.gz`, `${directory}/log.1.gz`)
  fs.writeFileSync(`${directory}/log`, text(100_001, 100_002))
  const second = await readOnce(`${directory}/log`, first.held())
  t.strictSame(second.bodies, numbers(100_001, 100_002))
  t.strictSame(second.sent[0]?.bodies, [], 'that it was found under another inode is told to the reader')
  const held = new Map([...first.held(), ...second.held()])
  const bytes = fs.readFileSync(`${directory}/log.1.gz`)
  fs.writeFileSync(`${directory}/log.1.gz`, bytes.fill(0, 150_000, bytes.length - 100)) // whoever reads it will complain
  const third = await readOnce(`${directory}/log*`, held)
  t.strictSame([third.bodies, third.said.filter((line) => line.includes('.gz'))], [[], []])
})

t.test('of those that were read to their end, or are held back as copies, nothing is kept in memory', async (t) => {
  const directory = t.testdir({})
  const log = (n: number): string => `log ${n} ${`${'x'.repeat(499_999)}\n`.repeat(4)}`
  for (let n = 0; n < 20; n++) fs.writeFileSync(`${directory}/${n}.gz`, gzipSync(log(n)))
  collect()
  const before = process.memoryUsage().arrayBuffers
  const tailing = new Tailing([`${directory}/*`])
  await tailing.start()
  for (let n = 0; n < 20; n++) fs.writeFileSync(`${directory}/copy ${n}.gz`, gzipSync(log(0)))
  for (let n = 0; n < 5; n++) await tailing.pass(1000)
  t.equal(tailing.bodies.length, 80)
  const kept = (): number => (collect(), process.memoryUsage().arrayBuffers - before)
  await until(() => kept() < 10e6, () => `${kept() / 1e6} MB`)
  await tailing.close()
})

t.test('any piece of it can be had, also one that was passed', async (t) => {
  const plain = Buffer.from(Array.from({ length: 400_000 }, (_, i) => `${i * 7919}`).join('\n'))
  const directory = t.testdir({ 'a.gz': gzipSync(plain) })
  const file = await openLog((path) => nodeDisk.open(path, 'read'), `${directory}/a.gz`, (reason) => t.fail(reason))
  for (const at of [0, 1_000_000, 900_000, 10, plain.length - 5, plain.length, 2_000_000]) {
    t.ok((await readAt(file, at, 70_000)).equals(plain.subarray(at, at + 70_000)), `at byte ${at}`)
  }
  t.ok((await file.stat()).size > 2_000_000)
  await file.close()
})

t.test('what was there before the first run, or belongs to another log, is no earlier part of one that was rotated', async (t) => {
  const directory = t.testdir({ 'app.log.1': text(901, 905), 'app.log': text(1, 300) })
  fs.utimesSync(`${directory}/app.log.1`, 1, 1)
  const first = await readOnce(`${directory}/app.log`)
  fs.renameSync(`${directory}/app.log.1`, `${directory}/app.log.2`)
  fs.renameSync(`${directory}/app.log`, `${directory}/app.log.1`)
  fs.writeFileSync(`${directory}/app.log`, text(301, 302))
  for (const name of ['app-1.log', 'app.log.lock', 'app.log.swp', 'myapp.log.1']) fs.writeFileSync(`${directory}/${name}`, text(801, 802))
  t.strictSame((await readOnce(`${directory}/app.log`, first.held())).bodies, numbers(301, 302))
})
