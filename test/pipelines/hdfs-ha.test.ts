/** The line onto an HDFS of two NameNodes, while one takes over from the other in the middle of uploads. */
import t from 'tap'
import { startHa } from '../support/hadoop/hdfs.js'
import { hadoopRules } from '../support/hadoop/rules.js'
import { HdfsFlow } from '../support/hdfs-flow.js'
import { startProxy, type ProxiedRequest } from '../support/proxy.js'
import { pause } from '../support/running.js'

const rule = await hadoopRules(t, (t) => startHa(t))

/** Writes to the log for as long as `work` takes. */
async function whileWriting(flow: HdfsFlow, work: Promise<void>): Promise<void> {
  let busy = true
  const ended = work.finally(() => (busy = false))
  while (busy) {
    flow.log.append(40)
    await pause(50)
  }
  await ended
}

rule('a failover by command is followed, there and back, and nothing is lost or written twice', async (t, hdfs) => {
  const flow = new HdfsFlow(t, hdfs, '/ordered')
  const line = flow.start()
  await flow.flows(line)
  await whileWriting(flow, hdfs.failover('nn1', 'nn2'))
  await flow.flows(line)
  await whileWriting(flow, hdfs.failover('nn2', 'nn1'))
  await flow.flows(line)
  await flow.complete(line)
})

const isUpload = ({ to, op }: ProxiedRequest): boolean => to === 'datanode' && op === 'CREATE'

rule('uploads that are half way when the active NameNode stands down, or is killed: each line is there once', async (t, hdfs) => {
  const proxy = await startProxy(t, ...hdfs.namenodes.map(({ http }) => http))
  const web = `webhdfs://${proxy.namenodes.map((address) => address.replace('http://', '')).join()}`
  const flow = new HdfsFlow(t, hdfs, '/half-way', web)
  const line = flow.start()
  await flow.flows(line)
  const halfWay = async (before: () => Promise<void>, after = async (): Promise<void> => undefined): Promise<void> => {
    const uploads = [proxy.inject('pause', isUpload), proxy.inject('pause', isUpload)] // --uploads
    flow.log.append(300)
    await uploads[0]!.struck
    await before()
    for (const { release } of uploads) release()
    await after()
    await flow.flows(line)
  }
  await halfWay(() => hdfs.failover('nn1', 'nn2'))
  await halfWay(async () => {
    await hdfs.namenodes[1]!.kill()
    await hdfs.forceActive('nn1')
  })
  await halfWay(() => hdfs.namenodes[0]!.kill(), async () => {
    for (const namenode of hdfs.namenodes) namenode.start() // nobody is active when the rest of them comes
    await hdfs.forceActive('nn1')
  })
  await flow.complete(line)
  t.match((await hdfs.fsck('/half-way', '-openforwrite')).stdout, /is HEALTHY/)
})

rule('where the active NameNode is killed the line says at once that none is, and goes on with the other', async (t, hdfs) => {
  const flow = new HdfsFlow(t, hdfs, '/killed')
  const [nn1, nn2] = hdfs.namenodes
  const line = flow.start()
  await flow.flows(line)
  await whileWriting(flow, nn1!.kill())
  await flow.pilesUp(line)
  await flow.says(line, /^flume-sink-hdfs: cannot [^\n]*; trying again, nothing is lost$/m)
  t.notMatch(line.said, /silent/, 'no DataNode is sent what it cannot finish')
  await whileWriting(flow, hdfs.forceActive('nn2'))
  await flow.flows(line)
  nn1!.start()
  await hdfs.ready()
  await whileWriting(flow, nn2!.kill())
  await whileWriting(flow, hdfs.forceActive('nn1'))
  await flow.flows(line)
  nn2!.start()
  await flow.complete(line)
  t.match((await hdfs.fsck('/')).stdout, /is HEALTHY/)
})
