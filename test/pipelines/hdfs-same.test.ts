/**
 * What a line leaves on a real HDFS does not depend on what happened on the way: one whose sink was killed, and its
 * NameNode and its DataNode, lists the same names with the same bytes as one that nothing happened to.
 */
import t from 'tap'
import type { Cluster } from '../support/hadoop/cluster.js'
import { startHdfs } from '../support/hadoop/hdfs.js'
import { hadoopRules } from '../support/hadoop/rules.js'
import { hdfsBelow } from '../support/hdfs-sinking.js'
import { randomOf } from '../support/numbered-log.js'
import { pause, Running } from '../support/running.js'
import { shell } from '../support/shell.js'
import { onSmallDisk, whyNoSmallDisk } from '../support/small-disk.js'

const rule = await hadoopRules(t, (t) => startHdfs(t))

const skip = whyNoSmallDisk(t)
const SEED = Number(process.env.FLUME_SEED ?? Date.now() % 1_000_000)
const FRAMES = 60

/** Of one put of the queue: events of a few hosts, by chance. */
function eventsOf(pick: (below: number) => number, frame: number): string {
  const event = (n: number): string => JSON.stringify({ headers: { host: `web ${pick(4)} ä=1` }, body: `${frame}.${n} ${'x'.repeat(pick(200))}` })
  return Array.from({ length: 50 + pick(100) }, (_, n) => `${event(n)}\n`).join('')
}

/** Of the directory of one reader; its name stands in those of the files. */
async function leftBy(hdfs: Cluster, reader: string): Promise<Record<string, string>> {
  const files = Object.entries(await hdfsBelow(hdfs.http, `/same/${reader}`))
  return Object.fromEntries(files.map(([name, text]) => [name.replace(new RegExp(`=${reader}==[0-9a-f]{8}\\.`), '=reader.'), text]))
}

rule(`a sink that is killed again and again, and its HDFS, leaves the same names and bytes as one in peace (seed ${SEED})`, async (t, hdfs) => {
  const pick = randomOf(SEED)
  const directory = t.testdir({ events: Object.fromEntries(Array.from({ length: FRAMES }, (_, n) => [String(n).padStart(2, '0'), eventsOf(pick, n)])) })
  const env = { HADOOP_CONF_DIR: hdfs.conf }
  const put = await shell('for part in events/*; do flume-buffer --put q <$part || exit; done', directory)
  t.equal(put.status, 0, put.err)
  const lineOf = (reader: string): string =>
    `flume-buffer --once --reader ${reader} q </dev/null | flume-sink-hdfs --path '/same/${reader}/%{host}' --roll-count 60 --spool ${reader} --uploads 3`
  const last = (reader: string): ReturnType<typeof shell> => shell(`${lineOf(reader)}; echo "\${PIPESTATUS[*]}"`, directory, env)
  t.match(await last('peace'), { out: '0 0\n' })
  for (let kill = 0; kill < 8; kill++) {
    const line = Running.start(t, lineOf('war'), directory, env)
    const daemon = { 2: hdfs.namenode, 5: hdfs.datanode }[kill]
    await pause(300 + pick(800))
    await daemon?.kill()
    daemon?.start()
    line.killStage('flume-sink-hdfs') // not the buffer: a sink whose input ends finishes its files
    await line.ended
  }
  await hdfs.ready()
  const end = await last('war')
  t.equal(end.out, '0 0\n', end.err)
  const [peace, war] = [await leftBy(hdfs, 'peace'), await leftBy(hdfs, 'war')]
  t.ok(Object.keys(peace).length > FRAMES, `${Object.keys(peace).length} files`)
  t.strictSame(Object.keys(war), Object.keys(peace))
  t.ok(Object.entries(peace).every(([name, text]) => war[name] === text), 'the same bytes')
})

rule('a spool on a full disk: files are finished early, nothing is lost, and with more room it goes on as before', async (t, hdfs) => {
  const lines = Array.from({ length: 200_000 }, (_, n) => `line ${n} ${'x'.repeat(n % 300)}\n`)
  const directory = t.testdir({ log: lines.join('') })
  if (skip !== false) return void t.pass('a small file system', { skip })
  const env = { HADOOP_CONF_DIR: hdfs.conf }
  const line = "flume-tail --once log | flume-buffer q | flume-sink-hdfs --path '/small/%H' --spool small/spool --roll-bytes 1G"
  const first = await onSmallDisk(`${line}; echo "\${PIPESTATUS[*]}"`, directory, env)
  t.equal(first.out, '0 0 0\n', first.err)
  t.match(first.err, /^flume-sink-hdfs: no room in \S+\/small\/spool: all files are finished now, with what they have; /m)
  const { stdout, stderr } = await hdfs.fsShell('-cat', '/small/*/*')
  t.ok(stdout === lines.join(''), `${stdout.length} of ${lines.join('').length} characters, ${stderr}`)
  const listed = await shell("flume-sink-hdfs --list --strict --path '/small/%H'", directory, env)
  t.match(listed, { status: 0, out: /0 to 199999, \d+ files in \d+ buckets?, .*nothing twice, nothing missing\n$/ })
})
