/** The process around main(): real ones, since signals, descriptors and the end of a process are the kernel's. */
import { spawn, spawnSync, execFileSync, type ChildProcess, type SpawnSyncReturns } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { COMMANDS, ROOT } from '../support/source.js'
import '../support/real-processes.js'

const START = new URL('../../dist/cli/start.js', import.meta.url).href

/** What the operand names, done by a command: the least that shows how a process ends. */
const SCRIPT = `
import fs from 'node:fs'
import { start } from '${START}'
const forever = () => new Promise(() => setInterval(() => {}, 1000))
const write = () => new Promise((resolve, reject) => fs.write(1, Buffer.alloc(1 << 20, 'x'), (error) => (error ? reject(error) : resolve())))
const runs = {
  values: (values, { stateDirectory }) => void fs.writeSync(1, JSON.stringify({ values, stateDirectory })),
  flags: () => void fs.writeSync(2, fs.readFileSync('/proc/self/fdinfo/1', 'utf8')),
  drain: (_, { stop, say }) => new Promise((resolve) => { const timer = setInterval(() => {}, 1000); stop.addEventListener('abort', () => { clearInterval(timer); say('drained'); resolve() }); say('ready') }),
  stubborn: (_, { stop, say }) => { stop.addEventListener('abort', () => say('first')); say('ready'); return forever() },
  stalled: async (_, { say }) => { setTimeout(() => say('ready'), 0); for (;;) await write() },
  sigpipe: () => 'SIGPIPE',
  bug: () => { throw new TypeError('our own') },
  floating: () => { Promise.reject(new Error('nobody waited')); return forever() },
  leftover: () => { setInterval(() => {}, 1000); return 74 },
  warn: () => { process.emitWarning('old ways'); return new Promise((resolve) => setImmediate(resolve)) },
}
const command = {
  name: 'flume-try', summary: 'tries', usage: 'WHAT', examples: [['flume-try a', 'tries a'], ['flume-try b', 'tries b']],
  options: { size: { type: 'size', describe: 'a size' } },
  run: async (values, [what], context) => runs[what](values, context),
}
await start(async () => ({ command }))
`

function script(t: Test): string {
  return join(t.testdir({ 'try.mjs': SCRIPT }), 'try.mjs')
}

function run(path: string, args: string[], options: object = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [path, ...args], { encoding: 'utf8', timeout: 20_000, ...options })
}

/** Resolves when the process has said the word on stderr. */
function said(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stderr!.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      if (text.includes(word)) resolve()
    })
    child.on('exit', () => reject(new Error(`ended before it said ${word}: ${text}`)))
  })
}

function begin(path: string, what: string, stdout: 'ignore' | number = 'ignore'): ChildProcess {
  return spawn(process.execPath, [path, what], { stdio: ['ignore', stdout, 'pipe'] })
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })))
}

t.test('statuses and messages arrive at the shell', async (t) => {
  const path = script(t)
  t.match(run(path, ['--form']), { status: 64, stdout: '', stderr: /^flume-try: unknown option --form/ })
  t.match(run(path, ['values'], { env: { ...process.env, FLUME_TRY_SIZE: '1K' } }), { status: 0, stdout: /"size":1024/ })
  t.match(run(path, ['bug']), { status: 70, stderr: /^flume-try: bug: our own .*\nTypeError: our own\n {4}at / })
  t.match(run(path, ['floating']), { status: 70, stderr: /^flume-try: bug: nobody waited/ }, 'a promise that nobody waited for is found too')
  t.match(run(path, ['leftover']), { status: 74 }, 'what still runs does not keep a finished command alive')
  t.match(run(path, ['sigpipe']), { status: null, signal: 'SIGPIPE', stderr: '' })
  t.match(run(path, ['warn']), { status: 0, stderr: 'flume-try: Warning: old ways\n' })
})

t.test('with HOME unset, as in cron, state lies in the home directory all the same', async (t) => {
  const { stdout } = run(script(t), ['values'], { env: {} })
  t.match(JSON.parse(stdout), { stateDirectory: /^\/.*\/\.local\/state\/flume$/ })
})

const ANY_USER = ['--user', '--map-user=54321', '--']
const noUser = spawnSync('unshare', [...ANY_USER, 'true']).status === 0 ? false : 'unshare --user is not allowed here'

t.test('a user that this machine does not know, as in a container, has its state below /', { skip: noUser }, async (t) => {
  const known = (env: object): SpawnSyncReturns<string> =>
    spawnSync('unshare', [...ANY_USER, process.execPath, script(t), 'values'], { encoding: 'utf8', env: { PATH: process.env.PATH, ...env } })
  t.match(known({}), { status: 0, stdout: /"stateDirectory":"\/\.local\/state\/flume"/ })
  t.match(known({ HOME: '/srv' }), { status: 0, stdout: /"stateDirectory":"\/srv\/\.local\/state\/flume"/ })
})

t.test('a current directory that was removed, or whose name is too long, is said where one is needed', async (t) => {
  const directory = t.testdir({ q: {} })
  const stood = (enter: string, line: string): SpawnSyncReturns<string> =>
    spawnSync('bash', ['-c', `${enter}; "${ROOT}/bin/"${line}`], { encoding: 'utf8', cwd: directory, timeout: 20_000 })
  const removed = 'mkdir gone; cd gone; rmdir ../gone'
  for (const line of ['flume-tail --once log', 'flume-buffer q </dev/null', 'flume-spool --once in', 'flume-sink-hdfs --path x </dev/null']) {
    const stderr = /^flume-\S+: cannot find the current directory: it was removed\n$/
    t.match(stood(removed, line), { status: 66, stderr }, line)
  }
  const deep = `trap 'rm -r ${directory}/d*' EXIT; n=$(head -c 200 /dev/zero | tr '\\0' d); for i in $(seq 25); do mkdir $n && cd $n || exit; done`
  t.match(stood(deep, 'flume-tail --once log'), { status: 66, stderr: /^flume-tail: cannot find the current directory: its name is too long\n$/ })
  t.match(stood(removed, 'flume-tail --help'), { status: 0, stderr: '' })
})

const NO_PROC = "unshare --mount --map-root-user sh -c 'mount -t tmpfs tmpfs /proc &&"
const noProc = spawnSync('sh', ['-c', `${NO_PROC} true'`]).status === 0 ? false : 'unshare --mount is not allowed here'

t.test('without /proc flume-sink-hdfs writes the events of a file, and a stage that reads a pipe says what is missing', { skip: noProc }, async (t) => {
  const directory = t.testdir({ events: '{"body":"a"}\n' })
  const stood = (line: string): SpawnSyncReturns<string> =>
    spawnSync('sh', ['-c', `${NO_PROC} ${line}'`], { encoding: 'utf8', cwd: directory, env: { ...process.env, HOME: directory } })
  t.match(stood(`"${ROOT}/bin/flume-sink-hdfs" --path out <events && cat out/*`), { status: 0, stdout: 'a\n' })
  t.match(stood(`cat events | "${ROOT}/bin/flume-buffer" --put q`), { status: 74, stderr: 'flume-buffer: cannot open /proc/sys/kernel/random/boot_id: no such file or directory\n' })
  const without = 'cannot listen for acks, going on without: /proc/sys/kernel/random/boot_id: no such file or directory'
  t.match(stood(`"${ROOT}/bin/flume-tail" --once --no-headers events | cat`), { stdout: /^\{.*\n$/, stderr: `flume-tail: ${without}\n` })
})

t.test('stdout stays blocking: others share it', async (t) => {
  const { stderr } = spawnSync('sh', ['-c', `"${process.execPath}" "${script(t)}" flags | cat`], { encoding: 'utf8' })
  const flags = parseInt(/^flags:\s+(\d+)/m.exec(stderr)![1]!, 8)
  t.equal(flags & 0o4000, 0, 'O_NONBLOCK')
})

t.test('stderr on a full disk or closed stops nothing', async (t) => {
  const path = script(t)
  const full = openSync('/dev/full', 'w')
  t.match(run(path, ['--form'], { stdio: ['ignore', 'pipe', full] }), { status: 64 })
  closeSync(full)
  t.equal(spawnSync('sh', ['-c', `"${process.execPath}" "${path}" --form 2>&-`]).status, 64)
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  t.test(`the first ${signal} lets the command finish, and the process dies of it`, async (t) => {
    const child = begin(script(t), 'drain')
    await said(child, 'ready')
    const drained = said(child, 'drained')
    child.kill(signal)
    await drained
    t.match(await ended(child), { code: null, signal })
  })
}

t.test('a second signal ends at once', async (t) => {
  const child = begin(script(t), 'stubborn')
  await said(child, 'ready')
  const first = said(child, 'first')
  child.kill('SIGTERM')
  await first
  child.kill('SIGINT')
  t.match(await ended(child), { code: null, signal: 'SIGINT' })
})

t.test('a second signal ends at once, though a write waits for a reader that has stalled', async (t) => {
  const path = script(t)
  const fifo = stalledReader(path)
  const child = begin(path, 'stalled', fifo)
  await said(child, 'ready')
  child.kill('SIGTERM')
  child.kill('SIGINT')
  const { signal } = await ended(child)
  t.ok(signal === 'SIGINT' || signal === 'SIGTERM', String(signal))
  closeSync(fifo)
})

t.test('flume-tail before a reader that has stalled is ended by two signals', async (t) => {
  const log = join(t.testdir({ log: 'a line of some length, so that the pipe is full\n'.repeat(50_000) }), 'log')
  const fifo = stalledReader(log)
  const child = spawn(join(ROOT, 'bin/flume-tail'), [log], { stdio: ['ignore', fifo, 'ignore'], env: { ...process.env, XDG_STATE_HOME: `${log}.state` } })
  readSync(fifo, Buffer.alloc(1)) // returns when it has begun to write
  child.kill('SIGTERM')
  child.kill('SIGINT')
  const { signal } = await ended(child)
  t.ok(signal === 'SIGINT' || signal === 'SIGTERM', String(signal))
  closeSync(fifo)
})

/** A pipe, both its ends open, from which nobody reads. */
function stalledReader(beside: string): number {
  const path = `${beside}.fifo`
  execFileSync('mkfifo', [path])
  return openSync(path, 'r+')
}

t.test('every command has help with two examples, and its version', async (t) => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  for (const bin of COMMANDS) {
    const help = run(join(ROOT, 'bin', bin), ['--help'])
    t.match(help, { status: 0, stderr: '' }, bin)
    t.match(help.stdout, new RegExp(`^usage: ${bin} `))
    const examples = /\nexamples:\n([^]*?)\n\n/.exec(help.stdout)?.[1]?.split('\n').filter((line) => /^ {2}\S/.test(line))
    t.ok((examples?.length ?? 0) >= 2, `${bin}: two examples`)
    for (const example of examples ?? []) t.ok(example.includes(bin), example)
    t.match(run(join(ROOT, 'bin', bin), ['--version']), { status: 0, stdout: `${bin} ${version}\n`, stderr: '' })
    t.match(run(join(ROOT, 'bin', bin), ['--no-such-option']), { status: 64, stderr: /^flume-\S+: unknown option --no-such-option/ })
  }
})

t.test('every command dies of SIGPIPE when its help goes to nobody', async (t) => {
  for (const bin of COMMANDS) {
    const { stdout } = spawnSync('bash', ['-c', `"${join(ROOT, 'bin', bin)}" --help | true; echo "\${PIPESTATUS[0]}"`], { encoding: 'utf8' })
    t.match(stdout, /^(141|0)\n$/, 'or was quicker than the reader')
  }
})
