import t from 'tap'
import { nodeDisk } from '../../../src/disk/node.js'
import { hadoopConf } from '../../../src/sinks/hdfs/conf.js'
import { targetOf, type Target } from '../../../src/sinks/hdfs/target.js'

/** What becomes of a path where these properties are set. */
function targetWith(properties: Record<string, string>, said: string[] = []): (path: string | undefined) => Target {
  const conf = { get: (name: string) => properties[name], from: '/c/core-site.xml' }
  return (path) => targetOf(path, '/here', { conf, user: 'ann', say: (message) => void said.push(message) })
}

const HA = {
  'fs.defaultFS': 'hdfs://ns', 'dfs.nameservices': 'ns,other', 'dfs.ha.namenodes.ns': 'n1, n2',
  'dfs.namenode.http-address.ns.n1': 'm1:50070', 'dfs.namenode.http-address.ns.n2': '0.0.0.0:50070', 'dfs.namenode.rpc-address.ns.n2': 'm2:8020',
  'dfs.namenode.rpc-address.ns.n1': 'm1:8020', 'dfs.namenode.https-address.ns.n1': 'm1:50470', 'dfs.namenode.https-address.ns.n2': 'm2:50470',
}

t.test('without a cluster a path is a directory of this machine', async (t) => {
  const conf = await hadoopConf(nodeDisk, { HADOOP_CONF_DIR: t.testdir({ 'core-site.xml': '<configuration/>' }) })
  const said: string[] = []
  const target = (path: string | undefined): Target => targetOf(path, '/here', { conf, user: 'ann', say: (message) => void said.push(message) })
  t.same(target(undefined), { path: '/here/flume/%Y-%m-%d', cluster: undefined })
  t.equal(target('logs/%H/').path, '/here/logs/%H')
  t.equal(target('/a//b/../c').path, '/a/c')
  t.throws(() => target('hdfs:///x'), { code: 'BAD_OPTION', message: /which cluster/ })
  t.match(said, Array.from({ length: 3 }, () => /^taking the file system of this machine: .*\/core-site\.xml has no fs\.defaultFS$/))
})

t.test('what is meant as a URI and is none is no directory', async (t) => {
  const target = targetWith({})
  for (const path of ['hdfs:logs', ' hdfs://nn/x', 'hdfs//nn/x', 'swebhdfs//nn/x', 'file:x', 's3a:b', '\tfile:///x']) {
    t.throws(() => target(path), { code: 'BAD_OPTION', message: /^cannot understand .* \(--path\)/ }, path)
  }
  for (const [path, directory] of [['./s3a:b', '/here/s3a:b'], ['hdfs/x', '/here/hdfs/x'], ['/a:b', '/a:b'], ['%{k}:x', '/here/%{k}:x']] as const) t.equal(target(path).path, directory)
})

t.test('a port that no connection can have is no address', async (t) => {
  for (const path of ['webhdfs://h:99999/x', 'webhdfs://h:0/x', 'webhdfs://a,b:65536/x', 'hdfs://nn:0/x', 'hdfs://nn:70000/x', 'hdfs://[::1]:0/x']) t.throws(() => targetWith({})(path), { code: 'BAD_OPTION' }, path)
  t.same(targetWith({})('webhdfs://h:65535/x').cluster?.nameNodes, ['http://h:65535'])
})

t.test('a name and password are refused, and never shown', async (t) => {
  const uris = ['hdfs://ann:s3cret@nn:8020/x', 'webhdfs://ann:s3cret@nn/x', 's3a://KEY:s3c/s3cret@bucket/x', 'ftp://u:s3cret@h/x', 'file://u:s3cret@h/x', 'hdfs:ann:s3cret@nn', 'hdfs://s3cret@nn/%H:%M']
  const said: string[] = []
  for (const uri of uris) t.throws(() => targetWith({}, said)(uri), { message: /^(?!.*s3cret)/s }, uri)
  for (const uri of uris.slice(0, 4)) t.throws(() => targetWith({ 'fs.defaultFS': uri }, said)('/x'), { message: /^(?!.*s3cret)/s }, uri)
  t.same(said, [])
})

t.test('of the default file system its host alone counts, as in Hadoop', async (t) => {
  const target = targetWith({ 'fs.defaultFS': 'hdfs://nn:8020/base/' })
  t.equal(target('/x').path, 'hdfs://nn:8020/x')
  t.equal(target('x').path, 'hdfs://nn:8020/user/ann/x')
})

t.test('what begins as a URI and goes on as a relative path is no directory of this machine', async (t) => {
  const none = { conf: { get: () => undefined, from: undefined }, user: 'ann', say: () => undefined }
  const target = (path: string): Target => targetOf(path, '/here', none)
  for (const path of ['s3a:b', 'hdfs:logs', 'file:logs/%Y', 'HDFS:', 'logs:2026/x']) {
    t.throws(() => target(path), { code: 'BAD_OPTION', message: /a URI is SCHEME:\/\/HOST\/DIRECTORY; a directory of that name is \.\/NAME/ }, path)
  }
  t.equal(target('./logs:2026/x').path, '/here/logs:2026/x')
  t.equal(target('x/%H:%M').path, '/here/x/%H:%M')
  t.equal(target('at-%H:%M').path, '/here/at-%H:%M')
})

t.test('file:// is this machine whatever the default', async (t) => {
  const target = targetWith(HA)
  for (const file of ['file:///a/%d', 'file:/a/%d', 'FILE://localhost/a/%d']) t.same(target(file), { path: '/a/%d', cluster: undefined }, file)
  for (const path of ['', 'file://other/x', 'file://x']) t.throws(() => target(path), { code: 'BAD_OPTION' }, path)
  t.throws(() => target('s3a://b/x'), { code: 'UNAVAILABLE' })
})

t.test('on a cluster a plain path is absolute, or below the home of the user', async (t) => {
  const target = targetWith(HA)
  t.equal(target(undefined).path, 'hdfs://ns/flume/%Y-%m-%d')
  t.equal(target('/logs//%Y/').path, 'hdfs://ns/logs/%Y')
  t.equal(target('logs').path, 'hdfs://ns/user/ann/logs')
  for (const path of ['hdfs:///x', 'hdfs:/x', 'hdfs://ns/x']) t.equal(target(path).path, 'hdfs://ns/x', path)
  t.equal(target('hdfs://ns').path, 'hdfs://ns')
  t.throws(() => target('/logs/%H:%M'), { code: 'BAD_OPTION', message: /no ":"/ })
  t.throws(() => targetWith({ 'fs.defaultFS': 's3a://bucket' })('/x'), { code: 'UNAVAILABLE', message: /core-site\.xml/ })
})

t.test('HDFS must be told who writes, this machine need not', async (t) => {
  const around = { conf: { get: () => undefined, from: '/c/core-site.xml' }, user: undefined, say: () => undefined }
  t.throws(() => targetOf('hdfs://nn/x', '/here', around), { code: 'BAD_OPTION', message: /HADOOP_USER_NAME/ })
  t.equal(targetOf('/x', '/here', around).path, '/x')
})

t.test('a nameservice has the NameNodes of hdfs-site.xml', async (t) => {
  const http = ['http://m1:50070', 'http://m2:50070']
  t.same(targetWith(HA)('/x').cluster, { uri: 'hdfs://ns', nameNodes: http, user: 'ann', create: {} })
  t.same(targetWith(HA)('webhdfs://ns/x').cluster?.nameNodes, http)
  const https = ['https://m1:50470', 'https://m2:50470']
  t.same(targetWith({ ...HA, 'dfs.http.policy': 'HTTPS_ONLY' })('/x').cluster?.nameNodes, https)
  t.same(targetWith(HA)('swebhdfs://ns/x').cluster?.nameNodes, https)
  t.throws(() => targetWith({ ...HA, 'dfs.ha.namenodes.ns': 'n1,n3' })('/x'), { code: 'UNAVAILABLE', message: /dfs\.namenode\.http-address\.ns\.n3/ })
})

t.test('one NameNode: its address is in hdfs-site.xml, else it is the usual port, which is said', async (t) => {
  const said: string[] = []
  const nodesOf = (path: string, properties: Record<string, string>): readonly string[] | undefined => targetWith(properties, said)(path).cluster?.nameNodes
  t.same(nodesOf('/x', { 'fs.defaultFS': 'hdfs://nn', 'dfs.namenode.http-address': '0.0.0.0:1234' }), ['http://nn:1234'])
  t.same(nodesOf('hdfs://nn:8020/x', { 'dfs.namenode.rpc-address': 'nn', 'dfs.namenode.http-address': 'web:1' }), ['http://web:1'])
  t.same(nodesOf('hdfs://m2:8020/x', HA), ['http://m2:50070'], 'one of a nameservice')
  t.same(said, [])
  t.same(nodesOf('hdfs://far:8020/x', { 'fs.defaultFS': 'hdfs://nn', 'dfs.namenode.http-address': 'nn:1' }), ['http://far:9870'])
  t.match(said, [/http:\/\/far:9870/])
  t.same(nodesOf('webhdfs://a,b:99/x', {}), ['http://a:9870', 'http://b:99'])
  t.same(nodesOf('swebhdfs://a/x', {}), ['https://a:9871'])
  t.throws(() => nodesOf('hdfs://a b/x', {}), { code: 'BAD_OPTION' })
})

t.test('replication, block size and mode of new files are those of the client', async (t) => {
  const properties = { 'fs.defaultFS': 'hdfs://nn', 'dfs.replication': '2', 'dfs.blocksize': '1048576', 'fs.permissions.umask-mode': '027' }
  t.same(targetWith(properties)('/x').cluster?.create, { replication: '2', blocksize: '1048576', permission: '640' })
})
