/**
 * The line while HDFS is out, in part or as a whole: it says so, goes on where HDFS does, and each line is there once.
 * Each rule leaves the cluster running.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startHdfs } from '../support/hadoop/hdfs.js'
import { hadoopRules } from '../support/hadoop/rules.js'
import { HdfsFlow } from '../support/hdfs-flow.js'
import { Running, until } from '../support/running.js'
import { shell } from '../support/shell.js'

const rule = await hadoopRules(t, (t) => startHdfs(t))

/** What a sink that waits for HDFS says, and then that it has come back. */
const WAITS = /^flume-sink-hdfs: cannot \w+ [^\n]*hdfs:\S+: [^\n]+; trying again, nothing is lost$/m
const GOES_ON = /^flume-sink-hdfs: it goes on, after \d+ s$/m

async function done(ended: Promise<{ status: number | null; stderr: string }>): Promise<void> {
  const { status, stderr } = await ended
  if (status !== 0) throw new Error(stderr)
}

interface Outage {
  begin(): Promise<void>
  end(): Promise<void>
  readonly says: RegExp
}

/** A line that flows, then piles up and says why for as long as the outage lasts, and then flows again. */
async function waitedOut(flow: HdfsFlow, { begin, end, says }: Outage): Promise<void> {
  const line = flow.start()
  await flow.flows(line)
  await begin()
  await flow.pilesUp(line)
  await flow.says(line, says)
  await flow.pilesUp(line)
  await end()
  await flow.flows(line)
  await flow.complete(line)
}

rule('a line that starts before its HDFS waits for it, holds all in its queue, and then drains it', async (t, hdfs) => {
  await hdfs.stop()
  const flow = new HdfsFlow(t, hdfs, '/early')
  const line = flow.start()
  await flow.says(line, WAITS)
  await flow.pilesUp(line)
  t.match(line.said, /cannot list hdfs:\S+: no answer from 127\.0\.0\.1:\d+: connect ECONNREFUSED/)
  hdfs.namenode.start()
  hdfs.datanode.start()
  await hdfs.ready()
  await flow.flows(line)
  t.match(line.said, GOES_ON)
  await flow.complete(line)
})

rule('while the NameNode is down events pile up, and afterwards they arrive', async (t, hdfs) => {
  await waitedOut(new HdfsFlow(t, hdfs, '/namenode'), {
    begin: () => hdfs.namenode.stop(),
    says: WAITS,
    async end() {
      hdfs.namenode.start()
      await hdfs.ready()
    },
  })
})

rule('safe mode is waited out', async (t, hdfs) => {
  await waitedOut(new HdfsFlow(t, hdfs, '/safe'), {
    begin: () => done(hdfs.dfsAdmin('-safemode', 'enter')),
    says: /SafeModeException[^\n]*hdfs dfsadmin -safemode leave\); trying again/,
    end: () => done(hdfs.dfsAdmin('-safemode', 'leave')),
  })
})

for (const [name, set, clear] of [
  ['names', ['-setQuota', '3'], '-clrQuota'],
  ['space', ['-setSpaceQuota', '1m'], '-clrSpaceQuota'],
] as const) {
  rule(`a quota of ${name} that is reached is waited for, and says what can be done`, async (t, hdfs) => {
    const flow = new HdfsFlow(t, hdfs, `/quota-${name}`)
    await done(hdfs.fsShell('-mkdir', flow.path))
    await waitedOut(flow, {
      begin: () => done(hdfs.dfsAdmin(...set, flow.path)),
      says: /QuotaExceededException: [^\n]*\(make room, or ask for a larger quota: hdfs dfs -count -q shows it\); trying again/,
      end: () => done(hdfs.dfsAdmin(clear, flow.path)),
    })
  })
}

rule('SIGTERM while HDFS is out ends the line soon, with a message, and the next run completes it', async (t, hdfs) => {
  const flow = new HdfsFlow(t, hdfs, '/ended')
  const line = flow.start()
  await flow.flows(line)
  await hdfs.namenode.stop()
  await flow.pilesUp(line)
  await flow.says(line, WAITS)
  const before = line.said
  line.kill('SIGTERM')
  await line.ended
  t.match(line.said.slice(before.length), /^flume-sink-hdfs: cannot [^\n]*no answer from/m)
  hdfs.namenode.start()
  await hdfs.ready()
  await flow.complete()
})

rule('with --retry-for it ends, 69, when HDFS is out for so long', async (t, hdfs) => {
  await hdfs.namenode.stop()
  const flow = new HdfsFlow(t, hdfs, '/bounded')
  const { out, err } = await flow.once('--retry-for 2s')
  t.equal(out, '0 74 69\n')
  t.match(err, /^flume-sink-hdfs: cannot list hdfs:\S+: no answer from 127\.0\.0\.1:\d+: connect ECONNREFUSED [^\n]*$/m)
  hdfs.namenode.start()
  await hdfs.ready()
  await flow.complete()
})

for (const [signal, status] of [['SIGTERM', 143], ['SIGINT', 130]] as const) {
  t.test(`a sink that waits for HDFS dies of ${signal}, with a message, and what it has not written is not acked`, async (t) => {
    const directory = t.testdir({ events: '{"body":"one"}\n{"body":"two"}\n' })
    t.equal((await shell('flume-buffer --put q <events', directory)).status, 0)
    const path = 'webhdfs://127.0.0.1:1/logs'
    const line = Running.start(t, `flume-buffer --once q </dev/null | flume-sink-hdfs --path ${path}; echo "\${PIPESTATUS[1]}" >status`, directory)
    await until(() => /trying again, nothing is lost\n/.test(line.said), () => line.said)
    line.signalStage('flume-sink-hdfs', path, signal)
    await line.ended
    t.equal(readFileSync(join(directory, 'status'), 'utf8'), `${status}\n`)
    t.match(line.said, /^flume-sink-hdfs: cannot list webhdfs:[^\n]*ECONNREFUSED[^\n;]*$/m)
    t.match(await shell('flume-buffer --once q </dev/null | cat', directory), { out: '{"body":"one"}\n{"body":"two"}\n' })
  })
}
