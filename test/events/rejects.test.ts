/** The file of what is no event, flume-event(5). */
import t from 'tap'
import { readFileSync, renameSync, statSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'
import { Rejects } from '../../src/events/rejects.js'

interface Entry {
  readonly time: string
  readonly reason: string
  readonly partition: string
  readonly position: unknown
  readonly line: string
  readonly encoding?: 'base64'
  readonly part?: number
  readonly more?: boolean
}

const entriesIn = (path: string): Entry[] =>
  readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Entry)

/** A clock that goes when told, and what was said. */
class World {
  ms = Date.UTC(2026, 0, 2)
  readonly said: string[] = []
  readonly clock = { now: (): number => this.ms, monotonic: (): number => this.ms, sleep: async (): Promise<void> => undefined }
  rejects(path: string, disk: Disk = nodeDisk): Rejects {
    return new Rejects(disk, path, this.clock, (message) => this.said.push(message))
  }
}

/** nodeDisk with another sync(). */
function withSync(sync: (file: DiskFile) => Promise<void>): Disk {
  const open: Disk['open'] = async (...how) => {
    const file = await nodeDisk.open(...how)
    return Object.assign(Object.create(file) as DiskFile, {
      write: file.write.bind(file), stat: file.stat.bind(file), read: file.read.bind(file), close: file.close.bind(file),
      sync: () => sync(file),
    })
  }
  return { ...nodeDisk, open }
}

t.test('nothing is made before the first line; then the directory for its owner alone, and the file', async (t) => {
  const path = join(t.testdir(), 'state', 'deep', 'rejects')
  const rejects = new World().rejects(path)
  await rejects.flush()
  t.notOk(existsSync(join(path, '../..')))
  rejects.add(Buffer.from('x'), { reason: 'why', partition: 'p', position: null })
  await rejects.close()
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
  t.equal(statSync(path).mode & 0o777, 0o600)
})

t.test('an entry has time, reason, partition, position and the line without its newline', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const rejects = new World().rejects(path)
  const line = Buffer.from('{"body":"é\u2028"\r\n')
  rejects.add(line, { reason: 'the line is no JSON', partition: 'queue.1.hdfs', position: { offset: 7 } })
  line.fill(0) // the caller's memory is used again
  rejects.add(Buffer.from([0xff, 0x00, 10]), { reason: 'the line is not UTF-8', partition: '', position: null })
  rejects.add(Buffer.from('\n'), { reason: 'empty', partition: '', position: null })
  t.equal(rejects.count, 3)
  await rejects.close()
  t.strictSame(entriesIn(path), [
    { time: '2026-01-02T00:00:00.000Z', reason: 'the line is no JSON', partition: 'queue.1.hdfs', position: { offset: 7 }, line: '{"body":"é\u2028"\r' },
    { time: '2026-01-02T00:00:00.000Z', reason: 'the line is not UTF-8', partition: '', position: null, encoding: 'base64', line: '/wA=' },
    { time: '2026-01-02T00:00:00.000Z', reason: 'empty', partition: '', position: null, line: '' },
  ])
})

t.test('what could not be written is not said to be kept', async (t) => {
  const world = new World()
  const rejects = world.rejects(join(t.testdir(), 'rejects'), withSync(() => Promise.reject(new Error('no'))))
  rejects.add(Buffer.from('x'), { reason: 'why', partition: '', position: null })
  await t.rejects(rejects.close(), /cannot write rejects/)
  t.same(world.said, [])
})

t.test('a long line stands whole in several entries, no character cut', async (t) => {
  for (const [name, unit, size] of [['text', 'aé😀', 3.5e6], ['bytes', '\xff\x01', 2.2e6], ['exact', 'x', 1024 * 1024]] as const) {
    const path = join(t.testdir(), name)
    const line = Buffer.alloc(size, unit, name === 'bytes' ? 'latin1' : 'utf8').subarray(0, size - (size % 7))
    const rejects = new World().rejects(path)
    const whole = name === 'exact' ? Buffer.alloc(size, unit) : line
    rejects.add(whole, { reason: 'too long', partition: 'p', position: null })
    rejects.add(Buffer.from('next'), { reason: 'short', partition: 'p', position: null })
    await rejects.close()
    const entries = entriesIn(path)
    const last = entries.pop()
    t.equal(last?.line, 'next')
    t.equal(last?.part, undefined)
    t.ok(Buffer.concat(entries.map((entry) => Buffer.from(entry.line, entry.encoding ?? 'utf8'))).equals(whole), name)
    if (name === 'exact') t.strictSame(entries.map((entry) => [entry.part, entry.more]), [[undefined, undefined]])
    else t.strictSame(entries.map((entry) => [entry.part, entry.more]), entries.map((_, index) => [index, index < entries.length - 1]))
    t.notOk(entries.some((entry) => entry.encoding === undefined && entry.line.includes('\ufffd')))
  }
})

t.test('a line without end comes in parts, and counts once', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const world = new World()
  const rejects = world.rejects(path)
  const whole = Buffer.from('é'.repeat(100_000))
  for (let at = 0; at < whole.length; at += 33_333) {
    rejects.addPart(whole.subarray(at, at + 33_333), false, { reason: 'too long', partition: '', position: null })
    await rejects.flush()
  }
  rejects.addPart(Buffer.alloc(0), true, { reason: 'too long', partition: '', position: null })
  rejects.add(Buffer.from('next'), { reason: 'why', partition: '', position: null })
  await rejects.close()
  const entries = entriesIn(path)
  t.equal(entries.pop()?.part, undefined)
  t.strictSame(entries.map((entry) => [entry.part, entry.more]), entries.map((_, index) => [index, index < entries.length - 1]))
  t.ok(Buffer.concat(entries.map((entry) => Buffer.from(entry.line, entry.encoding ?? 'utf8'))).equals(whole))
  t.equal(rejects.count, 2)
  t.strictSame(world.said.map((line) => line.slice(0, 21)), ['1 line is no event: t', '1 line is no event: w'])
})

t.test('lines of other inputs between the parts of one leave its parts in order', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const rejects = new World().rejects(path)
  rejects.addPart(Buffer.from('a'), false, { reason: 'too long', partition: 'stdin', position: null })
  rejects.add(Buffer.from('other'), { reason: 'why', partition: '', position: null })
  rejects.addPart(Buffer.from('b'), false, { reason: 'too long', partition: 'file.x', position: null })
  rejects.addPart(Buffer.from('c'), true, { reason: 'too long', partition: 'stdin', position: null })
  rejects.addPart(Buffer.from('d'), true, { reason: 'too long', partition: 'file.x', position: null })
  await rejects.close()
  const parts = entriesIn(path).map(({ partition, part, more, line }) => [partition, part, more, line])
  t.strictSame(parts, [['stdin', 0, true, 'a'], ['', undefined, undefined, 'other'], ['file.x', 0, true, 'b'], ['stdin', 1, false, 'c'], ['file.x', 1, false, 'd']])
  t.equal(rejects.count, 3)
})

t.test('a line that comes again stands once, in the same run and after a kill: partition, position and bytes are those of no other', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const lines = [['a', 'p', 1], ['a', 'p', 2], ['a', 'q', 1], ['b', 'p', 1], ['\xff\n', 'p', 3], ['é', 'p', 4]] as const
  for (const run of [1, 2]) {
    const rejects = new World().rejects(path)
    for (const twice of [1, 2]) {
      for (const [line, partition, offset] of lines) rejects.add(Buffer.from(line, offset === 3 ? 'latin1' : 'utf8'), { reason: 'why', partition, position: { offset } })
      await rejects.flush()
      t.equal(rejects.count, lines.length, `run ${run}, time ${twice}`)
    }
  }
  t.strictSame(entriesIn(path).map(({ line, partition, position }) => [line, partition, position]), [
    ['a', 'p', { offset: 1 }], ['a', 'p', { offset: 2 }], ['a', 'q', { offset: 1 }], ['b', 'p', { offset: 1 }], ['/w==', 'p', { offset: 3 }], ['é', 'p', { offset: 4 }],
  ])
})

t.test('of a line without a position nobody can tell whether it came before: it is never left out', async (t) => {
  const path = join(t.testdir(), 'rejects')
  for (let run = 0; run < 2; run++) {
    const rejects = new World().rejects(path)
    for (let twice = 0; twice < 2; twice++) rejects.add(Buffer.from('a'), { reason: 'why', partition: 'p', position: null })
    await rejects.close()
  }
  t.equal(entriesIn(path).length, 4)
})

t.test('in a file with more than is looked at, the last lines are known again', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const at = (offset: number) => ({ reason: 'why', partition: 'p', position: { offset } })
  const first = new World().rejects(path)
  for (let n = 0; n < 40_000; n++) first.add(Buffer.from(`line ${n}`), at(n))
  await first.close()
  const { size } = statSync(path)
  const second = new World().rejects(path)
  for (let n = 30_000; n < 40_001; n++) second.add(Buffer.from(`line ${n}`), at(n))
  await second.close()
  t.equal(readFileSync(path).subarray(size).toString().split('\n').length - 1, 1)
})

t.test('a long line that begins again, as its input does, stands there from its first part on', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const rejects = new World().rejects(path)
  const at = (offset: number) => ({ reason: 'too long', partition: 'p', position: { offset } })
  for (const [piece, last, from] of [['ab', false, 0], ['cd', false, 2], ['abc', false, 0], ['d', true, 3], ['xy', false, 5], ['z', true, 7]] as const) {
    rejects.addPart(Buffer.from(piece), last, at(from + piece.length), from)
  }
  await rejects.close()
  t.strictSame(entriesIn(path).map(({ line, part, more }) => [line, part, more]), [
    ['ab', 0, true], ['cd', 1, true], ['abc', 0, true], ['d', 1, false], ['xy', 0, true], ['z', 1, false],
  ])
  t.equal(rejects.count, 3)
})

t.test('an entry that a crash cut is ended, and the next one is whole', async (t) => {
  const path = join(t.testdir(), 'rejects')
  writeFileSync(path, '{"time":"x"}\n{"time":"2026')
  const rejects = new World().rejects(path)
  rejects.add(Buffer.from('a'), { reason: 'why', partition: 'p', position: null })
  await rejects.close()
  const lines = readFileSync(path, 'utf8').split('\n')
  t.strictSame(lines.slice(0, 2), ['{"time":"x"}', '{"time":"2026'])
  t.equal((JSON.parse(lines[2]!) as Entry).line, 'a')
})

t.test('two that append to one file overwrite nothing', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const both = [new World().rejects(path), new World().rejects(path)]
  for (let round = 0; round < 50; round++) {
    for (const [index, rejects] of both.entries()) rejects.add(Buffer.from(`${index}.${round}`), { reason: 'why', partition: 'p', position: null })
    await Promise.all(both.map((rejects) => rejects.flush()))
  }
  await Promise.all(both.map((rejects) => rejects.close()))
  t.equal(new Set(entriesIn(path).map((entry) => entry.line)).size, 100)
})

t.test('flush() returns when the file is synced, with all that was added before it', async (t) => {
  const path = join(t.testdir(), 'rejects')
  const synced: number[] = []
  const disk = withSync(async (file) => {
    await file.sync()
    synced.push(entriesIn(path).length)
  })
  const rejects = new World().rejects(path, disk)
  rejects.add(Buffer.from('a'), { reason: 'why', partition: 'p', position: null })
  const first = rejects.flush()
  rejects.add(Buffer.from('b'), { reason: 'why', partition: 'p', position: null })
  await rejects.flush()
  t.equal(synced.at(-1), 2)
  await first
  await rejects.flush()
  t.equal(synced.length, 2, 'nothing new, no sync')
  await rejects.close()
})

t.test('after a failed sync every flush() fails: nothing is acked any more', async (t) => {
  let syncs = 0
  const disk = withSync(() => {
    syncs++
    return Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
  })
  const rejects = new World().rejects(join(t.testdir(), 'rejects'), disk)
  rejects.add(Buffer.from('a'), { reason: 'why', partition: 'p', position: null })
  const failure = { name: 'FlumeError', code: 'IO', message: /cannot write rejects to/, cause: { code: 'EIO' } }
  await t.rejects(rejects.flush(), failure)
  await t.rejects(rejects.flush(), failure)
  rejects.add(Buffer.from('b'), { reason: 'why', partition: 'p', position: null })
  await t.rejects(rejects.flush(), failure)
  t.equal(syncs, 1, 'the file is not synced again')
})

t.test('a directory that cannot be made fails the flush', async (t) => {
  const rejects = new World().rejects(join(t.testdir({ file: '' }), 'file', 'rejects'))
  rejects.add(Buffer.from('a'), { reason: 'why', partition: 'p', position: null })
  await t.rejects(rejects.flush(), { code: 'IO', cause: { message: /\/file is no directory$/ } })
})

t.test('/dev/null takes them', async () => {
  const rejects = new World().rejects('/dev/null')
  rejects.add(Buffer.from('a'), { reason: 'why', partition: 'p', position: null })
  await rejects.close()
})

t.test('it says so at once, then once per minute, and at the end what is still unsaid', async (t) => {
  const world = new World()
  const rejects = world.rejects('/dev/null')
  const add = (reason: string): Promise<void> => {
    rejects.add(Buffer.from('a'), { reason, partition: 'p', position: null })
    return rejects.flush()
  }
  await add('one')
  await add('two')
  world.ms += 59_999
  await add('three')
  world.ms += 1
  await add('four')
  await add('five')
  await rejects.close()
  t.strictSame(world.said, [
    '1 line is no event: one; kept in /dev/null',
    '3 lines are no events, the last: four; kept in /dev/null',
    '1 line is no event: five; kept in /dev/null',
  ])
})

t.test('a file that would grow beyond its bound takes nothing more, from then on; moved away, another one does', async (t) => {
  const path = join(t.testdir({}), 'rejects')
  const world = new World()
  const made = (): Rejects => new Rejects(nodeDisk, path, world.clock, (message) => world.said.push(message), 300)
  const first = made()
  first.add(Buffer.from('x'.repeat(100)), { reason: 'long', partition: 'p', position: null })
  await first.flush()
  const { size } = statSync(path)
  first.add(Buffer.from('y'.repeat(100)), { reason: 'long', partition: 'p', position: null })
  await t.rejects(first.flush(), { code: 'IO', cause: { message: /more than --rejects-bytes-max allows \(300\)/ } })
  first.add(Buffer.from('z'), { reason: 'short', partition: 'p', position: null })
  await t.rejects(first.flush(), { code: 'IO' }, 'what is not written must not be acked')
  const second = made()
  second.add(Buffer.from('y'.repeat(100)), { reason: 'long', partition: 'p', position: null })
  await t.rejects(second.flush(), { code: 'IO' }, 'nor by the next process')
  t.equal(statSync(path).size, size)
  renameSync(path, `${path}.old`)
  const third = made()
  third.add(Buffer.from('y'.repeat(100)), { reason: 'long', partition: 'p', position: null })
  await third.close()
  t.match(entriesIn(path), [{ line: 'y'.repeat(100) }])
})
