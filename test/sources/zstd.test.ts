/** Files that zstd(1) has compressed: read as what is in them by a Node that can, and left where they are, with a word, by one that cannot. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import zlib from 'node:zlib'
import t, { type Test } from 'tap'
import { Queue, spooled } from '../support/spooling.js'
import { Tailing } from '../support/tailing.js'
import { ZSTD_IS_KNOWN } from '../../src/sources/zstd.js'

const known = ZSTD_IS_KNOWN ? { skip: 'this Node reads them' } : {}
const unknown = ZSTD_IS_KNOWN ? {} : { skip: 'this Node cannot read them' }

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
const text = (from: number, to: number): Buffer => Buffer.from(numbers(from, to).map((line) => `${line}\n`).join(''))
const packed = (plain: Buffer, params = {}): Buffer => (zlib as unknown as { zstdCompressSync(bytes: Buffer, options: object): Buffer }).zstdCompressSync(plain, { params })
/** It says something to others, and holds nothing: as pzstd(1) puts before each frame. */
const SKIPPED = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
const CHECKSUM = { 201: 1 }

/** A directory with files that were finished long ago. */
function dropped(t: Test, files: Readonly<Record<string, Buffer>>): string {
  const directory = join(t.testdir({ in: {} }), 'in')
  for (const [name, bytes] of Object.entries(files)) {
    fs.writeFileSync(join(directory, name), bytes)
    fs.utimesSync(join(directory, name), 1e9, 1e9)
  }
  return directory
}

t.test('all of its frames are read, however they are cut, and the file is set aside', unknown, async (t) => {
  const many = Array.from({ length: 300 }, (_, n) => packed(text(n * 10 + 1, n * 10 + 10), n % 2 === 0 ? CHECKSUM : {}))
  const large = packed(text(1, 200_000))
  for (const [name, bytes, last] of [
    ['one frame', large, 200_000],
    ['small frames, as cat makes of many files', Buffer.concat(many), 3000],
    ['a large one and a small one', Buffer.concat([large, packed(text(200_001, 200_002))]), 200_002],
    ['with some that say something to others', Buffer.concat([SKIPPED, packed(text(1, 5)), SKIPPED, packed(text(6, 9)), SKIPPED]), 9],
    ['one that is empty between', Buffer.concat([packed(text(1, 5)), packed(Buffer.alloc(0)), packed(text(6, 7), CHECKSUM)]), 7],
    ['of one byte over and over', packed(Buffer.concat([text(1, 2), Buffer.alloc(1e6, '\n')])), 2],
  ] as const) {
    const directory = dropped(t, { log: bytes })
    const queue = new Queue()
    const { said } = await spooled(directory, queue)
    t.ok(queue.bodies.filter((body) => body !== '').join() === numbers(1, last).join(), name)
    t.same(said, [])
    t.same(fs.readdirSync(directory), ['log.COMPLETED'])
  }
})

t.test('what zstd(1) writes is read', { ...unknown, ...(spawnSync('zstd', ['--version']).status === 0 ? {} : { skip: 'there is no zstd here' }) }, async (t) => {
  const input = text(1, 300_000)
  for (const args of [[], ['-19', '--long=27'], ['--no-check'], ['--format=zstd', '-T2', '-B1MiB']]) {
    const { stdout } = spawnSync('zstd', ['-qc', ...args], { input, maxBuffer: 1e8 })
    const queue = new Queue()
    await spooled(dropped(t, { log: stdout }), queue)
    t.ok(queue.bodies.join() === numbers(1, 300_000).join(), args.join(' '))
  }
})

t.test('nothing is missing of what comes before the damage', unknown, async (t) => {
  const frame = packed(text(1, 30_000), CHECKSUM)
  const wrong = Buffer.concat([frame.subarray(0, -1), Buffer.from([frame.at(-1)! ^ 1])])
  for (const [name, bytes] of [
    ['the sum is another', wrong],
    ['the sum of the second frame is', Buffer.concat([packed(Buffer.alloc(0)), wrong, frame])],
    ['something else comes behind it', Buffer.concat([frame, Buffer.alloc(100_000, 'and text\n')])],
  ] as const) {
    const queue = new Queue()
    await spooled(dropped(t, { a: bytes }), queue)
    t.ok(queue.bodies.join() === numbers(1, 30_000).join(), `${name}: ${queue.bodies.length} lines`)
  }
})

t.test('one that is damaged is read as far as it goes, said, and stays', unknown, async (t) => {
  const first = packed(text(1, 50), CHECKSUM)
  const second = packed(text(51, 90_000), CHECKSUM)
  for (const [name, bytes, reason] of [
    ['it is cut in the second frame', Buffer.concat([first, second.subarray(0, -10)]), /it ends in the middle$/],
    ['it is cut at the end of a header', Buffer.concat([first, second.subarray(0, 6)]), /it ends in the middle$/],
    ['something else comes behind it', Buffer.concat([first, Buffer.from('and text\n')]), /what follows is no frame of zstd$/],
    ['the sum of the second frame is another', Buffer.concat([first, second.subarray(0, -1), Buffer.from([second.at(-1)! ^ 1])]), /: .*checksum/],
  ] as const) {
    const directory = dropped(t, { a: bytes, b: text(0, 0) })
    const queue = new Queue()
    const { said, source } = await spooled(directory, queue)
    t.same(queue.bodies.slice(0, 50), numbers(1, 50), name)
    t.same(queue.bodies.at(-1), 'line 0', 'the next file is read')
    t.match(said, [reason])
    t.same([...source.trouble.incomplete], [join(directory, 'a')])
    t.same(fs.readdirSync(directory).sort(), ['a', 'b.COMPLETED'])
  }
})

t.test('cut to any size it is damaged, and nothing of it is taken for all', unknown, async (t) => {
  const whole = packed(text(1, 20), CHECKSUM)
  for (let size = 4; size < whole.length; size++) {
    const directory = dropped(t, { 'a.zst': whole.subarray(0, size) })
    const { said } = await spooled(directory, new Queue())
    t.match([said, fs.readdirSync(directory)], [[/it ends in the middle$/], ['a.zst']], `${size} bytes`)
  }
})

t.test('where the reading stood in the middle it goes on there', unknown, async (t) => {
  const directory = dropped(t, { log: Buffer.concat([packed(text(1, 40_000)), packed(text(40_001, 90_000))]) })
  const queue = new Queue()
  const options = { batchBytesMax: 200_000 }
  await t.rejects(spooled(directory, queue, { options, batches: 12 }))
  t.ok(queue.bodies.length > 1 && queue.bodies.length < 90_000)
  await spooled(directory, queue, { options })
  t.ok(queue.bodies.join() === numbers(1, 90_000).join())
})

t.test('flume-tail reads it too, and finds in it the rotated log that it was reading', unknown, async (t) => {
  const directory = t.testdir({ 'app.log': text(1, 2000) })
  const tail = async (held: ConstructorParameters<typeof Map<string, never>>[0] = []): Promise<Tailing> => {
    const tailing = new Tailing([`${directory}/app.log`], undefined, { once: true })
    await tailing.start({ kind: 'keeps', held: new Map(held) })
    await tailing.finish()
    await tailing.close()
    return tailing
  }
  const first = await tail()
  fs.writeFileSync(`${directory}/app.log.1.zst`, packed(Buffer.concat([text(1, 2000), text(2001, 2005)])))
  fs.rmSync(`${directory}/app.log`)
  fs.writeFileSync(`${directory}/app.log`, text(2006, 2007))
  const second = await tail(first.held() as never)
  t.same(second.bodies, numbers(2001, 2007))
})

t.test('an older Node leaves it where it is, says what to do, and goes on with others', known, async (t) => {
  const bytes = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.alloc(100)])
  const directory = dropped(t, { 'a.log': bytes, 'b.log': text(1, 2), 'c.zst': Buffer.from([0x28]), d: Buffer.concat([SKIPPED, bytes]) })
  const queue = new Queue()
  const { said, source } = await spooled(directory, queue)
  t.same(queue.bodies, numbers(1, 2))
  t.match(said.sort(), ['a.log', 'c.zst', 'd'].map((name) => new RegExp(`^cannot read .*/${name}: .* Node.js 22.15 or later, or zstd -d first$`)))
  t.equal(source.trouble.incomplete.size, 3)
  t.equal(source.trouble.unreadable.size, 0)
  t.same(fs.readdirSync(directory).sort(), ['a.log', 'b.log.COMPLETED', 'c.zst', 'd'])
  const tailing = new Tailing([`${directory}/*`], undefined, { once: true })
  await tailing.start({ kind: 'keeps', held: new Map() })
  await tailing.finish()
  await tailing.close()
  t.same(tailing.bodies, numbers(1, 2))
  t.equal(tailing.source.damaged.length, 3)
})
