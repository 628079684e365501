/** flume-tail --multiline-start: lines belong to the event before, wherever reading was cut; each line is sent exactly once. */
import '../support/real-processes.js'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Position } from '../../src/events/batch.js'
import type { TailOptions } from '../../src/sources/tail.js'
import { Multiline } from '../../src/sources/multiline.js'
import { FakeClock } from '../support/clock.js'
import { examplesOf } from '../support/examples.js'
import { chooser } from '../support/memory-disk.js'
import { shell } from '../support/shell.js'
import { Tailing } from '../support/tailing.js'

const multiline = new Multiline(/^\d/, () => undefined)
const following = (file: string, options: Partial<TailOptions> = {}, clock = new FakeClock()): Tailing => new Tailing([file], clock, { multiline, ...options })

async function once(file: string, options: Partial<TailOptions> = {}): Promise<Tailing> {
  const tailing = following(file, { once: true, ...options }, new FakeClock(Date.now() + 60_000))
  await tailing.start()
  await tailing.finish()
  await tailing.close()
  return tailing
}

t.test('a line that matches begins an event, the others belong to it; the first line of a file begins one in any case', async (t) => {
  const file = join(t.testdir({ log: ' zero\n1 a\r\n at "b"\r\n\n\tat c\n2 d\n3 e\n x\n' }), 'log')
  const { bodies, sent } = await once(file)
  t.same(bodies, [' zero', '1 a\n at "b"\n\n\tat c', '2 d', '3 e\n x'])
  t.equal(sent.at(-1)!.mark.to.offset, fs.statSync(file).size)
})

t.test('bytes that are not UTF-8 stay as they are, and each event may have its own byteoffset', async (t) => {
  const file = join(t.testdir({}), 'log')
  fs.writeFileSync(file, Buffer.from('1 \xff\n \xfe\r\n2\n', 'latin1'))
  const { bodies, sent } = await once(file, { headers: { known: ['byteoffset'], fixed: new Map() } })
  t.same(bodies, ['1 \xff\n \xfe', '2'])
  t.same(sent.flatMap(({ headers }) => headers.map((one) => one.get('byteoffset'))), ['0', '8'])
})

t.test('the last event is sent when nothing was written for 5 s; what belongs to it and comes later is an event of its own', async (t) => {
  const file = join(t.testdir({ log: '1 a\n b\n' }), 'log')
  const tailing = following(file)
  await tailing.start()
  for (const more of [' c\n', ' d\n']) {
    await tailing.pass(4000)
    fs.appendFileSync(file, more)
    await tailing.pass(1000)
    t.same(tailing.bodies, [], 'it grows')
  }
  await tailing.pass(5000)
  t.same(tailing.bodies, ['1 a\n b\n c\n d'])
  fs.appendFileSync(file, ' e\n2 f\n')
  await tailing.pass(1000)
  t.same(tailing.bodies.slice(1), [' e'])
  fs.appendFileSync(file, ' unfin')
  await tailing.pass(60_000)
  t.same(tailing.bodies.length, 2, 'nor while its last line is unfinished')
  fs.appendFileSync(file, 'ished\n')
  await tailing.pass(60_000)
  await tailing.pass(5000)
  t.same(tailing.bodies.slice(2), ['2 f\n unfinished'])
  await tailing.close()
})

t.test('an event ends with its file, when that is rotated or deleted', async (t) => {
  for (const settle of [10_000, 1000]) {
    const file = join(t.testdir({ log: '1 a\n b\n' }), 'log')
    const tailing = following(file, { times: { poll: 1000, pollIdle: 60_000, settle, young: 2000, multiline: 5000, hold: 3_600_000, forget: 1 } })
    await tailing.start()
    fs.renameSync(file, `${file}.1`)
    fs.writeFileSync(file, ' c\n2 d\n')
    fs.appendFileSync(`${file}.1`, ' e')
    for (let i = 0; i < 20; i++) await tailing.pass(1000)
    t.same(tailing.bodies.toSorted(), [' c', '1 a\n b\n e', '2 d'])
    fs.appendFileSync(file, '3 f\n g\n')
    await tailing.pass(1000)
    fs.unlinkSync(file)
    for (let i = 0; i < 30; i++) await tailing.pass(1000)
    t.same(tailing.bodies.slice(3), ['3 f\n g'], 'also where a deleted file is closed early')
    await tailing.close()
  }
})

t.test('--once waits for an event that may be being written, but not for ever', async (t) => {
  const file = join(t.testdir({ log: '1 a\n b\n' }), 'log')
  const tailing = following(file, { once: true })
  await tailing.start()
  t.same(tailing.bodies, [])
  for (let i = 2; i < 9; i++) {
    fs.appendFileSync(file, `${i} c\n d\n`)
    fs.utimesSync(file, tailing.clock.now() / 1000, tailing.clock.now() / 1000)
    await tailing.pass(1000)
  }
  t.ok(tailing.ended, 'a file that is written to all the time')
  t.same(tailing.bodies, Array.from({ length: tailing.bodies.length }, (_, i) => (i === 0 ? '1 a\n b' : `${i + 1} c\n d`)))
  t.ok(tailing.bodies.length > 4)
  await tailing.close()
})

/** Lines, some of which begin an event, some longer than the rest of a block. */
function logOf(choose: (most: number) => number): string[] {
  return Array.from({ length: 60 }, (_, i) => `${choose(3) === 0 ? '' : ' '}${i} ${'x'.repeat(choose(20) === 0 ? 400_000 : choose(50))}`)
}

function eventsOf(lines: readonly string[]): string[] {
  return lines.join('\n').split(/\n(?=\d)/)
}

t.test('the events are the same however the file grows, and wherever the source is killed', async (t) => {
  for (let seed = 0; seed < 12; seed++) {
    const choose = chooser(seed)
    const lines = logOf(choose)
    const bytes = Buffer.from(`${lines.join('\n')}\n`)
    const file = join(t.testdir({ log: '' }), 'log')
    const clock = new FakeClock()
    const kept: string[] = []
    let held = new Map<string, readonly Position[]>()
    for (let at = 0; at < bytes.length; ) {
      const tailing = following(file, {}, clock)
      await tailing.start({ kind: 'keeps', held })
      for (let i = choose(3); i >= 0 && at < bytes.length; i--) {
        const end = Math.min(bytes.length, at + 1 + choose(choose(2) === 0 ? 100 : 900_000))
        fs.appendFileSync(file, bytes.subarray(at, end))
        at = end
        await tailing.pass(1000)
      }
      await tailing.close()
      const sent = tailing.sent.slice(0, at < bytes.length ? choose(tailing.sent.length + 1) : undefined)
      held = new Map([...held, ...tailing.held(sent)])
      kept.push(...sent.flatMap(({ bodies }) => bodies))
    }
    const last = following(file, {}, clock)
    await last.start({ kind: 'keeps', held })
    for (let i = 0; i < 7; i++) await last.pass(1000)
    await last.close()
    const got = [...kept, ...last.bodies]
    t.ok(got.join('\n') === lines.join('\n'), `seed ${seed}: each line once`)
    t.ok(got.join('\0') === eventsOf(lines).join('\0'), `seed ${seed}: the same events`)
  }
})

t.test('an event that the timeout cut stays as it was cut, also for a second reader that stands before it', async (t) => {
  const file = join(t.testdir({ log: '1 a\n2 b\n c\n' }), 'log')
  const clock = new FakeClock()
  const first = following(file, {}, clock)
  await first.start()
  await first.pass(1000)
  const before = first.sent.at(-1)!.mark.to
  for (let i = 0; i < 6; i++) await first.pass(1000)
  const cut = first.sent.at(-1)!.mark
  t.same(first.bodies, ['1 a', '2 b\n c'])
  await first.close()
  fs.appendFileSync(file, ' d\n3 e\n')
  for (const [positions, bodies] of [[[cut.to], [' d']], [[before, cut.to], ['2 b\n c', ' d']], [[before], ['2 b\n c\n d']]] as const) {
    const next = following(file, {}, clock)
    await next.start({ kind: 'keeps', held: new Map([[cut.partition, positions]]) })
    await next.pass(1000)
    t.same(next.bodies, bodies)
    await next.close()
  }
})

t.test('more of a line that was sent in part is an event by itself', async (t) => {
  const file = join(t.testdir({ log: '1 a\n half' }), 'log')
  const first = await once(file)
  t.same(first.bodies, ['1 a\n half'])
  fs.appendFileSync(file, ' more\n and\n2 b\n')
  const next = following(file, { once: true }, new FakeClock(Date.now() + 60_000))
  await next.start({ kind: 'keeps', held: first.held() })
  await next.finish()
  t.same(next.bodies, [' more', ' and', '2 b'])
  t.equal(next.sent[0]!.headers[0]!.get('flume.part'), '1')
  await next.close()
})

t.test('an event that is too long goes to the rejects as a whole, and what follows it goes on', async (t) => {
  for (const [count, size] of [[50, 100], [50, 100_000], [3, 1_500_000]] as const) {
    const long = ['1 long', ...Array.from({ length: count }, (_, i) => ` ${i} ${'y'.repeat(size)}`)].join('\n')
    const file = join(t.testdir({ log: `0 a\n b\n${long}\n2 c\n d\n` }), 'log')
    const { bodies, refused } = await once(file, { eventBytesMax: 2000 })
    t.same(bodies, ['0 a\n b', '2 c\n d'])
    t.ok(refused.join('|').trimEnd() === long, `${count} lines of ${size} bytes: ${refused.map(({ length }) => length).join()}`)
    fs.writeFileSync(file, `0 a\n${long}\n`)
    const last = await once(file, { eventBytesMax: 2000 })
    t.same(last.bodies, ['0 a'])
    t.ok(last.refused.join('|').trimEnd() === long, 'also where it is the last of its file')
    t.equal(last.sent.at(-1)!.mark.to.offset, fs.statSync(file).size, 'and it is not read again')
  }
})

t.test('such an event takes no other along, wherever it is cut', async (t) => {
  for (const size of [3000, 65_000, 66_000, 300_000, 1_900_000]) {
    const long = `3 ${'x'.repeat(size)}`
    const file = join(t.testdir({ log: `1 a\n2 b\n${long}\n4 c\n` }), 'log')
    const { bodies, refused } = await once(file, { eventBytesMax: 2000 })
    t.same(bodies, ['1 a', '2 b', '4 c'], `${size}`)
    t.ok(refused.join('|').trimEnd() === long, `${size}: ${refused.map(({ length }) => length).join()}`)
  }
})

t.test('of two such events each is refused by itself', async (t) => {
  for (const size of [3000, 65_530, 300_000, 1_900_000]) {
    const [one, other] = [`1 ${'x'.repeat(size)}\n y`, `2 ${'z'.repeat(size)}`]
    const file = join(t.testdir({ log: `0 a\n${one}\n${other}\n3 b\n` }), 'log')
    const { bodies, refused } = await once(file, { eventBytesMax: 2000 })
    t.same(bodies, ['0 a', '3 b'], `${size}`)
    t.ok(refused.map((body) => body.trimEnd()).join('|') === `${one}|${other}`, `${size}: ${refused.map(({ length }) => length).join()}`)
  }
})

t.test('such an event takes the last line along also where that is unfinished, unless it begins one', async (t) => {
  for (const size of [3000, 65_000, 300_000, 1_900_000]) {
    for (const last of ['', '\n2 b', '\n2 b\n c', '\n 2 b']) {
      const long = `1 S\n${'x'.repeat(size)}${last.startsWith('\n ') ? last : ''}`
      const file = join(t.testdir({ log: `0 a\n1 S\n${'x'.repeat(size)}${last}` }), 'log')
      const { bodies, refused, sent } = await once(file, { eventBytesMax: 2000 })
      t.same(bodies, last.startsWith('\n2') ? ['0 a', last.slice(1)] : ['0 a'], `${size} ${last}`)
      t.ok(refused.join('|').trimEnd() === long, `${size} ${last}: ${refused.map(({ length }) => length).join()}`)
      t.equal(sent.at(-1)!.mark.to.offset, fs.statSync(file).size, 'and it is not read again')
    }
  }
})

t.test('such an event at the end of a file that is followed ends when nothing comes any more', async (t) => {
  const long = `1 ${'x\n'.repeat(1_000_000)}`
  const file = join(t.testdir({ log: long }), 'log')
  const tailing = following(file, { eventBytesMax: 2000 })
  await tailing.start()
  t.same(tailing.refused, [])
  for (let i = 0; i < 6; i++) await tailing.pass(1000)
  t.ok(tailing.refused.join('|') === long.trimEnd())
  fs.appendFileSync(file, ' y\n2 z\n')
  for (let i = 0; i < 7; i++) await tailing.pass(1000)
  t.same(tailing.bodies, [' y', '2 z'])
  await tailing.close()
})

const JAVA = [
  '2026-01-31 12:00:00.123 [main] ERROR com.example.App - cannot start',
  'java.lang.IllegalStateException: cannot start\n\tat com.example.App.start(App.java:12)\n\tat com.example.App.main(App.java:5)\n'
    + 'Caused by: java.io.IOException: no such file\n\tat java.base/java.io.FileInputStream.open(FileInputStream.java:213)\n\t... 1 more',
  '2026-01-31 12:00:01.000 [main] INFO  com.example.App - gone on',
]
const PYTHON = [
  'starting',
  'Traceback (most recent call last):\n  File "/srv/app.py", line 7, in <module>\n    main()\nValueError: bad',
  'Traceback (most recent call last):\n  File "/srv/app.py", line 9, in <module>\n    main()\napp.errors.QueueError: full',
  'ended',
]
const DATED = [`${JAVA[0]}\n${JAVA[1]}`, JAVA[2]!, `2026-01-31 12:00:02,000 ERROR failed\n${PYTHON[1]}`, '2026-01-31 12:00:03,000 INFO on']

t.test('the examples of the man page, as typed, give one event for each stack trace', async (t) => {
  const lines = examplesOf('flume-tail.1').filter((example) => example.startsWith('flume-tail --multiline-start'))
  t.equal(lines.length, 3)
  const directory = t.testdir(Object.fromEntries([['app', DATED], ['java', JAVA], ['python', PYTHON]].map(([name, events]) => [`${String(name)}.log`, `${(events as string[]).join('\n')}\n`])))
  const expected = [DATED, JAVA, PYTHON]
  for (const [i, line] of lines.entries()) {
    const { status, err } = await shell(line.replace('flume-tail', 'flume-tail --once').replace('./q', `./q${i}`).replace('flume-buffer', 'flume-buffer --put'), directory)
    t.equal(status, 0, err)
    const { out } = await shell(`flume-buffer --export ./q${i} | jq -c .body`, directory)
    t.same(out.trim().split('\n').map((body) => JSON.parse(body) as string), expected[i], line)
  }
})

t.test('what is no regular expression is refused, and so are several lines from standard input', async (t) => {
  const directory = t.testdir({ log: '' })
  t.match(await shell(`flume-tail --multiline-start '^(' log`, directory), { status: 64, err: /bad value "\^\(" for --multiline-start: Invalid regular expression/ })
  t.match(await shell(`flume-tail --multiline-start '^x' - </dev/null`, directory), { status: 64, err: /cannot use --multiline-start with standard input/ })
})

t.test('a line that is too long for the expression begins no event, which is said once', async (t) => {
  const said: string[] = []
  const long = `a${' a'.repeat(8_000_000)}:`
  const lines = Buffer.from(`x:\n${long}\nmore\n${long}\ny:\n`)
  const several = new Multiline(/^(?:\w|[ ])+:$/, (message) => said.push(message))
  t.equal(several.nextStart(lines, 0, lines.length), lines.length - 'y:\n'.length)
  t.same(said, ['a line of 16000002 bytes is too long for --multiline-start: such lines begin no event'])
})

t.test('flags may stand in front of the expression', async (t) => {
  const directory = t.testdir({ log: 'Error a\n b\nERROR c\n' })
  const { out } = await shell(`flume-tail --once --settle-once 0 --multiline-start '(?i)^error' log | jq -c .body`, directory)
  t.same(out.trim().split('\n'), ['"Error a\\n b"', '"ERROR c"'])
})
