/**
 * The recipe for containers, without docker: its entry as process 1 of namespaces of its own, in what the Dockerfile gives it. Not
 * tested here: that docker builds the image; that the package installs is a test of its own, test/examples/package.test.ts.
 */
import { appendFileSync, chownSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import '../support/real-processes.js'
import { numbered, placed, sinkIn, type SinkShown } from '../support/delivered.js'
import { PATH, UNSHARE, childOf, inside, whyNoNamespaces } from '../support/namespaces.js'
import { Running, until } from '../support/running.js'
import { shell } from '../support/shell.js'
import { ROOT, projectFiles, read } from '../support/source.js'

const DOCKERFILE = read('examples/container/Dockerfile')
const UID = Number(/useradd --uid (\d+)/.exec(DOCKERFILE)![1])
const ENTRY = '/opt/flume/examples/container/entry'
const skip = whyNoNamespaces()

/** The volume of containers, with a log in it. */
function volume(t: Test): string {
  const path = join(t.testdir({ volume: { logs: { 'app.log': numbered(0, 1000) } } }), 'volume')
  for (const one of [path, join(path, 'logs'), join(path, 'logs/app.log')]) chownSync(one, UID, UID)
  return path
}

/** `docker run`, as flume(7) has it; `tmp`: with a place for sockets. */
function run(t: Test, volume: string, tmp: 'tmp' | 'none' = 'tmp'): Running {
  const given = /^ENV (.*)$/m.exec(DOCKERFILE)![1]!.split(' ')
  const env = [...given, `PATH=${PATH}`, 'FLUME_SINK_HDFS_PATH=out/%[localhost]']
  const contain = [join(ROOT, 'test/support/contain'), volume, ROOT, realpathSync(process.execPath), String(UID), tmp]
  const words = [...UNSHARE, ...contain, ...env, ENTRY, '/var/lib/flume/logs/*.log']
  return Running.start(t, `exec ${words.map((word) => `'${word}'`).join(' ')}`, join(volume, '..'))
}

/** Process 1, as seen from here. */
function firstOf(container: Running): number {
  return childOf(container.group)!
}

/** What `docker exec flume flume-stat` says of the sink. */
async function sinkOf(container: Running): Promise<SinkShown | undefined> {
  const pid = childOf(container.group)
  return pid === undefined ? undefined : sinkIn((await inside(pid, 'flume-stat --json')).out)
}

async function holds(container: Running, events: number): Promise<void> {
  await until(async () => (await sinkOf(container))?.unacked === events, () => container.said)
}

t.test('SIGTERM for process 1 ends the work of every stage, and another container with the volume carries on', { skip }, async (t) => {
  const lib = volume(t)
  const first = run(t, lib)
  await holds(first, 1000)
  t.match(await inside(firstOf(first), 'cat /proc/1/cmdline; ls /etc; touch /x'), { out: /entry\0[^\n]*$/, err: /read-only/i }, 'it is process 1, there is no machine id')
  process.kill(firstOf(first), 'SIGTERM')
  t.ok(await first.falls())
  t.equal(await first.ended, 143, first.said)
  t.equal(placed(join(lib, 'out')), numbered(0, 1000))

  appendFileSync(join(lib, 'logs/app.log'), numbered(1000, 1200))
  const second = run(t, lib)
  await holds(second, 200)
  process.kill(firstOf(second), 'SIGKILL')
  t.ok(await second.falls())
  const third = run(t, lib)
  await holds(third, 200)
  process.kill(firstOf(third), 'SIGINT')
  t.ok(await third.falls())
  t.equal(await third.ended, 130)
  t.equal(placed(join(lib, 'out')), numbered(0, 1200), 'each line once')
})

t.test('a stage that dies ends the container, with a status that has it started again', { skip }, async (t) => {
  const container = run(t, volume(t))
  await holds(container, 1000)
  const { pid } = (await sinkOf(container))!
  await inside(firstOf(container), `kill -9 ${pid}`)
  t.ok(await container.falls())
  t.equal(await container.ended, 137, container.said)
})

t.test('where the stages cannot meet, with nothing but the volume to write to, nothing is moved', { skip }, async (t) => {
  const lib = volume(t)
  const container = run(t, lib, 'none')
  t.ok(await container.falls())
  t.equal(await container.ended, 75)
  t.match(container.said, /flume-tail: cannot listen for acks: read-only file system/)
  t.equal(placed(join(lib, 'out')), '')
})

t.test('a command in place of the files is that command', async (t) => {
  const { status, out } = await shell(`${join(ROOT, 'examples/container/entry')} flume-tail --once *.log | head -1`, t.testdir({ 'a.log': 'one\n' }))
  t.equal(status, 0)
  t.match(JSON.parse(out), { body: 'one' })
})

t.test('the Dockerfile takes only what is there', async (t) => {
  t.ok(projectFiles().includes('examples/container/entry'))
  t.match(DOCKERFILE, /flume\/examples\/container\/entry" \/usr\/local\/bin\/flume-entry/)
  t.match(DOCKERFILE, /^ENTRYPOINT \["flume-entry"\]$/m)
})
