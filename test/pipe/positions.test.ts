/** The line of positions in an export, before stages that have no use for it: it is no event, and becomes none. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { shell } from '../support/shell.js'
import '../support/real-processes.js'

const EXPORT = 'flume-tail --once --no-headers log | flume-buffer --put q && flume-buffer --export --positions q >events'
const SAID = /: left out the positions of 1 partition, which only flume-buffer takes$/m

t.test('flume-intercept, flume-route and flume-sink-hdfs leave the line of positions out, and say so', async (t) => {
  const directory = t.testdir({ log: 'a\nb\n' })
  t.match(await shell(EXPORT, directory), { status: 0, err: '' })
  const lines = readFileSync(join(directory, 'events'), 'utf8').split('\n')
  t.match(lines, [/"body":"a"/, /"body":"b"/, /^\{"flume":"positions",/, ''])

  const intercepted = await shell('flume-intercept --static x=y <events | flume-buffer --put q2; flume-buffer --export q2', directory)
  t.equal(intercepted.out, '{"headers":{"x":"y"},"body":"a"}\n{"headers":{"x":"y"},"body":"b"}\n')
  t.match(intercepted.err, SAID)
  const twice = await shell('cat events events | flume-intercept --parse json --on-error drop --explain 9', directory)
  t.equal(twice.out.match(/^event/gm)?.length, 4, 'wherever it stands')

  const routed = await shell("flume-buffer --export --positions q | flume-route --to 'flume-buffer --put q3'; flume-buffer --export q3", directory)
  t.equal(routed.out, '{"body":"a"}\n{"body":"b"}\n')
  t.match(routed.err, SAID)

  const sunk = await shell('flume-sink-hdfs --path out <events', directory)
  t.match(sunk.err, SAID)
  const files = readdirSync(join(directory, 'out')).filter((name) => !/^[._]/.test(name))
  t.equal(files.map((name) => readFileSync(join(directory, 'out', name), 'utf8')).join(''), 'a\nb\n')
})

t.test('flume-buffer takes the line of positions from a program', async (t) => {
  const directory = t.testdir({ log: 'a\nb\n' })
  const { out, err } = await shell(`${EXPORT}; cat events | flume-buffer --put q2; flume-buffer --export --positions q2 | grep -o '"offset":4'; flume-buffer --export q2 | wc -l`, directory)
  t.match(out, /^("offset":4\n)+2\n$/, err)
})
