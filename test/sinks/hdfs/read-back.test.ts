/** What the sink has written, as others read it: Hadoop itself, zcat, and --list, on a real HDFS and on this machine. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { put } from '../../support/hadoop/webhdfs.js'
import type { Finding } from '../../../src/sinks/hdfs/list.js'
import { shell, type Ran } from '../../support/shell.js'
import { named } from '../../support/sinking.js'

const LINES = 120_000
const LOG = Array.from({ length: LINES }, (_, n) => `line ${n} é ${'x'.repeat(n % 60)}\n`).join('')

const rule = await hadoopRules(t, (t) => startHdfs(t, { properties: { 'dfs.ls.limit': '3' } }))

function directoryOf(t: Test): string {
  const directory = t.testdir({})
  writeFileSync(join(directory, 'log'), LOG)
  return directory
}

function found({ out }: Ran): Finding[] {
  const text = Buffer.from(out, 'latin1').toString()
  return text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Finding)
}

for (const [codec, format] of [['gzip', 'text'], ['gzip', 'ndjson'], ['none', 'text'], ['none', 'ndjson']] as const) {
  rule(`Hadoop reads ${format} of codec ${codec}, from HDFS and from this machine, with all lines in order`, async (t, hdfs) => {
    const directory = directoryOf(t)
    const env = { HADOOP_CONF_DIR: hdfs.conf }
    for (const target of [`/${codec}/${format}`, `file://${directory}/out`]) {
      const queue = target.startsWith('/') ? 'q1' : 'q2'
      const sink = `flume-sink-hdfs --path ${target} --codec ${codec} --format ${format} --roll-bytes 300K`
      const line = `flume-tail --once --no-headers log | flume-buffer ${queue} | ${sink}; echo "\${PIPESTATUS[*]}"`
      const ran = await shell(line, directory, env)
      t.equal(ran.out, '0 0 0\n', ran.err)
      const { status, stdout, stderr } = await hdfs.fsShell('-text', `${target}/events.*`)
      t.equal(status, 0, stderr)
      const expected = format === 'text' ? LOG : LOG.split('\n').slice(0, -1).map((body) => `${JSON.stringify({ body })}\n`).join('')
      t.ok(stdout === expected, `${target}: ${stdout.length} of ${expected.length} characters`)
      const listing = await shell(`flume-sink-hdfs --list --path ${target} --strict --json`, directory, env)
      t.equal(listing.status, 0, listing.err)
      const all = found(listing)
      t.match(all.at(-1), { kind: 'stream', first: 0, last: LINES - 1, files: all.length - 1, buckets: 1 })
      t.ok(all.length > 3, `${all.length - 1} files`)
    }
  })
}

rule('--list finds what is in many directories of HDFS, page by page, and says what is wrong there', async (t, hdfs) => {
  const directory = t.testdir({})
  const env = { HADOOP_CONF_DIR: hdfs.conf }
  const write = async (path: string): Promise<void> => void (await put(hdfs.http, path, Buffer.from('x')))
  for (let n = 0; n < 10; n++) await write(`/many/web${n % 2} ö/2026-11-23/${named(n * 10, n * 10 + 9)}`)
  await write('/many/web0 ö/2026-11-23/_queue=x.u_2.tmp')
  const path = `${hdfs.uri}/many/%{host}/%Y-%m-%d`
  const good = await shell(`flume-sink-hdfs --list --path '${path}' --strict --json`, directory, env)
  t.equal(good.status, 0, good.err)
  t.match(found(good).map((each) => ('path' in each ? each.path : each.kind)), [
    ...[0, 2, 4, 6, 8].map((n) => `${hdfs.uri}/many/web0 ö/2026-11-23/${named(n * 10, n * 10 + 9)}`),
    `${hdfs.uri}/many/web0 ö/2026-11-23/_queue=x.u_2.tmp`,
    ...[1, 3, 5, 7, 9].map((n) => `${hdfs.uri}/many/web1 ö/2026-11-23/${named(n * 10, n * 10 + 9)}`),
    'stream',
  ])
  await write(`/many/web0 ö/2026-11-23/${named(5, 7)}`)
  const bad = await shell(`flume-sink-hdfs --list --path '${path}'`, directory, env)
  t.match(bad, { status: 1, err: /two files hold the same sequences, 5 to 7: / })
  t.match(await shell(`flume-sink-hdfs --list --path ${hdfs.uri}/nowhere/%Y`, directory, env), { status: 66, err: /there is no such directory/ })
  t.match(await shell(`flume-sink-hdfs --list --path ${hdfs.uri}/`, directory, env), { status: 1, out: /\/many\/web0/ }, 'from the root')
})
