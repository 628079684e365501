/** flume-tail -: lines that cannot be read again are held until they are acked, and a bounded amount of them. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Batch, Mark, Position } from '../../src/events/batch.js'
import type { Reader } from '../../src/events/flow.js'
import { parseEvent } from '../../src/events/json.js'
import { stdin } from '../../src/sources/stdin.js'
import { FakeClock } from '../support/clock.js'

type Stdin = ReturnType<typeof stdin>
const never = new AbortController().signal
const KEEPS: Reader = { kind: 'keeps', held: new Map() }

/** ms */
const GRACE = 60_000

function source(fd: number, refused: string[] = [], eventBytesMax = 16 * 1024 * 1024, clock = new FakeClock(1)): Stdin {
  let piece = ''
  return stdin(
    { fd, sourceId: 'test', headers: { known: ['file', 'host'], fixed: new Map([['k', 'v']]) }, eventBytesMax, grace: GRACE },
    {
      host: 'here', clock, randomId: () => 'r1',
      refused: {
        add: (line) => void refused.push(Buffer.from(line).toString('latin1')),
        addPart: (bytes, last) => {
          piece += Buffer.from(bytes).toString('latin1')
          if (last) refused.push(piece)
          if (last) piece = ''
        },
        flush: async () => undefined,
      },
    },
  )
}

function bodiesOf({ lines }: Batch): string[] {
  return lines.toString().slice(0, -1).split('\n').map((line) => parseEvent(Buffer.from(line)).body.toString('latin1'))
}

/** As a reader that acks each batch at once. */
async function acked(input: Stdin): Promise<Batch[]> {
  const batches: Batch[] = []
  for await (const batch of input.open(KEEPS, never)) {
    batches.push(batch)
    if (batch.mark !== null) await input.settle(batch.mark)
  }
  return batches
}

/** As a reader that acks what it has when it is asked to. */
async function all(input: Stdin, reader = KEEPS, stop = never): Promise<string[]> {
  const bodies: string[] = []
  let last: Mark | null = null
  for await (const batch of input.open(reader, stop)) {
    if (batch.flush && last !== null) await input.settle(last)
    last = batch.mark ?? last
    if (batch.count > 0) bodies.push(...bodiesOf(batch))
    batch.release()
  }
  return bodies
}

t.test('lines of a file and of a pipe come whole and in order, the last one also without its newline', async (t) => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`)
  const directory = t.testdir({ file: `${lines.join('\r\n')}` })
  const fd = fs.openSync(`${directory}/file`, 'r')
  t.ok((await all(source(fd))).join() === lines.join())
  execFileSync('mkfifo', [`${directory}/fifo`])
  const pipe = fs.openSync(`${directory}/fifo`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  const written = fs.promises.writeFile(`${directory}/fifo`, lines.join('\n'))
  t.ok((await all(source(pipe))).join() === lines.join())
  await written
})

t.test('/dev/null is at its end, and an empty input has no lines', async (t) => {
  t.same(await all(source(fs.openSync('/dev/null', 'r'))), [])
  t.same(await all(source(fs.openSync(join(t.testdir({ empty: '' }), 'empty'), 'r'))), [])
})

t.test('a reader that is replaced in the middle gets again what it does not hold, and nothing else', async (t) => {
  const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i}`)
  for (let stopAfter = 1; stopAfter < 6; stopAfter++) {
    const input = source(fs.openSync(join(t.testdir({ file: `${lines.join('\n')}\n` }), 'file'), 'r'))
    const first: Batch[] = []
    for await (const batch of input.open({ kind: 'plain' }, never)) if (first.push(batch) === stopAfter) break
    t.same(await all(input, KEEPS, AbortSignal.abort()), first.flatMap(bodiesOf), 'nothing held: all that was sent')
    const { mark } = first[0]!
    const held = new Map<string, Position[]>([[mark!.partition, [mark!.to]]])
    const rest = await all(input, { kind: 'keeps', held })
    t.ok([...bodiesOf(first[0]!), ...rest].join() === lines.join())
  }
})

t.test('at most about 8 MiB is held unacked: then it asks for acks and reads no more until they come', async (t) => {
  const file = join(t.testdir({}), 'file')
  const line = `${'x'.repeat(999)}\n`
  fs.writeFileSync(file, line.repeat(20_000))
  const input = source(fs.openSync(file, 'r'))
  const waiting: Batch[] = []
  let bytes = 0
  let most = 0
  let flushes = 0
  let count = 0
  for await (const batch of input.open(KEEPS, never)) {
    if (batch.flush) {
      flushes++
      for (const { mark, lines } of waiting.splice(0)) {
        bytes -= lines.length
        await input.settle(mark!)
      }
      continue
    }
    count += batch.count
    bytes += batch.lines.length
    most = Math.max(most, bytes)
    waiting.push(batch)
  }
  t.equal(count, 20_000)
  t.ok(flushes >= 2)
  t.ok(most < 9 * 1024 * 1024, `${most} bytes`)
})

t.test('before a reader without acks it goes on, and holds the latest only', async (t) => {
  const file = join(t.testdir({}), 'file')
  fs.writeFileSync(file, `${'x'.repeat(999)}\n`.repeat(20_000))
  const input = source(fs.openSync(file, 'r'))
  t.equal((await all(input, { kind: 'plain' })).length, 20_000)
  const again = (await all(input)).length
  t.ok(again > 7000 && again < 9000, `${again} lines`)
})

t.test('a line that is too long goes to the rejects, and what follows goes on', async (t) => {
  for (const size of [2000, 300_000, 1_000_000]) {
    const refused: string[] = []
    const file = join(t.testdir({ file: `before\n${'y'.repeat(size)}\nafter\n${'z'.repeat(size)}` }), 'file')
    t.same(await all(source(fs.openSync(file, 'r'), refused, 1000)), ['before', 'after'])
    t.same(refused.map((line) => line.trimEnd().length), [size, size])
  }
})

t.test('its partition is none that a source of files asks for', async (t) => {
  const input = source(fs.openSync(join(t.testdir({ file: 'a\n' }), 'file'), 'r'))
  t.equal(input.asks, 'stdin.test.r1')
  t.same((await acked(input)).map(({ mark }) => mark?.partition), ['stdin.test.r1', 'stdin.test.r1'])
})

t.test('once all is acked, the last mark has no events and says that its partition is gone', async (t) => {
  const [events, farewell, ...more] = await acked(source(fs.openSync(join(t.testdir({ file: 'a\nb\n' }), 'file'), 'r')))
  t.equal(events!.mark!.gone, undefined)
  const { to } = events!.mark!
  t.match(farewell, { count: 0, mark: { partition: 'stdin.test.r1', from: to, to, gone: ['stdin.test.r1'] } })
  t.same(more, [])
})

t.test('it asks for the acks of all before it says so; where they do not come, it never does', async (t) => {
  const clock = new FakeClock()
  const input = source(fs.openSync(join(t.testdir({ file: 'a\nb\n' }), 'file'), 'r'), [], undefined, clock)
  const batches: Batch[] = []
  const reading = (async () => {
    for await (const batch of input.open(KEEPS, never)) batches.push(batch)
  })()
  await clock.idle()
  t.same(batches.map(({ count, flush }) => [count, flush]), [[2, undefined], [0, true]])
  clock.advance(GRACE)
  await reading
  t.equal(batches.length, 2)
})

t.test('the next reader gets the farewell again, and nothing else', async (t) => {
  const input = source(fs.openSync(join(t.testdir({ file: 'a\n' }), 'file'), 'r'))
  const [events] = await acked(input)
  t.match(await acked(input), [{ count: 0, mark: { from: events!.mark!.to, gone: ['stdin.test.r1'] } }])
})

t.test('a reader that keeps no places gets no farewell', async (t) => {
  for (const kind of ['plain', 'acks'] as const) {
    const input = source(fs.openSync(join(t.testdir({ file: 'a\n' }), 'file'), 'r'))
    const counts: number[] = []
    for await (const { count } of input.open({ kind }, never)) counts.push(count)
    t.same(counts, [1])
  }
})

t.test('stopped, it ends soon, also where nothing comes', async (t) => {
  const directory = t.testdir({})
  execFileSync('mkfifo', [`${directory}/fifo`])
  const fd = fs.openSync(`${directory}/fifo`, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)
  const input = source(fd)
  const stop = new AbortController()
  const bodies = all(input, KEEPS, stop.signal)
  stop.abort()
  t.same(await bodies, [])
  await input.close()
})
