/**
 * The whole line onto a real HDFS under kill -9: a random stage at a random moment, and now and then the NameNode or the
 * DataNode, while the log is appended to and rotated. In the end each numbered line is on HDFS exactly once. FLUME_KILLS,
 * FLUME_DAEMON_KILLS (of each of the two) and FLUME_SEED choose how often and which; `npm run prove` kills more.
 */
import t from 'tap'
import type { Test } from 'tap'
import type { Cluster } from '../support/hadoop/cluster.js'
import type { Daemon } from '../support/hadoop/daemon.js'
import { startHdfs } from '../support/hadoop/hdfs.js'
import { hadoopRules } from '../support/hadoop/rules.js'
import { NOTHING_WRONG, NumberedLog, randomOf } from '../support/numbered-log.js'
import { pause, Running } from '../support/running.js'
import { shell } from '../support/shell.js'

const KILLS = Number(process.env.FLUME_KILLS ?? 20)
const DAEMON_KILLS = Number(process.env.FLUME_DAEMON_KILLS ?? 2)
const SEED = Number(process.env.FLUME_SEED ?? Date.now() % 1_000_000)
const STAGES = ['flume-tail', 'flume-buffer', 'flume-sink-hdfs'] as const
const SINK = 'flume-sink-hdfs --path /kill/%H --roll-count 400 --roll-interval 500ms'
/** Files so large that their uploads begin before they are complete. */
const LARGE_SINK = 'flume-sink-hdfs --path /large/%H --roll-bytes 24M'
const LARGE_KILLS = Math.ceil(KILLS / 10)
/** Some 70 bytes each. */
const LARGE_LINES = 1_000_000

const rule = await hadoopRules(t, (t) => startHdfs(t))

/** Which daemon is killed before which kill of a stage, in an order of chance. */
function daemonsByKill(daemons: readonly Daemon[], pick: (below: number) => number): ReadonlyMap<number, Daemon> {
  const victims = daemons.flatMap((daemon) => Array.from({ length: DAEMON_KILLS }, () => daemon))
  const plan = new Map<number, Daemon>()
  const span = KILLS / victims.length
  for (let turn = 0; victims.length > 0; turn++) plan.set(Math.floor(turn * span), victims.splice(pick(victims.length), 1)[0]!)
  return plan
}

rule(`${KILLS} kills of random stages and ${DAEMON_KILLS} of each daemon leave each line on HDFS exactly once (seed ${SEED})`, async (t, hdfs) => {
  const directory = t.testdir({})
  const env = { HADOOP_CONF_DIR: hdfs.conf }
  const pick = randomOf(SEED)
  const log = new NumberedLog(directory, pick)
  const plan = daemonsByKill([hdfs.namenode, hdfs.datanode], pick)
  const writeFor = async (ms: number): Promise<void> => {
    for (const end = Date.now() + ms; ; ) {
      log.append(pick(300))
      if (pick(8) === 0) log.rotate()
      if (Date.now() >= end) return
      await pause(pick(40))
    }
  }
  log.append(1000)
  for (let kill = 0; kill < KILLS; kill++) {
    const line = Running.start(t, `flume-tail 'app.log*' | flume-buffer q | ${SINK}`, directory, env)
    const daemon = plan.get(kill)
    if (daemon !== undefined) {
      await writeFor(500 + pick(1000))
      await daemon.kill()
      await writeFor(pick(1000))
      daemon.start()
    }
    const victim = STAGES[pick(STAGES.length)]!
    await writeFor(pick(1200))
    line.killStage(victim)
    if (!t.ok(await line.falls(), `the line falls when ${victim} is killed`)) break
  }
  await hdfs.ready()
  await arrives(t, hdfs, log, '/kill', SINK)
})

rule(`${LARGE_KILLS} kills of random stages while large files are on their way leave each line on HDFS exactly once (seed ${SEED})`, async (t, hdfs) => {
  const pick = randomOf(SEED)
  const log = new NumberedLog(t.testdir({}), pick)
  for (let n = 0; n < LARGE_LINES; n += 10_000) log.append(10_000)
  for (let kill = 0; kill < LARGE_KILLS; kill++) {
    const line = Running.start(t, `flume-tail 'app.log*' | flume-buffer q | ${LARGE_SINK}`, log.directory, { HADOOP_CONF_DIR: hdfs.conf })
    await pause(pick(4000))
    const victim = STAGES[pick(STAGES.length)]!
    line.killStage(victim)
    if (!t.ok(await line.falls(), `the line falls when ${victim} is killed`)) break
  }
  await arrives(t, hdfs, log, '/large', LARGE_SINK)
})

/** The line to its end. Then each line is there once, and there is nothing else. */
async function arrives(t: Test, hdfs: Cluster, log: NumberedLog, path: string, sink: string): Promise<void> {
  const line = `flume-tail --once 'app.log*' | flume-buffer q | ${sink}; echo "\${PIPESTATUS[*]}"`
  const last = await shell(line, log.directory, { HADOOP_CONF_DIR: hdfs.conf })
  t.equal(last.out, '0 0 0\n', last.err)
  const { stdout, stderr } = await hdfs.fsShell('-cat', `${path}/*/*.log`)
  t.strictSame(log.tally([stdout]), NOTHING_WRONG, stderr.slice(-2000))
  const { stdout: tree } = await hdfs.fsShell('-ls', '-R', path)
  t.notMatch(tree, /\.tmp$/m, 'no .tmp is left')
  t.match(tree, /\.log$/m)
  const { stdout: health } = await hdfs.fsck('/', '-openforwrite')
  t.match(health, /is HEALTHY/)
  t.notMatch(health, /OPENFORWRITE/, 'all files are closed')
}
