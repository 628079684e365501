/**
 * copytruncate while the program writes: what it writes between the copy and the truncation was read, or not, by then. The copy
 * ends before the place where the reading of the log stands, and none of it is read again.
 */
import * as fs from 'node:fs'
import t, { type Test } from 'tap'
import { nodeDisk } from '../../src/disk/node.js'
import { FakeClock } from '../support/clock.js'
import { compress } from '../support/rotating.js'
import { Tailing } from '../support/tailing.js'

const lines = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, n) => `line ${from + n} ${'.'.repeat(20)}`)
const text = (from: number, to: number): string => lines(from, to).map((line) => `${line}\n`).join('')
const sorted = (bodies: readonly string[]): string[] => [...bodies].sort((a, b) => Number(a.split(' ')[1]) - Number(b.split(' ')[1]))

async function settle(tailing: Tailing): Promise<void> {
  for (let i = 0; i < 20; i++) await tailing.pass(1000)
  await tailing.close()
}

/** A log to which nothing was written yet, followed. */
async function followingEmpty(t: Test, pattern: string): Promise<{ readonly directory: string; readonly log: string; readonly tailing: Tailing }> {
  const directory = t.testdir({ 'app.log': '' })
  const tailing = new Tailing([`${directory}/${pattern}`], new FakeClock(Date.now()))
  await tailing.start()
  return { directory, log: `${directory}/app.log`, tailing }
}

const PATTERNS = ['app.log', 'app*'] as const
/** Below and above what tells one short file from another. */
const SIZES = [10, 300] as const

t.test('what was read after the copy was made is not in it, and what is in it is not read again, rotation after rotation', async (t) => {
  for (const size of SIZES) {
    for (const pattern of PATTERNS) {
      for (const [met, gzip] of [[true, false], [false, false], [false, true]] as const) {
        const directory = t.testdir({ 'app.log': text(0, size) })
        const log = `${directory}/app.log`
        const tailing = new Tailing([`${directory}/${pattern}`], new FakeClock(Date.now()))
        await tailing.start()
        let at = size
        for (const rotation of ['1', '2', '3']) {
          fs.copyFileSync(log, `${log}-2026010${rotation}`)
          if (met) await tailing.pass(1000)
          fs.appendFileSync(log, text(at, at + 1))
          await tailing.pass(1000)
          fs.writeFileSync(log, text(at + 1, at + 1 + size))
          if (gzip) compress(`${log}-2026010${rotation}`)
          await tailing.pass(5000)
          at += 1 + size
        }
        await settle(tailing)
        t.strictSame(sorted(tailing.bodies), lines(0, at), `${size} lines, ${pattern}, ${met ? 'a copy that was met before' : gzip ? 'compressed' : 'at once'}`)
      }
    }
  }
})

t.test('a copy that ends in the middle of a line is not read from there either', async (t) => {
  for (const pattern of PATTERNS) {
    const directory = t.testdir({ 'app.log': `${text(0, 300)}line 300` })
    const log = `${directory}/app.log`
    const tailing = new Tailing([`${directory}/${pattern}`], new FakeClock(Date.now()))
    await tailing.start()
    fs.copyFileSync(log, `${log}.1`)
    await tailing.pass(1000)
    fs.appendFileSync(log, text(300, 301).slice('line 300'.length))
    await tailing.pass(1000)
    fs.writeFileSync(log, text(301, 303))
    await settle(tailing)
    t.strictSame(sorted(tailing.bodies), lines(0, 303), pattern)
  }
})

t.test('a copy of which half was there at the last look before the truncation is not read from its half', async (t) => {
  const directory = t.testdir({ 'app.log': text(0, 300) })
  const log = `${directory}/app.log`
  const tailing = new Tailing([`${directory}/app*`], new FakeClock(Date.now()))
  await tailing.start()
  fs.writeFileSync(`${log}.1`, text(0, 150))
  await tailing.pass(1000)
  fs.appendFileSync(log, text(300, 301))
  await tailing.pass(1000)
  fs.writeFileSync(`${log}.1`, text(0, 300))
  fs.writeFileSync(log, text(301, 303))
  await settle(tailing)
  t.strictSame(sorted(tailing.bodies), lines(0, 303))
})

t.test('killed after that was read, it goes on after the truncation, and the copy is not read by the next run', async (t) => {
  for (const pattern of PATTERNS) {
    for (const more of [2, 400]) {
      const directory = t.testdir({ 'app.log': text(0, 300) })
      const log = `${directory}/app.log`
      const one = new Tailing([`${directory}/${pattern}`], new FakeClock(Date.now()))
      await one.start()
      fs.copyFileSync(log, `${log}.1`)
      fs.appendFileSync(log, text(300, 301))
      await one.pass(1000)
      await one.close()
      fs.writeFileSync(log, text(301, 301 + more))
      const other = new Tailing([`${directory}/${pattern}`], new FakeClock(one.clock.now()))
      await other.start({ kind: 'keeps', held: one.held() })
      await settle(other)
      t.strictSame(sorted([...one.bodies, ...other.bodies]), lines(0, 301 + more), `${pattern}, ${more} lines since`)
    }
  }
})

t.test('of two logs that begin alike, and were copied between two looks, the one that nobody saw is read', async (t) => {
  const banner = text(0, 60)
  const directory = t.testdir({ 'app.log': banner })
  const log = `${directory}/app.log`
  const tailing = new Tailing([log], new FakeClock(Date.now()))
  await tailing.start()
  fs.appendFileSync(log, text(60, 300))
  await tailing.pass(1000)
  fs.appendFileSync(log, text(300, 302))
  await tailing.pass(1000)
  fs.copyFileSync(log, `${log}.2`)
  fs.writeFileSync(log, `${banner}${text(400, 420)}`)
  fs.copyFileSync(log, `${log}.1`)
  fs.writeFileSync(log, text(500, 510))
  await settle(tailing)
  t.strictSame(sorted(tailing.bodies), sorted([...lines(0, 302), ...lines(0, 60), ...lines(400, 420), ...lines(500, 510)]))
})

t.test('what was seen in a log after its truncation, and copied and truncated again before it was read, is read from that copy', async (t) => {
  const directory = t.testdir({ 'app.log': text(0, 300) })
  const log = `${directory}/app.log`
  let truncations = 0
  const disk: typeof nodeDisk = {
    ...nodeDisk,
    async list(path) {
      if (truncations === 1 && fs.statSync(log).size < text(0, 300).length) {
        truncations++
        fs.copyFileSync(log, `${log}.2`)
        fs.writeFileSync(log, text(310, 400))
      }
      return nodeDisk.list(path)
    },
  }
  const tailing = new Tailing([log], new FakeClock(Date.now()), {}, { disk })
  await tailing.start()
  truncations = 1
  fs.copyFileSync(log, `${log}.1`)
  fs.writeFileSync(log, text(300, 310))
  await settle(tailing)
  t.strictSame(sorted(tailing.bodies), lines(0, 400))
})

t.test('what was written, copied and truncated while nobody looked is read from the copy, where the log was empty before and after that', async (t) => {
  for (const size of SIZES) {
    for (const pattern of PATTERNS) {
      const { log, tailing } = await followingEmpty(t, pattern)
      fs.writeFileSync(log, text(0, size))
      fs.copyFileSync(log, `${log}.1`)
      fs.truncateSync(log)
      const later = Date.now() / 1000 + 1
      fs.utimesSync(log, later, later)
      await tailing.pass(1000)
      fs.appendFileSync(log, text(size, size + 5))
      await settle(tailing)
      t.strictSame(sorted(tailing.bodies), lines(0, size + 5), `${size} lines, ${pattern}`)
    }
  }
})

t.test('nor is a copy read of a log of which all was read at once, with what was written after the copy', async (t) => {
  for (const size of [3, ...SIZES]) {
    for (const pattern of PATTERNS) {
      const { directory, log, tailing } = await followingEmpty(t, pattern)
      fs.writeFileSync(log, text(0, size))
      fs.copyFileSync(log, `${directory}/other`)
      fs.appendFileSync(log, text(size, size + 1))
      await tailing.pass(1000)
      fs.renameSync(`${directory}/other`, `${log}-20260101`)
      fs.writeFileSync(log, text(size + 1, size + 2))
      await settle(tailing)
      t.strictSame(sorted(tailing.bodies), lines(0, size + 2), `${size} lines, ${pattern}`)
    }
  }
})

t.test('a log that begins as before and is copied and truncated again before that is sure is read from that copy', async (t) => {
  const banner = Array.from({ length: 30 }, (_, n) => `banner ${n} ${'b'.repeat(60)}\n`).join('')
  for (const pattern of ['app.log', 'app.log*']) for (const copied of [true, false]) for (const written of [true, false]) {
    const directory = t.testdir({})
    const log = `${directory}/app.log`
    const clock = new FakeClock(Date.now())
    let next = 0
    const touch = (path: string): void => fs.utimesSync(path, clock.now() / 1000, clock.now() / 1000)
    const append = (count: number): void => {
      if (!fs.existsSync(log) || fs.statSync(log).size === 0) fs.appendFileSync(log, banner)
      for (let n = 0; n < count; n++) fs.appendFileSync(log, `line ${next++} ${'.'.repeat(40)}\n`)
      touch(log)
    }
    const copy = (): void => {
      fs.copyFileSync(log, `${log}.1`)
      touch(`${log}.1`)
    }
    append(9)
    const tailing = new Tailing([`${directory}/${pattern}`], clock)
    await tailing.start()
    await tailing.pass(3000)
    if (copied) copy()
    if (written) append(2)
    await tailing.pass(1000)
    fs.truncateSync(log)
    touch(log)
    await tailing.pass(100)
    append(5)
    await tailing.pass(1000)
    if (copied) fs.renameSync(`${log}.1`, `${log}.2`)
    copy()
    await tailing.pass(200)
    fs.truncateSync(log)
    touch(log)
    await tailing.pass(300)
    append(5)
    for (let n = 0; n < 70; n++) await tailing.pass(1000)
    await tailing.close()
    const sent = new Set(tailing.bodies.filter((body) => body.startsWith('line')).map((body) => Number(body.split(' ')[1])))
    t.same(sent.size, next, `${pattern}, ${copied ? 'copied' : 'not copied'} at first, ${written ? 'written to' : 'at rest'}`)
  }
})

t.test('of two short logs that are the same, and were copied and truncated between two looks, both are read', async (t) => {
  for (const pattern of PATTERNS) {
    const directory = t.testdir({ 'app.log': text(0, 5) })
    const log = `${directory}/app.log`
    const tailing = new Tailing([`${directory}/${pattern}`], new FakeClock(Date.now()))
    await tailing.start()
    fs.appendFileSync(log, text(5, 6))
    await tailing.pass(1000)
    const later = Date.now() / 1000 + 1
    for (const copy of [`${log}.2`, `${log}.1`]) {
      fs.writeFileSync(copy, text(0, 5))
      fs.utimesSync(copy, later, later)
    }
    fs.writeFileSync(log, text(6, 7))
    await settle(tailing)
    t.strictSame(sorted(tailing.bodies), sorted([...lines(0, 5), ...lines(0, 7)]), pattern)
  }
})
