/** flume-stat beside real lines: what runs, what does not answer, and what it makes of it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import '../support/real-processes.js'
import { Running, until } from '../support/running.js'
import { commandEnvironment, shell } from '../support/shell.js'

const LINE = 'flume-tail a.log | flume-buffer ./q | flume-sink-hdfs --path ./out'

interface Flow {
  readonly role: string
  readonly events: number
  readonly unacked: number
  readonly lagSeconds: number
  readonly lagEvents?: number
  readonly waits: string
}

interface Shown {
  readonly command: string
  readonly pid: number
  readonly stopped?: boolean
  readonly about?: string
  readonly flows?: readonly Flow[]
}

const lines = (count: number): string => Array.from({ length: count }, (_, number) => `line ${number}\n`).join('')

/** What it shows of the lines with this queue. */
async function look(directory: string, of = './q'): Promise<Shown[][]> {
  const { out } = await shell(`flume-stat --json ${of}`, directory)
  return (JSON.parse(out) as { lines: Shown[][] }).lines
}

/** A line at work that has sent so many events to its sink. */
async function started(t: Test, count: number, line = LINE): Promise<{ directory: string; running: Running }> {
  const directory = t.testdir({ 'a.log': lines(count) })
  const running = Running.start(t, line, directory)
  const isThere = async (): Promise<boolean> => {
    const last = (await look(directory))[0]?.at(-1)
    return last?.command === 'flume-sink-hdfs' && last.flows?.[0]?.events === count
  }
  await until(isThere, () => running.said)
  return { directory, running }
}

t.test('a line is shown as a whole, in the order of its pipe, with what each place has passed on', async (t) => {
  const { directory } = await started(t, 1000)
  const shown = await look(directory)
  t.equal(shown.length, 1)
  t.same(shown[0]?.map(({ command }) => command), ['flume-tail', 'flume-buffer', 'flume-sink-hdfs'])
  const flows = shown[0]?.flatMap(({ flows }) => flows ?? []) ?? []
  t.same(flows.map(({ role, events, unacked }) => [role, events, unacked]), [['source', 1000, 0], ['put', 1000, 0], ['take', 1000, 1000], ['sink', 1000, 1000]])
  t.equal(flows[2]?.lagEvents, 1000, 'what the sink holds is not acked')
  t.ok(flows[3]!.lagSeconds > 0)

  const { out, err, status } = await shell('flume-stat ./q', directory)
  t.equal(status, 0, err)
  t.equal(out.split('\n').filter((row) => /^ *\d+ +flume-/.test(row)).length, 4, out)
  t.match(out, /^ +PID +STAGE .* WAITS FOR\n/)
  t.match(await look(directory, './a.log'), [{ length: 3 }], 'the file names the line as well')

  const metrics = (await shell('flume-stat --prometheus ./q', directory)).out
  t.match(metrics, /^# TYPE flume_events_total counter$/m)
  t.match(metrics, /^flume_events_total\{command="flume-tail",pid="\d+",uid="\d+",role="source",about="[^"]+a\.log"\} 1000$/m)
  t.match(metrics, /^flume_lag_events\{command="flume-buffer",[^}]*role="take",[^}]*\} 1000$/m)
  for (const row of metrics.trimEnd().split('\n')) t.match(row, /^(# (HELP|TYPE) flume_\w+ .+|flume_\w+\{(\w+="[^"]*",?)+\} [\d.]+)$/)
})

t.test('a queue with a blank in its path is found, and only by all of it', async (t) => {
  const directory = t.testdir({ 'a.log': lines(10) })
  const running = Running.start(t, "flume-tail a.log | flume-buffer --put './my q'", directory)
  await until(async () => (await look(directory, "'./my q'"))[0]?.length === 2, () => running.said)
  t.match(await shell("flume-stat './my q'", directory), { status: 0, err: '' })
  t.match(await shell('flume-stat ./my', directory), { status: 69 })
})

t.test('a lag over --lag-max is exit 1 and says whose, one below it is exit 0', async (t) => {
  const { directory } = await started(t, 50)
  t.match(await shell('flume-stat --lag-max 50 ./q', directory), { status: 0, err: '' })
  t.match(await shell('flume-stat --lag-max 49 ./q', directory), { status: 1, err: /^flume-stat: flume-buffer, pid \d+, is behind by 50 events, and by \d+ s$/m })
  t.match(await shell('flume-stat --lag-max 1ms ./q', directory), { status: 1 })
  t.match(await shell('flume-stat --lag-max 1d ./q', directory), { status: 0 })
})

t.test('a stage that is stopped holds nothing up, and is shown in its place', async (t) => {
  const { directory } = await started(t, 10)
  const sink = (await look(directory))[0]?.at(-1)?.pid
  process.kill(sink!, 'SIGSTOP')
  t.teardown(() => process.kill(sink!, 'SIGCONT'))
  t.match(await look(directory), [[{}, {}, { command: 'flume-sink-hdfs', pid: sink, stopped: true }]])
  t.match(await shell('flume-stat --timeout 1s ./q', directory), { status: 0, out: /flume-sink-hdfs .*\? +SIGCONT: it is stopped/ })
  t.match(await shell('flume-stat --lag-max 1d ./q', directory), { status: 1, err: /flume-sink-hdfs, pid \d+, does not answer/ })
  t.match(await shell('flume-stat --prometheus ./q', directory), { out: /flume_stage_up\{command="flume-sink-hdfs",[^}]*\} 0/ })
})

t.test('a sink whose HDFS is down waits for its files, and says why below the table', async (t) => {
  const { directory } = await started(t, 10, LINE.replace('./out', 'webhdfs://127.0.0.1:1/x'))
  const waits = async (): Promise<unknown> => (await look(directory))[0]?.at(-1)?.flows?.[0]?.waits
  await until(async () => (await waits()) === 'its files', () => 'it waits for events')
  t.match(await shell('flume-stat ./q', directory), { status: 0, out: /flume-sink-hdfs, pid \d+, .* ago: cannot list webhdfs:.*ECONNREFUSED.*; trying again, nothing is lost/ })
})

t.test('the socket of a stage that has ended is gone; that of one that was killed is removed', async (t) => {
  const { directory, running } = await started(t, 10)
  const pids = (await look(directory))[0]!.map(({ pid }) => pid)
  const sockets = (): string[] => {
    const uid = process.getuid?.() ?? 0
    return [`/run/user/${uid}/flume`, `/tmp/flume-${uid}`].flatMap((path) => {
      try {
        return readdirSync(path)
      } catch {
        return []
      }
    }).filter((name) => pids.some((pid) => name.includes(`-stat-${pid}-`)))
  }
  t.equal(sockets().length, 3)
  process.kill(pids[2]!, 'SIGKILL')
  await running.falls()
  t.same(sockets().length, 1, 'the two others have fallen, and took theirs with them')
  t.match(await shell('flume-stat ./q', directory), { status: 69, out: '', err: /^flume-stat: there is nothing to show: no flume stage is at work with \.\/q$/m })
  t.same(sockets(), [])
})

t.test('stages that do not answer may be at work with a queue: that is not told to be nobody', async (t) => {
  const { directory } = await started(t, 10)
  const pids = (await look(directory))[0]!.map(({ pid }) => pid)
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  t.match(await shell('flume-stat ./q', directory), { status: 69, err: /no flume stage is known to be at work with \.\/q; 3 stages do not answer, flume-stat alone shows them$/m })
  for (const pid of pids) process.kill(pid, 'SIGCONT')
})

t.test('where nobody acks nothing is unacked', async (t) => {
  const directory = t.testdir({ 'a.log': lines(20) })
  const running = Running.start(t, 'flume-tail a.log | cat >/dev/null', directory)
  await until(async () => (await look(directory, './a.log'))[0]?.[0]?.flows?.[0]?.events === 20, () => running.said)
  t.match(await look(directory, './a.log'), [[{ flows: [{ events: 20, unacked: 0, lagSeconds: 0 }] }]])
})

t.test('metrics are given out over HTTP until it is told to stop', async (t) => {
  const { directory } = await started(t, 10)
  const child = spawn('flume-stat', ['--listen', '127.0.0.1:0', './q'], { cwd: directory, env: commandEnvironment(directory), stdio: ['ignore', 'ignore', 'pipe'] })
  const url = await addressOf(child)
  const answer = await fetch(url)
  t.equal(answer.status, 200)
  t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  t.match(await answer.text(), /^flume_events_total\{command="flume-sink-hdfs".*\} 10$/m)
  t.equal((await fetch(url.replace('metrics', ''))).status, 404)
  t.equal((await fetch(url, { method: 'POST' })).status, 405)
  t.match(await shell(`flume-stat --listen ${new URL(url).host}`, directory), { status: 69, err: /cannot listen on 127\.0\.0\.1:\d+: address already in use/ })
  child.kill('SIGTERM')
  t.equal(await new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal))), 'SIGTERM')
})

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stderr!.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      const url = /listening on (\S+)\n/.exec(text)?.[1]
      if (url !== undefined) resolve(url)
    })
    child.on('exit', () => reject(new Error(text)))
  })
}

t.test('--watch looks again until nobody reads it', async (t) => {
  const { directory } = await started(t, 10)
  const { out, status } = await shell('set -o pipefail; flume-stat --watch --interval 100ms --json ./q | head -3', directory)
  t.equal(status, 141)
  t.equal(out.trimEnd().split('\n').map((line) => (JSON.parse(line) as { lines: unknown[] }).lines.length).join(), '1,1,1')
})

t.test('what cannot be meant is refused', async (t) => {
  const directory = t.testdir()
  for (const [line, said] of [
    ['--lag-max lots', /bad value lots for --lag-max: expected a number of events, such as 10000, or a time, such as 5m/],
    ['--listen 9464', /bad value 9464 for --listen: expected an address and a port/],
    ['--listen 127.0.0.1:99999', /bad value/],
    ['--json --prometheus', /--json and --prometheus exclude each other/],
    ['--lag-max 1 --watch', /--watch and --lag-max exclude each other/],
  ] as const) {
    t.match(await shell(`flume-stat ${line}`, directory), { status: 64, out: '', err: said }, line)
  }
})

t.test('what is no report is not shown, whoever made the socket', async (t) => {
  const directory = t.testdir()
  const boot = (await shell('cat /proc/sys/kernel/random/boot_id', directory)).out.trim()
  const server = join(directory, 'server.mjs')
  writeFileSync(server, `
import net from 'node:net'
import fs from 'node:fs'
const uid = process.getuid()
const home = fs.existsSync('/run/user/' + uid) ? '/run/user/' + uid + '/flume' : '/tmp/flume-' + uid
fs.mkdirSync(home, { recursive: true })
const path = home + '/${boot}-stat-' + process.pid + '-x.sock'
net.createServer((socket) => socket.end(JSON.stringify({ command: 'x', about: ['${directory}/q'], pid: 1, uid: 0, started: 0, rejects: 0, flows: 'many' }))).listen(path, () => console.log('ready'))
process.on('SIGTERM', () => { fs.unlinkSync(path); process.exit(0) })
`)
  const child = spawn(process.execPath, [server], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  t.match(await shell('flume-stat ./q', directory), { status: 69 })
  child.kill('SIGTERM')
  await new Promise((resolve) => child.on('exit', resolve))
})
