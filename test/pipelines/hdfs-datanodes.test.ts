/** The line while DataNodes are dead that its NameNode still names: it needs ten minutes to notice. */
import t from 'tap'
import { startHdfs } from '../support/hadoop/hdfs.js'
import { hadoopRules } from '../support/hadoop/rules.js'
import { HdfsFlow } from '../support/hdfs-flow.js'

const rule = await hadoopRules(t, (t) => startHdfs(t, { datanodes: 2 }))

rule('events pile up while no DataNode answers; the first that is back gets all, and the dead one is not tried each time', async (t, hdfs) => {
  const flow = new HdfsFlow(t, hdfs, '/one-back')
  const [back, dead] = hdfs.datanodes
  const line = flow.start()
  await flow.flows(line)
  await dead!.kill()
  await flow.flows(line)
  await back!.stop()
  await flow.pilesUp(line)
  await flow.says(line, /^flume-sink-hdfs: cannot write hdfs:\S+: no answer from 127\.0\.0\.1:\d+: connect ECONNREFUSED [^\n]*; trying again, nothing is lost$/m)
  back!.start()
  await hdfs.ready()
  await flow.flows(line)
  const before = flow.attemptsInVain
  for (let turn = 0; turn < 10; turn++) await flow.flows(line)
  t.ok(flow.attemptsInVain - before < 5, `${before}, then ${flow.attemptsInVain}`) // chance alone gives more than ten
  dead!.start()
  await hdfs.ready()
  await flow.complete(line)
})
