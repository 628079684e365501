/** Where flume-tail goes on: at what its reader holds, else at what it remembers, else at the beginning. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Position } from '../../src/events/batch.js'
import { FakeClock } from '../support/clock.js'
import { compress } from '../support/rotating.js'
import { Tailing } from '../support/tailing.js'

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
const text = (from: number, to: number): string => numbers(from, to).map((line) => `${line}\n`).join('')
const once = { once: true } as const
/** Some 20 batches, as no event may be longer than SMALL. */
const MANY = 1200
const SMALL = { eventBytesMax: 8192 } as const

async function readOnce(patterns: readonly string[], held: Map<string, readonly Position[]>, options = {}): Promise<Tailing> {
  const tailing = new Tailing(patterns, undefined, { ...once, ...options })
  await tailing.start({ kind: 'keeps', held })
  await tailing.finish()
  await tailing.close()
  return tailing
}

t.test('a reader that keeps positions:', async (t) => {
  t.test('after each batch the next run goes on exactly there', async (t) => {
    const file = join(t.testdir({ log: text(1, MANY) }), 'log')
    const { sent } = await readOnce([file], new Map(), SMALL)
    t.ok(sent.length > 10)
    for (let i = 1; i <= sent.length; i++) {
      const done = sent.slice(0, i)
      const next = await readOnce([file], new Map([[sent[0]!.mark.partition, [done.at(-1)!.mark.to]]]), SMALL)
      t.ok([...done.flatMap(({ bodies }) => bodies), ...next.bodies].join() === numbers(1, MANY).join(), `after batch ${i}`)
      if (next.sent.length > 0) t.same(next.sent[0]!.mark.from, done.at(-1)!.mark.to)
    }
  })

  t.test('of several positions the lowest counts, and a batch ends exactly at each of the others', async (t) => {
    const file = join(t.testdir({ log: text(1, MANY) }), 'log')
    const { sent } = await readOnce([file], new Map(), SMALL)
    const { partition } = sent[0]!.mark
    const other = await readOnce([file], new Map([[partition, [sent[3]!.mark.to]]]), { eventBytesMax: 1000 })
    const places = [sent[1]!.mark.to, other.sent[7]!.mark.to, other.sent[30]!.mark.to, sent[6]!.mark.to].sort((a, b) => a.offset - b.offset)
    const next = await readOnce([file], new Map([[partition, places]]), SMALL)
    const ends = new Set(next.sent.map(({ mark }) => mark.to.offset))
    for (const { offset } of places.slice(1)) t.ok(ends.has(offset), `a batch ends at byte ${offset}`)
    t.same(next.sent[0]!.mark.from, places[0])
    t.equal(next.bodies.at(-1), `line ${MANY}`)
  })

  t.test('of several readers one may hold no more than the beginning: an offset alone', async (t) => {
    const file = join(t.testdir({ log: text(1, MANY) }), 'log')
    const { sent } = await readOnce([file], new Map(), SMALL)
    const { partition, to } = sent[2]!.mark
    const next = await readOnce([file], new Map([[partition, [{ offset: 0 }, to]]]), { eventBytesMax: 1000 })
    t.ok(next.bodies.join() === numbers(1, MANY).join())
    t.equal(next.sent[0]!.mark.partition, partition)
    t.ok(next.sent.some(({ mark }) => mark.to.offset === to.offset), 'a batch ends where the other stands')
    t.same(next.sent.at(-1)!.mark.to.head, sent.at(-1)!.mark.to.head)

    const blank = await readOnce([file], new Map([[partition, [{ offset: 0 }]]]), SMALL)
    t.ok(blank.bodies.join() === numbers(1, MANY).join(), 'where all hold no more, nothing was stored')
  })

  t.test('the same of a file that was copied and truncated, or renamed, meanwhile: it is not another file for those that have some of it', async (t) => {
    for (const how of ['copytruncate', 'rename', 'copytruncate of a short one'] as const) {
      const file = join(t.testdir({ log: text(1, MANY) }), 'log')
      if (how.endsWith('short one')) fs.writeFileSync(file, text(1, 20))
      const { sent } = await readOnce([file], new Map(), SMALL)
      const { partition, to } = sent[how.endsWith('short one') ? 0 : 2]!.mark
      if (how === 'rename') fs.renameSync(file, `${file}.1`)
      else {
        fs.copyFileSync(file, `${file}.1`)
        fs.truncateSync(file)
      }
      fs.appendFileSync(file, text(2001, 2003))
      const next = await readOnce([`${file}*`], new Map([[partition, [{ offset: 0 }, to]]]), SMALL)
      const again = next.sent.filter(({ mark }) => mark.partition === partition).flatMap(({ bodies }) => bodies)
      t.ok(again.join() === (how.endsWith('short one') ? numbers(1, 20) : numbers(1, MANY)).join(), how)
      t.same(next.bodies.filter((body) => !again.includes(body)), numbers(2001, 2003), how)
    }
  })

  t.test('a file that another command reads to the same reader is left to that command', async (t) => {
    const directory = t.testdir({ ours: text(1, 3), theirs: text(11, 13), elsewhere: {} })
    const [ours, theirs] = [join(directory, 'ours'), join(directory, 'theirs')]
    const first = await readOnce([theirs], new Map())
    const place = first.sent.at(-1)!.mark
    fs.appendFileSync(theirs, text(14, 15))
    const next = await readOnce([ours], new Map([[place.partition, [place.to]]]))
    t.same(next.bodies, ['line 1', 'line 2', 'line 3'])
    fs.unlinkSync(theirs)
    const last = await readOnce([ours], new Map([[place.partition, [place.to]]]))
    t.same(last.bodies, ['line 1', 'line 2', 'line 3'], 'no gap either')
    t.same(last.sent.flatMap(({ mark }) => mark.gone ?? []), [])
  })

  t.test('what it does not hold was never stored, whatever this run has sent before', async (t) => {
    const file = join(t.testdir({ log: text(1, 3) }), 'log')
    const tailing = new Tailing([file])
    await tailing.start()
    const held = tailing.held()
    fs.appendFileSync(file, text(4, 5))
    await tailing.pass(1000)
    await tailing.stop()
    await tailing.start({ kind: 'keeps', held })
    await tailing.stop()
    await tailing.start()
    t.same(tailing.bodies, [...numbers(1, 5), ...numbers(4, 5), ...numbers(1, 5)])
    t.equal(new Set(tailing.sent.map(({ mark }) => mark.partition)).size, 1)
    await tailing.close()
  })

  t.test('what it holds counts also for files that were read before it came, to a reader that gave no acks', async (t) => {
    const directory = t.testdir({ log: text(1, 300) })
    const { sent } = await readOnce([`${directory}/log*`], new Map())
    const { partition, to } = sent.at(-1)!.mark
    fs.copyFileSync(`${directory}/log`, `${directory}/log.1`)
    fs.writeFileSync(`${directory}/log`, text(301, 302))
    for (const fromEnd of [false, true]) {
      const tailing = new Tailing([`${directory}/log*`], undefined, { fromEnd })
      await tailing.start({ kind: 'plain' })
      await tailing.stop()
      tailing.sent.splice(0)
      fs.unlinkSync(`${directory}/log`)
      await tailing.start({ kind: 'keeps', held: new Map([[partition, [to]]]) })
      t.same(tailing.bodies, numbers(301, 302))
      fs.writeFileSync(`${directory}/log`, text(301, 302))
      await tailing.close()
    }
  })

  t.test('files renamed and copied while nobody looked are found in their directory, the oldest first', async (t) => {
    for (const size of [3, 300]) {
      const directory = t.testdir({ log: text(1, size) })
      const first = await readOnce([`${directory}/log`], new Map())
      fs.appendFileSync(`${directory}/log`, text(size + 1, size + 2))
      fs.renameSync(`${directory}/log`, `${directory}/log.1`)
      fs.writeFileSync(`${directory}/log`, text(size + 3, size + 4))
      const second = await readOnce([`${directory}/log`], first.held())
      t.same(second.bodies, numbers(size + 1, size + 4), 'renamed')
      const held = new Map([...first.held(), ...second.held()])
      fs.appendFileSync(`${directory}/log`, text(size + 5, size + 6))
      fs.copyFileSync(`${directory}/log`, `${directory}/log.0`)
      fs.writeFileSync(`${directory}/log`, text(size + 7, size + 7))
      const third = await readOnce([`${directory}/log`], held)
      t.same(third.bodies, numbers(size + 5, size + 7), 'copied and truncated')
      const last = await readOnce([`${directory}/log*`], new Map([...held, ...third.held()]))
      t.same(last.bodies, [], 'nor is any of them read again when it matches')
    }
  })

  t.test('a file on another device, or with another inode, is the same when its first KiB and its place are', async (t) => {
    const directory = t.testdir({ log: text(1, 300) })
    const first = await readOnce([`${directory}/log`], new Map())
    fs.writeFileSync(`${directory}/new`, text(1, 301))
    fs.renameSync(`${directory}/new`, `${directory}/log`)
    const second = await readOnce([`${directory}/log`], first.held())
    t.same(second.bodies, ['line 301'])
    t.equal(second.sent[0]!.mark.partition, first.sent[0]!.mark.partition)
  })

  t.test('a log that was rotated and compressed is not taken for its successor, nor for an older one, where these begin the same', async (t) => {
    const banner = (lines: number, run: number): string => `${text(1, lines)}run ${run} ${'.'.repeat(90)}\n${text(lines + 1, lines + 40)}`
    for (const lines of [0, 300]) {
      for (const [rotated, older] of [['.1', '.2'], ['-20261231', '-20261130']] as const) {
        const directory = t.testdir({ log: banner(lines, 1) })
        fs.utimesSync(`${directory}/log`, 1, 1)
        const log = `${directory}/log`
        const first = new Tailing([log], new FakeClock(Date.now() - 2000))
        await first.start()
        await first.close()
        fs.writeFileSync(`${log}${older}`, `${banner(lines, lines === 0 ? 1 : 0)}older\n`)
        fs.utimesSync(`${log}${older}`, 1, 1)
        compress(`${log}${older}`)
        fs.appendFileSync(log, text(901, 902))
        fs.renameSync(log, `${log}${rotated}`)
        compress(`${log}${rotated}`)
        const run = lines === 0 ? 1 : 2
        fs.writeFileSync(log, `${banner(lines, run)}line 903\n`)
        const { bodies } = await readOnce([log], first.held())
        t.same(bodies.map((body) => body.replace(/ \.+$/, '')).filter((body) => /^run|9\d\d/.test(body)), [...numbers(901, 902), `run ${run}`, 'line 903'])
      }
    }
  })

  t.test('a position that is not understood is refused, not guessed', async (t) => {
    const file = join(t.testdir({ log: text(1, 3) }), 'log')
    const tailing = new Tailing([file], undefined, once)
    await t.rejects(tailing.start({ kind: 'keeps', held: new Map([['file.test.x', [{ offset: 3, path: file }]]]) }), { code: 'VERSION' })
    await tailing.source.close()
  })

  t.test('an offset alone is no place in a file: standard input had such names once', async (t) => {
    const file = join(t.testdir({ log: text(1, 3) }), 'log')
    t.same((await readOnce([file], new Map([['file.test.x', [{ offset: 3 }]]]))).bodies, numbers(1, 3))
  })

  t.test('the place in a file that is gone is forgotten after 30 days, and the next mark says so', async (t) => {
    const directory = t.testdir({ log: text(1, 3) })
    const { sent } = await readOnce([`${directory}/log`], new Map())
    fs.unlinkSync(`${directory}/log`)
    fs.writeFileSync(`${directory}/log`, text(4, 5))
    const held = new Map([[sent[0]!.mark.partition, [sent[0]!.mark.to]]])
    for (const [days, gone] of [[29, undefined], [31, [sent[0]!.mark.partition]]] as const) {
      const tailing = new Tailing([`${directory}/log`], new FakeClock(Date.now() + days * 86_400_000), once)
      await tailing.start({ kind: 'keeps', held })
      await tailing.finish()
      await tailing.close()
      t.same(tailing.bodies, numbers(4, 5))
      t.same(tailing.sent[0]!.mark.gone, gone, `after ${days} days`)
    }
  })
})

t.test('a source that runs for long forgets such a place as well', async (t) => {
  const directory = t.testdir({ log: text(1, 3) })
  const tailing = new Tailing([`${directory}/log`], new FakeClock(Date.now()))
  await tailing.start()
  const [first] = tailing.sent
  await tailing.source.settle(first!.mark)
  fs.unlinkSync(`${directory}/log`)
  fs.writeFileSync(`${directory}/log`, text(4, 5))
  await tailing.pass(60_000)
  for (const days of [20, 12]) await tailing.pass(days * 86_400_000)
  fs.appendFileSync(`${directory}/log`, text(6, 6))
  await tailing.pass(60_000)
  t.same(tailing.bodies, numbers(1, 6))
  t.same(tailing.sent.map(({ mark }) => mark.gone), [undefined, undefined, [first!.mark.partition]])
  await tailing.close()
})

t.test('--from end:', async (t) => {
  t.test('an empty batch with the starting position goes first, so that the place is kept', async (t) => {
    const directory = t.testdir({ log: `${text(1, 3)}half`, empty: '' })
    const files = [`${directory}/log`, `${directory}/empty`]
    const tailing = new Tailing(files, undefined, { fromEnd: true })
    await tailing.start()
    t.same(tailing.sent.map(({ bodies, mark }) => [bodies, mark.to.offset, mark.from]), [[[], 21, null], [[], 0, null]])
    const held = tailing.held()
    await tailing.close()
    fs.appendFileSync(files[0]!, ' and half\n')
    fs.appendFileSync(files[1]!, 'first\n')
    const next = await readOnce(files, held, { fromEnd: true })
    t.same(next.bodies, ['half and half', 'first'])
  })

  t.test('the successor of a file that was read is read from its beginning', async (t) => {
    const file = join(t.testdir({ log: text(1, 3) }), 'log')
    const { sent } = await readOnce([file], new Map())
    fs.renameSync(file, `${file}.1`)
    fs.writeFileSync(file, text(4, 5))
    const next = await readOnce([file], new Map([[sent[0]!.mark.partition, [sent[0]!.mark.to]]]), { fromEnd: true })
    t.same(next.bodies, numbers(4, 5))
  })
})

t.test('a reader that acks and keeps nothing:', async (t) => {
  t.test('what was acked is remembered in the state file, and nothing else', async (t) => {
    const directory = t.testdir({ log: text(1, 3) })
    const statePath = `${directory}/state/tail.json`
    const first = new Tailing([`${directory}/log`], undefined, { ...once, statePath })
    await first.start({ kind: 'acks' })
    await first.finish()
    await first.close()
    fs.appendFileSync(`${directory}/log`, text(4, 5))
    const second = new Tailing([`${directory}/log`], undefined, { ...once, statePath })
    await second.start({ kind: 'acks' })
    await second.finish()
    t.same(second.bodies, numbers(4, 5))
    t.same(second.said, [`going on with ${directory}/log at byte 21`])
    t.equal(fs.statSync(statePath).mode & 0o777, 0o600)
    const third = new Tailing([`${directory}/log`], undefined, { ...once, statePath })
    await t.rejects(third.start({ kind: 'acks' }), { code: 'BUSY' }, 'one at a time')
    await second.close()
  })

  t.test('before a reader without acks nothing moves, and reading begins where the last acks were', async (t) => {
    const directory = t.testdir({ log: text(1, 3) })
    const statePath = `${directory}/tail.json`
    for (const [kind, more, expected] of [
      ['plain', '', numbers(1, 3)], ['plain', '', numbers(1, 3)], ['acks', '', numbers(1, 3)],
      ['plain', text(4, 4), numbers(4, 4)], ['plain', '', numbers(4, 4)], ['off', '', numbers(1, 4)], ['off', text(5, 5), numbers(5, 5)],
      ['acks', '', numbers(4, 5)],
    ] as const) {
      fs.appendFileSync(`${directory}/log`, more)
      const before = fs.readdirSync(directory)
      const tailing = new Tailing([`${directory}/log`], undefined, { ...once, statePath })
      await tailing.start({ kind })
      await tailing.finish()
      await tailing.close()
      t.same(tailing.bodies, expected, kind)
      if (kind === 'plain') t.same(fs.readdirSync(directory), before)
    }
    t.same(fs.readdirSync(directory), ['log', 'tail.json', 'tail.json.lock', 'tail.off.json', 'tail.off.json.lock'])
  })

  t.test('a state file that is none of ours is refused', async (t) => {
    const directory = t.testdir({ log: text(1, 3), garbage: '{', bare: '{"version":2}', future: '{"version":3}' })
    for (const [name, code] of [['garbage', 'STATE_DAMAGED'], ['bare', 'STATE_DAMAGED'], ['future', 'VERSION']] as const) {
      const tailing = new Tailing([`${directory}/log`], undefined, { ...once, statePath: `${directory}/${name}` })
      await t.rejects(tailing.start({ kind: 'acks' }), { code })
      await tailing.source.close()
    }
  })
})

t.test('--from end, for a reader that has nothing: a file that was read for another one before begins at its end', async (t) => {
  const directory = t.testdir({ log: 'line 1\nline 2\n' })
  const options = { statePath: `${directory}/state.json`, fromEnd: true }
  const first = new Tailing([`${directory}/log`], undefined, options)
  await first.start({ kind: 'acks' })
  fs.appendFileSync(`${directory}/log`, 'line 3\n')
  await first.pass(1000)
  t.same(first.bodies, ['line 3'])
  await first.close()
  fs.appendFileSync(`${directory}/log`, 'line 4\n')
  const second = new Tailing([`${directory}/log`], undefined, options)
  await second.start({ kind: 'plain' })
  t.same(second.bodies, ['line 4'], 'before a program without acks it goes on where the state file says')
  await second.stop()
  second.sent.length = 0
  await second.start({ kind: 'keeps', held: new Map() })
  fs.appendFileSync(`${directory}/log`, 'line 5\n')
  await second.pass(1000)
  t.same(second.bodies, ['line 5'])
  await second.close()
})
