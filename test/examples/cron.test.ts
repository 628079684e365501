/** The recipe for cron: its crontab as cron reads it, crontab(5), and what a run does beside another one, after a failure and after a kill. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import '../support/real-processes.js'
import { numbered, placed, sinkIn } from '../support/delivered.js'
import { Running, until } from '../support/running.js'
import { commandEnvironment, shell } from '../support/shell.js'
import { ROOT, read } from '../support/source.js'

const skip = spawnSync('flock', ['--version']).status === 0 ? false : 'there is no flock here'

/** The one job of the crontab, with its paths below `directory`: its environment, nothing else being there, and its command. */
function job(directory: string, setting = 'LANG=C'): string {
  const lines = read('examples/cron/crontab').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const env = lines.filter((line) => /^\w+=/.test(line)).map((line) => line.replace('/usr/local/bin', commandEnvironment(directory)['PATH']!))
  const [row, ...others] = lines.filter((line) => !/^\w+=/.test(line))
  const [, user, command] = /^(?:[\d*/,-]+ +){5}(\w+) +(.*)$/.exec(row!)!
  if (others.length > 0 || user !== 'flume' || /(?<!\\)%/.test(command!)) throw new Error('cron takes it otherwise')
  const own = [...env, 'SHELL=/bin/sh', 'HOME=/nonexistent', setting, `XDG_STATE_HOME=${directory}`]
  const here = `${own.map((pair) => `'${pair}'`).join(' ')} sh -c "$(cat <<'END'\n${command!}\nEND\n)"`
  return `cd /; exec env -i ${here.replaceAll(/\/(etc|data|var)\b/g, `${directory}/$1`)}`
}

/** A machine's directories, with the log of the crontab. */
function machine(t: Test): { directory: string; queue: string; log: string } {
  const directory = t.testdir({ etc: { flume: {} }, var: { log: { app: { 'app.log': numbered(0, 500) } }, lib: { flume: {} } }, data: {} })
  symlinkSync(join(ROOT, 'examples/cron/flume-once'), join(directory, 'etc/flume/flume-once'))
  return { directory, queue: join(directory, 'var/lib/flume/app'), log: join(directory, 'var/log/app/app.log') }
}

t.test('each run moves what is new, once, and gives cron nothing to mail', { skip }, async (t) => {
  const { directory, log, queue } = machine(t)
  for (const to of [500, 500, 700]) {
    if (to > 500) appendFileSync(log, numbered(500, to))
    t.match(await shell(job(directory), directory), { status: 0, out: '', err: '' })
    t.equal(placed(join(directory, 'data')), numbered(0, to))
  }
  t.match(readFileSync(`${queue}.log`, 'utf8'), /flume-tail: going on with/)
})

t.test('a queue whose name begins with a dash is one like any', { skip }, async (t) => {
  const directory = t.testdir({ 'app.log': numbered(0, 5) })
  t.match(await shell(`${join(ROOT, 'examples/cron/flume-once')} -q app.log`, directory, { FLUME_SINK_HDFS_PATH: 'data' }), { status: 0, out: '', err: '' })
  t.equal(placed(join(directory, 'data')), numbered(0, 5))
})

t.test('while a run is at work, or a stage of one that was killed, another ends with 75 and without a word', { skip }, async (t) => {
  const { directory, queue } = machine(t)
  const running = Running.start(t, job(directory, 'FLUME_TAIL_RATE=100'), directory)
  await until(async () => sinkIn((await shell(`flume-stat --json ${queue}`, directory)).out) !== undefined, () => running.said)
  t.match(await shell(job(directory), directory), { status: 75, out: '', err: '' })
  process.kill(running.group, 'SIGKILL')
  t.match(await shell(job(directory), directory), { status: 75, out: '', err: '' }, 'its stages live on')
  process.kill(-running.group, 'SIGKILL')
  await until(async () => (await shell(`kill -0 -${running.group}`, directory)).status !== 0, () => running.said)
  t.match(await shell(job(directory), directory), { status: 0, out: '', err: '' })
  t.equal(placed(join(directory, 'data')), numbered(0, 500), 'each line once')
})

t.test('a run that fails tells cron why, and the next one does its work', { skip }, async (t) => {
  const { directory, queue } = machine(t)
  writeFileSync(`${queue}.log`, 'of earlier runs\n')
  mkdirSync(`${queue}/segments`, { recursive: true })
  writeFileSync(`${queue}/queue.json`, 'not ours')
  t.match(await shell(job(directory), directory), { status: 65, err: /^the line ended with status 65, flume\(7\); .*\n(flume-\S+: .*\n)*$/ })
})

t.test('how it is used', { skip }, async (t) => {
  t.match(await shell(join(ROOT, 'examples/cron/flume-once'), t.testdir()), { status: 64, err: 'usage: flume-once QUEUE FILE...\n' })
})
