/** What is in place, read back: each file, what is there twice, what is nowhere; and nothing is touched. */
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { printList } from '../../../src/cli/sink-list.js'
import type { Context } from '../../../src/cli/command.js'
import { nodeDisk } from '../../../src/disk/node.js'
import type { Batch } from '../../../src/events/batch.js'
import { systemClock } from '../../../src/events/flow.js'
import type { FileSystem } from '../../../src/sinks/hdfs/filesystem.js'
import { list, type Finding } from '../../../src/sinks/hdfs/list.js'
import { localFileSystem } from '../../../src/sinks/hdfs/local.js'
import { encodeName } from '../../../src/sinks/hdfs/name.js'
import { levelsOf, Places, type PlaceOptions } from '../../../src/sinks/hdfs/path.js'
import { FakeClock } from '../../support/clock.js'
import { chooser, MemoryDisk } from '../../support/memory-disk.js'
import { shell } from '../../support/shell.js'
import { BUCKET, Feed, STREAM, Sinking, TIME, frame, named, optionsOf } from '../../support/sinking.js'

const HOST = { name: 'web1', fqdn: 'web1.example.org', ip: '192.0.2.7' }

/** A file system of these files, one byte each, that only answers what --list may ask. */
function filesAt(paths: readonly string[], unreadable = ''): Pick<FileSystem, 'entries' | 'look'> {
  const below = (directory: string): string => (directory === '/' ? '/' : `${directory}/`)
  return {
    async *entries(directory) {
      if (directory === unreadable) throw Object.assign(new Error('no'), { code: 'EACCES' })
      const rests = paths.filter((path) => path.startsWith(below(directory))).map((path) => path.slice(below(directory).length))
      for (const name of new Set(rests.map((rest) => rest.split('/')[0] ?? ''))) yield { name, size: 1, directory: !rests.includes(name) }
    },
    async look(path) {
      return paths.some((each) => each.startsWith(below(path))) ? { path, size: 0, id: '' } : undefined
    },
  }
}

async function found(files: Pick<FileSystem, 'entries' | 'look'>, path: string): Promise<Finding[]> {
  const findings: Finding[] = []
  for await (const finding of list(files, '', levelsOf(path, HOST))) findings.push(finding)
  return findings
}

const of = (findings: readonly Finding[], kind: Finding['kind']): Finding[] => findings.filter((finding) => finding.kind === kind)
const ranges = (findings: readonly Finding[]): string => findings.map((each) => ('first' in each ? `${each.first}-${each.last}` : '')).join(' ')

t.test('each file in its place: by directory, prefix, stream and range; then the streams', async (t) => {
  const other = encodeName({ prefix: 'events', stream: 'queue=b=r', bucket: '0123abcd', first: 5, last: 6, suffix: '' })
  const paths = [
    `/out/b/${named(0, 9)}`, `/out/a/${named(10, 19)}`, `/out/a/${named(0, 4)}`, `/out/a/${named(2, 30, 'errors', '.ndjson.gz')}`, `/out/a/${other}`,
    `/out/a/_${STREAM}.0-1.tmp`, '/out/a/README', '/out/a/_SUCCESS', '/out/a/x.tmp', `/out/a/.${named(0, 9)}.crc`, `/out/${named(31, 40)}`,
  ]
  const findings = await found(filesAt(paths), '/out')
  const files = of(findings, 'file')
  t.same(files.map((file) => 'path' in file && file.path), [
    `/out/${named(31, 40)}`, `/out/a/${named(2, 30, 'errors', '.ndjson.gz')}`, `/out/a/${named(0, 4)}`, `/out/a/${named(10, 19)}`, `/out/a/${other}`, `/out/b/${named(0, 9)}`,
  ])
  t.same(files[1], { kind: 'file', path: paths[3], prefix: 'errors', stream: STREAM, bucket: BUCKET, first: 2, last: 30, size: 1 })
  t.same(of(findings, 'temporary'), [{ kind: 'temporary', path: `/out/a/_${STREAM}.0-1.tmp`, stream: STREAM, size: 1 }])
  t.same(of(findings, 'overlap'), [], 'the same range in two buckets is none')
  t.same(findings.slice(-2), [
    { kind: 'stream', stream: STREAM, first: 0, last: 40, files: 5, buckets: 4, size: 5, overlaps: 0, missing: 0 },
    { kind: 'stream', stream: 'queue=b=r', first: 5, last: 6, files: 1, buckets: 1, size: 1, overlaps: 0, missing: 0 },
  ])
})

t.test('two files of one bucket and stream that share a sequence overlap, wherever they stand in the order', async (t) => {
  const overlaps = async (...names: string[]): Promise<string> => ranges(of(await found(filesAt(names.map((name) => `/out/${name}`)), '/out'), 'overlap'))
  t.equal(await overlaps(named(0, 9), named(10, 19)), '')
  t.equal(await overlaps(named(0, 9), named(9, 19)), '9-9')
  t.equal(await overlaps(named(0, 99), named(3, 5), named(50, 60), named(100, 110)), '3-5 50-60')
  t.equal(await overlaps(named(0, 9), named(0, 9, 'events', '.log.gz')), '0-9', 'whatever its suffix')
  t.equal(await overlaps(named(0, 9), named(0, 9, 'errors')), '')
  t.equal(await overlaps(named(5, 3), `${named(0, 9).slice(0, -24)}99999999999999999999.log`), '', 'no names that a sink gives')
  const [overlap] = of(await found(filesAt([`/out/${named(3, 5)}`, `/out/${named(0, 4)}`]), '/out'), 'overlap')
  t.match(overlap, { path: `/out/${named(3, 5)}`, other: `/out/${named(0, 4)}`, first: 3, last: 4 })
})

t.test('missing is what no bucket holds, from the lowest to the highest sequence of a stream', async (t) => {
  for (let seed = 0; seed < 60; seed++) {
    const choose = chooser(seed)
    const there = new Set<number>()
    const paths = Array.from({ length: choose(40) + 1 }, (_, n) => {
      const first = choose(400)
      const last = first + choose(seed % 2 === 0 ? 3 : 30)
      for (let each = first; each <= last; each++) there.add(each)
      return `/out/${n}/${named(first, last)}`
    })
    const findings = await found(filesAt(paths), '/out')
    const expected: number[] = []
    for (let each = Math.min(...there); each < Math.max(...there); each++) if (!there.has(each)) expected.push(each)
    const missing = of(findings, 'missing').flatMap((each) => ('first' in each ? Array.from({ length: each.last - each.first + 1 }, (_, n) => each.first + n) : []))
    t.same(missing, expected, `seed ${seed}`)
    t.equal(of(findings, 'missing').length, expected.filter((each) => !expected.includes(each - 1)).length, 'as few ranges as can be')
    t.equal(ranges(of(findings, 'stream')), `${Math.min(...there)}-${Math.max(...there)}`)
  }
})

t.test('directories that the path cannot name are passed over, and hidden ones; all else below is looked through', async (t) => {
  const at = async (path: string, ...directories: string[]): Promise<string[]> => {
    const files = filesAt([...directories.map((directory) => `${directory}/${named(0, 9)}`), '/other/x'])
    return of(await found(files, path), 'file').map((file) => ('path' in file ? dirname(file.path) : ''))
  }
  t.same(await at('/l/web-%Y', '/l/web-2026', '/l/web-2026/12', '/l/proc/1', '/l', '/l/web-'), ['/l', '/l/web-2026', '/l/web-2026/12'])
  t.same(await at('/l/%{k}/raw/%d', '/l/a/raw/01', '/l/a/cooked/01', '/l/_tmp/raw/01', '/l/.Trash/raw/01', '/l/-/raw/02'), ['/l/-/raw/02', '/l/a/raw/01'])
  t.same(await at('/l/%D', '/l/11/23/26', '/l/11/_x/26'), ['/l/11/23/26'])
  t.same(await at('/l/a+(%{k})/%%', '/l/a+(x)/%', '/l/aa(x)/%', '/l/a+(x)/y'), ['/l/a+(x)/%'])
  t.same(await at('/l/%[host]', '/l/web1', '/l/web2'), ['/l/web1'])
  t.same(await at('/l', '/l/deep/er', '/l/_deep/er', '/l2'), ['/l/deep/er'])
  t.same(await at('/', '/l'), ['/l'])
  await t.rejects(found(filesAt(['/l/x']), '/nowhere/%Y'), { code: 'NO_INPUT', message: 'cannot list /nowhere: there is no such directory' })
  t.throws(() => levelsOf('/l/%Q', HOST), { code: 'BAD_OPTION' })
})

t.test('every directory that a sink writes to is found', async (t) => {
  const values = ['a', '', '.hidden', '_x', 'a/b', 'é ☃ 😀', 'x'.repeat(300), '☃'.repeat(200), '%Y', '\n', '..', '-0123456789abcdef', '\u2028', 'a\\b', '(', '$']
  for (const path of ['/o/%{k}', '/o/p%{k}s/%{j}', '/o/%Y-%m/%{k}%{k}', '/o/%D/%t', '/o/%c %{k}/fixed/%z', '/o/%%%{k}']) {
    const options: PlaceOptions = { path, prefix: 'events', round: 1, timeZone: 'UTC', localZone: () => 'UTC', useLocalTimestamp: false }
    const places = new Places(options, HOST)
    const directories = values.flatMap((k) => values.map((j) => places.of(new Map(Object.entries({ k, j })), k === '' ? undefined : String(TIME), TIME).directory))
    const files = new Set(directories.map((directory) => `${directory}/${named(0, 9)}`))
    t.same(of(await found(filesAt([...files]), path), 'file').length, files.size, path)
  }
})

t.test('on this machine: sizes, no symbolic links, nothing where a directory has gone meanwhile', async (t) => {
  const dir = t.testdir({ out: { a: { [named(0, 9)]: 'twelve bytes' }, elsewhere: {} }, linked: { [named(10, 19)]: '' } })
  symlinkSync(join(dir, 'linked'), join(dir, 'out/b'))
  const findings = await found(localFileSystem(nodeDisk), `${dir}/out/%{k}`)
  t.match(of(findings, 'file'), [{ path: `${dir}/out/a/${named(0, 9)}`, size: 12 }])
  t.equal(of(findings, 'file').length, 1)
  t.equal(of(await found(localFileSystem(nodeDisk), `${dir}/out/b`), 'file').length, 1, 'but for the path itself')
  const none: unknown[] = []
  for await (const entry of localFileSystem(nodeDisk).entries(join(dir, 'gone'))) none.push(entry)
  t.same(none, [])
})

t.test('wherever the sink is killed: nothing overlaps, and looking changes nothing; after a replay nothing is missing or left over', async (t) => {
  const SIZE = 5
  const FRAMES = 6
  const framesFrom = (from: number): Batch[] =>
    Array.from({ length: FRAMES }, (_, f) => f * SIZE)
      .filter((first) => first >= from)
      .map((first) => frame(first, Array.from({ length: SIZE }, (_, n) => ({ headers: { k: (first + n) % 4 === 0 ? 'a' : 'b' }, body: 'x' }))))
  const options = optionsOf('', { path: '/out/%{k}', rollCount: 3, codec: 'gzip', suffix: '.log.gz', spool: '/state' })
  const run = async (disk: MemoryDisk, first: number): Promise<number> => {
    const sinking = new Sinking(options, framesFrom(first), disk.boot(), new FakeClock(TIME))
    const error = await Promise.race([sinking.ended, disk.ended])
    if (error instanceof Error) throw error
    return sinking.offsets.at(-1) ?? first
  }
  const whole = new MemoryDisk()
  await run(whole, 0)
  for (let step = 1; step <= whole.steps; step++) {
    const disk = new MemoryDisk()
    disk.plan = { step, failure: 'end' }
    const acked = await run(disk, 0)
    disk.kill()
    const { steps } = disk
    const findings = disk.find('/out') === undefined ? [] : await found(localFileSystem(disk.boot()), '/out/%{k}')
    t.equal(disk.steps, steps)
    t.same(of(findings, 'overlap'), [], `step ${step}`)
    await run(disk, acked)
    const after = await found(localFileSystem(disk.boot()), '/out/%{k}')
    t.equal(ranges(of(after, 'stream')), `0-${SIZE * FRAMES - 1}`)
    t.same([...of(after, 'overlap'), ...of(after, 'missing'), ...of(after, 'temporary')], [], `step ${step}, replayed`)
  }
})

t.test('beside a sink at work: what is missing begins where its acks stand, and is there in the end', async (t) => {
  const disk = new MemoryDisk()
  const feed = new Feed()
  const event = (k: string): object => ({ headers: { k }, body: 'x' })
  const sinking = new Sinking(optionsOf('', { path: '/out/%{k}', rollCount: 2, spool: '/state' }), feed, disk.boot(), new FakeClock(TIME))
  const look = (): Promise<Finding[]> => found(localFileSystem(disk.boot()), '/out/%{k}')
  feed.push(frame(0, [event('b'), event('b')]), frame(2, [event('a')]), frame(3, [event('b'), event('b')]))
  await sinking.untilAcked(2)
  while (!of(await look(), 'stream').some((each) => 'last' in each && each.last === 4)) await new Promise((resolve) => setImmediate(resolve))
  t.equal(ranges(of(await look(), 'missing')), '2-2', 'in a file that is being filled')
  t.equal(sinking.offsets.at(-1), 2, 'the queue holds it: so far it is acked, and no further')
  feed.end()
  t.equal(await sinking.ended, undefined)
  t.same(of(await look(), 'missing'), [])
})

t.test('a directory that may not be read: said, the others are listed, and the end is 77', async (t) => {
  const said: string[] = []
  const context: Context = {
    env: {}, directory: '/', pid: 1, uid: 0, show: () => undefined, say: (message) => void said.push(message), stop: new AbortController().signal, disk: nodeDisk, clock: systemClock, stateDirectory: '/',
  }
  const dir = t.testdir({})
  const files = filesAt([`/out/a/${named(0, 9)}`, `/out/b/${named(10, 19)}`, `/out/c/${named(20, 29)}`, `/out/c/${named(20, 28)}`], '/out/b')
  for (const json of [false, true]) {
    const fd = openSync(join(dir, 'printed'), 'w')
    t.equal(await printList(fd, list(files, '', levelsOf('/out/%{k}', HOST)), { json, strict: true }, context), 77)
    closeSync(fd)
    const printed = readFileSync(join(dir, 'printed'), 'utf8')
    t.match(printed, /\/a\/.*[^]*\/c\/.*[^]*/)
    if (json) t.match(printed.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Finding), [{ kind: 'file' }, { kind: 'unreadable', path: '/out/b', reason: 'cannot list /out/b: permission denied' }, { kind: 'file' }, { kind: 'file' }, { kind: 'overlap' }, { kind: 'stream' }, { kind: 'missing' }])
  }
  t.same(said.slice(0, 3), [
    'cannot list /out/b: permission denied', `two files hold the same sequences, 20 to 28: /out/c/${named(20, 28)} and /out/c/${named(20, 29)}`,
    '10 sequences are in no bucket of those that may be read',
  ])
})

t.test('as typed: rows and sums on stdout, what is wrong on stderr, 1 for that, and no file is made', async (t) => {
  const dir = t.testdir({ out: { a: { [named(0, 9)]: 'x', [`_${STREAM}.u.tmp`]: '' }, b: { [named(10, 19)]: 'yy' } }, empty: {} })
  const good = await shell("flume-sink-hdfs --list --path 'out/%{k}' --strict; echo $?", dir)
  const row = (first: string, last: string, size: string): string => ['', first, last, size].map((cell) => cell.padStart(12)).join(' ').slice(13)
  t.equal(
    good.out,
    [
      `${row('FIRST', 'LAST', 'SIZE')}  FILE`,
      `${row('0', '9', '1')}  ${dir}/out/a/${named(0, 9)}`,
      `${row('-', '-', '0')}  ${dir}/out/a/_${STREAM}.u.tmp (being written, or left over)`,
      `${row('10', '19', '2')}  ${dir}/out/b/${named(10, 19)}`,
      '', `${STREAM}: 0 to 19, 2 files in 2 buckets, 3 bytes; nothing twice, nothing missing`, '0', '',
    ].join('\n'),
    good.err,
  )
  t.equal(good.err, '')
  t.same(readdirSync(dir).sort(), ['empty', 'out'])
  writeFileSync(join(dir, 'out/b', named(25, 29)), '')
  t.match(await shell('flume-sink-hdfs --list --path out; echo $?', dir), { out: /, 5 missing\n +20 +24 +- {2}in no bucket\n0\n$/, err: /5 sequences are in no bucket; / })
  t.match(await shell('flume-sink-hdfs --list --path out --strict; echo $?', dir), { out: /\n1\n$/, err: /^flume-sink-hdfs: 5 sequences are in no bucket; [^\n]*--stat[^\n]*\n$/ })
  writeFileSync(join(dir, 'out/b', named(19, 24)), '')
  const twice = await shell('flume-sink-hdfs --list --path out --json >found; echo $?', dir)
  t.match(twice, { out: '1\n', err: new RegExp(`^flume-sink-hdfs: two files hold the same sequences, 19 to 19: ${dir}/out/b/\\S+ and ${dir}/out/b/\\S+\n$`) })
  const printed = readFileSync(join(dir, 'found'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Finding)
  t.match(printed.map(({ kind }) => kind), ['file', 'temporary', 'file', 'file', 'overlap', 'file', 'stream'])
  t.match(printed.at(-1), { overlaps: 1, missing: 0 })
  t.match((await shell('flume-sink-hdfs --list --path out', dir)).out, /bytes; 1 overlap, nothing missing\n$/)
  t.match(await shell('flume-sink-hdfs --list; echo $?', dir), { out: '66\n', err: /cannot list \S+\/flume: / })
  t.match(await shell('flume-sink-hdfs --list --path empty; echo $?', dir), { out: '0\n', err: /no files of a sink are there/ })
  t.match(await shell('flume-sink-hdfs --list out; echo $?', dir), { out: '64\n', err: /--path says where/ })
  t.match(await shell('flume-sink-hdfs --json </dev/null; echo $?', dir), { out: '64\n', err: /--json goes with --list/ })
})

t.test('a reader that has seen enough ends it', async (t) => {
  const dir = t.testdir({})
  mkdirSync(join(dir, 'out'))
  for (let n = 0; n < 3000; n++) writeFileSync(join(dir, 'out', named(n, n)), '')
  t.match(await shell('flume-sink-hdfs --list --path out | head -n 1; echo "${PIPESTATUS[*]}"', dir), { out: /FILE\n141 0\n$/, err: '' })
})
