/** What the tests on a real HDFS stand on: the harness starts, kills and restarts a real one. */
import t from 'tap'
import { request } from '../../support/hadoop/http.js'
import { hadoopRules } from '../../support/hadoop/rules.js'
import { startHa, startHdfs } from '../../support/hadoop/hdfs.js'
import { get, put, urlOf } from '../../support/hadoop/webhdfs.js'

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

rule('a DataNode that was killed takes no upload until it is started again', async (t, hdfs) => {
  const second = hdfs.datanodes[1]!
  // not by way of the NameNode: for some seconds after its start it may say that there is no DataNode, of those left when others are excluded
  const namenoderpcaddress = `127.0.0.1:${hdfs.namenode.options.port}`
  const upload = () => request('PUT', urlOf(second.http, '/there', 'CREATE', { namenoderpcaddress }), 'x')
  await second.kill()
  await t.rejects(upload(), { code: 'ECONNREFUSED' })
  second.start()
  await hdfs.ready()
  t.equal((await upload()).status, 201)
  t.match((await hdfs.fsck('/')).stdout, /is HEALTHY/)
})

const haRule = await hadoopRules(t, (t) => startHa(t))

haRule('a failover by command, and one after kill -9, make the other NameNode active with all files', async (t, hdfs) => {
  const [one, two] = hdfs.namenodes.map(({ http }) => http) as [string, string]
  t.equal((await put(one, '/a', 'a')).status, 201)
  t.match(await statusOf(two, '/a'), { status: 403, exception: 'StandbyException' })
  await hdfs.failover('nn1', 'nn2')
  await hdfs.ready() // it leaves safe mode when it knows of the blocks
  t.match(await statusOf(one, '/a'), { status: 403, exception: 'StandbyException' })
  t.match(await statusOf(two, '/a'), { status: 200 })
  t.equal((await put(two, '/b', 'b')).status, 201)
  await hdfs.namenodes[1]!.kill()
  await hdfs.forceActive('nn1')
  await hdfs.ready()
  t.equal((await get(one, '/b')).body.toString(), 'b')
  hdfs.namenodes[1]!.start()
  await hdfs.ready()
  t.match(await statusOf(two, '/b'), { status: 403, exception: 'StandbyException' })
})

async function statusOf(http: string, path: string): Promise<{ status: number; exception: string | undefined }> {
  const { status, body } = await request('GET', urlOf(http, path, 'GETFILESTATUS'))
  const { RemoteException } = JSON.parse(body.toString()) as { RemoteException?: { exception: string } }
  return { status, exception: RemoteException?.exception }
}
