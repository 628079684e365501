/**
 * flume-tail --rejects FILE: the lines of a rejects file once more, each exactly once into a queue. The file is written
 * by Rejects itself, or by the commands that refuse. Not tested here: which lines are refused, test/pipelines/garbage.
 */
import '../support/real-processes.js'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Disk } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'
import type { Position } from '../../src/events/batch.js'
import { parseEvent } from '../../src/events/json.js'
import { encodeEntry, type Refusal } from '../../src/events/reject-entry.js'
import { Rejects } from '../../src/events/rejects.js'
import { longLinesTo } from '../../src/cli/stdio.js'
import { Resend, type ResendOptions } from '../../src/sources/resend.js'
import type { PipeStep } from '../../src/pipe/step.js'
import { FakeClock } from '../support/clock.js'
import { each, shell } from '../support/shell.js'

/** Before, within and after what the queue takes. */
const STEPS: readonly PipeStep[] = ['early', 'begun', 'batch-written', 'ack-read', 'bye-sent']

t.setTimeout(300_000) // real processes, on a machine that may be busy

type Held = Map<string, readonly Position[]>

/** A rejects file, written as the commands do. */
class RejectsFile {
  readonly path: string
  constructor(directory: string, name = 'rejects') {
    this.path = join(directory, name)
  }

  add(line: string, offset: number | null, more: Partial<Refusal> = {}): this {
    const refusal = { reason: 'why', partition: 'queue.1.r', position: offset === null ? null : { offset }, ...more }
    fs.appendFileSync(this.path, encodeEntry({ ...refusal, time: 0, line: Buffer.from(line), part: 0, more: false }))
    return this
  }
}

/** What a reader that holds `held` is sent, and holds then; after `most` batches it is gone. */
async function sent(path: string, held: Held = new Map(), options: Partial<ResendOptions> = {}, most = Infinity) {
  const said: string[] = []
  const source = new Resend(
    { path, fixed: new Map(), eventBytesMax: 16 * 1024 * 1024, strict: false, statePath: '/nowhere', ...options },
    { disk: nodeDisk, clock: new FakeClock(), say: (message) => void said.push(message) },
  )
  const lines: string[] = []
  const ends: string[] = []
  let batches = 0
  try {
    for await (const { lines: bytes, mark } of source.open({ kind: 'keeps', held }, new AbortController().signal)) {
      if (++batches > most) break
      lines.push(...bytes.toString().trimEnd().split('\n'))
      t.same(mark!.from, held.get(mark!.partition)?.[0] ?? null)
      held.set(mark!.partition, [JSON.parse(JSON.stringify(mark!.to)) as Position])
      ends.push(lines.at(-1)!)
    }
    source.tell()
    return { lines, ends, said, held, keeps: source.keeps }
  } finally {
    await source.close()
  }
}

const event = (body: string, headers?: Record<string, string>): string => JSON.stringify({ headers, body })

t.test('an event line goes as it came; the body of one that never was goes with the headers that it would have had', async (t) => {
  const file = new RejectsFile(t.testdir())
  const odd = '{ "body": "a", "other": [1] }'
  file.add(odd, 1)
  file.add('a "line"\r', 9, { partition: 'file.m.1', headers: new Map([['file', '/log'], ['host', 'h']]) })
  file.add('two\r\nlines', 20, { partition: 'file.m.1', headers: new Map() })
  t.same((await sent(file.path)).lines, [odd, event('a "line"', { file: '/log', host: 'h' }), event('two\nlines')])
  const fixed = new Map([['host', 'other']])
  t.same((await sent(file.path, new Map(), { fixed })).lines.map((line) => parseEvent(Buffer.from(line)).headers.get('host')), ['other', 'other', 'other'])
})

t.test('what came again and was refused again goes once; without a position nobody can tell, and each goes', async (t) => {
  const file = new RejectsFile(t.testdir())
  for (const [line, offset] of [['a', 1], ['b', 2], ['a', 3], ['b', 2], ['a', 3], ['c', 4]] as const) file.add(event(line), offset)
  file.add(event('a'), 1, { partition: 'queue.1.other' })
  for (let twice = 0; twice < 2; twice++) file.add(event('n'), null)
  t.same((await sent(file.path)).lines.map((line) => parseEvent(Buffer.from(line)).body.toString()), ['a', 'b', 'a', 'c', 'a', 'n', 'n'])
})

t.test('a line that stands in several entries goes whole, whatever stands between them and however often it begins', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'rejects')
  const rejects = new Rejects(nodeDisk, path, new FakeClock(), () => undefined)
  const long = event('é'.repeat(3_000_000))
  const at = (partition: string, offset: number): Refusal => ({ reason: 'long', partition, position: { offset } })
  rejects.addPart(Buffer.from(long.slice(0, 1_500_000)), false, at('p', 1))
  await rejects.flush()
  const again = new Rejects(nodeDisk, path, new FakeClock(), () => undefined)
  again.addPart(Buffer.from(long.slice(0, 2_000_000)), false, at('p', 2))
  again.add(Buffer.from(event('other')), at('q', 7))
  again.addPart(Buffer.from(long.slice(2_000_000)), true, at('p', 3))
  await again.flush()
  const { lines, held } = await sent(path)
  t.ok(lines.length === 2 && lines[0] === event('other') && lines[1] === long)
  again.addPart(Buffer.from('{"body":"torn'), false, at('p', 4))
  await again.flush()
  t.same((await sent(path, held)).lines, [], 'one that has no end yet waits for it')
  again.addPart(Buffer.from('"}'), true, at('p', 5))
  await again.flush()
  t.same((await sent(path, held)).lines, [event('torn')])
})

/** Writes a line there as an input does that is told of it in pieces; returns when the last but one is written. */
async function begun(path: string, pieces: readonly string[]): Promise<() => Promise<void>> {
  const rejects = new Rejects(nodeDisk, path, new FakeClock(), () => undefined)
  const tooLong = longLinesTo(rejects, { 'event-bytes-max': 100, strict: false })
  for (const piece of pieces.slice(0, -1)) await tooLong(Buffer.from(piece), false)
  return () => tooLong(Buffer.from(pieces.at(-1)!), true)
}

t.test('lines of two inputs that come at once, from one process or two, go whole', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const both = new Rejects(nodeDisk, path, new FakeClock(), () => undefined)
  const inputs = [...['a', 'b'].map(() => both), ...['c', 'd'].map(() => new Rejects(nodeDisk, path, new FakeClock(), () => undefined))]
    .map((rejects) => longLinesTo(rejects, { 'event-bytes-max': 100, strict: false }))
  for (const [pieces, last] of [['{"body":"', false], [undefined, false], [undefined, false], ['"}', true]] as const) {
    for (const [index, tooLong] of inputs.entries()) await tooLong(Buffer.from(pieces ?? 'abcd'[index]!.repeat(1000)), last)
  }
  const { lines, keeps } = await sent(path)
  t.same(lines, [...'abcd'].map((letter) => event(letter.repeat(2000))))
  t.notOk(keeps)
})

t.test('a long line of one writer stands together, though another appends to the same file', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const lines = ['a', 'b'].map((letter) => event(letter.repeat(3_000_000)))
  const other = new Rejects(nodeDisk, path, new FakeClock(), () => undefined)
  const open: Disk['open'] = async (...how) => {
    const file = await nodeDisk.open(...how)
    const write = file.write.bind(file)
    return Object.assign(file, { write: (...what: Parameters<typeof write>) => write(...what).finally(() => other.flush()) })
  }
  const one = new Rejects({ ...nodeDisk, open }, path, new FakeClock(), () => undefined)
  for (const [index, rejects] of [one, other].entries()) rejects.add(Buffer.from(lines[index]!), { reason: 'why', partition: 'plain', position: null })
  await one.flush()
  const { lines: all, keeps } = await sent(path)
  t.ok(all.length === 2 && all.every((line, index) => line === lines[index]))
  t.notOk(keeps)
})

t.test('of a line that does not come again a missing part is said; once it is there the line goes', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const finish = await begun(path, ['{"body":', '"a"', '}'])
  await begun(path, ['{"body":', 'killed'])
  const file = new RejectsFile(join(path, '..')).add(event('other'), 7)
  const before = await sent(path)
  t.same([before.lines, before.keeps], [[event('other')], true])
  t.match(before.said, [/1 line of .* sent again/, /2 lines of it not sent, and still no event; in line 1 of the file not all parts of the line are there/])
  await finish()
  const after = await sent(path, before.held)
  t.same(after.lines, [event('a')])
  t.match(after.said, [/1 line of .* sent again/, /1 line of it not sent.*in line 3 of the file not all parts/])
  await t.rejects(sent(file.path, new Map(), { strict: true }), { code: 'BAD_EVENT', message: /line 3: not all parts of the line are there/ })
})

t.test('parts that do not fit are said, save those of a source whose lines come again', async (t) => {
  for (const partition of ['stdin', 'plain', 'stdin.host.x', 'events.x', 'file.host.x', 'queue.x.default']) {
    const file = new RejectsFile(t.testdir())
    const part = (line: string, number: number, more: boolean): void => {
      fs.appendFileSync(file.path, encodeEntry({ reason: 'long', partition, position: null, time: 0, line: Buffer.from(line), part: number, more }))
    }
    for (const number of [0, 1, 2]) for (const line of ['a', 'b']) part(line, number, number < 2)
    part('c', 3, false)
    file.add(event('whole'), 1)
    const { lines, said } = await sent(file.path)
    t.same(lines, [event('whole')], partition)
    if (/^(plain|stdin)/.test(partition)) t.match(said[1], /4 lines of it not sent.*in line 1 of the file not all parts/, partition)
    else t.equal(said.length, 1, `${partition}: all of it comes again`)
  }
})

t.test('half an entry, as a loss of power leaves it, stops nothing: the same comes whole', async (t) => {
  const file = new RejectsFile(t.testdir()).add(event('a'), 1)
  fs.appendFileSync(file.path, '{"time":"2026-01-02T00:00:00.000Z","reas\n')
  file.add(event('b'), 2)
  const { lines, keeps, said } = await sent(file.path)
  t.same(lines, [event('a'), event('b')])
  t.ok(keeps)
  t.match(said, [/2 lines of .* sent again/, /1 line of it not sent.*line 2 of the file it is no entry/])
})

t.test('each run goes on where the last came to, also in the middle; what is appended meanwhile is for the next', async (t) => {
  const file = new RejectsFile(t.testdir())
  for (let n = 0; n < 10; n++) file.add(event(`line ${n}`), n)
  const small = { batchBytesMax: 60 }
  const first = await sent(file.path, new Map(), small, 2)
  t.ok(first.lines.length >= 2 && first.lines.length < 10)
  fs.renameSync(file.path, `${file.path}.1`)
  const rest = await sent(`${file.path}.1`, first.held, small)
  t.same([...first.lines, ...rest.lines], Array.from({ length: 10 }, (_, n) => event(`line ${n}`)))
  t.same((await sent(`${file.path}.1`, rest.held)).lines, [])
  fs.renameSync(`${file.path}.1`, file.path)
  file.add(event('new'), 11)
  t.same((await sent(file.path, rest.held)).lines, [event('new')])
})

t.test('readers that stand apart: from the lowest, and a batch ends where each of the others stands', async (t) => {
  const file = new RejectsFile(t.testdir())
  for (let n = 0; n < 6; n++) file.add(event(`line ${n}`), n)
  const [one, three] = await Promise.all([1, 3].map(async (most) => (await sent(file.path, new Map(), { batchBytesMax: 20 }, most)).held))
  const partition = [...one!.keys()][0]!
  const { lines, ends } = await sent(file.path, new Map([[partition, [one!.get(partition)![0]!, three!.get(partition)![0]!]]]))
  t.same(lines, [1, 2, 3, 4, 5].map((n) => event(`line ${n}`)))
  t.same(ends, [event('line 2'), event('line 5')])
})

t.test('a file that was changed before the place is another one; one that goes on as it was is not', async (t) => {
  const file = new RejectsFile(t.testdir())
  for (const n of [1, 2, 3]) file.add(event(`${n}`), n)
  const { held } = await sent(file.path)
  const text = fs.readFileSync(file.path, 'utf8')
  fs.writeFileSync(file.path, text.replace('"2\\"', '"TWO\\"'))
  const changed = await sent(file.path, held)
  t.same(changed.lines, ['1', 'TWO', '3'].map((n) => event(n)))
  t.same((await sent(file.path, changed.held)).lines, [], 'and has a place of its own')
  fs.writeFileSync(file.path, text)
  t.same((await sent(file.path, changed.held)).lines, [], 'beside that of the first')
})

t.test('what is no event still stays, and is said; gaps are not sent; with strict nothing is', async (t) => {
  const file = new RejectsFile(t.testdir())
  file.add('nonsense', 1)
  file.add(event('a'), 2)
  file.add(event('', { 'flume.gap': 'damaged' }), 3)
  file.add('[]', 4)
  const before = fs.readFileSync(file.path)
  const { lines, said, keeps, held } = await sent(file.path)
  t.same(lines, [event('a')])
  t.ok(keeps)
  t.match(said, [/1 line of \S+ sent again/, /1 line of it not sent, as they say/, /2 lines of it not sent, and still no event; in line 1 .* no JSON at byte 0/])
  t.match(await sent(file.path, held), { lines: [], said: [/nothing to send/, /1 line/, /2 lines/], keeps: true })
  t.ok(before.equals(fs.readFileSync(file.path)))
  await t.rejects(sent(file.path, new Map(), { strict: true }), { code: 'BAD_EVENT', message: /line 1: the line is no JSON/ })
})

t.test('what is still too long ends it before anything is sent; it goes once more is allowed', async (t) => {
  const file = new RejectsFile(t.testdir())
  file.add(event('a'), 1)
  file.add('x'.repeat(1000), 2, { partition: 'file.m.1', headers: new Map() })
  await t.rejects(sent(file.path, new Map(), { eventBytesMax: 500 }), { code: 'BAD_EVENT', message: /line 2 makes an event of at least 1000 bytes.*--event-bytes-max/ })
  const { lines, held } = await sent(file.path, new Map(), { eventBytesMax: 1100 })
  t.same(lines, [event('a'), event('x'.repeat(1000))])
  t.same((await sent(file.path, held, { eventBytesMax: 500 })).lines, [], 'what was sent before does not matter')
})

t.test('what is no rejects file is refused', async (t) => {
  const directory = t.testdir({ log: 'a line\n', json: '{"body":"x"}\n', list: '[]\n', empty: '', directory: {} })
  for (const name of ['log', 'json', 'list']) await t.rejects(sent(join(directory, name)), { code: 'BAD_EVENT', message: /line 1 is no entry/ }, name)
  for (const name of ['none', 'directory']) await t.rejects(sent(join(directory, name)), { code: 'NO_INPUT' }, name)
  t.match(await sent(join(directory, 'empty')), { lines: [], said: [/nothing to send/] })
})

t.test('in a shell: what a source and a sink refused reaches the target once, mended by what the reason asks for', async (t) => {
  const long = 'x'.repeat(2000)
  const directory = t.testdir({ log: `one\n${long}\ntwo\n`, events: ['{"headers":{"timestamp":"soon"},"body":"late"}', 'nonsense', ''].join('\n') })
  const line = (tail: string): string => `${tail} | flume-buffer --once q | flume-sink-hdfs --path out --rejects sink.rejects`
  const first = await shell(
    `${line('flume-tail --once --settle-once 0 --event-bytes-max 1K --rejects tail.rejects log')} && flume-buffer --put q < events && flume-buffer --once q < /dev/null | flume-sink-hdfs --path out --rejects sink.rejects`,
    directory,
  )
  t.equal(first.status, 0, first.err)
  const again = await shell(
    `set -o pipefail; for i in 1 2; do ${line('flume-tail --rejects tail.rejects')}; done
     for i in 1 2; do ${line('flume-tail --header timestamp=1 --rejects sink.rejects')}; echo "\${PIPESTATUS[*]}"; done`,
    directory,
  )
  t.equal(again.out, '65 0 0\n65 0 0\n', again.err)
  const bodies = fs.readdirSync(join(directory, 'out')).flatMap((name) => fs.readFileSync(join(directory, 'out', name), 'utf8').split('\n').filter(Boolean))
  t.same(bodies.sort(), ['late', 'one', 'two', long].sort(), again.err)
})

t.test('in a shell: a last line without its end, too long to be held, is refused as a whole and comes back as one', async (t) => {
  const directory = t.testdir({ log: `one\n${'x'.repeat(2_500_000)}` })
  const ran = await shell(
    `flume-tail --once --settle-once 0 --event-bytes-max 1K --rejects tail.rejects log | flume-buffer --put q
     flume-tail --rejects tail.rejects | flume-buffer --put q; flume-buffer --export q | jq -r '.body | length'`,
    directory,
  )
  t.equal(ran.out, '3\n2500000\n', ran.err)
})

t.test('in a shell: what became of the file is said once, whoever reads it', async (t) => {
  const directory = t.testdir({ empty: '', one: '{"line":"{}"}\n' })
  const { err } = await shell('for file in empty one one; do flume-tail --once --rejects $file | flume-buffer --put q; done; flume-tail --once --rejects empty | cat', directory)
  const told = (name: string, what: string): string => what.replace('FILE', join(directory, name))
  const nothing = 'flume-tail: nothing to send in FILE that was not sent before'
  t.strictSame(err.trimEnd().split('\n'), [told('empty', nothing), told('one', 'flume-tail: 1 line of FILE sent again'), told('one', nothing), told('empty', nothing)])
})

t.test('killed at each step of the pipe, and begun again, each line is in the queue once', async (t) => {
  const directory = t.testdir()
  const file = new RejectsFile(directory)
  const bodies = Array.from({ length: 40 }, (_, n) => `line ${n} ${'.'.repeat(100)}`)
  for (const [n, body] of bodies.entries()) file.add(event(body), n)
  const resend = 'flume-tail --rejects rejects --rate 2M'
  await each(STEPS, 3, async (step) => {
    const queue = `q-${step}`
    const ran = await shell(
      `FLUME_KILL_AT=flume-tail:${step} ${resend} | flume-buffer --put ${queue}; FLUME_KILL_AT=flume-buffer:ack-sent ${resend} | flume-buffer --put ${queue}
       ${resend} | flume-buffer --put ${queue}; echo "\${PIPESTATUS[*]}"; flume-buffer --export ${queue} | jq -r .body`,
      directory,
    )
    t.equal(ran.out, `0 0\n${bodies.join('\n')}\n`, `${step}: ${ran.err}`)
  })
})
