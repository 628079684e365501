/**
 * Rotations seen half done: a look at the directory that falls between two steps of logrotate(8), or misses a file. Each line
 * arrives exactly once.
 */
import * as fs from 'node:fs'
import t, { type Test } from 'tap'
import { nodeDisk } from '../../src/disk/node.js'
import { HEAD_SIZE, filePosition, printOf, type FilePosition } from '../../src/sources/position.js'
import { FakeClock } from '../support/clock.js'
import { compress } from '../support/rotating.js'
import { Tailing } from '../support/tailing.js'

const lines = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, n) => `line ${from + n} ${'.'.repeat(20)}`)
const text = (from: number, to: number): string => lines(from, to).map((line) => `${line}\n`).join('')

async function following(directory: string): Promise<Tailing> {
  const tailing = new Tailing([`${directory}/app.log`], new FakeClock(Date.now()))
  await tailing.start()
  return tailing
}

async function settle(tailing: Tailing): Promise<string[]> {
  for (let i = 0; i < 20; i++) await tailing.pass(1000)
  await tailing.close()
  return [...tailing.bodies].sort((a, b) => Number(a.split(' ')[1]) - Number(b.split(' ')[1]))
}

for (const size of [3, 300]) {
  t.test(`${size} lines: the name was free for a look, and what had it next was rotated before the one after that`, async (t) => {
    const directory = t.testdir({ 'app.log': text(0, size) })
    const tailing = await following(directory)
    fs.renameSync(`${directory}/app.log`, `${directory}/app.log.1`)
    await tailing.pass(2000)
    fs.renameSync(`${directory}/app.log.1`, `${directory}/app.log.2`)
    fs.writeFileSync(`${directory}/app.log.1`, text(size, 2 * size))
    fs.writeFileSync(`${directory}/app.log`, text(2 * size, 3 * size))
    t.strictSame(await settle(tailing), lines(0, 3 * size))
  })

  t.test(`${size} lines: a file that is being compressed is not its successor, however young the other one is`, async (t) => {
    for (const part of ['half', 'whole', 'the log is gone'] as const) {
      const directory = t.testdir({ 'app.log': text(0, size) })
      const tailing = await following(directory)
      fs.renameSync(`${directory}/app.log`, `${directory}/app.log.1`)
      fs.copyFileSync(`${directory}/app.log.1`, `${directory}/kept`)
      compress(`${directory}/app.log.1`)
      const whole = fs.readFileSync(`${directory}/app.log.1.gz`)
      fs.writeFileSync(`${directory}/app.log.1.gz`, part === 'half' ? whole.subarray(0, whole.length / 2) : whole) // written now
      const later = Date.now() / 1000 + 1
      fs.utimesSync(`${directory}/app.log.1.gz`, later, later)
      if (part !== 'the log is gone') fs.renameSync(`${directory}/kept`, `${directory}/app.log.1`)
      fs.writeFileSync(`${directory}/app.log`, text(size, 2 * size))
      await tailing.pass(1000)
      fs.writeFileSync(`${directory}/app.log.1.gz`, whole)
      fs.rmSync(`${directory}/app.log.1`, { force: true })
      t.strictSame(await settle(tailing), lines(0, 2 * size), part)
    }
  })
}

for (const size of [3, 300]) {
  t.test(`${size} lines: the copy of a log whose truncation nobody has noticed yet is its rest, and no log that nobody has seen`, async (t) => {
    const directory = t.testdir({ 'app.log': text(0, size), 'other.log': 'other\n' })
    const copytruncate = (from: number, to: number): void => {
      if (fs.existsSync(`${directory}/app.log.1`)) fs.renameSync(`${directory}/app.log.1`, `${directory}/app.log.2`)
      fs.copyFileSync(`${directory}/app.log`, `${directory}/app.log.1`)
      fs.writeFileSync(`${directory}/app.log`, text(from, to))
    }
    const tailing = new Tailing([`${directory}/app.log`, `${directory}/other.log`], new FakeClock(Date.now()), { openFilesMax: 1 })
    await tailing.start()
    copytruncate(size, 2 * size + 1)
    await tailing.pass(2000)
    fs.appendFileSync(`${directory}/other.log`, 'other\n') // the copy is closed for that, and is gone from where it was at the next look
    await tailing.pass(500)
    copytruncate(2 * size + 1, 3 * size)
    t.strictSame((await settle(tailing)).filter((body) => body !== 'other'), lines(0, 3 * size))
    t.strictSame(tailing.said, [])
  })
}

t.test('a copy that gets its next name while it is looked for is found, though another file is where it was', async (t) => {
  const directory = t.testdir({ 'app.log': text(0, 300) })
  let at = 0
  const copytruncate = (): void => {
    if (at > 0) fs.renameSync(`${directory}/app.log.1`, `${directory}/app.log.2`)
    fs.copyFileSync(`${directory}/app.log`, `${directory}/app.log.1`)
    fs.writeFileSync(`${directory}/app.log`, text(400 + at, 410 + at))
    at += 10
  }
  const disk: typeof nodeDisk = {
    ...nodeDisk,
    async open(path, ...rest) {
      if (path.endsWith('.log.1') && at === 10) copytruncate()
      return nodeDisk.open(path, ...rest)
    },
  }
  const tailing = new Tailing([`${directory}/app.log`], new FakeClock(Date.now()), {}, { disk })
  await tailing.start()
  fs.appendFileSync(`${directory}/app.log`, text(300, 400))
  copytruncate()
  t.strictSame(await settle(tailing), lines(0, 420))
  t.strictSame(tailing.said, [])
})

t.test('of two short logs that are the same and are rotated between two looks, both are read', async (t) => {
  const directory = t.testdir({ 'app.log': 'started\n' })
  const tailing = await following(directory)
  compressAs(`${directory}/app.log`, `${directory}/app.log.2`)
  fs.writeFileSync(`${directory}/app.log.1`, 'started\n')
  const later = Date.now() / 1000 + 1
  fs.utimesSync(`${directory}/app.log.1`, later, later)
  fs.writeFileSync(`${directory}/app.log`, 'started\n')
  t.strictSame(await settle(tailing), ['started', 'started', 'started'])
})

for (const pattern of ['*.log', '*.log*']) {
  t.test(`${pattern}: a file that was closed before any of it was read, and compressed since, is read from there, and nothing is said to be lost`, async (t) => {
    const directory = t.testdir({ 'app.log': text(0, 300), 'b.log': text(300, 600) })
    const app = `${directory}/app.log`
    const open: typeof nodeDisk.open = async (path, how) => {
      if (path.endsWith('b.log') && !fs.existsSync(`${app}.1.gz`)) {
        compressAs(app, `${app}.1`)
        fs.writeFileSync(app, text(600, 601))
      }
      return nodeDisk.open(path, how)
    }
    const tailing = new Tailing([`${directory}/${pattern}`], new FakeClock(Date.now()), { openFilesMax: 1 }, { disk: { ...nodeDisk, open } })
    await tailing.start()
    t.strictSame(await settle(tailing), lines(0, 601))
  })
}

for (const size of [3, 300]) {
  t.test(`${size} lines: what was seen in a log, and copied and truncated before any of it was read, is read from the copy; without one it is a gap`, async (t) => {
    for (const copied of [true, false]) {
      const directory = t.testdir({ 'app.log': text(0, size), 'b.log': text(size, size + 1) })
      const app = `${directory}/app.log`
      const open: typeof nodeDisk.open = async (path, how) => {
        if (path.endsWith('b.log') && fs.statSync(app).size > 10) {
          if (copied) fs.copyFileSync(app, `${app}.1`)
          fs.truncateSync(app)
        }
        return nodeDisk.open(path, how)
      }
      const tailing = new Tailing([`${directory}/*.log`], new FakeClock(Date.now()), {}, { disk: { ...nodeDisk, open } })
      await tailing.start()
      const got = await settle(tailing)
      if (copied) t.strictSame(got, lines(0, size + 1))
      else t.equal(tailing.sent.find(({ headers }) => headers[0]?.has('flume.gap'))?.headers[0]?.get('last'), String(text(0, size).length - 1))
    }
  })
}

t.test('a log that is a symbolic link is found in the directory that it leads to, by names made of that of the file, as the kubelet gives them', async (t) => {
  for (const size of [3, 300]) {
    const directory = t.testdir({ containers: {}, pods: { '0.log': text(0, size) } })
    const log = `${directory}/pods/0.log`
    fs.symlinkSync('../pods/0.log', `${directory}/containers/app.log`)
    const following = (): Tailing => new Tailing([`${directory}/containers/*.log`], new FakeClock(Date.now()))
    const one = following()
    await one.start()
    await one.close()
    const rotate = (as: string, from: number): void => {
      fs.renameSync(log, `${log}.${as}`)
      fs.writeFileSync(log, text(from, from + size))
    }
    fs.appendFileSync(log, text(size, 2 * size))
    rotate('20260131-120000', 2 * size)
    const other = following()
    await other.start({ kind: 'keeps', held: one.held() })
    await other.close()
    rotate('20260131-130000', 3 * size)
    rotate('20260131-140000', 4 * size)
    compress(`${log}.20260131-140000`)
    const last = following()
    await last.start({ kind: 'keeps', held: one.held([...one.sent, ...other.sent]) })
    t.strictSame([...one.bodies, ...other.bodies, ...(await settle(last))], lines(0, 5 * size))
  }
})

t.test('a link that led elsewhere while nobody looked has led to what the kubelet calls so, and to what came after a file that was rotated', async (t) => {
  // after the part that was read, in this order: the first of them is the file that this was in
  for (const [name, was, files, next] of [
    ['rotated, and started again', '0.log', ['0.log.20260131-120000', '0.log'], '1.log'],
    ['the same, compressed', '0.log', ['0.log.20260131-120000.gz', '0.log'], '1.log'],
    ['started twice', '9.log', ['9.log', '10.log'], '11.log'],
    ['started twice, and rotated', '0.log', ['0.log', '1.log.20260131-120000.gz', '1.log'], '2.log'],
    ['another name each day', 'app-20260131.log', ['app-20260131.log', 'app-20260201.log'], 'app-20260202.log'],
  ] as const) {
    for (const size of [3, 300]) {
      const directory = t.testdir({ containers: {}, pods: { [was]: text(0, size), '8.log': text(9000, 9001), '12.log': text(9000, 9001) } })
      const following = (): Tailing => new Tailing([`${directory}/containers/*.log`], new FakeClock(Date.now()))
      fs.symlinkSync(`../pods/${was}`, `${directory}/containers/app.log`)
      for (const other of ['8.log', '12.log']) fs.utimesSync(`${directory}/pods/${other}`, other === '8.log' ? 1 : 2e9, other === '8.log' ? 1 : 2e9)
      const one = following()
      await one.start()
      await one.close()
      fs.appendFileSync(`${directory}/pods/${was}`, text(size, 2 * size))
      for (const [index, file] of [...files, next].entries()) {
        const path = `${directory}/pods/${file.replace('.gz', '')}`
        if (index > 0) fs.writeFileSync(path, text((index + 1) * size, (index + 2) * size))
        else fs.renameSync(`${directory}/pods/${was}`, path)
        fs.utimesSync(path, Date.now() / 1000 + index, Date.now() / 1000 + index)
        if (file.endsWith('.gz')) compress(path)
      }
      fs.unlinkSync(`${directory}/containers/app.log`)
      fs.symlinkSync(`../pods/${next}`, `${directory}/containers/app.log`)
      const other = following()
      await other.start({ kind: 'keeps', held: one.held() })
      t.strictSame([...one.bodies, ...(await settle(other))], lines(0, (files.length + 2) * size), `${name}, ${size} lines`)
    }
  }
})

t.test('a log whose own name ends in .tmp is another one than the log that logrotate would call so for a while', async (t) => {
  for (const size of [3, 300]) {
    const directory = t.testdir({ 'app.tmp': text(0, size), 'app.1': 'of another log\n' })
    const log = `${directory}/app.tmp`
    const following = (): Tailing => new Tailing([log], new FakeClock(Date.now()))
    const one = following()
    await one.start()
    await one.close()
    fs.renameSync(log, `${log}.2`)
    for (const [name, from] of [[`${log}.1`, size], [log, 2 * size]] as const) fs.writeFileSync(name, text(from, from + size))
    const later = Date.now() / 1000 + 1
    fs.utimesSync(`${directory}/app.1`, later, later)
    fs.utimesSync(`${log}.1`, later, later)
    const other = following()
    await other.start({ kind: 'keeps', held: one.held() })
    t.strictSame([...one.bodies, ...(await settle(other))], lines(0, 3 * size))
  }
})

function compressAs(from: string, to: string): void {
  fs.renameSync(from, to)
  compress(to)
}

/** Three days of a log, of which the first was read a while after it was written, and then all were rotated but the last. */
async function threeDays(t: Test): Promise<{ readonly directory: string; readonly held: Map<string, FilePosition>; read(): Promise<Tailing> }> {
  const directory = t.testdir({ 'app.log': text(0, 100) })
  const now = Math.floor(Date.now() / 1000)
  const at = (path: string, ago: number): void => fs.utimesSync(`${directory}/${path}`, now - ago, now - ago)
  at('app.log', 300)
  const once = async (held: ReadonlyMap<string, FilePosition>): Promise<Tailing> => {
    const tailing = new Tailing([`${directory}/app.log`], new FakeClock(Date.now()), { once: true })
    await tailing.start({ kind: 'keeps', held: new Map([...held].map(([partition, place]) => [partition, [place]])) })
    await tailing.finish()
    await tailing.close()
    return tailing
  }
  const first = await once(new Map())
  const held = new Map([...first.held()].map(([partition, [place]]) => [partition, filePosition(place!)!]))
  fs.renameSync(`${directory}/app.log`, `${directory}/app.log-1`)
  compress(`${directory}/app.log-1`)
  fs.writeFileSync(`${directory}/app.log-2`, text(100, 200))
  at('app.log-2', 200)
  compress(`${directory}/app.log-2`)
  fs.writeFileSync(`${directory}/app.log`, text(200, 300))
  return { directory, held, read: () => once(held) }
}

t.test('a rotated log is read though one that is gone had its inode', async (t) => {
  const { directory, held, read } = await threeDays(t)
  const { ino } = fs.statSync(`${directory}/app.log-2.gz`)
  const [[partition, place]] = [...held] as [[string, FilePosition]]
  held.set(`${partition}0`, { ...place, inode: String(ino), time: place.time - 1000, head: printOf(Buffer.alloc(HEAD_SIZE)) })
  t.strictSame((await read()).bodies, lines(100, 300))
})

t.test('a log that has the inode of one that was read, and its size, is not taken for that', async (t) => {
  const { directory, held, read } = await threeDays(t)
  fs.writeFileSync(`${directory}/other.log-2`, text(0, 100).replaceAll('line', 'LINE'))
  compress(`${directory}/other.log-2`)
  const { ino } = fs.statSync(`${directory}/other.log-2.gz`)
  for (const [partition, place] of held) held.set(partition, { ...place, inode: String(ino) })
  t.strictSame((await read()).bodies, lines(100, 300))
})

t.test('a log that was read long after it was written to, and is gone, is no younger than what was rotated after it', async (t) => {
  const { directory, read } = await threeDays(t)
  fs.rmSync(`${directory}/app.log-1.gz`)
  t.strictSame((await read()).bodies, lines(100, 300))
})
