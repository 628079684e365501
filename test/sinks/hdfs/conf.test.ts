import t from 'tap'
import { chmodSync } from 'node:fs'
import { nodeDisk } from '../../../src/disk/node.js'
import { defaultFileSystem, parseProperties } from '../../../src/sinks/hdfs/conf.js'
import { targetOf } from '../../../src/sinks/hdfs/target.js'

const site = (value: string, more = ''): string => `<?xml version="1.0"?>
<?xml-stylesheet type="text/xsl" href="configuration.xsl"?>
<!-- <property><name>fs.defaultFS</name><value>hdfs://commented:1</value></property> -->
<configuration>
  <property><name>hadoop.tmp.dir</name><value>/tmp</value></property>
  <property>
    <name> fs.defaultFS </name>
    <value>
      ${value}</value><final>true</final>
  </property>${more}
</configuration>
`

t.test('fs.defaultFS comes from the first core-site.xml that is there, and has it', async (t) => {
  const dir = t.testdir({
    conf: { 'core-site.xml': site('hdfs://nn1:8020') },
    home: { etc: { hadoop: { 'core-site.xml': site('hdfs://ns') } } },
    empty: {},
    silent: { 'core-site.xml': '<configuration/>' },
  })
  t.same(await defaultFileSystem(nodeDisk, { HADOOP_CONF_DIR: `${dir}/conf`, HADOOP_HOME: `${dir}/home` }), {
    uri: 'hdfs://nn1:8020',
    from: `${dir}/conf/core-site.xml`,
  })
  t.match(await defaultFileSystem(nodeDisk, { HADOOP_HOME: `${dir}/home` }), { uri: 'hdfs://ns' })
  for (const name of ['empty', 'silent', 'missing']) {
    t.same(await defaultFileSystem(nodeDisk, { HADOOP_CONF_DIR: `${dir}/${name}` }), { uri: 'file:///', from: undefined }, name)
  }
})

t.test('properties: the last of a name counts, entities and CDATA are text', async (t) => {
  const properties = await parseProperties(
    site('hdfs://a', '<property><value><![CDATA[x<y]]>&amp;z</value><name>n</name></property><property><name>fs.defaultFS</name><value>b</value></property>'), 'x',
  )
  t.same([...properties], [['hadoop.tmp.dir', '/tmp'], ['fs.defaultFS', 'b'], ['n', 'x<y&z']])
})

t.test('what is there and cannot be understood is an error, never the local file system', async (t) => {
  const include = '<configuration xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="more.xml"/></configuration>'
  const bad = { cut: '<configuration><property>', text: 'fs.defaultFS=hdfs://x', empty: '', include, variable: site('hdfs://${nowhere}') }
  const dir = t.testdir(Object.fromEntries(Object.entries(bad).map(([name, text]) => [name, { 'core-site.xml': text }])))
  for (const name of Object.keys(bad)) {
    await t.rejects(defaultFileSystem(nodeDisk, { HADOOP_CONF_DIR: `${dir}/${name}` }), { code: 'UNAVAILABLE' }, name)
  }
  t.match(await defaultFileSystem(nodeDisk, { HADOOP_CONF_DIR: t.testdir({ 'core-site.xml': site('hdfs://${env.NN}:1') }), NN: 'x' }), { uri: 'hdfs://x:1' })
})

t.test('a configuration that may not be read is an error', { skip: process.getuid?.() === 0 && 'root reads all' }, async (t) => {
  const dir = t.testdir({ 'core-site.xml': site('hdfs://a') })
  chmodSync(`${dir}/core-site.xml`, 0)
  await t.rejects(defaultFileSystem(nodeDisk, { HADOOP_CONF_DIR: dir }), { code: 'PERMISSION' })
})

t.test('a path is absolute, on this machine, or refused', async (t) => {
  const local = { uri: 'file:///', from: undefined }
  const remote = { uri: 'hdfs://nn:8020', from: '/c/core-site.xml' }
  t.equal(targetOf(undefined, local, '/here'), '/here/flume/%Y-%m-%d')
  t.equal(targetOf('logs/%H/', local, '/here'), '/here/logs/%H')
  t.equal(targetOf('/a//b/../c', local, '/here'), '/a/c')
  for (const file of ['file:///a/%d', 'file:/a/%d', 'FILE://localhost/a/%d']) t.equal(targetOf(file, remote, '/here'), '/a/%d', file)
  for (const path of [undefined, 'x', '/x']) t.throws(() => targetOf(path, remote, '/here'), { code: 'UNAVAILABLE', message: /core-site\.xml/ }, path ?? 'none')
  for (const path of ['hdfs://nn/x', 'webhdfs://nn:9870/x', 'swebhdfs://nn/x', 's3a://b/x', 'hdfs:/x']) {
    t.throws(() => targetOf(path, local, '/here'), { code: 'UNAVAILABLE' }, path)
  }
  for (const path of ['', 'file://other/x', 'file://x']) t.throws(() => targetOf(path, local, '/here'), { code: 'BAD_OPTION' }, path)
})
