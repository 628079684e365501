/** The line as people with a Hadoop client type it, on a real HDFS, read back by Hadoop itself. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Cluster } from '../support/hadoop/cluster.js'
import { startHdfs } from '../support/hadoop/hdfs.js'
import { hadoopRules } from '../support/hadoop/rules.js'
import { get } from '../support/hadoop/webhdfs.js'
import { shell, type Ran } from '../support/shell.js'

const rule = await hadoopRules(t, (t) => startHdfs(t))

const LOG = Array.from({ length: 5000 }, (_, n) => `line ${n} "GET /ä?x=${n * 7}&y=%20" 200 ${'x'.repeat(n % 300)}\n`).join('')

/** One event a line. */
function eventsOf(events: Iterable<{ headers: Record<string, string>; body: string }>): string {
  return Array.from(events, (event) => `${JSON.stringify(event)}\n`).join('')
}

/** The line, and the statuses of its stages as its output. */
function ran(line: string, directory: string, hdfs: Cluster, env: Record<string, string> = {}): Promise<Ran> {
  return shell(`${line}; echo "\${PIPESTATUS[*]}"`, directory, { HADOOP_CONF_DIR: hdfs.conf, ...env })
}

async function tree(hdfs: Cluster, path: string): Promise<string[]> {
  const { stdout } = await hdfs.fsShell('-ls', '-R', '-C', path)
  return stdout.trim().split('\n')
}

/** All that is below `path` is whole and closed, and has its final name. */
async function clean(t: Test, hdfs: Cluster, path: string): Promise<void> {
  const [names, { stdout }] = await Promise.all([tree(hdfs, path), hdfs.fsck(path, '-openforwrite')])
  t.match(stdout, /Total files:\t[1-9][^]*is HEALTHY/, path)
  t.notMatch(stdout, /OPENFORWRITE/)
  t.strictSame(names.filter((name) => /\/[._][^/]*$/.test(name)), [])
}

rule('the line as it is typed: Hadoop reads the same bytes back, and typed again it brings what is new', async (t, hdfs) => {
  const directory = t.testdir({ 'access.log': LOG })
  const line = 'flume-tail --once access.log | flume-buffer ./q | flume-sink-hdfs --path /logs/%Y-%m-%d'
  t.match(await ran(line, directory, hdfs), { out: '0 0 0\n', err: '' })
  appendFileSync(join(directory, 'access.log'), 'one more\n')
  t.match(await ran(line, directory, hdfs), { out: '0 0 0\n' })
  const { stdout } = await hdfs.fsShell('-cat', '/logs/*/*')
  t.ok(stdout === `${LOG}one more\n`)
  await clean(t, hdfs, '/logs')
})

rule('without --path, by a relative one, and by a URI: the place is said, or is that of a Hadoop client', async (t, hdfs) => {
  const directory = t.testdir({ log: 'here\n' })
  const env = { HADOOP_USER_NAME: 'alice' }
  await hdfs.fsShell('-mkdir', '-p', '/user/alice')
  await hdfs.fsShell('-chown', 'alice', '/user/alice')
  t.match(await ran('flume-tail --once log | flume-buffer q1 | flume-sink-hdfs', directory, hdfs), {
    out: '0 0 0\n', err: `flume-sink-hdfs: writing to ${hdfs.uri}/flume/%Y-%m-%d\n`,
  })
  t.match(await ran('flume-tail --once log | flume-buffer q2 | flume-sink-hdfs --path own', directory, hdfs, env), { out: '0 0 0\n', err: '' })
  const web = hdfs.http.replace('http:', 'webhdfs:')
  t.match(await ran(`flume-tail --once log | flume-buffer q3 | HADOOP_CONF_DIR= flume-sink-hdfs --path ${web}/web`, directory, hdfs), { out: '0 0 0\n', err: '' })
  const { stdout } = await hdfs.fsShell('-cat', '/flume/*/*', '/user/alice/own/*', '/web/*')
  t.equal(stdout, 'here\n'.repeat(3))
})

rule('gzip and NDJSON are read back by Hadoop, from HDFS and from a local directory', async (t, hdfs) => {
  const directory = t.testdir({ log: LOG })
  const line = (queue: string, options: string): string => `flume-tail --once log | flume-buffer ${queue} | flume-sink-hdfs ${options}`
  t.match(await ran(line('q1', '--path /gzip --codec gzip'), directory, hdfs), { out: '0 0 0\n', err: '' })
  t.match(await ran(line('q2', `--path file://${directory}/out --codec gzip`), directory, hdfs), { out: '0 0 0\n', err: '' })
  t.match(await ran(line('q3', '--path /ndjson --format ndjson --codec gzip'), directory, hdfs), { out: '0 0 0\n', err: '' })
  for (const path of ['/gzip/*.log.gz', `file://${directory}/out/*.log.gz`]) t.ok((await hdfs.fsShell('-text', path)).stdout === LOG, path)
  const { stdout } = await hdfs.fsShell('-text', '/ndjson/*.ndjson.gz')
  const events = stdout.trimEnd().split('\n').map((text) => JSON.parse(text) as { headers: Record<string, string>; body: string })
  t.ok(events.map(({ body }) => `${body}\n`).join('') === LOG)
  t.match(events[0]!.headers, { file: join(directory, 'log'), timestamp: /^\d+$/ })
  await clean(t, hdfs, '/gzip')
})

rule('a thousand buckets at once, with the names that hosts have and some that they should not have', async (t, hdfs) => {
  const odd = ['with space', 'grün', 'a=b', 'ok.example', '50%', 'a+b;c', '日本', '"x"', '{a,b}', '*?', '../up', '.hidden', '_hidden', 'a:b', 'n\u0308fd', '\\']
  const hosts = [...odd, ...Array.from({ length: 1000 - odd.length }, (_, n) => `host${n}`)]
  const lines = hosts.flatMap((host) => [0, 1, 2].map((n) => ({ headers: { host, timestamp: '0' }, body: `${host} ${n}` })))
  const directory = t.testdir({ events: eventsOf([0, 1, 2].flatMap((n) => lines.filter((_, index) => index % 3 === n))) })
  const { out, err } = await ran('cat events | flume-buffer q | flume-sink-hdfs --path "/hosts/%{host}" --open-files-max 1000 --uploads 8', directory, hdfs)
  t.equal(out, '0 0 0\n', err)
  t.equal(err, '')
  const { stdout } = await hdfs.fsShell('-cat', '/hosts/*/*')
  t.strictSame(stdout.trimEnd().split('\n').sort(), lines.map(({ body }) => body).sort())
  const directories = (await tree(hdfs, '/hosts')).filter((name) => name.split('/').length === 3).map((name) => name.slice('/hosts/'.length))
  const kept = (name: string): string => name.replace(/[/:]/g, '_').replace(/^[._]/, '-')
  t.strictSame(new Set(directories), new Set(hosts.map(kept)))
  await clean(t, hdfs, '/hosts')
})

rule('days late, backwards, and over a change of the clocks: each event is where its own time says', async (t, hdfs) => {
  const times: Readonly<Record<string, readonly string[]>> = {
    '2026-03-08/0030': ['2026-03-07T23:59:59.999Z'],
    '2026-02-01/1300': ['2026-02-01T12:00:00Z'],
    '2026-03-07/1000': ['2026-03-07T09:00:00Z'],
    '2000-01-01/0030': ['1999-12-31T23:30:00Z'],
    '2026-10-25/0200': ['2026-10-25T00:29:59Z', '2026-10-25T01:29:00Z'],
    '2026-10-25/0230': ['2026-10-25T00:59:00Z'],
    '2026-03-29/0130': ['2026-03-29T00:59:59Z'],
    '2026-03-29/0300': ['2026-03-29T01:00:00Z'],
  }
  const eventOf = (time: string, body: string): { headers: Record<string, string>; body: string } => ({ headers: { timestamp: String(Date.parse(time)) }, body })
  const all = Object.values(times).flat()
  const directory = t.testdir({ events: eventsOf(all.map((time) => eventOf(time, time))), more: eventsOf([eventOf(all[0]!, 'later')]) })
  const sink = 'flume-sink-hdfs --path /times/%Y-%m-%d/%H%M --time-zone Europe/Berlin --round 30m'
  for (const name of ['events', 'more']) t.match(await ran(`cat ${name} | flume-buffer q | ${sink}`, directory, hdfs), { out: '0 0 0\n', err: '' })
  const found: Record<string, string> = {}
  for (const path of (await tree(hdfs, '/times')).filter((name) => name.endsWith('.log'))) {
    const [, , day, hour] = path.split('/')
    found[`${day}/${hour}`] = (found[`${day}/${hour}`] ?? '') + (await get(hdfs.http, path)).body.toString()
  }
  const bodies = Object.entries(times).map(([place, bodies], index) => [place, [...bodies, ...(index === 0 ? ['later'] : [])].map((body) => `${body}\n`).join('')])
  t.strictSame(found, Object.fromEntries(bodies))
})

rule('who may not write is told so at once, and typed again when it is mended all is there', async (t, hdfs) => {
  const directory = t.testdir({ log: LOG.repeat(5) })
  await hdfs.fsShell('-mkdir', '/mine')
  const line = 'flume-tail --once log | flume-buffer q | flume-sink-hdfs --path /mine/%Y'
  const refused = await ran(line, directory, hdfs, { HADOOP_USER_NAME: 'bob' })
  t.equal(refused.out, '0 74 77\n')
  t.match(refused.err, /^flume-sink-hdfs: cannot write hdfs:\S+: [^\n]*Permission denied: user=bob, access=WRITE, inode="\/mine"[^\n]*HADOOP_USER_NAME\)$/m)
  await hdfs.fsShell('-chown', 'bob', '/mine')
  t.match(await ran(line, directory, hdfs, { HADOOP_USER_NAME: 'bob' }), { out: '0 0 0\n' })
  t.ok((await hdfs.fsShell('-cat', '/mine/*/*')).stdout === LOG.repeat(5))
})
