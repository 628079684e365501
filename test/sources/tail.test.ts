/** flume-tail(1): every line of every file exactly once, whatever is done to the files while they are read. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Disk } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'
import { FakeClock } from '../support/clock.js'
import { compress } from '../support/rotating.js'
import { Tailing } from '../support/tailing.js'

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
const text = (from: number, to: number): string => numbers(from, to).map((line) => `${line}\n`).join('')
/** More than the first KiB that tells files apart. */
const LONG = 200
const HOUR = 3_700_000

/** In the order of their numbers: files are read side by side. */
function sorted(bodies: readonly string[]): string[] {
  return [...bodies].sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))
}

/** As logrotate does it. */
function copyTruncate(file: string, copy: string): void {
  fs.copyFileSync(file, copy)
  fs.truncateSync(file)
}

t.test('a file is read from its beginning and followed', async (t) => {
  const file = join(t.testdir({ log: text(1, 3) }), 'log')
  const tailing = new Tailing([file])
  await tailing.start()
  t.same(tailing.bodies, numbers(1, 3))
  fs.appendFileSync(file, text(4, 5))
  await tailing.pass(1000)
  t.same(tailing.bodies, numbers(1, 5))
  t.same(tailing.sent[1]?.mark.from, tailing.sent[0]?.mark.to, 'a batch begins where the last one ended')
  await tailing.close()
})

t.test('a file of many blocks comes in batches of at most 1 MiB, whole and in order', async (t) => {
  const file = join(t.testdir({ log: text(1, 100_000) }), 'log')
  const tailing = new Tailing([file], undefined, { once: true })
  await tailing.start()
  await tailing.finish()
  t.same(tailing.bodies, numbers(1, 100_000))
  t.ok(tailing.sent.every(({ bodies }) => bodies.join('').length < 1_048_576))
  t.ok(tailing.sent.length > 5)
  await tailing.close()
})

t.test('while there is more to read, batches are full: a short one costs as much as a long one', async (t) => {
  const file = join(t.testdir({ log: numbers(100_000, 199_999).join(' '.repeat(90) + '\n') + '\n' }), 'log')
  const tailing = new Tailing([file], undefined, { once: true })
  await tailing.start()
  await tailing.finish()
  const counts = tailing.sent.map(({ bodies }) => bodies.length)
  const short = counts.filter((count) => count < 0.9 * Math.max(...counts))
  t.ok(counts.length > 12, String(counts))
  t.ok(short.length <= 3, `of the first block what is left over, and at the end of the file: ${String(short)}`)
  await tailing.close()
})

t.test('rotation while it is followed:', async (t) => {
  t.test('after a rename and a new file, both are read: the old one to its end', async (t) => {
    const file = join(t.testdir({ log: text(1, 3) }), 'log')
    const tailing = new Tailing([file])
    await tailing.start()
    fs.renameSync(file, `${file}.1`)
    fs.writeFileSync(file, text(5, 6))
    fs.appendFileSync(`${file}.1`, text(4, 4))
    await tailing.pass(1000)
    t.same(sorted(tailing.bodies), numbers(1, 6))
    fs.appendFileSync(`${file}.1`, text(7, 7))
    await tailing.pass(30_000)
    t.same(sorted(tailing.bodies), numbers(1, 7), 'a writer may write to the old one for long')
    await tailing.close()
  })

  t.test('a rename whose new name matches the pattern is the same file still', async (t) => {
    const directory = t.testdir({ 'a.log': text(1, LONG) })
    const tailing = new Tailing([`${directory}/*.log*`])
    await tailing.start()
    fs.renameSync(`${directory}/a.log`, `${directory}/a.log.1`)
    fs.appendFileSync(`${directory}/a.log.1`, text(LONG + 1, LONG + 1))
    fs.writeFileSync(`${directory}/a.log`, text(LONG + 2, LONG + 3))
    await tailing.pass(1000)
    t.same(sorted(tailing.bodies), numbers(1, LONG + 3))
    await tailing.close()
  })

  t.test('copytruncate: what was not read before is read from the copy, and the file again from its beginning', async (t) => {
    for (const [size, pattern] of [[3, 'log'], [LONG, 'log'], [3, 'log*'], [LONG, 'log*']] as const) {
      const directory = t.testdir({ log: text(1, size) })
      const tailing = new Tailing([join(directory, pattern)])
      await tailing.start()
      fs.appendFileSync(`${directory}/log`, text(size + 1, size + 2))
      copyTruncate(`${directory}/log`, `${directory}/log.1`)
      fs.appendFileSync(`${directory}/log`, text(size + 3, size + 3))
      for (let i = 0; i < 4; i++) await tailing.pass(1000)
      t.same(sorted(tailing.bodies), numbers(1, size + 3), `${size} lines, ${pattern}`)
      await tailing.close()
    }
  })

  t.test('a copy that matches is not read while it is being made, nor before its original is truncated', async (t) => {
    for (const size of [3, LONG]) {
      const directory = t.testdir({ log: text(1, size) })
      const tailing = new Tailing([`${directory}/log*`])
      await tailing.start()
      const bytes = fs.readFileSync(`${directory}/log`)
      fs.writeFileSync(`${directory}/log.1`, bytes.subarray(0, bytes.length >> 1))
      await tailing.pass(1000)
      fs.writeFileSync(`${directory}/log.1`, bytes)
      await tailing.pass(500)
      fs.truncateSync(`${directory}/log`)
      fs.appendFileSync(`${directory}/log`, text(size + 1, size + 1))
      for (let i = 0; i < 4; i++) await tailing.pass(1000)
      t.same(sorted(tailing.bodies), numbers(1, size + 1), `${size} lines`)
      await tailing.close()
    }
  })

  t.test('a file truncated in place is read from its beginning, also when it has grown past the old place since', async (t) => {
    const file = join(t.testdir({ log: text(1, 5) }), 'log')
    const tailing = new Tailing([file])
    await tailing.start()
    fs.truncateSync(file)
    fs.appendFileSync(file, text(6, 7))
    for (let i = 0; i < 2; i++) await tailing.pass(1000)
    fs.writeFileSync(file, text(8, 50))
    for (let i = 0; i < 2; i++) await tailing.pass(1000)
    t.same(tailing.bodies, numbers(1, 50))
    t.same(new Set(tailing.sent.map(({ mark }) => mark.partition)).size, 3, 'each time as a partition of its own')
    await tailing.close()
  })

  t.test('a file truncated and written anew, to the same size and so soon that its time does not show it, is read from its beginning', async (t) => {
    const file = join(t.testdir({ log: text(10, 19) }), 'log')
    const tailing = new Tailing([file])
    await tailing.start()
    const { atimeMs, mtimeMs } = fs.statSync(file)
    fs.writeFileSync(file, text(20, 29))
    fs.utimesSync(file, atimeMs / 1000, mtimeMs / 1000)
    for (let i = 0; i < 3; i++) await tailing.pass(1000)
    t.same(tailing.bodies, numbers(10, 29))
    await tailing.close()
  })

  t.test('the unfinished last line of a rotated log is sent, though its new name matches, too', async (t) => {
    const directory = t.testdir({ 'app.log': text(1, 3) })
    const tailing = new Tailing([`${directory}/app*`])
    await tailing.start()
    fs.appendFileSync(`${directory}/app.log`, 'half')
    await tailing.pass(1000)
    fs.renameSync(`${directory}/app.log`, `${directory}/app.log.1`)
    fs.writeFileSync(`${directory}/app.log`, text(4, 5))
    await tailing.pass(1000)
    t.same(sorted(tailing.bodies), numbers(1, 5), 'more of it may come')
    for (let i = 0; i < 2; i++) await tailing.pass(10_000)
    t.same([...tailing.bodies].sort(), ['half', ...numbers(1, 5)])
    await tailing.close()
  })

  t.test('a beginning without an end, all that the log held, is sent once: from the copy, before what grew over it, or though its compressed file matches', async (t) => {
    for (const pattern of ['log', 'log*']) {
      const directory = t.testdir({ log: text(1, 3) })
      const file = `${directory}/log`
      const tailing = new Tailing([`${directory}/${pattern}`])
      await tailing.start()
      copyTruncate(file, `${file}.2`)
      fs.appendFileSync(file, 'half')
      await tailing.pass(1000)
      if (pattern === 'log') {
        copyTruncate(file, `${file}.1`)
        fs.appendFileSync(file, text(4, 5))
      } else {
        fs.renameSync(file, `${file}.1`)
        fs.writeFileSync(file, text(4, 5))
        compress(`${file}.1`)
      }
      for (let i = 0; i < 4; i++) await tailing.pass(5000)
      t.same([...tailing.bodies].sort(), ['half', ...numbers(1, 5)], pattern)
      await tailing.close()
    }
  })

  t.test('a part of a log that was read and closed is not read again, though its compressed file is the newest of all', async (t) => {
    const directory = t.testdir({ log: text(1, LONG) })
    const file = `${directory}/log`
    const tailing = new Tailing([file])
    await tailing.start({ kind: 'plain', held: new Map() })
    fs.renameSync(file, `${file}.1`)
    fs.writeFileSync(file, text(LONG + 1, LONG + 2))
    for (let i = 0; i < 3; i++) await tailing.pass(HOUR)
    compress(`${file}.1`)
    fs.renameSync(`${file}.1.gz`, `${file}.2.gz`)
    fs.utimesSync(`${file}.2.gz`, 4e9, 4e9)
    fs.renameSync(file, `${file}.1`)
    fs.writeFileSync(file, text(LONG + 3, LONG + 3))
    for (let i = 0; i < 4; i++) await tailing.pass(5000)
    t.same(sorted(tailing.bodies), numbers(1, LONG + 3))
    await tailing.close()
  })

  t.test('a log that was seen empty, and was copied and truncated once more before the next look, is read from that copy', async (t) => {
    for (const pattern of ['log', 'log*']) {
      const directory = t.testdir({ log: text(1, LONG) })
      const file = `${directory}/log`
      const tailing = new Tailing([`${directory}/${pattern}`])
      await tailing.start()
      copyTruncate(file, `${file}.2`)
      fs.utimesSync(file, 1e9, 1e9)
      await tailing.pass(1000)
      fs.appendFileSync(file, text(LONG + 1, LONG + 2))
      copyTruncate(file, `${file}.1`)
      fs.appendFileSync(file, text(LONG + 3, LONG + 4))
      for (let i = 0; i < 4; i++) await tailing.pass(5000)
      t.same(sorted(tailing.bodies), numbers(1, LONG + 4), pattern)
      await tailing.close()
    }
  })

  t.test('a copy that is made, and truncated, of what was read since the log was seen empty, just while its directory is looked into, is no other part of it', async (t) => {
    for (const size of [3, LONG]) {
      const file = `${t.testdir({ log: text(1, LONG) })}/log`
      let rotates = false
      const list = async (directory: string): Promise<string[]> => {
        if (rotates) copyTruncate(file, `${file}.1`)
        rotates = false
        return nodeDisk.list(directory)
      }
      const tailing = new Tailing([file], undefined, {}, { disk: { ...nodeDisk, list } })
      await tailing.start()
      copyTruncate(file, `${file}.2`)
      fs.utimesSync(file, 1e9, 1e9)
      await tailing.pass(1000)
      fs.appendFileSync(file, text(LONG + 1, LONG + size))
      rotates = true
      for (let i = 0; i < 4; i++) await tailing.pass(5000)
      t.equal(rotates, false)
      t.same(tailing.bodies, numbers(1, LONG + size), `${size} lines`)
      await tailing.close()
    }
  })

  t.test('the same of one that was rotated before it was met; of a log without a successor nothing is sent that is not finished', async (t) => {
    const directory = t.testdir({ 'app.log': text(4, 5), 'app.log.1': `${text(1, 3)}half`, 'other.log.1': 'unfinished' })
    const tailing = new Tailing([`${directory}/*`])
    await tailing.start()
    for (let i = 0; i < 3; i++) await tailing.pass(10_000)
    t.same([...tailing.bodies].sort(), ['half', ...numbers(1, 5)])
    await tailing.close()
  })

  t.test('a truncation without a copy is said, as what was written just before it is lost; the second of two copies is not the first', async (t) => {
    for (const copies of [[], [1], [0], [0, 1]]) {
      const directory = t.testdir({ log: text(1, 5) })
      const file = join(directory, 'log')
      const tailing = new Tailing([file])
      await tailing.start()
      for (const turn of [0, 1]) {
        fs.appendFileSync(file, turn === 0 ? text(6, 9) : text(10, 20))
        if (copies.includes(turn)) fs.copyFileSync(file, `${file}.${2 - turn}`)
        fs.truncateSync(file)
      }
      fs.appendFileSync(file, text(21, 22))
      for (let i = 0; i < 4; i++) await tailing.pass(1000)
      const kept = [text(1, 5), copies.includes(0) ? text(6, 9) : '', copies.includes(1) ? text(10, 20) : '', text(21, 22)]
      t.same(tailing.bodies, kept.join('').trimEnd().split('\n'), `copies: ${String(copies)}`)
      const said = copies.includes(0) ? [] : [`${file} was truncated, and no copy holds what was read of it: what was written after that, if anything, is lost`]
      t.strictSame(tailing.said, said, 'once')
      await tailing.close()
    }
  })

  t.test('what a truncation destroyed before it was read is a gap event', async (t) => {
    const file = join(t.testdir({ log: `${text(1, 3)}unfinished` }), 'log')
    const tailing = new Tailing([file])
    await tailing.start()
    fs.writeFileSync(file, 'n\n')
    for (let i = 0; i < 2; i++) await tailing.pass(1000)
    t.same(tailing.bodies, [...numbers(1, 3), '', 'n'])
    t.match(Object.fromEntries(tailing.sent[1]!.headers[0]!), { 'flume.gap': 'truncated', file, first: '21', last: '30' })
    const held = tailing.held()
    await tailing.close()
    const next = new Tailing([file], undefined, { once: true })
    await next.start({ kind: 'keeps', held })
    await next.finish()
    t.same(next.bodies, [], 'which is said once')
    await next.close()
  })

  t.test('a file that is deleted is read to its end', async (t) => {
    const file = join(t.testdir({ log: text(1, 3) }), 'log')
    const tailing = new Tailing([file])
    await tailing.start()
    fs.appendFileSync(file, `${text(4, 4)}line 5`)
    fs.unlinkSync(file)
    await tailing.pass(1000)
    t.same(tailing.bodies, numbers(1, 4))
    await tailing.pass(10_000)
    t.same(tailing.bodies, numbers(1, 5), 'its unfinished last line after 10 s')
    fs.writeFileSync(file, text(6, 7))
    for (let i = 0; i < 2; i++) await tailing.pass(1000)
    t.same(tailing.bodies, numbers(1, 7))
    await tailing.close()
  })

  t.test('a new file that got the inode of a deleted one is another', async (t) => {
    const file = join(t.testdir({ log: text(1, LONG) }), 'log')
    const first = new Tailing([file])
    await first.start()
    const held = first.held()
    await first.close()
    const { ino } = fs.statSync(file)
    fs.writeFileSync(file, text(LONG + 1, 3 * LONG)) // stands for it: the inode stays, the content is another
    t.equal(fs.statSync(file).ino, ino)
    const second = new Tailing([file], undefined, { once: true })
    await second.start({ kind: 'keeps', held })
    await second.finish()
    t.same(second.bodies, numbers(LONG + 1, 3 * LONG))
    await second.close()
  })

  t.test('two short files that are the same stay two', async (t) => {
    const directory = t.testdir({ 'a.log': 'started\n' })
    const tailing = new Tailing([`${directory}/*.log`])
    await tailing.start()
    fs.writeFileSync(`${directory}/b.log`, 'started\n')
    for (let i = 0; i < 4; i++) await tailing.pass(1000)
    fs.appendFileSync(`${directory}/b.log`, 'b\n')
    fs.appendFileSync(`${directory}/a.log`, 'a\n')
    await tailing.pass(1000)
    t.same(tailing.bodies.sort(), ['a', 'b', 'started', 'started'])
    await tailing.close()
  })

  t.test('an empty file may be renamed before its first line is written', async (t) => {
    const file = join(t.testdir({ log: '' }), 'log')
    const tailing = new Tailing([file])
    await tailing.start()
    fs.renameSync(file, `${file}.1`)
    fs.writeFileSync(file, '')
    await tailing.pass(1000)
    fs.appendFileSync(`${file}.1`, text(1, 1))
    fs.appendFileSync(file, text(2, 2))
    await tailing.pass(1000)
    t.same(sorted(tailing.bodies), numbers(1, 2))
    await tailing.close()
  })

  t.test('a symlink that is pointed elsewhere leads to another file; both are read', async (t) => {
    const directory = t.testdir({ one: text(1, 2), two: text(3, 4), current: t.fixture('symlink', 'one') })
    const tailing = new Tailing([`${directory}/current`])
    await tailing.start()
    fs.symlinkSync('two', `${directory}/new`)
    fs.renameSync(`${directory}/new`, `${directory}/current`)
    await tailing.pass(1000)
    fs.appendFileSync(`${directory}/one`, text(5, 5))
    fs.appendFileSync(`${directory}/two`, text(6, 6))
    await tailing.pass(1000)
    t.same(sorted(tailing.bodies), numbers(1, 6))
    fs.symlinkSync('one', `${directory}/new`)
    fs.renameSync(`${directory}/new`, `${directory}/current`)
    await tailing.pass(1000)
    t.same(tailing.bodies.length, 6, 'and back again: nothing is read twice')
    await tailing.close()
  })

  t.test('a file of which part is unacked stays open after it is deleted, and is read again for the next reader', async (t) => {
    const file = join(t.testdir({ log: text(1, 3) }), 'log')
    const tailing = new Tailing([file])
    await tailing.start()
    fs.unlinkSync(file)
    for (let i = 0; i < 100; i++) await tailing.pass(1000)
    await tailing.stop()
    await tailing.start()
    t.same(tailing.bodies, [...numbers(1, 3), ...numbers(1, 3)])
    await tailing.source.settle(tailing.sent[1]!.mark)
    for (let i = 0; i < 2; i++) await tailing.pass(60_000)
    await tailing.stop()
    t.notOk(fs.readdirSync('/proc/self/fd').some((fd) => linkOf(fd).startsWith(file)), 'once acked it is closed')
    await tailing.close()
  })
})

function linkOf(fd: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

t.test('a clock that is set back, or forward, delays nothing: new files are found, and a last line is sent in its time', async (t) => {
  for (const hours of [-1, 1]) {
    const directory = t.testdir({ 'a.log': `${text(1, 1)}line 2` })
    const tailing = new Tailing([`${directory}/*.log`])
    await tailing.start()
    fs.renameSync(`${directory}/a.log`, `${directory}/old`)
    await tailing.pass(1000)
    tailing.clock.set(hours * 3_600_000)
    fs.writeFileSync(`${directory}/b.log`, text(3, 3))
    for (let i = 0; i < 3; i++) await tailing.pass(1000)
    t.ok(tailing.bodies.includes('line 3'), `${hours} h`)
    for (let i = 0; i < 10; i++) await tailing.pass(1000)
    t.same(sorted(tailing.bodies), numbers(1, 3), `${hours} h`)
    await tailing.close()
  }
})

t.test('a clock that is set forward in the middle of a look delays no other: new files are found, and what is appended', async (t) => {
  const directory = t.testdir({ 'a.log': text(1, 1) })
  const clock = new FakeClock()
  let hours = 0
  const disk = new Proxy(nodeDisk, {
    get(within, name: keyof Disk) {
      clock.set(hours * 3_600_000)
      return within[name]
    },
  })
  const tailing = new Tailing([`${directory}/*.log`], clock, {}, { disk })
  await tailing.start()
  hours = 1
  for (let i = 0; i < 3; i++) await tailing.pass(1000)
  hours = 0
  fs.appendFileSync(`${directory}/a.log`, text(2, 2))
  fs.writeFileSync(`${directory}/b.log`, text(3, 3))
  for (let i = 0; i < 3; i++) await tailing.pass(1000)
  t.same(sorted(tailing.bodies), numbers(1, 3))
  await tailing.close()
})

t.test('what it takes to open what is new delays no look for what comes next', async (t) => {
  const directory = t.testdir({ 'a.log': text(1, 1), 'b.log': text(2, 2) })
  const clock = new FakeClock()
  const open: typeof nodeDisk.open = async (path, mode, permissions) => {
    clock.advance(5000)
    return nodeDisk.open(path, mode, permissions)
  }
  const tailing = new Tailing([`${directory}/*.log`], clock, {}, { disk: { ...nodeDisk, open } })
  await tailing.start()
  fs.writeFileSync(`${directory}/c.log`, text(3, 3))
  await tailing.pass(1000)
  t.same(sorted(tailing.bodies), numbers(1, 3))
  await tailing.close()
})

t.test('names and patterns:', async (t) => {
  t.test('a file that is not there is waited for; one that appears and matches is read from its beginning', async (t) => {
    const directory = t.testdir({})
    const tailing = new Tailing([`${directory}/named`, `${directory}/app-*.log`], undefined, { fromEnd: true })
    await tailing.start()
    t.same(tailing.bodies, [])
    t.same(tailing.said, [`waiting for ${directory}/named: there is no such file`, `waiting for ${directory}/app-*.log: nothing matches`])
    fs.writeFileSync(`${directory}/named`, text(1, 1))
    fs.writeFileSync(`${directory}/app-1.log`, text(2, 2))
    await tailing.pass(1000)
    fs.writeFileSync(`${directory}/app-2.log`, text(3, 3))
    await tailing.pass(1000)
    t.same(sorted(tailing.bodies), numbers(1, 3))
    await tailing.close()
  })

  t.test('an existing name is itself before it is a pattern; directories among matches are ignored', async (t) => {
    const directory = t.testdir({ 'a[1].log': 'itself\n', 'a1.log': 'other\n', sub: { x: 'x\n' }, 'sub.log': {} })
    const tailing = new Tailing([`${directory}/a[1].log`, `${directory}/s*`], undefined, { once: true })
    await tailing.start()
    await tailing.finish()
    t.same(tailing.bodies, ['itself'])
    t.same(tailing.said, [])
    await tailing.close()
  })

  t.test('a file whose name is not UTF-8 is named, not passed over in silence; a link to it is read', async (t) => {
    const directory = t.testdir({})
    fs.writeFileSync(Buffer.from(`${directory}/bad\xff.log`, 'latin1'), text(1, 2))
    const tailing = new Tailing([`${directory}/*.log`])
    await tailing.start()
    t.match(tailing.said, [/cannot read .*bad\ufffd\.log: its name is not UTF-8; a link/])
    fs.linkSync(Buffer.from(`${directory}/bad\xff.log`, 'latin1'), `${directory}/good.log`)
    await tailing.pass(5000)
    t.same(tailing.bodies, numbers(1, 2))
    await tailing.close()
  })

  t.test('one file under several names is read once', async (t) => {
    const directory = t.testdir({ a: text(1, 3), b: t.fixture('symlink', 'a'), c: t.fixture('link', 'a') })
    const tailing = new Tailing([`${directory}/*`, `${directory}/b`, `${directory}/../${directory.split('/').at(-1)}/a`])
    await tailing.start()
    await tailing.pass(1000)
    t.same(tailing.bodies, numbers(1, 3))
    await tailing.close()
  })

  t.test('a file that may not be read is said once, and the others go on; later it is read', async (t) => {
    const directory = t.testdir({ a: text(1, 2), b: text(3, 4) })
    let denied = true
    const disk: typeof nodeDisk = {
      ...nodeDisk,
      open: (path, ...rest) =>
        denied && path.endsWith('/b') ? Promise.reject(Object.assign(new Error('denied'), { code: 'EACCES' })) : nodeDisk.open(path, ...rest),
    }
    const tailing = new Tailing([`${directory}/*`], undefined, {}, { disk })
    await tailing.start()
    for (let i = 0; i < 3; i++) await tailing.pass(1000)
    t.same(tailing.bodies, numbers(1, 2))
    t.same(tailing.said, [`cannot read ${directory}/b: permission denied`])
    t.same(tailing.source.unreadable, [`${directory}/b`])
    denied = false
    await tailing.pass(1000)
    t.same(tailing.bodies, numbers(1, 4))
    t.same(tailing.source.unreadable, [])
    await tailing.close()
  })

  t.test('--once says what was missing, and reads the others', async (t) => {
    const directory = t.testdir({ a: text(1, 2), sub: {} })
    const tailing = new Tailing([`${directory}/a`, `${directory}/b`, `${directory}/*.log`, `${directory}/sub`], undefined, { once: true })
    await tailing.start()
    await tailing.finish()
    t.same(tailing.bodies, numbers(1, 2))
    t.same(tailing.source.missing, [`${directory}/b`, `${directory}/*.log`, `${directory}/sub`])
    t.match(tailing.said, [`cannot read ${directory}/sub: it is a directory`])
    await tailing.close()
  })
})

t.test('lines:', async (t) => {
  const once = async (directory: string, bytes: Buffer | string, eventBytesMax?: number): Promise<Tailing> => {
    const file = join(directory, 'log')
    fs.writeFileSync(file, bytes)
    const tailing = new Tailing([file], undefined, { once: true, ...(eventBytesMax !== undefined && { eventBytesMax }) })
    await tailing.start()
    await tailing.finish()
    await tailing.close()
    return tailing
  }

  t.test('one CR before the end of a line goes; empty lines and all other bytes stay', async (t) => {
    const { bodies } = await once(t.testdir({}), Buffer.from('a\r\nb\r\r\n\n\0\x01"\\\n\xff\xfe\n\u2028 last', 'latin1'))
    t.same(bodies, ['a', 'b\r', '', '\0\x01"\\', '\xff\xfe', '( last'])
  })

  t.test('an empty file has no lines', async (t) => {
    t.same((await once(t.testdir({}), '')).sent, [])
  })

  t.test('a line of 20 MiB is one event where so long ones are allowed, else it goes to the rejects; what follows goes on', async (t) => {
    const long = 'x'.repeat(20 * 1024 * 1024)
    const taken = await once(t.testdir({}), `before\n${long}\nafter\n`, 32 * 1024 * 1024)
    t.ok(taken.bodies.join() === `before,${long},after`)
    const refused = await once(t.testdir({}), `before\n${long}\nafter\n`)
    t.same(refused.bodies, ['before', 'after'])
    t.ok(refused.refused.join() === long)
  })

  t.test('an event may be exactly as long as --event-bytes-max, and no byte longer', async (t) => {
    for (const size of [100, 70_000, 600_000]) {
      const file = join(t.testdir({ log: `${'y'.repeat(size)}\n${'z'.repeat(size + 1)}\n${'"'.repeat(size)}\nend\n` }), 'log')
      const tailing = new Tailing([file], undefined, { once: true, eventBytesMax: size + file.length + '{"headers":{"file":""},"body":""}\n'.length })
      await tailing.start()
      await tailing.finish()
      t.same(tailing.bodies.map(({ length }) => length), [size, 3])
      t.same(tailing.refused.map(({ length }) => length), [size + 2, size + 1])
      await tailing.close()
    }
  })

  t.test('the end of a last line that was sent without it is no event; more of the line is one, and says so', async (t) => {
    const file = join(t.testdir({ log: 'whole\npart' }), 'log')
    let held = new Map()
    const run = async (more: string): Promise<[string, string | undefined][]> => {
      fs.appendFileSync(file, more)
      const tailing = new Tailing([file], new FakeClock(Date.now() + 60_000), { once: true })
      await tailing.start({ kind: 'keeps', held })
      await tailing.finish()
      held = new Map([...held, ...tailing.held()])
      await tailing.close()
      return tailing.sent.flatMap(({ bodies, headers }) => bodies.map((body, i): [string, string | undefined] => [body, headers[i]!.get('flume.part')]))
    }
    t.same(await run(''), [['whole', undefined], ['part', undefined]])
    t.same(await run(''), [])
    t.same(await run(' more'), [[' more', '1']])
    t.same(await run('!\nnext\nlast'), [['!', '2'], ['next', undefined], ['last', undefined]])
    t.same(await run('\n'), [])
    t.same(await run('end\n'), [['end', undefined]])
  })

  t.test('while it is followed, an unfinished line is not sent on idling', async (t) => {
    const file = join(t.testdir({ log: 'half' }), 'log')
    const tailing = new Tailing([file])
    await tailing.start()
    for (let i = 0; i < 5; i++) await tailing.pass(60_000)
    t.same(tailing.bodies, [])
    fs.appendFileSync(file, ' and half\n')
    await tailing.pass(60_000)
    t.same(tailing.bodies, ['half and half'])
    await tailing.close()
  })

  t.test('headers are those asked for, and fixed ones', async (t) => {
    const file = join(t.testdir({ log: 'a\nbc\nd\n' }), 'log')
    const known = ['file', 'basename', 'host', 'timestamp', 'byteoffset'] as const
    const tailing = new Tailing([file], new FakeClock(1234), { once: true, headers: { known, fixed: new Map([['k', 'v']]) } })
    await tailing.start()
    await tailing.finish()
    const headers = tailing.sent.flatMap(({ headers }) => headers.map((one) => Object.fromEntries(one)))
    const common = { file, basename: 'log', host: 'here', timestamp: headers[0]!.timestamp, k: 'v' }
    t.same(headers, [{ ...common, byteoffset: '0' }, { ...common, byteoffset: '2' }, { ...common, byteoffset: '5' }])
    await tailing.close()
  })
})
