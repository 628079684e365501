/**
 * flume-spool(1): each event of each file that is dropped into a directory exactly once, in order, and the file set aside
 * once all of it is acked, whatever is done to the files and whenever the process is killed. Not tested here: the commands
 * themselves, test/pipelines/spool.
 */
import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { gzipSync } from 'node:zlib'
import type { Disk } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'
import { dying, Queue, spooled, watched, type SpoolRun } from '../support/spooling.js'
import { unmounting } from '../support/unmounting.js'

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
const text = (from: number, to: number): string => numbers(from, to).map((line) => `${line}\n`).join('')
/** A reader that gives no acks. */
const PLAIN = { kind: 'plain' } as const

/** Files come in several batches. */
const SMALL = { batchBytesMax: 2000 }

/** As between two mounts: no name of the one is linked to a name of the other. */
const elsewhere: Disk = {
  ...nodeDisk,
  link: (from, to) => (dirname(from) === dirname(to) ? nodeDisk.link(from, to) : Promise.reject(Object.assign(new Error('another'), { code: 'EXDEV' }))),
}

/** A directory with files in it, the first one the oldest. */
function dropped(t: Test, files: Record<string, string | Buffer>): string {
  const directory = join(t.testdir({ in: {} }), 'in')
  Object.entries(files).forEach(([name, content], index) => drop(directory, name, content, index))
  return directory
}

function drop(directory: string, name: string, content: string | Buffer, minute = 0): void {
  const path = join(directory, name)
  fs.mkdirSync(join(path, '..'), { recursive: true })
  fs.writeFileSync(path, content)
  const time = Date.UTC(2020, 0, 1, 0, minute) / 1000
  fs.utimesSync(path, time, time)
}

const names = (directory: string): string[] => fs.readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()

t.test('each line of each file is sent once, the files in their order, and set aside once acked', async (t) => {
  const directory = dropped(t, { b: text(1, 3), a: text(4, 5), empty: '', c: 'line 6\r\nline 7' })
  const queue = new Queue()
  await spooled(directory, queue)
  t.same(queue.bodies, numbers(1, 7))
  t.same(names(directory), ['a.COMPLETED', 'b.COMPLETED', 'c.COMPLETED', 'empty.COMPLETED'])
  t.same(new Set(queue.headers.map((headers) => basename(headers.get('file')!))), new Set(['b', 'a', 'c']))
  await spooled(directory, queue)
  t.same(queue.bodies, numbers(1, 7), 'a second run finds nothing')
  t.same(queue.held.size, 0, 'and then nothing is remembered of files that are set aside')
})

t.test('a reader that gives no acks gets all of it, and nothing is set aside', async (t) => {
  const directory = dropped(t, { a: text(1, 3) })
  for (const run of ['first', 'second']) {
    const queue = new Queue()
    await spooled(directory, queue, { reader: PLAIN })
    t.same(queue.bodies, numbers(1, 3), run)
  }
  t.same(names(directory), ['a'])
})

t.test('for a reader that acks but keeps nothing, places are kept in a state file', async (t) => {
  const directory = dropped(t, { a: text(1, 600), b: text(601, 603) })
  const reader = { kind: 'acks' } as const
  const queue = new Queue()
  const options = { ...SMALL, statePath: `${directory}.json` }
  await t.rejects(spooled(directory, queue, { reader, options, batches: 2 }))
  t.same(names(directory), ['a', 'b'])
  fs.rmSync(`${directory}.lock`) // the process that held them is this one
  fs.rmSync(`${directory}.json.lock`)
  await spooled(directory, queue, { reader, options })
  t.equal(queue.bodies.join(), numbers(1, 603).join())
  t.same(names(directory), ['a.COMPLETED', 'b.COMPLETED'])
})

t.test('what became of files that are set aside:', async (t) => {
  t.test('moved to a directory, with the path that they had', async (t) => {
    const directory = dropped(t, { 'a/x': text(1, 1), b: text(2, 2) })
    const to = join(directory, '..', 'read')
    const queue = new Queue()
    await spooled(directory, queue, { options: { recursive: true, done: { how: 'move', directory: to } } })
    t.same(queue.bodies, numbers(1, 2))
    t.same(names(directory), ['a'])
    t.same(names(to), ['a', 'a/x', 'b'])
  })

  t.test('moved to a directory among them, which is not looked into', async (t) => {
    const directory = dropped(t, { a: text(1, 1) })
    const options = { recursive: true, done: { how: 'move', directory: join(directory, 'read') } } as const
    const queue = new Queue()
    await spooled(directory, queue, { options })
    await spooled(directory, queue, { options })
    t.same(queue.bodies, numbers(1, 1))
    t.same(names(directory), ['read', 'read/a'])
  })

  t.test('moved to a directory among them that is called otherwise, which is not looked into either', async (t) => {
    const directory = dropped(t, { a: text(1, 1), 'read/.keep': '' })
    fs.symlinkSync('in/read', `${directory}.read`)
    const options = { recursive: true, done: { how: 'move', directory: `${directory}.read` } } as const
    const queue = new Queue()
    await spooled(directory, queue, { options })
    await spooled(directory, queue, { options })
    t.same(queue.bodies, numbers(1, 1))
    t.same(names(directory), ['read', 'read/.keep', 'read/a'])
  })

  t.test('where its new name is its old one, by another path, it is named, and stays', async (t) => {
    for (const disk of [nodeDisk, elsewhere]) {
      const directory = dropped(t, { 'sub/a': text(1, 1), b: text(2, 2) })
      const to = `${directory}.read`
      fs.mkdirSync(to)
      fs.symlinkSync('../in/sub', join(to, 'sub'))
      const queue = new Queue()
      const { said } = await spooled(directory, queue, { options: { recursive: true, done: { how: 'move', directory: to } }, around: { disk } })
      t.match(said, [/^cannot move .*\/in\/sub\/a to .*in\.read: it is there by another path; it was read, and is not read again$/])
      t.same([names(directory), names(to)], [['sub', 'sub/a'], ['b', 'sub', 'sub/a']])
    }
  })

  t.test('where its new name is a link to it, it gets another one', async (t) => {
    const directory = dropped(t, { a: text(1, 1) })
    const to = `${directory}.read`
    fs.mkdirSync(to)
    fs.symlinkSync('../in/a', join(to, 'a'))
    await spooled(directory, new Queue(), { options: { done: { how: 'move', directory: to } } })
    t.same([names(directory), names(to)], [[], ['a', 'a.1']])
    t.equal(fs.readFileSync(join(to, 'a.1'), 'utf8'), text(1, 1))
  })

  t.test('deleted', async (t) => {
    const directory = dropped(t, { a: text(1, 1) })
    await spooled(directory, new Queue(), { options: { done: { how: 'delete' } } })
    t.same(names(directory), [])
  })

  t.test('where the name is taken, with a number in it', async (t) => {
    const directory = dropped(t, { 'a.COMPLETED': 'mine\n', 'a.1.COMPLETED': 'mine\n', a: text(1, 1) })
    await spooled(directory, new Queue())
    t.same(names(directory), ['a.1.COMPLETED', 'a.2.COMPLETED', 'a.COMPLETED'])
    t.equal(fs.readFileSync(join(directory, 'a.COMPLETED'), 'utf8'), 'mine\n')
    t.equal(fs.readFileSync(join(directory, 'a.2.COMPLETED'), 'utf8'), text(1, 1))
  })

  t.test('where there are no hard links, by their name alone', async (t) => {
    const directory = dropped(t, { 'a.COMPLETED': 'mine\n', a: text(1, 1) })
    const link = () => Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' }))
    await spooled(directory, new Queue(), { around: { disk: { ...nodeDisk, link } } })
    t.same(names(directory), ['a.1.COMPLETED', 'a.COMPLETED'])
  })

  t.test('one that cannot be is named, not read again, and holds up no other', async (t) => {
    const directory = dropped(t, { a: text(1, 1), b: text(2, 2) })
    const link = (from: string, to: string) =>
      basename(from) === 'a' ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : nodeDisk.link(from, to)
    const queue = new Queue()
    const { said, source } = await spooled(directory, queue, { around: { disk: { ...nodeDisk, link } } })
    t.match(said, [/^cannot move .*\/in\/a to a\.COMPLETED: no space left on device; it was read, and is not read again$/])
    t.equal(source.failures.length, 1)
    t.same(names(directory), ['a', 'b.COMPLETED'])
    await spooled(directory, queue)
    t.same(queue.bodies, numbers(1, 2))
    t.same(names(directory), ['a.COMPLETED', 'b.COMPLETED'])
  })

  t.test('one of which nobody can tell whether it is there cannot be, and holds up no other', async (t) => {
    const directory = dropped(t, { a: text(1, 1), b: text(2, 2) })
    let shut = false
    const link: Disk['link'] = (from, to) => {
      shut = basename(from) === 'a'
      return shut ? Promise.reject(Object.assign(new Error('gone'), { code: 'ENOENT' })) : nodeDisk.link(from, to)
    }
    const statNow: Disk['statNow'] = (path) => {
      if (!shut || basename(path) !== 'a') return nodeDisk.statNow(path)
      shut = false
      throw Object.assign(new Error('bad'), { code: 'EIO' })
    }
    const { source } = await spooled(directory, new Queue(), { around: { disk: { ...nodeDisk, link, statNow } } })
    t.equal(source.failures.length, 1)
    t.same(names(directory), ['a', 'b.COMPLETED'])
  })
})

t.test('a name that is used again is another file, with the same bytes, too', async (t) => {
  const directory = dropped(t, { a: 'up\n' })
  const queue = new Queue()
  for (const done of [{ how: 'delete' }, { how: 'delete' }, { how: 'suffix', suffix: '.COMPLETED' }] as const) {
    await spooled(directory, queue, { options: { done } })
    drop(directory, 'a', 'up\n')
  }
  t.same(queue.bodies, ['up', 'up', 'up'])
})

t.test('killed after each batch, its last ones acked or not, it leaves each line once', async (t) => {
  const files = { a: text(1, 150), b: text(151, 152), c: gzipSync(text(153, 300)), d: 'line 301' }
  let kills = 0
  for (const acks of [true, false]) {
    for (let batches = 0; ; batches++) {
      const directory = dropped(t, files)
      const queue = new Queue()
      const killed = await spooled(directory, queue, { batches, acks, options: SMALL }).then(() => false, () => true)
      if (!killed) break
      kills++
      await spooled(directory, queue)
      t.same(queue.bodies, numbers(1, 301), `killed after ${batches} batches`)
      t.same(names(directory), ['a.COMPLETED', 'b.COMPLETED', 'c.COMPLETED', 'd.COMPLETED'])
    }
  }
  t.ok(kills > 16, `${kills} kills`)
})

t.test('killed at each call that sets a file aside, it leaves each line once, and each file set aside', async (t) => {
  const dones: NonNullable<SpoolRun['options']>['done'][] = [{ how: 'suffix', suffix: '.COMPLETED' }, { how: 'delete' }, { how: 'move', directory: '' }]
  for (const made of [true, false]) {
    for (const how of dones) {
      for (let calls = 1; ; calls++) {
        const directory = dropped(t, { a: text(1, 2), 'b/c': text(3, 4), 'b/d': text(5, 5) })
        const done = how?.how === 'move' ? { how: 'move' as const, directory: join(directory, '..', 'read') } : how!
        const queue = new Queue()
        const options = { recursive: true, done, statePath: `/${join(directory, '..', 'home')}/s.json` }
        fs.mkdirSync(join(directory, '..', 'home'), { recursive: true })
        const death = new AbortController()
        const died = new Promise<boolean>((resolve) => death.signal.addEventListener('abort', () => resolve(true)))
        const disk = dying(calls, made, death)
        const killed = await Promise.race([died, spooled(directory, queue, { options, around: { disk }, death: death.signal }).then(() => false)])
        if (!killed) break
        await spooled(directory, queue, { options: { ...options, statePath: `${options.statePath}2` } })
        t.same(queue.bodies, numbers(1, 5), `${done.how}, call ${calls}`)
        const left = names(directory).filter((name) => fs.statSync(join(directory, name)).isFile())
        t.same(left, done.how === 'suffix' ? ['a.COMPLETED', 'b/c.COMPLETED', 'b/d.COMPLETED'] : [], `${done.how}, call ${calls}`)
        if (done.how === 'move') t.same(names(done.directory), ['a', 'b', 'b/c', 'b/d'])
      }
    }
  }
})

t.test('a file that changes after its reading began:', async (t) => {
  t.test('what was appended is read, too, and then it is set aside', async (t) => {
    const directory = dropped(t, { a: text(1, 500), b: text(502, 502) })
    const queue = new Queue()
    await t.rejects(spooled(directory, queue, { batches: 2, options: SMALL }))
    fs.appendFileSync(join(directory, 'a'), text(501, 501))
    await spooled(directory, queue)
    t.equal(queue.bodies.sort().join(), numbers(1, 502).sort().join())
    t.same(names(directory), ['a.COMPLETED', 'b.COMPLETED'])
  })

  t.test('also while it is read, and between its last ack and its being set aside', async (t) => {
    for (const batches of [1, 3]) {
      const directory = dropped(t, { a: text(1, 500) })
      const queue = new Queue()
      const between = ({ batches: taken }: Queue): void => {
        if (taken === batches) fs.appendFileSync(join(directory, 'a'), text(501, 502))
      }
      await spooled(directory, queue, { between, options: SMALL })
      await spooled(directory, queue)
      t.equal(queue.bodies.join(), numbers(1, 502).join())
      t.same(names(directory), ['a.COMPLETED'])
    }
  })

  t.test('what was rewritten is said, as what is lost of it is, and read as another file', async (t) => {
    const directory = dropped(t, { a: text(1, 500), b: 'other\n' })
    const queue = new Queue()
    await t.rejects(spooled(directory, queue, { batches: 1, options: SMALL }))
    const read = queue.bodies.length
    fs.writeFileSync(join(directory, 'a'), 'new\n')
    const { said } = await spooled(directory, queue)
    t.same(queue.bodies.slice(read).sort(), ['', 'new', 'other'])
    const gap = queue.headers.find((headers) => headers.has('flume.gap'))!
    const lost = { 'flume.gap': 'rewritten', first: String(text(1, read).length), last: String(text(1, 500).length - 1) }
    t.match(Object.fromEntries(gap), lost)
    t.match(said, [/^going on with .*\/a at byte \d+$/, /\/a was rewritten after its reading began: it is read as another file/])
    t.same(names(directory), ['a.COMPLETED', 'b.COMPLETED'])
    await spooled(directory, queue)
    t.same(queue.held.size, 0)
  })

  t.test('removed in the middle, it leaves a gap event', async (t) => {
    const directory = dropped(t, { a: text(1, 500) })
    const queue = new Queue()
    await t.rejects(spooled(directory, queue, { batches: 1, options: SMALL }))
    fs.rmSync(join(directory, 'a'))
    const { said } = await spooled(directory, queue)
    t.equal(queue.headers.at(-1)?.get('flume.gap'), 'removed')
    t.match(said, [/\/a was removed before all of it was read$/])
    await spooled(directory, queue)
    t.same(queue.held.size, 0)
  })

  t.test('renamed in the middle, it is read on', async (t) => {
    const directory = dropped(t, { a: text(1, 500) })
    const queue = new Queue()
    await t.rejects(spooled(directory, queue, { batches: 1, options: SMALL }))
    fs.renameSync(join(directory, 'a'), join(directory, 'z'))
    await spooled(directory, queue)
    t.equal(queue.bodies.join(), numbers(1, 500).join())
    t.same(names(directory), ['z.COMPLETED'])
  })

  t.test('copied to another disk in the middle, it is read on', async (t) => {
    const directory = dropped(t, { a: text(1, 500) })
    const queue = new Queue()
    await t.rejects(spooled(directory, queue, { batches: 1, options: SMALL }))
    fs.cpSync(join(directory, 'a'), join(directory, 'copy'), { preserveTimestamps: true })
    fs.renameSync(join(directory, 'copy'), join(directory, 'a'))
    await spooled(directory, queue)
    t.equal(queue.bodies.join(), numbers(1, 500).join())
  })
})

t.test('which files:', async (t) => {
  const files = { 'a.log': text(1, 1), 'b.txt': text(2, 2), '.c.log': text(3, 3), 'd/e.log': text(4, 4), 'd/f/g.log': text(5, 5), '.h/i.log': text(6, 6) }
  const cases: [NonNullable<SpoolRun['options']>, number[]][] = [
    [{}, [1, 2]],
    [{ recursive: true }, [1, 2, 4, 5]],
    [{ include: ['*.log'] }, [1]],
    [{ include: ['*.log', '.*'], recursive: true }, [1, 3, 4, 5]],
    [{ include: ['d/*.log'], recursive: true }, [4]],
    [{ include: ['d/**/*.log'], recursive: true }, [4, 5]],
    [{ ignore: ['*.txt'] }, [1]],
    [{ ignore: ['f'], recursive: true }, [1, 2, 4]],
    [{ include: ['*.log'], ignore: ['d'], recursive: true }, [1]],
  ]
  for (const [options, expected] of cases) {
    t.test(JSON.stringify(options), async (t) => {
      const queue = new Queue()
      await spooled(dropped(t, files), queue, { options })
      t.same(queue.bodies, expected.map((n) => `line ${n}`))
    })
  }

  t.test('a link to a file is read, and set aside itself; a pipe or a socket is not', async (t) => {
    const directory = dropped(t, {})
    fs.writeFileSync(join(directory, '../target'), text(1, 1))
    fs.symlinkSync('../target', join(directory, 'a'))
    fs.symlinkSync('nowhere', join(directory, 'b'))
    const queue = new Queue()
    await spooled(directory, queue)
    t.same(queue.bodies, numbers(1, 1))
    t.same(names(directory), ['a.COMPLETED', 'b'])
    t.ok(fs.existsSync(join(directory, '../target')))
  })

  t.test('names are any bytes', async (t) => {
    const directory = dropped(t, { 'two\nlines': text(1, 1), 'grün': text(2, 2) })
    const odd = Buffer.from(`${directory}/caf\xe9`, 'latin1')
    fs.writeFileSync(odd, text(3, 3))
    const odder = Buffer.from(`${directory}/\xffdir`, 'latin1')
    fs.mkdirSync(odder)
    fs.writeFileSync(Buffer.concat([odder, Buffer.from('/😀')]), text(4, 4))
    const queue = new Queue()
    await spooled(directory, queue, { options: { recursive: true, order: 'name' } })
    t.same(queue.bodies.sort(), numbers(1, 4))
    t.ok(queue.headers.some((headers) => headers.get('file') === `${directory}/caf\\xe9`))
    t.ok(fs.existsSync(Buffer.from(`${directory}/caf\xe9.COMPLETED`, 'latin1')))
    const moved = { recursive: true, done: { how: 'move', directory: `${directory}.read` } } as const
    fs.writeFileSync(Buffer.from(`${directory}/\xffdir/\xfe`, 'latin1'), text(5, 5))
    await spooled(directory, queue, { options: moved })
    t.ok(fs.existsSync(Buffer.from(`${directory}.read/\xffdir/\xfe`, 'latin1')))
  })
})

t.test('the order is that of the last change, of that backwards, or of the path', async (t) => {
  const files = { c: text(1, 1), a: text(2, 2), b: text(3, 3) }
  for (const [order, expected] of [['oldest', [1, 2, 3]], ['youngest', [3, 2, 1]], ['name', [2, 3, 1]]] as const) {
    const queue = new Queue()
    await spooled(dropped(t, files), queue, { options: { order } })
    t.same(queue.bodies, expected.map((n) => `line ${n}`), order)
  }
})

t.test('one that cannot be read is said, and holds up no other', async (t) => {
  const directory = dropped(t, { a: text(1, 1), b: text(2, 2) })
  const open: typeof nodeDisk.open = (path, mode, permissions) =>
    basename(path) === 'a' ? Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' })) : nodeDisk.open(path, mode, permissions)
  const queue = new Queue()
  const { said, source } = await spooled(directory, queue, { around: { disk: { ...nodeDisk, open } } })
  t.same(queue.bodies, numbers(2, 2))
  t.match(said, [/^cannot read .*\/a: permission denied$/])
  t.same([...source.trouble.unreadable], [join(directory, 'a')])
  t.same(names(directory), ['a', 'b.COMPLETED'])
})

t.test('a sub-directory that vanishes is passed over in silence, one that cannot be looked into is said; both hold up no other', async (t) => {
  const directory = dropped(t, { a: text(1, 1), 'gone/b': text(0, 0), 'shut/c': text(0, 0), 'there/d': text(2, 2) })
  const entries: typeof nodeDisk.entries = (path) => {
    if (basename(path) === 'gone') fs.rmSync(path, { recursive: true })
    if (basename(path) === 'shut') throw Object.assign(new Error('no'), { code: 'EACCES' })
    return nodeDisk.entries(path)
  }
  const queue = new Queue()
  const { said } = await spooled(directory, queue, { options: { recursive: true }, around: { disk: { ...nodeDisk, entries } } })
  t.same(queue.bodies, numbers(1, 2))
  t.match(said, [/^cannot look into .*\/shut: permission denied$/])
})

t.test('what is begun and not seen is no file that was removed: the next run that sees it goes on where its reading stood;', async (t) => {
  const fails = (code: string) => Object.assign(new Error('no'), { code })
  const isIn = (name: string, path: string): boolean => basename(path) === name
  const shut: typeof nodeDisk.entries = (path) => {
    if (isIn('sub', path)) throw fails('EACCES')
    return nodeDisk.entries(path)
  }
  const stale: typeof nodeDisk.statNow = (path) => {
    if (isIn('big', path)) throw fails('EIO')
    return nodeDisk.statNow(path)
  }
  const recursive = true
  const unseen: Record<string, [run: SpoolRun, said: RegExp[]]> = {
    'its directory cannot be looked into': [{ options: { recursive }, around: { disk: { ...nodeDisk, entries: shut } } }, [/^cannot look into .*sub: permission denied$/]],
    'it cannot be looked at': [{ options: { recursive }, around: { disk: { ...nodeDisk, statNow: stale } } }, [/^cannot look at .*big: i\/o error$/]],
    'its directory is left out': [{}, []],
    'its name is left out': [{ options: { recursive, include: ['a'] } }, []],
    'its name is ignored': [{ options: { recursive, ignore: ['b*'] } }, []],
  }
  for (const [name, [run, said]] of Object.entries(unseen)) {
    t.test(name, async (t) => {
      const directory = dropped(t, { 'sub/big': text(1, 600), a: text(601, 601) })
      const queue = new Queue()
      await t.rejects(spooled(directory, queue, { options: { ...SMALL, recursive }, batches: 1 }))
      const other = await spooled(directory, queue, run)
      t.match(other.said, said)
      t.equal(other.said.length, said.length)
      t.match((await spooled(directory, queue, { options: { recursive } })).said, [/^going on with .*\/sub\/big at byte \d+$/])
      t.same(queue.bodies.toSorted(), numbers(1, 601).toSorted())
    })
  }

  t.test('its file system is not mounted', async (t) => {
    const directory = dropped(t, { 'sub/big': text(1, 600), 'sub/large': text(602, 1200), 'sub/next': text(601, 601) })
    const queue = new Queue()
    let mounted = true
    const around = { disk: unmounting('sub', () => mounted) }
    for (const name of ['big', 'large']) {
      await t.rejects(spooled(join(directory, 'sub'), queue, { options: { ...SMALL, include: [name] }, around, batches: 1 }))
    }
    mounted = false
    t.match((await spooled(join(directory, 'sub'), queue, { around })).said, [/^waiting for .*sub: the file system that was there is not mounted$/])
    mounted = true
    t.match((await spooled(join(directory, 'sub'), queue, { around })).said, [/^going on with 2 files where their reading stood$/])
    t.same(queue.bodies.toSorted(), numbers(1, 1200).toSorted())
  })

  t.test('but one on the file system of the root that is removed is, also where that has another number since', async (t) => {
    const directory = dropped(t, { 'sub/big': text(1, 600) })
    const queue = new Queue()
    let root = 0xffffdn
    const around = { disk: unmounting('away', () => true, () => root) }
    await t.rejects(spooled(directory, queue, { options: { ...SMALL, recursive }, around, batches: 1 }))
    fs.rmSync(join(directory, 'sub/big'))
    root--
    t.match((await spooled(directory, queue, { around })).said, [/sub\/big was removed before all of it was read$/])
    t.match(queue.headers.at(-1), new Map([['flume.gap', 'removed']]))
  })

  t.test('but one that is removed meanwhile is', async (t) => {
    const directory = dropped(t, { 'sub/big': text(1, 600) })
    const queue = new Queue()
    await t.rejects(spooled(directory, queue, { options: { ...SMALL, recursive }, batches: 1 }))
    fs.rmSync(join(directory, 'sub/big'))
    t.match((await spooled(directory, queue)).said, [/sub\/big was removed before all of it was read$/])
    t.match(queue.headers.at(-1), new Map([['flume.gap', 'removed']]))
  })
})

t.test('a directory that is reached by another name holds the same files: one that is begun goes on where its reading stood', async (t) => {
  const directory = dropped(t, { 'sub/big': text(1, 600) })
  fs.symlinkSync('in', `${directory}.link`)
  const options = { ...SMALL, recursive: true }
  for (const [first, then] of [[directory, `${directory}.link`], [`${directory}.link`, directory]] as const) {
    const queue = new Queue()
    await t.rejects(spooled(first, queue, { options, batches: 1 }))
    await spooled(then, queue, { options })
    t.equal(queue.bodies.join(), numbers(1, 600).join())
    fs.renameSync(join(directory, 'sub/big.COMPLETED'), join(directory, 'sub/big'))
  }
})

t.test('a damaged .gz is read as far as it goes, said, and stays', async (t) => {
  const packed = gzipSync(text(1, 500))
  const directory = dropped(t, { a: packed.subarray(0, packed.length - 100), b: text(0, 0) })
  const queue = new Queue()
  const { said } = await spooled(directory, queue)
  t.same(queue.bodies.slice(0, 3), numbers(1, 3))
  t.match(said, [/^cannot read all of .*\/a: it ends in the middle$/])
  t.same(names(directory), ['a', 'b.COMPLETED'])
  const before = queue.bodies.length
  await spooled(directory, queue)
  t.equal(queue.bodies.length, before, 'none of its lines is sent twice')
})

t.test('a .gz that is cut to any size is damaged, and stays', async (t) => {
  const packed = gzipSync(text(1, 20))
  for (let size = 1; size < packed.length; size++) {
    const directory = dropped(t, { 'a.gz': packed.subarray(0, size) })
    const { said } = await spooled(directory, new Queue())
    t.match([said, names(directory)], [[/it ends in the middle$/], ['a.gz']], `${size} bytes`)
  }
})

t.test('a line that is too long goes to the rejects, and the file is set aside', async (t) => {
  const directory = dropped(t, { a: `${'x'.repeat(5000)}\n`, b: `line 1\n${'y'.repeat(9_000_000)}` })
  const queue = new Queue()
  const { refused } = await spooled(directory, queue, { options: { eventBytesMax: 1000 } })
  t.same(queue.bodies, numbers(1, 1))
  t.same(refused.join('').replaceAll('\n', '').length, 9_005_000)
  t.same(names(directory), ['a.COMPLETED', 'b.COMPLETED'])
})

t.test('only remembered (--done none), a file is read once, and what is appended to it later, too', async (t) => {
  const directory = dropped(t, { a: text(1, 2), empty: '' })
  const queue = new Queue()
  const options = (run: number) => ({ done: { how: 'none' }, statePath: `${directory}.${run}.json` }) as const
  await spooled(directory, queue, { options: options(1) })
  t.same(names(directory), ['a', 'empty'])
  fs.copyFileSync(`${directory}.1.done`, `${directory}.2.done`)
  fs.appendFileSync(`${directory}.2.done`, '{"half of a li')
  fs.appendFileSync(join(directory, 'a'), text(3, 3))
  drop(directory, 'b', text(4, 4))
  await spooled(directory, queue, { options: options(2) })
  fs.copyFileSync(`${directory}.2.done`, `${directory}.3.done`)
  await spooled(directory, queue, { options: options(3) })
  t.same(queue.bodies.sort(), numbers(1, 4))
  t.same(queue.held.size, 0, 'the queue need not remember')
})

t.test('with --marker a file is finished once its marker is there, and that goes with it', async (t) => {
  const directory = dropped(t, { a: text(1, 1), 'a.done': '', b: text(2, 2) })
  const queue = new Queue()
  await spooled(directory, queue, { options: { marker: '*.done' } })
  t.same(queue.bodies, numbers(1, 1))
  t.same(names(directory), ['a.COMPLETED', 'b'])
  drop(directory, '_SUCCESS', '')
  await spooled(directory, queue, { options: { marker: '_SUCCESS' } })
  t.same(queue.bodies, numbers(1, 2))
  t.same(names(directory), ['_SUCCESS', 'a.COMPLETED', 'b.COMPLETED'])
})

/** What is linked out of the directory would be on another file system. */
const apart = (directory: string, disk = nodeDisk): typeof nodeDisk =>
  new Proxy(disk, {
    get(within, name: keyof typeof nodeDisk) {
      if (name !== 'link') return within[name]
      return (from: string, target: string) =>
        from.startsWith(`${directory}/`) ? Promise.reject(Object.assign(new Error('another'), { code: 'EXDEV' })) : within.link(from, target)
    },
  })

t.test('a file is moved to another file system as a copy with its mode, times and owner, which is whole before it has its name', async (t) => {
  const directory = dropped(t, { a: text(1, 300) })
  const to = `${directory}.read`
  fs.utimesSync(join(directory, 'a'), 1e9 + 0.5, 1e9 + 0.123)
  fs.chmodSync(join(directory, 'a'), 0o4654)
  if (process.getuid?.() === 0) fs.chownSync(join(directory, 'a'), 1234, 2345)
  fs.chmodSync(join(directory, 'a'), 0o4654)
  const before = fs.statSync(join(directory, 'a'))
  await spooled(directory, new Queue(), { options: { done: { how: 'move', directory: to } }, around: { disk: apart(directory) } })
  t.same(names(directory), [])
  t.same(names(to), ['a'])
  t.equal(fs.readFileSync(join(to, 'a'), 'utf8'), text(1, 300))
  const { mode, uid, gid, mtimeMs } = fs.statSync(join(to, 'a'))
  t.same([mode, uid, gid], [before.mode, before.uid, before.gid])
  t.ok(Math.abs(mtimeMs - before.mtimeMs) < 1, 'the time of its last change')
})

t.test('killed at each call while it is copied to another file system, a file is there once', async (t) => {
  for (const made of [true, false]) {
    for (let calls = 1; ; calls++) {
      const directory = dropped(t, { a: text(1, 300) })
      const to = `${directory}.read`
      const queue = new Queue()
      const options = (run: number) => ({ done: { how: 'move', directory: to }, statePath: `${directory}.${run}.json` }) as const
      const death = new AbortController()
      const died = new Promise<boolean>((resolve) => death.signal.addEventListener('abort', () => resolve(true)))
      const disk = apart(directory, dying(calls, made, death))
      const killed = await Promise.race([died, spooled(directory, queue, { options: options(1), around: { disk }, death: death.signal }).then(() => false)])
      await spooled(directory, queue, { options: options(2), around: { disk: apart(directory) } })
      t.same([names(directory), names(to)], [[], ['a']], `killed at call ${calls}, which was ${made ? '' : 'not '}made`)
      t.same(queue.bodies, numbers(1, 300))
      if (!killed) break
    }
  }
})

t.test('another file of the same name that came before, on another file system, is no copy of it', async (t) => {
  const directory = dropped(t, { a: 'line 1\n' })
  const to = `${directory}.read`
  const run = { options: { done: { how: 'move', directory: to } }, around: { disk: apart(directory) } } as const
  await spooled(directory, new Queue(), run)
  drop(directory, 'a', 'line 2\n')
  await spooled(directory, new Queue(), run)
  drop(directory, 'a', 'line 2\n', 9)
  await spooled(directory, new Queue(), run)
  t.same(names(to), ['a', 'a.1', 'a.2'])
})

/** ms since the epoch. */
const day = (n: number): number => Date.UTC(2023, 0, 1 + n)

t.test('only remembered (--done none): what is remembered does not grow with files that come and go, or change', async (t) => {
  const directory = dropped(t, { stays: text(1, 1) })
  const queue = new Queue()
  const options = { done: { how: 'none' }, statePath: `${directory}.json` } as const
  const sizes: number[] = []
  const rounds = 8
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < 600; n++) drop(directory, `${n}`, text(n, n))
    await spooled(directory, queue, { options, now: day(round * 40) })
    for (let n = 0; n < 600; n++) fs.rmSync(join(directory, `${n}`))
    await spooled(directory, queue, { options, now: day(round * 40 + 1) })
    sizes.push(fs.statSync(`${directory}.done`).size)
  }
  t.equal(queue.bodies.length, 1 + rounds * 600)
  t.ok(Math.max(...sizes) < 4 * sizes[0]!, sizes.join())
  await spooled(directory, queue, { options, now: day(rounds * 40) })
  t.equal(queue.bodies.length, 1 + rounds * 600, 'what is still there is still known')
})

t.test('only remembered (--done none): a file that is away for a while, or is not looked for, is known again', async (t) => {
  const directory = dropped(t, { a: text(1, 2), b: text(3, 4), 'c.log': text(5, 6) })
  const queue = new Queue()
  const options = { done: { how: 'none' }, statePath: `${directory}.json` } as const
  const on = (n: number, more = {}): Promise<unknown> => spooled(directory, queue, { options: { ...options, ...more }, now: day(n) })
  await on(0)
  fs.renameSync(join(directory, 'a'), `${directory}.a`)
  await on(1)
  fs.renameSync(`${directory}.a`, join(directory, 'a'))
  await on(30)
  for (const n of [31, 62, 93]) await on(n, { include: ['*.log'] })
  fs.renameSync(directory, `${directory}.away`)
  fs.mkdirSync(directory)
  for (const n of [94, 130]) await on(n)
  fs.rmdirSync(directory)
  fs.renameSync(`${directory}.away`, directory)
  await on(131)
  t.same(queue.bodies.sort(), numbers(1, 6))
})

t.test('only remembered (--done none): killed at any call while that is written anew, it is known', async (t) => {
  for (const made of [false, true]) {
    for (let calls = 1; ; calls++) {
      const directory = dropped(t, Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`${n}`, text(n, n)])))
      const queue = new Queue()
      const options = (run: number) => ({ done: { how: 'none' }, statePath: `${directory}.${run}.json` }) as const
      await spooled(directory, queue, { options: options(1) })
      fs.writeFileSync(`${directory}.2.done`, '{}\n'.repeat(1200) + fs.readFileSync(`${directory}.1.done`, 'utf8'))
      drop(directory, 'more', text(5, 5))
      const death = new AbortController()
      const died = new Promise<boolean>((resolve) => death.signal.addEventListener('abort', () => resolve(true)))
      const run = { options: options(2), around: { disk: dying(calls, made, death) }, death: death.signal }
      const killed = await Promise.race([died, spooled(directory, queue, run).then(() => false)])
      fs.copyFileSync(`${directory}.2.done`, `${directory}.3.done`)
      await spooled(directory, queue, { options: options(3) })
      t.same(queue.bodies.sort(), numbers(0, 5), `killed at call ${calls}, which was ${made ? '' : 'not '}made`)
      t.ok(fs.statSync(`${directory}.3.done`).size < 3600, 'and is short')
      if (!killed) break
    }
  }
})

t.test('an error while a file is read is said, and holds up no other', async (t) => {
  const directory = dropped(t, { a: text(1, 1), b: text(2, 2) })
  const open: typeof nodeDisk.open = async (path, mode, permissions) => {
    const file = await nodeDisk.open(path, mode, permissions)
    let left = 1 // the first bytes, which tell whether it is compressed
    if (basename(path) === 'a') file.read = () => (left-- > 0 ? Promise.resolve(0) : Promise.reject(Object.assign(new Error('bad'), { code: 'EIO' })))
    return file
  }
  const queue = new Queue()
  const { said } = await spooled(directory, queue, { around: { disk: { ...nodeDisk, open } } })
  t.same(queue.bodies, numbers(2, 2))
  t.match(said, [/^cannot read all of .*\/a: i\/o error$/])
})

t.test('a file that is moved in while it is watched is read at once, without a look at all others; one that is written there is not', async (t) => {
  const directory = dropped(t, {})
  const { bodies, looks } = await watched(directory, () => {
    drop(join(directory, '..'), 'moved', 'moved\n') // some time ago, as the clock of a file system is coarse
    drop(directory, 'written', 'written\n')
    fs.renameSync(join(directory, '../moved'), join(directory, 'moved'))
  })
  t.same(bodies, ['moved'])
  t.equal(looks, 1)
  t.same(names(directory), ['moved', 'written'])
})
