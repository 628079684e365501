/** flume-tail --open-files-max: more files than may be open are read and followed, whatever is done to those that are closed. */
import '../support/real-processes.js'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { nodeDisk } from '../../src/disk/node.js'
import { shell } from '../support/shell.js'
import { Tailing } from '../support/tailing.js'

const COUNT = 20
const name = (i: number): string => `app-${i}.log`
/** More than the first KiB that tells files apart, or less. */
const lines = (i: number, from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, n) => `${i} ${from + n}${i % 2 === 0 ? ' '.repeat(400) : ''}\n`).join('')

/** Of each file its numbers, in order. */
function numbersOf(bodies: readonly string[]): string[] {
  const found = Array.from({ length: COUNT }, () => [] as number[])
  for (const body of bodies) found[Number(body.split(' ')[0])]!.push(Number(body.split(' ')[1]))
  return found.map((numbers) => numbers.sort((a, b) => a - b).join())
}

const upTo = (most: number): string => Array.from({ length: most }, (_, i) => i + 1).join()
const all = (most: number): string[] => Array.from({ length: COUNT }, () => upTo(most))

function openIn(directory: string): number {
  return fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)
    } catch {
      return false
    }
  }).length
}

const DONE: Readonly<Record<string, (file: string, i: number) => void>> = {
  'nothing': () => undefined,
  'a rename to a name that matches': (file) => fs.renameSync(file, file.replace('app-', 'app-old-')),
  'a rotation by rename': (file, i) => {
    fs.renameSync(file, `${file}.1`)
    fs.writeFileSync(file, lines(i, 7, 7))
  },
  'a rotation by copytruncate': (file, i) => {
    fs.copyFileSync(file, `${file}.1`)
    fs.truncateSync(file)
    fs.appendFileSync(file, lines(i, 7, 7))
  },
}

for (const [what, act] of Object.entries(DONE)) {
  t.test(`each line of 20 files of which 3 may be open arrives once, with ${what}`, async (t) => {
    const directory = t.testdir(Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [name(i), lines(i, 1, 5)])))
    const tailing = new Tailing([`${directory}/*.log`], undefined, { openFilesMax: 3 })
    await tailing.start()
    t.same(numbersOf(tailing.bodies), all(5))
    t.equal(openIn(directory), 3)
    for (let i = 0; i < COUNT; i++) {
      fs.appendFileSync(join(directory, name(i)), lines(i, 6, 6))
      act(join(directory, name(i)), i)
      const here = [name(i), name(i).replace('app-', 'app-old-')].map((one) => join(directory, one)).find((path) => fs.existsSync(path))!
      fs.appendFileSync(here, lines(i, what.includes('rotation') ? 8 : 7, 8))
    }
    for (let i = 0; i < 6; i++) await tailing.pass(1000)
    t.same(numbersOf(tailing.bodies), all(8))
    t.ok(tailing.sent.every(({ headers }) => headers.every((one) => !one.has('flume.gap'))))
    await tailing.close()
    t.equal(openIn(directory), 0)
  })
}

t.test('what was seen in a file that is closed, and deleted before it was read, is a gap event; those read to their end are forgotten', async (t) => {
  const directory = t.testdir(Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [name(i), `${lines(i, 1, 2)}${[1, 9].includes(i) ? 'unfinished' : ''}`])))
  const tailing = new Tailing([`${directory}/*.log`], undefined, { openFilesMax: 1 })
  await tailing.start()
  for (let i = 0; i < COUNT - 2; i++) fs.unlinkSync(join(directory, name(i)))
  for (let i = 0; i < 20; i++) await tailing.pass(1000)
  const gaps = tailing.sent.flatMap(({ headers }) => headers).filter((one) => one.has('flume.gap'))
  t.match(gaps.map((one) => Object.fromEntries(one)), [{ 'flume.gap': 'removed', file: join(directory, name(1)), first: '8', last: '17' }])
  t.equal(tailing.bodies.filter((body) => body !== '').length, 2 * COUNT + 1, 'and the last one that was looked into is still open')
  await tailing.close()
})

t.test('a copy that is not read is let go of when it is deleted', async (t) => {
  const directory = t.testdir({ 'app.log': lines(0, 1, 5) })
  const tailing = new Tailing([`${directory}/app*`])
  await tailing.start()
  fs.copyFileSync(`${directory}/app.log`, `${directory}/app.copy`)
  for (let i = 0; i < 5; i++) await tailing.pass(1000)
  t.equal(openIn(directory), 2)
  fs.unlinkSync(`${directory}/app.copy`)
  for (let i = 0; i < 15; i++) await tailing.pass(1000)
  t.equal(openIn(directory), 1)
  await tailing.close()
})

t.test('where the process may open no more, it says so and goes on with fewer', async (t) => {
  const directory = t.testdir(Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [name(i), lines(i, 1, 5)])))
  let open = 0
  const disk: typeof nodeDisk = {
    ...nodeDisk,
    async open(path, ...rest) {
      if (open >= 7) throw Object.assign(new Error('too many'), { code: 'EMFILE' })
      open++
      const file = await nodeDisk.open(path, ...rest)
      const { close } = file
      return Object.assign(file, { close: () => close.call(file).finally(() => open--) })
    },
  }
  const tailing = new Tailing([`${directory}/*.log`], undefined, {}, { disk })
  await tailing.start()
  for (let i = 0; i < COUNT; i++) fs.appendFileSync(join(directory, name(i)), lines(i, 6, 6))
  for (let i = 0; i < 3; i++) await tailing.pass(1000)
  t.same(numbersOf(tailing.bodies), all(6))
  t.match(tailing.said, [/^cannot open more than 7 files \(too many open files\): from now on \d are open at a time$/])
  await tailing.close()
})

t.test('of files that are renamed, or deleted, before their turn comes to be opened, all is read, or said to be lost', async (t) => {
  const many = 300 // more than are met at once
  const directory = t.testdir(Object.fromEntries(Array.from({ length: many }, (_, i) => [`${1000 + i}.log`, `${i}\n`])))
  const disk: typeof nodeDisk = {
    ...nodeDisk,
    async open(path, ...rest) {
      if (path.endsWith('1000.log') && fs.existsSync(`${directory}/1297.log`)) {
        fs.renameSync(`${directory}/1298.log`, `${directory}/1298.log.1`)
        fs.writeFileSync(`${directory}/1298.log`, 'new\n')
        fs.truncateSync(`${directory}/1299.log`)
        fs.unlinkSync(`${directory}/1297.log`)
      }
      return nodeDisk.open(path, ...rest)
    },
  }
  const tailing = new Tailing([`${directory}/*.log`], undefined, {}, { disk })
  await tailing.start()
  for (let i = 0; i < 4; i++) await tailing.pass(1000)
  const numbers = Array.from({ length: many }, (_, i) => i).filter((i) => i !== 297 && i !== 299)
  t.same(tailing.bodies.filter((body) => /^\d/.test(body)).map(Number).sort((a, b) => a - b), numbers)
  t.ok(tailing.bodies.includes('new'))
  t.same(tailing.sent.flatMap(({ headers }) => headers.flatMap((one) => one.get('flume.gap') ?? [])).sort(), ['removed', 'truncated'])
  await tailing.close()
})

t.test('400 files are read by a process that may open 64', async (t) => {
  const directory = t.testdir({})
  for (let i = 0; i < 400; i++) fs.writeFileSync(join(directory, `${i}.log`), `${i}\n`)
  const { status, out, err } = await shell(`ulimit -n 64; flume-tail --once '*.log' | jq -r .body | sort -n | uniq | wc -l`, directory)
  t.equal(status, 0)
  t.equal(out.trim(), '400')
  t.match(err, /from now on \d+ are open at a time/)
})

t.test('a file that rests is read once, also where another name comes to lead to it; a reader that cannot say where it stands gets what is new', async (t) => {
  const directory = t.testdir(Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [name(i), lines(i, 1, 3)])))
  const tailing = new Tailing([`${directory}/*.log`], undefined, { openFilesMax: 3 })
  await tailing.start()
  for (const { mark } of tailing.sent) await tailing.source.settle(mark)
  await tailing.pass(1000)
  for (let i = 0; i < COUNT; i++) fs.symlinkSync(name(i), join(directory, `link-${i}.log`))
  for (let i = 0; i < 3; i++) await tailing.pass(60_000)
  t.same(numbersOf(tailing.bodies), all(3))
  const stands = tailing.source.ackedPlaces()
  t.same(new Map([...stands].map(([id, [place]]) => [id, place!.offset])), new Map(tailing.sent.map(({ mark }) => [mark.partition, mark.to.offset])))
  await tailing.stop()
  for (let i = 0; i < COUNT; i++) fs.appendFileSync(join(directory, name(i)), lines(i, 4, 4))
  await tailing.start({ kind: 'plain', held: stands })
  await tailing.pass(60_000)
  t.same(numbersOf(tailing.bodies), all(4))
  await tailing.close()
})
