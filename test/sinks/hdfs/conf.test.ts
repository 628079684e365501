import t from 'tap'
import { chmodSync } from 'node:fs'
import { nodeDisk } from '../../../src/disk/node.js'
import { hadoopConf, parseProperties } from '../../../src/sinks/hdfs/conf.js'

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

t.test('fs.defaultFS comes from the first core-site.xml that is there, and has it; a directory that is named must have one', async (t) => {
  const dir = t.testdir({
    conf: { 'core-site.xml': site('hdfs://nn1:8020') },
    home: { etc: { hadoop: { 'core-site.xml': site('hdfs://ns') } } },
    empty: {},
    silent: { 'core-site.xml': '<configuration/>', 'hdfs-site.xml': '<configuration><property><name>dfs.nameservices</name><value>ns</value></property></configuration>' },
  })
  const conf = await hadoopConf(nodeDisk, { HADOOP_CONF_DIR: `${dir}/conf`, HADOOP_HOME: `${dir}/home` })
  t.same([conf.get('fs.defaultFS'), conf.from], ['hdfs://nn1:8020', `${dir}/conf/core-site.xml`])
  t.equal((await hadoopConf(nodeDisk, { HADOOP_HOME: `${dir}/home` })).get('fs.defaultFS'), 'hdfs://ns')
  const silent = await hadoopConf(nodeDisk, { HADOOP_CONF_DIR: `${dir}/silent` })
  t.same([silent.get('fs.defaultFS'), silent.get('dfs.nameservices'), silent.from], [undefined, 'ns', undefined])
  for (const name of ['empty', 'missing']) {
    const message = `cannot find ${dir}/${name}/core-site.xml, where HADOOP_CONF_DIR says it is`
    await t.rejects(hadoopConf(nodeDisk, { HADOOP_CONF_DIR: `${dir}/${name}` }), { code: 'UNAVAILABLE', message })
    const none = await hadoopConf(nodeDisk, { HADOOP_HOME: `${dir}/${name}` })
    t.same([none.get('fs.defaultFS'), none.from], [undefined, undefined], name)
  }
})

t.test('the name that fs.defaultFS had in earlier versions is taken for it; that there is neither is known', async (t) => {
  const dir = t.testdir({ old: { 'core-site.xml': site('hdfs://old').replace(' fs.defaultFS ', 'fs.default.name') }, silent: { 'core-site.xml': '<configuration/>' } })
  t.equal(await valueIn(`${dir}/old`), 'hdfs://old')
  t.equal((await hadoopConf(nodeDisk, { HADOOP_CONF_DIR: `${dir}/silent` })).silent, `${dir}/silent/core-site.xml`)
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
    await t.rejects(valueIn(`${dir}/${name}`), { code: 'UNAVAILABLE' }, name)
  }
  await t.rejects(parseProperties('<a>'.repeat(1_000_000), '/c/core-site.xml'), { code: 'UNAVAILABLE', message: /\/c\/core-site\.xml: it has more than/ })
})

async function valueIn(directory: string, env: Record<string, string> = {}): Promise<string | undefined> {
  return (await hadoopConf(nodeDisk, { HADOOP_CONF_DIR: directory, ...env })).get('fs.defaultFS')
}

t.test('variables of a value come from the environment and from other properties, hdfs-site.xml before core-site.xml', async (t) => {
  const property = (name: string, value: string): string => `<property><name>${name}</name><value>${value}</value></property>`
  const dir = t.testdir({
    'core-site.xml': site('hdfs://${env.NN}:${port}', property('port', '1') + property('loop', '${loop}') + property('other', '${env.NONE:-x}')),
    'hdfs-site.xml': `<configuration>${property('port', '${a}0')}${property('a', '2')}</configuration>`,
  })
  t.equal(await valueIn(dir, { NN: 'x' }), 'hdfs://x:20')
  await t.rejects(valueIn(dir), { code: 'UNAVAILABLE', message: /env\.NN/ })
  const conf = await hadoopConf(nodeDisk, { HADOOP_CONF_DIR: dir, NN: 'x' })
  t.equal(conf.get('other'), 'x')
  t.throws(() => conf.get('loop'), { code: 'UNAVAILABLE' })
})

t.test('a configuration that may not be read is an error', { skip: process.getuid?.() === 0 && 'root reads all' }, async (t) => {
  const dir = t.testdir({ 'core-site.xml': site('hdfs://a') })
  chmodSync(`${dir}/core-site.xml`, 0)
  await t.rejects(hadoopConf(nodeDisk, { HADOOP_CONF_DIR: dir }), { code: 'PERMISSION' })
})
