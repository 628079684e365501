/** What the sink reads: configuration, answers of a NameNode, its own record, names, and the escapes of paths. */
import { hadoopConf } from '../../../../src/sinks/hdfs/conf.js'
import { decodeName, encodeName, isTemporaryOf, streamOfTemporary } from '../../../../src/sinks/hdfs/name.js'
import { levelsOf, Places } from '../../../../src/sinks/hdfs/path.js'
import { bytesOf, parseLine } from '../../../../src/sinks/hdfs/record-line.js'
import { failureOf } from '../../../../src/sinks/hdfs/webhdfs/failure.js'
import { pageIn, type Page, statusIn, textIn } from '../../../../src/sinks/hdfs/webhdfs/status.js'
import { diskOf } from '../one-file.js'
import { holds, type Target } from '../target.js'

const CONF = [
  '<?xml version="1.0"?>\n<configuration>\n<property><name>fs.defaultFS</name><value>hdfs://${host}:8020</value></property>\n<property><name>host</name><value>${env.HOST:-a}</value></property></configuration>',
  '<configuration><property><name>fs.defaultFS</name><value>${a}</value></property><property><name>a</name><value>${a}${a}</value></property></configuration>',
  '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><configuration><property><name>__proto__</name><value>&b;</value></property></configuration>',
]
const ANSWERS = [
  '{"FileStatus":{"accessTime":0,"blockSize":134217728,"fileId":16390,"length":24,"pathSuffix":"","type":"FILE"}}', '{"FileStatus":null}', 'null', '{"DirectoryListing":null}',
  '{"DirectoryListing":{"partialListing":{"FileStatuses":{"FileStatus":[{"pathSuffix":"a","type":"DIRECTORY","length":0},null]}},"remainingEntries":1}}', '{"Path":"/user/a"}',
]
const FAILURES = [
  '{"RemoteException":{"exception":"StandbyException","javaClassName":"org.apache.hadoop.ipc.StandbyException","message":"Operation category READ is not supported in state standby"}}',
  '{"RemoteException":{"exception":"IOException","message":"org.apache.hadoop.ipc.RemoteException: StandbyException"}}', '<html><body>404 <b>not found</b></body></html>', 'null', '{"RemoteException":1}',
]
const RECORD = [
  { step: 'begin', directory: '/logs', prefix: 'events', path: '/logs/x', end: 3, file: { path: '/s', id: '1', size: 4 } }, { step: 'attempt', path: '/logs/_x', time: 5 }, { step: 'over', path: '/x' },
  { step: 'filling', directory: '/logs', prefix: 'e', path: '/s', suffix: '.log', first: 1, codec: 'none' },
].map((line) => JSON.stringify(line))
const NAME = encodeName({ prefix: 'events', stream: 'plain', bucket: '0123abcd', first: 1, last: 20, suffix: '.log.gz' })
const HOST = { name: 'web1', fqdn: 'web1.example.org', ip: '10.0.0.1' }
const PLACE = { prefix: 'events', round: 1, timeZone: 'UTC', localZone: () => 'UTC', useLocalTimestamp: false }

export const HDFS: readonly Target[] = [
  { name: 'core-site.xml', seeds: CONF, words: ['<property>', '</property>', '<name>', '<value>', '${a}', '${fs.defaultFS}', '&amp;', '<!--', '<![CDATA[', '<configuration>'], take: takeConf },
  { name: 'answer of a NameNode', seeds: ANSWERS, words: ['null', '{', '[', '"FileStatus":', '"length":'], take: takeAnswer },
  { name: 'failure of a NameNode', seeds: FAILURES, words: ['<', '>', ' ', '"RemoteException":{', 'org.apache.', 'StandbyException'], take: (bytes) => void failureOf(403, bytes.toString(), 'nn:9870').message },
  { name: 'line of the record', seeds: RECORD, words: ['null', '"__proto__":', '"codec":"', 'constructor'], take: (bytes) => read(bytes.toString()) },
  { name: 'name of a file', seeds: [NAME, `_plain.${'a'.repeat(36)}.tmp`, '_COPYING_', '__proto__'], words: ['.', '-', '00000000000000000000', '_', 'tmp'], take: takeName },
  {
    name: 'escapes of a path', seeds: ['/logs/%Y-%m-%d/%{host}/%[ip]', '/%t/%D %H%M%S %j %%/%{timestamp}', '/%[constructor]/%{__proto__}'],
    words: ['%', '%{', '}', '%[', ']', '%D', '%[__proto__]', '%Q', '..', '/'], take: takeEscapes,
  },
  { name: 'header in a path', seeds: ['web1', '../../etc', '.hidden', '', 'a:b', 'é'.repeat(200), '1700000000000'], words: ['/', '..', ':', '_', '.'], take: takeHeader },
]

async function takeConf(bytes: Buffer): Promise<void> {
  const conf = await hadoopConf(diskOf(bytes, '/c/core-site.xml'), { HADOOP_CONF_DIR: '/c' })
  for (const name of ['fs.defaultFS', 'a', '__proto__', 'constructor']) {
    const value = conf.get(name)
    holds(value === undefined || typeof value === 'string', 'a property is a text')
  }
}

/** Any error is one: an answer of another kind is told as it came. */
function takeAnswer(bytes: Buffer): void {
  let answer: unknown
  try {
    answer = JSON.parse(bytes.toString())
  } catch {
    return
  }
  for (const take of [statusIn, (any: unknown): Page => pageIn(any, 'x'), (any: unknown): string => textIn(any, 'Path')]) {
    try {
      take(answer)
    } catch (error) {
      holds(error instanceof Error && /^no \w+ in /.test(error.message), `it says what is missing: ${String(error)}`)
    }
  }
}

function read(text: string): void {
  const line = parseLine(Buffer.from(text))
  if (line !== undefined) holds(JSON.stringify(parseLine(bytesOf(line).subarray(0, -1))) === JSON.stringify(line), 'a line that is written and read is the same')
}

function takeName(bytes: Buffer): void {
  const text = bytes.toString()
  const name = decodeName(text)
  if (name !== undefined) holds(encodeName(name) === text, `a name that is read and written is the same: ${text}`)
  const stream = streamOfTemporary(text)
  if (stream !== undefined) holds(isTemporaryOf(text, stream), 'the stream of a temporary file is its own')
}

function takeEscapes(bytes: Buffer): void {
  const path = `/${bytes.toString()}`
  const { directory, prefix } = new Places({ ...PLACE, path }, HOST).of(new Map([['host', 'web1']]), '1700000000000', 1)
  holds(typeof directory === 'string' && typeof prefix === 'string', 'a place has a directory')
  levelsOf(path, HOST)
}

const places = new Places({ ...PLACE, path: '/logs/%{a}/%Y', prefix: 'x%{a}' }, HOST)

function takeHeader(bytes: Buffer): void {
  const text = bytes.toString()
  const { directory, prefix } = places.of(new Map([['a', text]]), undefined, 1_700_000_000_000)
  const levels = directory.split('/')
  holds(levels.length === 4 && !/^[._]|^$/.test(levels[2]!) && !/[:\p{Cc}]/u.test(directory), `a header stays in its directory: ${JSON.stringify(directory)}`)
  holds(Buffer.byteLength(levels[2]!) <= 255 && /^[A-Za-z0-9._=-]+$/.test(prefix), 'its name is one that a file system takes')
  places.of(new Map([['a', text]]), text, 1_700_000_000_000)
}
