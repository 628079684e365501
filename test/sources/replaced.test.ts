/**
 * A log that is replaced under its name by a longer copy of itself while it is followed, or written anew in place, as editors save it:
 * what was read of it is not read again, and what is still written to the old file is not lost. Issue 5.
 */
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { nodeDisk } from '../../src/disk/node.js'
import { Tailing } from '../support/tailing.js'

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
const text = (from: number, to: number): string => numbers(from, to).map((line) => `${line}\n`).join('')
/** More than the first KiB that tells files apart. */
const LONG = 200

/** Writes it anew with more at its end, and gives it the name. */
function save(file: string, more: string, change = (bytes: string): string => bytes): void {
  const { atime, mtime } = fs.statSync(file)
  fs.writeFileSync(`${dirname(file)}/.new`, change(fs.readFileSync(file, 'latin1')), 'latin1')
  fs.utimesSync(`${dirname(file)}/.new`, atime, mtime)
  fs.appendFileSync(`${dirname(file)}/.new`, more)
  fs.renameSync(`${dirname(file)}/.new`, file)
}

async function following(file: string, pattern = file): Promise<Tailing> {
  const tailing = new Tailing([pattern])
  await tailing.start()
  return tailing
}

async function wait(tailing: Tailing): Promise<void> {
  for (let i = 0; i < 15; i++) await tailing.pass(1000)
}

t.test('of the new file only what is new is read, again and again, also by the next run', async (t) => {
  for (const pattern of ['log', 'log*']) {
    const directory = t.testdir({ log: text(1, LONG) })
    const file = `${directory}/log`
    const tailing = await following(file, `${directory}/${pattern}`)
    save(file, text(LONG + 1, LONG + 2))
    await wait(tailing)
    t.same(tailing.bodies, numbers(1, LONG + 2), pattern)
    save(file, text(LONG + 3, LONG + 3))
    await tailing.pass(1000)
    fs.appendFileSync(file, text(LONG + 4, LONG + 4))
    await tailing.pass(1000)
    t.same(tailing.bodies, numbers(1, LONG + 4), pattern)
    const held = tailing.held()
    await tailing.close()
    fs.appendFileSync(file, text(LONG + 5, LONG + 5))
    const next = new Tailing([file], undefined, { once: true })
    await next.start({ kind: 'keeps', held })
    await next.finish()
    t.same(next.bodies, numbers(LONG + 5, LONG + 5))
    await next.close()
  }
})

t.test('what was not read of the old one yet, whole lines and a beginning, is read from the new one', async (t) => {
  const file = `${t.testdir({ log: `${text(1, LONG)}line ${LONG + 1}`.slice(0, -2) })}/log`
  const tailing = await following(file)
  fs.appendFileSync(file, `${LONG + 1}`.slice(-2))
  fs.appendFileSync(file, `\n${text(LONG + 2, LONG + 3)}li`)
  save(file, `ne ${LONG + 4}\n`)
  await wait(tailing)
  t.same(tailing.bodies, numbers(1, LONG + 4))
  await tailing.close()
})

t.test('of several old ones the last goes on in the new one, with the beginning of a line that it has', async (t) => {
  const file = `${t.testdir({ log: text(1, LONG) })}/log`
  const tailing = await following(file)
  save(file, `line ${LONG + 1}`.slice(0, -1))
  await tailing.pass(1500)
  save(file, `line ${LONG + 1}\n`.slice(-2))
  await wait(tailing)
  t.same(tailing.bodies, numbers(1, LONG + 1))
  await tailing.close()
})

t.test('one that was the same at first, and was replaced by the next before it was taken for the log, is not read anew', async (t) => {
  for (const more of [`line ${LONG + 1}\n`, `line ${LONG + 1}`.slice(0, -1)]) {
    const file = `${t.testdir({ log: text(1, LONG) })}/log`
    const tailing = await following(file)
    save(file, '')
    await tailing.pass(1500)
    fs.appendFileSync(file, more)
    save(file, text(LONG + 1, LONG + 1).slice(more.length))
    await wait(tailing)
    t.same(tailing.bodies, numbers(1, LONG + 1))
    await tailing.close()
  }
})

t.test('what a program still writes to the old file is read too, and a line that it ends there', async (t) => {
  const file = `${t.testdir({ log: text(1, LONG) })}/log`
  const tailing = await following(file)
  const old = fs.openSync(file, 'a')
  save(file, text(LONG + 1, LONG + 1))
  fs.writeSync(old, text(LONG + 2, LONG + 2))
  await tailing.pass(1000)
  fs.writeSync(old, text(LONG + 3, LONG + 3))
  await wait(tailing)
  t.same(tailing.bodies.sort(), numbers(1, LONG + 3).sort())
  fs.closeSync(old)
  await tailing.close()
})

t.test('one that differs in a single byte of what both have, or that is short, is another file', async (t) => {
  const long = `${t.testdir({ log: text(1, LONG) })}/log`
  const tailing = await following(long)
  save(long, 'more\n', (bytes) => bytes.replace(/^line 150$/m, 'LINE 150'))
  await wait(tailing)
  t.equal(tailing.bodies.length, LONG + LONG + 1)
  await tailing.close()
  const short = `${t.testdir({ log: text(1, 3) })}/log`
  const other = await following(short)
  save(short, 'more\n')
  await wait(other)
  t.same(other.bodies, [...numbers(1, 3), ...numbers(1, 3), 'more'], 'a program that begins anew may begin with the same lines')
  await other.close()
})

t.test('a log that is renamed, and one that begins as it did and goes on, where both are there: each is read', async (t) => {
  const directory = t.testdir({ log: text(1, LONG) })
  const tailing = await following(`${directory}/log`)
  fs.renameSync(`${directory}/log`, `${directory}/kept`)
  fs.copyFileSync(`${directory}/kept`, `${directory}/log`)
  fs.appendFileSync(`${directory}/log`, text(LONG + 1, LONG + 1))
  fs.appendFileSync(`${directory}/kept`, text(LONG + 2, LONG + 2))
  await wait(tailing)
  t.same(tailing.bodies.sort(), numbers(1, LONG + 2).sort(), 'the copy from where it goes on, and the old one to its end')
  await tailing.close()
})

t.test('the old file is not read again for the next reader, even where the new one was truncated before that came', async (t) => {
  const file = `${t.testdir({ log: text(1, LONG) })}/log`
  const tailing = await following(file)
  save(file, text(LONG + 1, LONG + 1))
  await tailing.pass(1000)
  const held = tailing.held()
  await tailing.stop()
  fs.writeFileSync(file, text(LONG + 2, LONG + 2))
  await tailing.start({ kind: 'keeps', held })
  await wait(tailing)
  t.same(tailing.bodies, numbers(1, LONG + 2))
  await tailing.close()
})

/** Truncates it and writes it anew, with a look after each part. */
async function saveInPlace(tailing: Tailing, file: string, parts: readonly number[], change = (bytes: string): string => bytes): Promise<void> {
  const bytes = change(fs.readFileSync(file, 'latin1'))
  fs.truncateSync(file)
  for (const [n, part] of parts.entries()) {
    await tailing.pass(parts.length > 1 ? 700 : 0)
    fs.appendFileSync(file, bytes.slice(bytes.length * (parts[n - 1] ?? 0), bytes.length * part), 'latin1')
  }
}

t.test('a log that is saved in place is the same log, however much of it is there at a look, also for the next run, and what was not read yet is read', async (t) => {
  for (const [parts, copy] of [[[1], ''], [[0.02, 1], ''], [[0.01, 0.02, 0.6, 1], ''], [[1], 'log~'], [[0.01, 0.6, 1], 'log.1']] as const) {
    const file = `${t.testdir({ log: text(1, LONG) })}/log`
    const one = await following(file, copy === 'log.1' ? `${file}*` : file)
    for (let times = 0; times < 2; times++) {
      if (copy !== '') fs.copyFileSync(file, `${dirname(file)}/${copy}`)
      await saveInPlace(one, file, parts)
      await one.pass(1000)
    }
    await wait(one)
    fs.appendFileSync(file, text(LONG + 1, LONG + 2))
    await one.pass(1000)
    t.same(one.bodies, numbers(1, LONG + 2))
    t.notMatch(one.said.join(), /truncated/)
    const held = one.held()
    await one.close()
    const next = new Tailing([file])
    await next.start({ kind: 'keeps', held })
    fs.appendFileSync(file, text(LONG + 3, 2 * LONG))
    await saveInPlace(next, file, parts)
    await wait(next)
    t.same(next.bodies, numbers(LONG + 3, 2 * LONG))
    await next.close()
  }
})

t.test('one that differs in a single byte, or that has less of it, or is short, is another one', async (t) => {
  for (const [size, change] of [
    [LONG, (bytes: string) => bytes.replace(/^line 150$/m, 'LINE 150')], [LONG, (bytes: string) => bytes.slice(0, -9)], [3, (bytes: string) => bytes],
  ] as const) {
    const file = `${t.testdir({ log: text(1, size) })}/log`
    const tailing = await following(file)
    await saveInPlace(tailing, file, [0.01, 0.6, 1], change)
    await wait(tailing)
    t.same(tailing.bodies, [...numbers(1, size), ...change(text(1, size)).split('\n').slice(0, -1)])
    await tailing.close()
  }
})

t.test('a log that is written anew with less than was read of it, and begins as it did, is another one after a while', async (t) => {
  const file = `${t.testdir({ log: text(1, LONG) })}/log`
  const tailing = await following(file)
  fs.writeFileSync(file, text(1, 150))
  await wait(tailing)
  t.match(tailing.said.join(), /was truncated, and no copy holds what was read of it/)
  t.same(tailing.bodies, [...numbers(1, LONG), ...numbers(1, 150)])
  await tailing.close()
})

t.test('a file that was found between two copies of the log, and gone before it was opened, was one of them: nothing is said to be lost', async (t) => {
  for (const same of [true, false]) {
    const file = `${t.testdir({ log: text(1, LONG), other: 'other\n' })}/log`
    let replacing = false
    const disk: typeof nodeDisk = {
      ...nodeDisk,
      async open(path, how) {
        if (replacing && path === file) {
          replacing = false
          if (same) save(file, text(LONG + 1, LONG + 1))
          else fs.unlinkSync(file)
        }
        return nodeDisk.open(path, how)
      },
    }
    const tailing = new Tailing([file], undefined, {}, { disk })
    await tailing.start()
    replacing = true
    save(file, '')
    await wait(tailing)
    const gaps = tailing.sent.flatMap(({ headers }) => headers.filter((header) => header.has('flume.gap')))
    t.equal(gaps.length, same ? 0 : 1)
    if (same) t.same(tailing.bodies, numbers(1, LONG + 1))
    await tailing.close()
  }
})
