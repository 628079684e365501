/** flume-route --balance and --failover in a real shell: which output gets what, when outputs die, and when others are named. */
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import '../support/real-processes.js'
import { Running, until } from '../support/running.js'
import { shell } from '../support/shell.js'

const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, n) => `line ${from + n}\n`).join('')

async function numbers(queue: string, directory: string): Promise<number[]> {
  const { out } = await shell(`flume-buffer --export ${queue} 2>/dev/null | jq -r .body`, directory)
  return out.split('\n').filter(Boolean).map((text) => Number(text.split(' ')[1]))
}

const THREE = "--to 'flume-buffer a' --to 'flume-buffer b' --to 'flume-buffer c'"

t.test('round-robin gives each event to the next output, also over several runs', async (t) => {
  const directory = t.testdir({ 'a.log': lines(0, 7) })
  for (let run = 0; run < 2; run++) {
    const { out, err } = await shell(`flume-tail --once a.log | flume-route --balance round-robin ${THREE}; echo "\${PIPESTATUS[*]}"`, directory)
    t.equal(out, '0 0\n', err)
    if (run === 0) appendFileSync(join(directory, 'a.log'), lines(7, 10))
  }
  t.same([await numbers('a', directory), await numbers('b', directory), await numbers('c', directory)], [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]])
})

t.test('a key stays with its output and keeps its order, whatever outputs are added; events without it are shared out', async (t) => {
  const events = Array.from({ length: 600 }, (_, n) => JSON.stringify({ headers: { key: `k${n % 50}` }, body: `line ${n}` }))
  const directory = t.testdir({ events: `${events.join('\n')}\n`, plain: '{"body":"line 0"}\n{"body":"line 1"}\n{"body":"line 2"}\n' })
  await shell(`cat events | flume-route --balance hash:key ${THREE}`, directory)
  const queues = await Promise.all(['a', 'b', 'c'].map((queue) => numbers(queue, directory)))
  t.same(queues.flat().sort((one, other) => one - other), Array.from({ length: 600 }, (_, n) => n))
  const home = Array.from({ length: 50 }, (_, key) => queues.findIndex((queue) => queue.includes(key)))
  for (const [index, queue] of queues.entries()) {
    t.ok(queue.length > 0 && queue.every((n, at) => home[n % 50] === index && (at === 0 || n > queue[at - 1]!)), `output ${index}`)
  }
  await shell(`cat events | flume-route --balance hash:key ${THREE.replaceAll(/buffer (.)/g, 'buffer more-$1')} --to 'flume-buffer more-d'`, directory)
  for (const [index, queue] of ['a', 'b', 'c'].entries()) {
    t.ok((await numbers(`more-${queue}`, directory)).every((n) => home[n % 50] === index), 'none has moved but to the new one')
  }
  t.ok((await numbers('more-d', directory)).length > 0)
  await shell(`cat plain | flume-route --balance hash:key ${THREE.replaceAll(/buffer (.)/g, 'buffer plain-$1')}`, directory)
  t.same(await Promise.all(['a', 'b', 'c'].map((queue) => numbers(`plain-${queue}`, directory))), [[0], [1], [2]])
})

t.test('other outputs are taken after a whole end, and refused before', async (t) => {
  const directory = t.testdir({ 'a.log': lines(0, 3000) })
  const two = "--name a --to 'flume-buffer a' --name b --to 'flume-buffer b'"
  const three = `${two} --name c --to 'flume-buffer c'`
  const line = (outputs: string, before = '', more = ''): string => `flume-tail --once a.log | ${before} flume-route ${more} --balance random ${outputs}; echo "\${PIPESTATUS[*]}"`
  t.equal((await shell(line(two), directory)).out, '0 0\n')
  appendFileSync(join(directory, 'a.log'), lines(3000, 6000))
  t.equal((await shell(line(three), directory)).out, '0 0\n')
  t.ok((await numbers('c', directory)).every((n) => n >= 3000))
  appendFileSync(join(directory, 'a.log'), lines(6000, 9000))
  await shell(line(three.replace('flume-buffer b', 'FLUME_KILL_AT=flume-buffer:batch-read flume-buffer b'), 'FLUME_KILL_AT=flume-route:ack-read'), directory)
  const all = async (): Promise<number[]> => (await Promise.all(['a', 'b', 'c'].map((queue) => numbers(queue, directory)))).flat().sort((one, other) => one - other)
  t.not((await all()).length, 9000, 'the case is there')
  const { out, err } = await shell(line(two), directory)
  t.match(out, / 75\n/)
  t.match(err, /cannot share out by random, a, b: of file\.\S+ not all is where it belongs by random, a, b, c/)
  t.equal((await shell(line(three), directory)).out, '0 0\n')
  t.same(await all(), Array.from({ length: 9000 }, (_, n) => n))
})

t.test('outputs without names are known by their commands: in another order they are others', async (t) => {
  const plain = 'exec flume-buffer qb'
  const directory = t.testdir({ 'a.log': lines(0, 100), a: 'exec flume-buffer qa', b: plain })
  const line = (outputs: string, before = ''): string => `flume-tail --once a.log | ${before} flume-route --balance round-robin ${outputs}; echo "\${PIPESTATUS[*]}"`
  await shell(line("--to 'sh a' --to 'sh b'"), directory)
  appendFileSync(join(directory, 'a.log'), lines(100, 3000))
  writeFileSync(join(directory, 'b'), `FLUME_KILL_AT=flume-buffer:batch-read ${plain}`)
  await shell(line("--to 'sh a' --to 'sh b'", 'FLUME_KILL_AT=flume-route:ack-read'), directory)
  const all = async (): Promise<number[]> => (await Promise.all(['qa', 'qb'].map((queue) => numbers(queue, directory)))).flat().sort((one, other) => one - other)
  t.not((await all()).length, 3000, 'the case is there')
  writeFileSync(join(directory, 'b'), plain)
  const { out, err } = await shell(line("--to 'sh b' --to 'sh a'"), directory)
  t.match(out, / 75\n/)
  t.match(err, /cannot share out by round-robin, sh b, sh a: .* by round-robin, sh a, sh b/)
  t.equal((await shell(line("--to 'sh a' --to 'sh b'"), directory)).out, '0 0\n')
  t.same(await all(), Array.from({ length: 3000 }, (_, n) => n))
})

/** The first output runs as long as there is no file `down`. */
const FIRST = 'test -e down && exit 7; echo $$ > pid; exec flume-buffer a'

async function failingOver(t: Test, more: string): Promise<{ a: number[]; b: number[]; said: string }> {
  const directory = t.testdir({ 'a.log': lines(0, 100), first: FIRST })
  const file = (name: string): string => join(directory, name)
  const running = Running.start(t, `flume-tail a.log | flume-route --failover ${more} --to 'exec sh first' --to 'flume-buffer b'`, directory)
  const has = (queue: string, least: number): Promise<void> =>
    until(async () => ((await numbers(queue, directory)).at(-1) ?? -1) >= least, () => `${queue} ${least}: ${running.said}`)
  await has('a', 99)
  writeFileSync(file('down'), '')
  process.kill(Number(readFileSync(file('pid'), 'utf8')), 'SIGKILL')
  rmSync(file('pid'))
  await until(() => running.said.includes('starts it again in 0.4 s'), () => running.said)
  appendFileSync(file('a.log'), lines(100, 200))
  await has('b', 199)
  rmSync(file('down'))
  await until(() => existsSync(file('pid')), () => running.said)
  await until(async () => {
    appendFileSync(file('a.log'), 'line 200\n')
    return (await numbers('a', directory)).includes(200)
  }, () => running.said)
  running.kill('SIGTERM')
  t.ok(await running.falls())
  const without200 = async (queue: string): Promise<number[]> => (await numbers(queue, directory)).filter((n) => n !== 200)
  return { a: await without200('a'), b: await without200('b'), said: running.said }
}

t.test('failover: new events go to the next output while the first is down, and to the first again once it is back', async (t) => {
  const { a, b } = await failingOver(t, '')
  t.same([a, b], [Array.from({ length: 100 }, (_, n) => n), Array.from({ length: 100 }, (_, n) => 100 + n)])
})

t.test('--failover-after: what an output that is down has not acked goes to the next, and is counted as possible doubles', async (t) => {
  const directory = t.testdir({ 'a.log': lines(0, 100) })
  const takes = "mkdir once 2>/dev/null || exit 7; FLUME_KILL_AT=flume-store:batch-read exec flume-store a"
  const { out, err } = await shell(`flume-tail --once a.log | flume-route --failover --failover-after 200ms --to '${takes}' --to 'flume-buffer b'; echo "\${PIPESTATUS[*]}"`, directory)
  t.equal(out, '0 0\n', err)
  t.match(err, /output 1: what it has not acked goes to 2: 100 events that it may have stored are possible doubles/)
  t.same(await numbers('b', directory), Array.from({ length: 100 }, (_, n) => n))
})

t.test('what --balance and --failover cannot do is said, with 64', async (t) => {
  const directory = t.testdir({})
  const wrong: Record<string, RegExp> = {
    '--balance most --to cat --to cat': /bad value "most" for --balance: expected round-robin, random or hash:HEADER/,
    '--balance hash: --to cat --to cat': /bad value "hash:" for --balance/,
    '--balance random --to cat': /--balance needs two outputs or more/,
    '--balance random --failover --to cat --to cat': /exclude each other/,
    '--failover --when a=b --to cat --to cat': /--failover has no rules/,
    '--failover --optional --to cat --to cat': /--failover has no --optional outputs/,
    '--failover-after 1s --to cat --to cat': /--failover-after is for --failover/,
  }
  for (const [options, reason] of Object.entries(wrong)) {
    const { status, err } = await shell(`flume-route ${options} </dev/null`, directory)
    t.equal(status, 64, options)
    t.match(err, reason)
  }
})
