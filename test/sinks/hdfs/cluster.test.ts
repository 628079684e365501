/** What the tests on a real HDFS stand on: the harness starts, kills and restarts a real one. */
import t from 'tap'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { startHdfs } from '../../support/hadoop/hdfs.js'
import { get, put } from '../../support/hadoop/webhdfs.js'

const rule = await hadoopRules(t, (t) => startHdfs(t, { datanodes: 2 }))

rule('a file that is written over WebHDFS is read by Hadoop, and the other way round', async (t, hdfs) => {
  t.equal((await put(hdfs.http, '/web hdfs/ä=1', 'one\n')).status, 201)
  const read = await hdfs.fsShell('-cat', '/web hdfs/ä=1')
  t.same(read, { status: 0, stdout: 'one\n', stderr: '' })
})

rule('after kill -9 of NameNode and DataNode and a start on the same files everything is there', async (t, hdfs) => {
  t.equal((await put(hdfs.http, '/kept', 'kept\n')).status, 201)
  await hdfs.namenode.kill()
  await hdfs.datanode.kill()
  await t.rejects(get(hdfs.http, '/kept'), { code: 'ECONNREFUSED' })
  hdfs.namenode.start()
  hdfs.datanode.start()
  await hdfs.ready()
  const read = await get(hdfs.http, '/kept')
  t.equal(read.status, 200, read.body.toString())
  t.equal(read.body.toString(), 'kept\n')
})
