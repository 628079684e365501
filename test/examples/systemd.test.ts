/**
 * The units of examples/systemd, installed as flume(7) says: read by systemd-analyze, their lines run by a shell as they stand,
 * and, where root may, by a systemd that is booted for the test. Not tested here: SELinux, and a systemd older than this one.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import '../support/real-processes.js'
import { Booted, whyNoSystemd } from '../support/booted.js'
import { numbered, placed, sinkIn, type SinkShown } from '../support/delivered.js'
import { PATH } from '../support/namespaces.js'
import { Running, until } from '../support/running.js'
import { commandEnvironment, shell } from '../support/shell.js'
import { ROOT, read } from '../support/source.js'
import { valuesOf, wordsOf } from '../support/unit-file.js'

const UNITS = ['flume-source@.service', 'flume-sink@.service'].map((name) => `examples/systemd/${name}`)
const analyze = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'there is no systemd-analyze here'

t.test('systemd has nothing to say against the units, and finds them hardened', { skip: analyze }, async (t) => {
  const pages = t.testdir()
  for (const page of readdirSync(join(ROOT, 'man'))) {
    const section = join(pages, `man${page.slice(-1)}`)
    mkdirSync(section, { recursive: true })
    symlinkSync(join(ROOT, 'man', page), join(section, page))
  }
  const env = { ...process.env, MANPATH: pages }
  const verify = spawnSync('systemd-analyze', ['verify', ...UNITS], { cwd: ROOT, encoding: 'utf8', env })
  t.match(verify, { status: 0, stdout: '', stderr: '' })
  for (const unit of UNITS) {
    const rating = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', unit], { cwd: ROOT, encoding: 'utf8' })
    t.equal(rating.status, 0, rating.stdout.slice(-200))
  }
})

t.test('the line of each unit runs as it stands, and a stop ends the work of all of it', async (t) => {
  const directory = t.testdir({ 'app.log': numbered(0, 1000), state: {} })
  const env = { FILES: '*.log', FLUME_SINK_HDFS_PATH: 'out', STATE_DIRECTORY: join(directory, 'state'), XDG_STATE_HOME: directory }
  const [source, sink] = UNITS as [string, string]
  const fed = start(t, source, env, directory)
  await until(async () => (await behind(directory)) === 1000, () => fed.said)
  const taken = start(t, sink, env, directory)
  await until(async () => (await unacked(directory)) === 1000, () => taken.said)
  for (const [unit, line] of [[source, fed], [sink, taken]] as const) {
    line.kill('SIGTERM')
    t.ok(await line.falls())
    t.equal(`${await line.ended}`, valuesOf(read(unit), 'SuccessExitStatus').join(), line.said)
  }
  t.equal(await behind(directory), 0, 'all is acked')
  t.equal(placed(join(directory, 'out')), numbered(0, 1000))
})

/** With nothing in its environment but what systemd would give. */
function start(t: Test, unit: string, settings: Readonly<Record<string, string>>, directory: string): Running {
  const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`
  const own = valuesOf(read(unit), 'Environment').flatMap((value) => value.split(' '))
  const environment = [`PATH=${commandEnvironment(directory)['PATH']}`, ...own, ...Object.entries(settings).map((pair) => pair.join('='))]
  const words = wordsOf(valuesOf(read(unit), 'ExecStart').join(), { i: 'app' })
  return Running.start(t, ['exec', 'env', '-i', ...environment, ...words].map(quoted).join(' '), directory)
}

/** Of the queue: events that its reader has not acked, or that no reader has taken yet. */
async function behind(directory: string): Promise<number | undefined> {
  const { out } = await shell('flume-buffer --stat --json state/queues/app', directory)
  if (out === '') return undefined
  const { next, readers } = JSON.parse(out) as { next: number; readers: { lag: number }[] }
  return readers[0]?.lag ?? next
}

async function unacked(directory: string): Promise<number | undefined> {
  return sinkIn((await shell('flume-stat --json state/queues/app', directory)).out)?.unacked
}

/** Installed as flume(7) says, by these very words, with logs that only the group adm may read. */
async function installed(t: Test, settings: Record<string, string> = {}): Promise<Booted> {
  const machine = await Booted.boot(t)
  const [, steps] = /^\.Ss Under systemd\n[^]*?^\.Bd -literal.*\n([^]*?)^\.Ed/m.exec(read('man/flume.7'))!
  const ours = { FILES: '/var/lib/logs/*.log', FLUME_SINK_HDFS_PATH: 'out/%[host]', PATH, ...settings }
  const [enable, ...before] = steps!.replace('$(npm root -g)/flume', '/opt/flume').trimEnd().split('\n').reverse()
  const prepare = [
    ...before.reverse(),
    `printf '%s\\n' ${Object.entries(ours).map((pair) => `'${pair.join('=')}'`).join(' ')} >>/etc/flume/nginx.conf`,
    'for unit in source sink; do mkdir -p /run/systemd/system/flume-$unit@.service.d',
    "printf '[Service]\\nRestartSec=100ms\\nStandardError=append:/var/lib/said\\n' >/run/systemd/system/flume-$unit@.service.d/test.conf; done",
    'systemctl daemon-reload; mkdir -m 755 /var/lib/logs; umask 027; seq -f "line %.0f" 0 999 >/var/lib/logs/access.log; chgrp adm /var/lib/logs/access.log',
    enable!,
  ]
  t.match(await machine.run(`set -e; ${prepare.join('\n')}`), { status: 0 }, 'installed')
  return machine
}

/** What flume-stat says to root, outside of the units: of the sink, undefined while it cannot be asked. */
async function sinkOf(machine: Booted, queue = 'nginx'): Promise<SinkShown | undefined> {
  return sinkIn((await machine.run(`flume-stat --json /var/lib/flume/queues/${queue}`)).out)
}

const noSystemd = whyNoSystemd()

t.test('under systemd both lines are seen from outside, restarted, and stopped with all their work done', { skip: noSystemd }, async (t) => {
  const machine = await installed(t)
  const holds = async (events: number): Promise<boolean> => (await sinkOf(machine))?.unacked === events
  await until(() => holds(1000), () => machine.said)
  const { out } = await machine.run('flume-stat')
  const lines = out.trimEnd().split('\n\n').map((line) => line.match(/flume-tail|flume-sink-hdfs|flume-buffer \w+/g))
  t.same(lines.sort(), [['flume-buffer take', 'flume-sink-hdfs'], ['flume-tail', 'flume-buffer put']], 'whichever of them systemd has started first')
  t.match(await machine.run('setpriv --reuid=flume --regid=flume --clear-groups flume-stat'), { out: /flume-sink-hdfs/ })

  const { pid } = (await sinkOf(machine))!
  await machine.run(`kill -9 ${pid}`)
  await until(async () => (await sinkOf(machine))?.pid !== pid && (await holds(1000)), () => machine.said)
  appendFileSync(join(machine.lib, 'logs/access.log'), numbered(1000, 1500))
  await until(() => holds(1500), () => machine.said)

  t.match(await machine.run('systemctl stop flume-source@nginx flume-sink@nginx'), { status: 0 })
  for (const unit of ['flume-source@nginx', 'flume-sink@nginx']) {
    t.equal(await machine.show(unit, 'Result', 'ActiveState'), 'success inactive', unit)
  }
  t.equal(placed(join(machine.lib, 'flume/out')), numbered(0, 1500))
  t.match(await machine.run('setpriv --reuid=flume --regid=flume --clear-groups flume-buffer --stat /var/lib/flume/queues/nginx'), { out: /reader +default +at 1500, 0 behind/ })

  await machine.run('systemctl start flume-source@nginx flume-sink@nginx')
  appendFileSync(join(machine.lib, 'logs/access.log'), numbered(1500, 1600))
  await until(() => holds(100), () => machine.said)
  await machine.run('systemctl stop flume-source@nginx flume-sink@nginx')
  t.equal(placed(join(machine.lib, 'flume/out')), numbered(0, 1600), 'each line once')
})

t.test('66 and 75 are tried again until they go, and what needs a person is left alone', { skip: noSystemd }, async (t) => {
  const machine = await installed(t, { FLUME_TAIL_FROM: 'nowhere' })
  await until(async () => (await machine.show('flume-source@nginx', 'ActiveState')) === 'failed', () => machine.said)
  t.equal(await machine.show('flume-source@nginx', 'NRestarts', 'ExecMainStatus'), '0 64')

  await machine.run("sed -i '/FLUME_TAIL_FROM/d' /etc/flume/nginx.conf; systemctl start flume-source@nginx; cp /etc/flume/nginx.conf /etc/flume/other.conf")
  await machine.run('systemctl start flume-sink@other')
  await until(() => machine.said.includes('cannot open queue /var/lib/flume/queues/other: there is none'), () => machine.said)
  await until(async () => (await sinkOf(machine)) !== undefined, () => machine.said)
  await machine.run('ln -s nginx /var/lib/flume/queues/other')
  await until(() => /cannot use reader default of queue \S+: process \d+ holds it/.test(machine.said), () => machine.said)
  const { pid } = (await sinkOf(machine))!
  await machine.run('systemctl stop flume-sink@nginx')
  await until(async () => ![undefined, pid].includes((await sinkOf(machine, 'other'))?.pid), () => machine.said)
})
