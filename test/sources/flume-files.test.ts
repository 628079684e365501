/** What flume itself writes is not read where a pattern or a directory only happens to hold it: the line would feed itself. */
import * as fs from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { encodeName, nextAttempt, streamOf, temporaryName } from '../../src/sinks/hdfs/name.js'
import { isDelivered, isTemporary } from '../../src/sources/flume-files.js'
import { Queue, spooled } from '../support/spooling.js'
import { Tailing } from '../support/tailing.js'

const STREAM = streamOf(`queue.${randomUUID()}.default`)
const TEMPORARY = temporaryName(STREAM, randomUUID())
const DELIVERED = encodeName({ prefix: 'events', stream: STREAM, bucket: '0a1b2c3d', first: 0, last: 99, suffix: '.log' })

/** A directory in which a line reads and writes. */
function around(t: Test): string {
  const directory = t.testdir({
    'a.log': 'line\n',
    q: { 'queue.json': '{}\n', lock: '', segments: { '00000000000000000000.seg': 'line\n' }, cursors: { default: 'x\n' } },
    flume: { '2026-11-30': { [TEMPORARY]: 'line\n', [DELIVERED]: 'line\n' } },
  })
  const time = Date.UTC(2020, 0, 1) / 1000
  for (const name of fs.readdirSync(directory, { recursive: true, encoding: 'utf8' })) fs.utimesSync(join(directory, name), time, time)
  return directory
}

const written = (directory: string): string[] => [
  `leaves out ${directory}/q: it is a queue of flume-buffer`,
  `leaves out what flume-sink-hdfs writes in ${directory}/flume/2026-11-30`,
]

const cut = (said: readonly string[]): string[] => said.map((message) => message.replace(/(2026-11-30): .*/, '$1')).sort()

t.test('the names of the sink are told from others', async (t) => {
  t.ok([TEMPORARY, nextAttempt(TEMPORARY)].every(isTemporary))
  t.notOk(['_a.tmp', '_a.b.tmp', `a.${randomUUID()}.tmp`, DELIVERED].some(isTemporary))
  t.ok([DELIVERED, DELIVERED.replace(/\.log$/, ''), `${DELIVERED}.gz`].every(isDelivered))
  t.notOk(['events.log', 'a.0a1b2c3d.0-99.log', TEMPORARY].some(isDelivered))
})

t.test('flume-spool leaves out a queue below its directory and what the sink writes there, and says so', async (t) => {
  const directory = around(t)
  const before = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  const queue = new Queue()
  const { said } = await spooled(directory, queue, { options: { recursive: true } })
  t.equal(queue.bodies.length, 1)
  t.same(cut(said), written(directory))
  t.same(fs.readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort(), before.map((name) => name.replace('a.log', 'a.log.COMPLETED')))
})

t.test('flume-spool reads finished files of the sink in the directory that is named, or where --include is', async (t) => {
  const named = new Queue()
  await spooled(join(around(t), 'flume/2026-11-30'), named)
  t.equal(named.bodies.length, 1, 'and none that is being written')
  const included = new Queue()
  await spooled(around(t), included, { options: { recursive: true, include: ['events.*'] } })
  t.equal(included.bodies.length, 1)
})

t.test('patterns of flume-tail leave them out, too', async (t) => {
  const directory = around(t)
  for (const [pattern, lines] of [['**', 1], ['q/*', 0], ['q/segments/*', 0], ['flume/*/*', 0]] as const) {
    const tailing = new Tailing([join(directory, pattern)], undefined, { once: true })
    await tailing.start()
    await tailing.finish()
    t.equal(tailing.bodies.length, lines, pattern)
    if (pattern === '**') t.same(cut(tailing.said), written(directory))
    await tailing.close()
  }
})

t.test('what is named without wildcards is read', async (t) => {
  const directory = around(t)
  const names = [`flume/2026-11-30/${DELIVERED}`, 'q/segments/00000000000000000000.seg']
  const tailing = new Tailing(names.map((name) => join(directory, name)), undefined, { once: true })
  await tailing.start()
  await tailing.finish()
  t.equal(tailing.bodies.length, 2)
  t.same(tailing.said, [])
  await tailing.close()
})
