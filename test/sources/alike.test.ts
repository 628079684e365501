/**
 * Files that begin alike, with more than the first KiB that tells files apart: a program writes the same settings at each start, a
 * table has the same header, or the file was made larger before anything was written to it. Each line of each arrives.
 */
import * as fs from 'node:fs'
import t from 'tap'
import type { Disk } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'
import type { Position } from '../../src/events/batch.js'
import type { Held } from '../../src/events/flow.js'
import { HEAD_SIZE } from '../../src/sources/position.js'
import { FakeClock } from '../support/clock.js'
import { Tailing } from '../support/tailing.js'

const BANNER = Array.from({ length: 25 }, (_, n) => `option ${n} = a value that is the same at each start`)
const END = Array.from({ length: 10 }, (_, n) => `module ${n} is loaded, as ever`)
/** Only a line in the middle is its own. */
const start = (pid: number): string[] => [...BANNER, `started as ${pid}`, ...END]
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
const requests = (pid: number): string[] => Array.from({ length: 5 }, (_, n) => `request ${n} of ${pid}`)

async function following(...patterns: string[]): Promise<Tailing> {
  const tailing = new Tailing(patterns, new FakeClock(Date.now()))
  await tailing.start()
  return tailing
}

async function settle(tailing: Tailing): Promise<string[]> {
  for (let i = 0; i < 20; i++) await tailing.pass(1000)
  await tailing.close()
  return [...tailing.bodies].sort()
}

t.test('a second file is no copy where a byte in its middle differs, and all of it is read', async (t) => {
  for (const at of ['app-2.log', 'app-1.log'] as const) {
    const directory = t.testdir({ 'app-1.log': text(start(1234)) })
    const tailing = await following(`${directory}/app-*.log`)
    if (at === 'app-1.log') fs.renameSync(`${directory}/app-1.log`, `${directory}/app-1.log.1`)
    fs.writeFileSync(`${directory}/${at}`, text(start(5678)))
    for (let n = 0; n < 4; n++) await tailing.pass(1000)
    fs.appendFileSync(`${directory}/${at}`, text(requests(5678)))
    t.strictSame(await settle(tailing), [...start(1234), ...start(5678), ...requests(5678)].sort(), at)
    t.strictSame(tailing.said, [])
  }
})

t.test('nor one that was the beginning of the other when it was met, and went on otherwise', async (t) => {
  const directory = t.testdir({ 'app-1.log': text(start(1234)) })
  const tailing = await following(`${directory}/app-*.log`)
  fs.writeFileSync(`${directory}/app-2.log`, text(BANNER))
  for (let n = 0; n < 4; n++) await tailing.pass(1000)
  fs.appendFileSync(`${directory}/app-2.log`, text([...start(5678).slice(BANNER.length), ...requests(5678)]))
  t.strictSame(await settle(tailing), [...start(1234), ...start(5678), ...requests(5678)].sort())
})

t.test('a file that is the same as one that was renamed is said to be the same as that, not as itself', async (t) => {
  const directory = t.testdir({ log: text(start(1)) })
  const tailing = await following(`${directory}/log`)
  fs.renameSync(`${directory}/log`, `${directory}/kept`)
  fs.copyFileSync(`${directory}/kept`, `${directory}/log`)
  await settle(tailing)
  t.strictSame(tailing.said, [`${directory}/log holds the same as the file that had its name before: it is taken for a copy and not read`])
})

t.test('a log that begins as the one before it is read from its beginning, where that was rotated while nobody looked', async (t) => {
  const all = (pid: number): string[] => [...BANNER, `started as ${pid}`, ...requests(pid)]
  for (const down of [true, false]) {
    for (const times of [1, 2]) {
      const directory = t.testdir({ 'app.log': text(all(1)) })
      const log = `${directory}/app.log`
      const one = await following(log)
      if (down) await one.close()
      for (let n = 2; n < 2 + times; n++) {
        if (n > 2) fs.renameSync(`${log}.1`, `${log}.2`)
        fs.renameSync(log, `${log}.1`)
        fs.writeFileSync(log, text(all(n)))
        fs.utimesSync(log, Date.now() / 1000, Date.now() / 1000 + n)
      }
      const other = down ? new Tailing([log], new FakeClock(Date.now())) : one
      if (down) await other.start({ kind: 'keeps', held: one.held() })
      const got = await settle(other)
      const expected = [all(1), all(2), ...(times > 1 ? [all(3)] : [])].flat()
      t.strictSame(down ? [...one.bodies, ...got].sort() : got, expected.sort(), `${times} times, ${down ? 'down' : 'running'}`)
    }
  }
})

t.test('files full of NULs are none of them the copy of another, and what is written in their place is read from each, without a gap', async (t) => {
  const size = 64 * 1024
  const directory = t.testdir({ 'a.log': Buffer.alloc(size) })
  const tailing = await following(`${directory}/*.log`)
  await tailing.pass(2000)
  fs.writeFileSync(`${directory}/b.log`, Buffer.alloc(size))
  await tailing.pass(3000)
  const expected: string[] = []
  const write = (name: string, at: number, from: number): number => {
    const file = fs.openSync(`${directory}/${name}`, 'r+')
    const lines = Array.from({ length: 100 }, (_, n) => `${name} ${from + n} ${'x'.repeat(40)}`)
    fs.writeSync(file, text(lines), at)
    fs.closeSync(file)
    expected.push(...lines)
    return at + text(lines).length
  }
  let [a, b] = [0, 0]
  for (let n = 0; n < 5; n++) {
    a = write('a.log', a, 100 * n)
    b = write('b.log', b, 100 * n)
    await tailing.pass(500)
  }
  t.strictSame(await settle(tailing), expected.sort())
  t.strictSame(tailing.said, [])
})

t.test('a copy that is named is read though its original was read before: where that is gone, or is read too, it is the same log', async (t) => {
  const read = async (files: readonly string[], held: Held): Promise<Tailing> => {
    const tailing = new Tailing(files, new FakeClock(Date.now()), { once: true })
    await tailing.start({ kind: 'keeps', held })
    await tailing.finish()
    await tailing.close()
    return tailing
  }
  const lines = [...start(1234), ...requests(1234)]
  for (const [original, expected] of [['there', lines], ['gone', []], ['read', []]] as const) {
    const directory = t.testdir({ log: text(lines) })
    const first = await read([`${directory}/log`], new Map())
    fs.copyFileSync(`${directory}/log`, `${directory}/copy`)
    if (original === 'gone') fs.rmSync(`${directory}/log`)
    const second = await read(original === 'read' ? [`${directory}/copy`, `${directory}/log`] : [`${directory}/copy`], first.held())
    t.strictSame(second.bodies, expected, original)
    t.equal(second.said.some((message) => message.includes('it is read as another file')), original === 'there')
  }
})

t.test('the first bytes of a new file are hashed once, however many files are gone', async (t) => {
  const directory = t.testdir({ log: text(start(1)) })
  const first = await following(`${directory}/log`)
  await first.close()
  const [[partition, [place]]] = [...first.held()] as [[string, [Position]]]
  const others = Array.from({ length: 3000 }, (_, n) => ({ ...place, path: `${directory}/gone-${n}`, inode: String(n), head: { size: HEAD_SIZE, hash: `another ${n}` } }))
  const held = new Map(others.map((other, n) => [`${partition}${n}`, [other]]))
  let reads = 0
  const open: Disk['open'] = async (...args) => {
    const file = await nodeDisk.open(...args)
    const read = file.read.bind(file)
    file.read = (into, at) => {
      reads++
      return read(into, at)
    }
    return file
  }
  const tailing = new Tailing([`${directory}/log`], new FakeClock(Date.now()), {}, { disk: { ...nodeDisk, open } })
  await tailing.start({ kind: 'keeps', held })
  t.strictSame((await settle(tailing)).length, start(1).length)
  t.ok(reads < 100, `${reads} reads`)
})
