/** More buckets in one batch than files may be open: what is held for them is bounded, and whoever waits hears that it gets on. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Batch } from '../../../src/events/batch.js'
import type { Disk } from '../../../src/disk/disk.js'
import { nodeDisk } from '../../../src/disk/node.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { hdfsBelow, hdfsSinking } from '../../support/hdfs-sinking.js'
import { startProxy } from '../../support/proxy.js'
import { shell } from '../../support/shell.js'
import { filesBelow, frame, optionsOf, Sinking } from '../../support/sinking.js'

const rule = await hadoopRules(t, (t) => startHdfs(t))

/** An event for each of `count` prefixes. */
function oneEach(first: number, count: number): Batch {
  return frame(first, Array.from({ length: count }, (_, n) => ({ headers: { n: String(n) }, body: `${first} ${n}` })))
}

/** What each prefix has got, in the order of its files. */
function textsOf(files: Record<string, string>): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const name of Object.keys(files).sort()) texts[name.split('.')[0]!] = `${texts[name.split('.')[0]!] ?? ''}${files[name]!}`
  return texts
}

/** What they get of batches that begin at these sequences. */
function expected(count: number, ...firsts: number[]): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [String(n), firsts.map((first) => `${first} ${n}\n`).join('')]))
}

/** A disk, the most files of it that were open at once, and how often each directory was listed. */
function watched(): { readonly disk: Disk; readonly open: { most: number }; readonly listed: Map<string, number> } {
  const open = { now: 0, most: 0 }
  const listed = new Map<string, number>()
  const disk: Disk = {
    ...nodeDisk,
    async open(...request) {
      const file = await nodeDisk.open(...request)
      open.most = Math.max(open.most, ++open.now)
      const close = file.close.bind(file)
      file.close = async () => {
        open.now--
        await close()
      }
      return file
    },
    async list(directory) {
      listed.set(directory, (listed.get(directory) ?? 0) + 1)
      return await nodeDisk.list(directory)
    },
  }
  return { disk, open, listed }
}

t.test('few files are open at once, and their directory is listed once', async (t) => {
  const directory = t.testdir({})
  mkdirSync(join(directory, 'out'))
  const { disk, open, listed } = watched()
  const options = optionsOf(directory, { prefix: '%{n}', openFilesMax: 10 })
  const run = new Sinking(options, [oneEach(0, 600), oneEach(600, 600)], disk)
  t.equal(await run.ended, undefined)
  t.strictSame(textsOf(await filesBelow(join(directory, 'out'))), expected(600, 0, 600))
  t.ok(open.most < 10 + 150, `${open.most} open`)
  t.equal(listed.get(join(directory, 'out')), 1)
})

t.test('a second run finds how far each of them has come, and writes nothing twice', async (t) => {
  const directory = t.testdir({})
  const options = optionsOf(directory, { prefix: '%{n}', openFilesMax: 10 })
  t.equal(await new Sinking(options, [oneEach(0, 50)]).ended, undefined)
  t.equal(await new Sinking(options, [oneEach(0, 50), oneEach(50, 50)]).ended, undefined)
  t.strictSame(textsOf(await filesBelow(join(directory, 'out'))), expected(50, 0, 50))
})

t.test('five thousand in one batch need no more memory than a small heap has', async (t) => {
  const directory = t.testdir({})
  const lines = Array.from({ length: 5000 }, (_, n) => `${JSON.stringify({ headers: { n: String(n) }, body: 'x' })}\n`)
  writeFileSync(join(directory, 'events'), lines.join(''))
  const sink = 'NODE_OPTIONS=--max-old-space-size=64 flume-sink-hdfs --path out --prefix "%{n}"'
  const { out, err } = await shell(`flume-buffer q <events | ${sink}; echo "\${PIPESTATUS[*]}"`, directory, {}, 300_000)
  t.equal(out, '0 0\n', err)
  t.equal(readdirSync(join(directory, 'out')).length, 5000)
})

t.test('where more are asked for than a process may open, it takes what it may, says so, and writes all', async (t) => {
  const directory = t.testdir({})
  const lines = Array.from({ length: 3000 }, (_, n) => `${JSON.stringify({ headers: { n: String(n % 1000) }, body: `${n}` })}\n`)
  writeFileSync(join(directory, 'events'), lines.join(''))
  const sink = '(ulimit -n 256; exec flume-sink-hdfs --path out --prefix "%{n}" --open-files-max 1000)'
  const { out, err } = await shell(`flume-buffer q <events | ${sink}; echo "\${PIPESTATUS[*]}"; cat out/* | sort -n | uniq | wc -l; cat out/* | wc -l`, directory)
  t.equal(out, '0 0\n3000\n3000\n', err)
  t.match(err, /at most 64 files are open at once, not 1000: this process may have 256 descriptors \(ulimit -n\)/)
})

t.test('while files of one batch are put in place, it tells that it gets on', async (t) => {
  let now = 1_700_000_000_000
  const clock = { now: () => (now += 1000), monotonic: () => (now += 1000), sleep: () => new Promise<void>(() => undefined) }
  const run = new Sinking(optionsOf(t.testdir({}), { prefix: '%{n}', openFilesMax: 10 }), [oneEach(0, 100)], nodeDisk, clock)
  t.equal(await run.ended, undefined)
  t.same(run.offsets, [100])
  t.ok(run.progress >= 100, `${run.progress} times`)
})

rule('on HDFS their directory is listed once, and each small file is one upload', async (t, hdfs) => {
  const proxy = await startProxy(t, hdfs.http)
  const run = hdfsSinking({ namenodes: proxy.namenodes, path: '/many', prefix: '%{n}', openFilesMax: 10 }, [oneEach(0, 50), oneEach(50, 50)])
  t.equal(await run.ended, undefined)
  t.strictSame(textsOf(await hdfsBelow(hdfs.http, '/many')), expected(50, 0, 50))
  const count = (op: string): number => proxy.requests.filter((request) => request.op === op).length
  t.equal(count('LISTSTATUS_BATCH'), 1)
  t.equal(count('RENAME'), 90)
})
