/** flume-tail -: lines that cannot be read again are held until they are acked, and a bounded amount of them. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Batch, Position } from '../../src/events/batch.js'
import type { Reader } from '../../src/events/flow.js'
import { parseEvent } from '../../src/events/json.js'
import { stdin } from '../../src/sources/stdin.js'

type Stdin = ReturnType<typeof stdin>
const KEEPS: Reader = { kind: 'keeps', held: new Map() }

function source(fd: number, refused: string[] = [], eventBytesMax = 16 * 1024 * 1024): Stdin {
  let piece = ''
  return stdin(
    { fd, sourceId: 'test', headers: { known: ['file', 'host'], fixed: new Map([['k', 'v']]) }, eventBytesMax },
    {
      host: 'here', now: () => 1, randomId: () => 'r1',
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

async function all(batches: AsyncIterable<Batch>): Promise<string[]> {
  const bodies: string[] = []
  for await (const batch of batches) {
    bodies.push(...bodiesOf(batch))
    batch.release()
  }
  return bodies
}

const never = new AbortController().signal

t.test('lines of a file and of a pipe come whole and in order, the last one also without its newline', async (t) => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`)
  const directory = t.testdir({ file: `${lines.join('\r\n')}` })
  const fd = fs.openSync(`${directory}/file`, 'r')
  t.ok((await all(source(fd).open(KEEPS, never))).join() === lines.join())
  execFileSync('mkfifo', [`${directory}/fifo`])
  const pipe = fs.openSync(`${directory}/fifo`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  const written = fs.promises.writeFile(`${directory}/fifo`, lines.join('\n'))
  t.ok((await all(source(pipe).open(KEEPS, never))).join() === lines.join())
  await written
})

t.test('/dev/null is at its end, and an empty input has no lines', async (t) => {
  t.same(await all(source(fs.openSync('/dev/null', 'r')).open(KEEPS, never)), [])
  t.same(await all(source(fs.openSync(join(t.testdir({ empty: '' }), 'empty'), 'r')).open(KEEPS, never)), [])
})

t.test('a reader that is replaced in the middle gets again what it does not hold, and nothing else', async (t) => {
  const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i}`)
  for (let stopAfter = 1; stopAfter < 6; stopAfter++) {
    const input = source(fs.openSync(join(t.testdir({ file: `${lines.join('\n')}\n` }), 'file'), 'r'))
    const first: Batch[] = []
    for await (const batch of input.open({ kind: 'plain' }, never)) if (first.push(batch) === stopAfter) break
    t.same((await all(input.open(KEEPS, AbortSignal.abort()))), first.flatMap(bodiesOf), 'nothing held: all that was sent')
    const { mark } = first[0]!
    const held = new Map<string, Position[]>([[mark!.partition, [mark!.to]]])
    const rest = await all(input.open({ kind: 'keeps', held }, never))
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
  t.equal((await all(input.open({ kind: 'plain' }, never))).length, 20_000)
  const again = (await all(input.open(KEEPS, never))).length
  t.ok(again > 7000 && again < 9000, `${again} lines`)
})

t.test('a line that is too long goes to the rejects, and what follows goes on', async (t) => {
  for (const size of [2000, 300_000, 1_000_000]) {
    const refused: string[] = []
    const file = join(t.testdir({ file: `before\n${'y'.repeat(size)}\nafter\n${'z'.repeat(size)}` }), 'file')
    t.same(await all(source(fs.openSync(file, 'r'), refused, 1000).open(KEEPS, never)), ['before', 'after'])
    t.same(refused.map((line) => line.trimEnd().length), [size, size])
  }
})

t.test('stopped, it ends soon, also where nothing comes', async (t) => {
  const directory = t.testdir({})
  execFileSync('mkfifo', [`${directory}/fifo`])
  const fd = fs.openSync(`${directory}/fifo`, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)
  const input = source(fd)
  const stop = new AbortController()
  const bodies = all(input.open(KEEPS, stop.signal))
  stop.abort()
  t.same(await bodies, [])
  await input.close()
})
