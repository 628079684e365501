/** flume-tail(1): every line of every file exactly once, whatever is done to the files while they are read. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Tailing } from '../support/tailing.js'

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
const text = (from: number, to: number): string => numbers(from, to).map((line) => `${line}\n`).join('')

t.test('a file is read from its beginning and followed', async (t) => {
  const file = join(t.testdir({ log: text(1, 3) }), 'log')
  const tailing = new Tailing([file])
  await tailing.start()
  t.same(tailing.bodies, numbers(1, 3))
  fs.appendFileSync(file, text(4, 5))
  await tailing.pass(1000)
  t.same(tailing.bodies, numbers(1, 5))
  await tailing.close()
})

t.test('after a rename and a new file, both are read: the old one to its end', async (t) => {
  const file = join(t.testdir({ log: text(1, 3) }), 'log')
  const tailing = new Tailing([file])
  await tailing.start()
  fs.renameSync(file, `${file}.1`)
  fs.writeFileSync(file, text(5, 6))
  fs.appendFileSync(`${file}.1`, text(4, 4))
  await tailing.pass(1000)
  await tailing.pass(1000)
  t.same(tailing.bodies.sort(), numbers(1, 6))
  await tailing.close()
})

t.test('--once reads what is there and ends', async (t) => {
  const file = join(t.testdir({ log: text(1, 3) + 'rest' }), 'log')
  const tailing = new Tailing([file], undefined, { once: true })
  await tailing.start()
  t.same(tailing.bodies, numbers(1, 3), 'a young last line is waited for')
  await tailing.finish()
  t.same(tailing.bodies, [...numbers(1, 3), 'rest'])
  await tailing.source.close()
})
