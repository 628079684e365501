/** Several inputs of flume-route: commands and files merged into one, each with acks and positions of its own. */
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import '../support/real-processes.js'
import { Running, until } from '../support/running.js'
import { shell } from '../support/shell.js'

const lines = (name: string, from: number, to: number): string => Array.from({ length: to - from }, (_, n) => `${name} ${from + n}\n`).join('')

async function bodies(queue: string, directory: string): Promise<string[]> {
  const { out } = await shell(`flume-buffer --export ${queue} 2>/dev/null | jq -r .body`, directory)
  return out.split('\n').filter(Boolean)
}

/** What the queue has of one input, in order. */
async function of(name: string, queue: string, directory: string): Promise<string> {
  return (await bodies(queue, directory)).filter((text) => text.startsWith(`${name} `)).map((text) => `${text}\n`).join('')
}

async function ends(t: Test, line: string, statuses: string, directory: string): Promise<string> {
  const { out, err } = await shell(`${line}; echo "\${PIPESTATUS[*]}"`, directory)
  t.equal(out.trimEnd().split('\n').at(-1), statuses, `${line}\n${err}`)
  return err
}

t.test('commands, files and stdin are merged, each once and in its order, also over several runs', async (t) => {
  const directory = t.testdir({ 'a.log': lines('a', 0, 500), 'b.log': lines('b', 0, 700), 'c.log': lines('c', 0, 300), events: '{"body":"d 0"}\n{"body":"d 1"}\n' })
  const line = `flume-tail --once c.log | flume-route --input 'flume-tail --once a.log' --input-file <(flume-tail --once b.log) --input-file - --input-file events \
    --to 'flume-buffer q' --when '. ~ "^a "' --to 'flume-buffer as' --otherwise 'flume-buffer others'`
  await ends(t, line, '0 0', directory)
  appendFileSync(join(directory, 'a.log'), lines('a', 500, 600))
  appendFileSync(join(directory, 'b.log'), lines('b', 700, 800))
  await ends(t, line.replace('--input-file events', ''), '0 0', directory)
  for (const queue of ['q', 'others']) {
    t.equal(await of('b', queue, directory), lines('b', 0, 800))
    t.equal(await of('c', queue, directory), lines('c', 0, 300))
    t.equal(await of('d', queue, directory), lines('d', 0, 2))
  }
  for (const queue of ['q', 'as']) t.equal(await of('a', queue, directory), lines('a', 0, 600))
})

t.test('an input that is killed is started again, and goes on where it was', async (t) => {
  const directory = t.testdir({ 'a.log': lines('a', 0, 100), 'b.log': lines('b', 0, 100) })
  const running = Running.start(t, "flume-route --name A --input 'echo $$ > pid; exec flume-tail a.log' --input 'flume-tail b.log' --to 'flume-buffer q' </dev/null", directory)
  const has = (count: number): Promise<void> => until(async () => (await bodies('q', directory)).length === count, () => running.said)
  await has(200)
  process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 'SIGKILL')
  appendFileSync(join(directory, 'a.log'), lines('a', 100, 200))
  appendFileSync(join(directory, 'b.log'), lines('b', 100, 200))
  await has(400)
  t.match(running.said, /input A: its command ended \(killed by SIGKILL\): starts it again in 0.1 s/)
  t.same([await of('a', 'q', directory), await of('b', 'q', directory)], [lines('a', 0, 200), lines('b', 0, 200)])
  const { out } = await shell('flume-stat', directory)
  t.match(out, /flume-route input A +200 .*\n.*flume-route input 2 +200 .*\n.*flume-route output 1 +400 /)
  running.kill('SIGTERM')
  t.ok(await running.falls())
})

t.test('an input that dies while a dead output is owed events waits for that output, which is said, and then goes on where it was', async (t) => {
  const first = 'test -e back && exec flume-buffer q1; mkdir once 2>/dev/null || exit 7; FLUME_KILL_AT=flume-buffer:batch-read exec flume-buffer q1'
  const directory = t.testdir({ 'a.log': lines('a', 0, 100), first })
  const input = 'echo $$ > pid; exec flume-tail a.log'
  const running = Running.start(t, `flume-route --failover --input '${input}' --to 'exec sh first' --to 'flume-buffer q2' </dev/null`, directory)
  await until(() => running.said.includes('output 1: its command ended'), () => running.said)
  process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 'SIGKILL')
  appendFileSync(join(directory, 'a.log'), lines('a', 100, 200))
  await until(() => running.said.includes('input 1: its command ended; an output that is down or slow has not acked all it gave'), () => running.said)
  appendFileSync(join(directory, 'back'), '')
  const all = async (): Promise<string[]> => [...(await bodies('q1', directory)), ...(await bodies('q2', directory))]
  await until(async () => (await all()).length >= 200, () => running.said)
  running.kill('SIGTERM')
  t.ok(await running.falls())
  t.same((await all()).sort(), lines('a', 0, 200).trimEnd().split('\n').sort())
})

t.test('an input that fails is started again with growing pauses; one that ends well has ended', async (t) => {
  const directory = t.testdir({ 'a.log': lines('a', 0, 3) })
  const fails = 'n=$(cat n 2>/dev/null || echo 0); echo $((n+1)) > n; test $n -ge 2 || exit 7; exec flume-tail --once a.log'
  const said = await ends(t, `flume-route --input '${fails}' --input 'echo {}' --to 'flume-buffer q' </dev/null`, '0', directory)
  t.match(said, /input 1: its command ended \(status 7\): starts it again in 0.1 s\n.*in 0.2 s\n/)
  t.equal((await shell('flume-buffer --export q | wc -l', directory)).out.trim(), '4')
})

t.test('once all is done it ends by itself, and waits for no timer', async (t) => {
  const told = "const { exit } = process; process.exit = (status) => { require('fs').writeSync(2, 'it had to be ended\\n'); exit(status) }"
  const dies = 'mkdir once 2>/dev/null || exec flume-buffer q2; FLUME_KILL_AT=flume-buffer:batch-read exec flume-buffer q2'
  const directory = t.testdir({ 'a.log': lines('a', 0, 3), 'told.cjs': told, dies })
  const route = 'NODE_OPTIONS=--require=./told.cjs flume-route'
  t.notMatch(await ends(t, `${route} --input 'flume-tail --once a.log' --to 'flume-buffer q1' </dev/null`, '0', directory), /had to be ended/)
  const said = await ends(t, `flume-tail --once a.log | ${route} --to 'exec sh dies'`, '0 0', directory)
  t.match(said, /output 1: its command ended/)
  t.notMatch(said, /had to be ended/)
  for (const queue of ['q1', 'q2']) t.equal(await of('a', queue, directory), lines('a', 0, 3))
})

t.test('a fast input does not keep a slow one from the output', async (t) => {
  const directory = t.testdir({ 'b.log': lines('b', 0, 10) })
  const running = Running.start(t, "flume-route --input 'yes \"{}\"' --input 'flume-tail b.log' --to 'flume-buffer --size-max 64M q' </dev/null", directory)
  await until(async () => (await shell("flume-buffer --export q | grep -c '\"b '", directory)).out === '10\n', () => running.said)
  running.kill('SIGTERM')
  t.ok(await running.falls())
})

t.test('FIFOs without a writer are waited for by nobody else, each is read once one comes, and a signal ends it all', async (t) => {
  const directory = t.testdir({ 'a.log': lines('a', 0, 500) })
  await shell('mkfifo a b c d e f', directory)
  const inputs = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `--input-file ${name}`).join(' ')
  const running = Running.start(t, `flume-route ${inputs} --to 'flume-buffer q' </dev/null`, directory)
  const has = (count: number): Promise<void> => until(async () => (await bodies('q', directory)).length === count, () => running.said)
  await shell(`echo '{"body":"e 0"}' > e`, directory)
  await has(1)
  await shell('flume-tail --once a.log > a', directory)
  await has(501)
  await shell(`{ echo '{"body":"b 0"}'; echo '{"body":"b 1"}'; } > b`, directory)
  await has(503)
  t.equal(await of('a', 'q', directory), lines('a', 0, 500))
  t.equal(await of('b', 'q', directory), lines('b', 0, 2))
  running.kill('SIGTERM')
  t.ok(await running.falls())
})

t.test('an output that cannot run is said also where a FIFO has no writer', async (t) => {
  const directory = t.testdir()
  t.match(await ends(t, "mkfifo a; timeout 30 flume-route --input-file a --to 'exit 64' </dev/null", '64', directory), /output 1: the command "exit 64" says that it cannot be/)
})

t.test('inputs that cannot be understood are 64, a file that is not there 66, and two writers of one FIFO are refused', async (t) => {
  const directory = t.testdir({ 'a.log': lines('a', 0, 3), 'b.log': lines('b', 0, 3) })
  const wrong: Record<string, RegExp> = {
    "--input ''": /an input is empty/,
    '--name x --input cat --name x --input cat': /two inputs are called x/,
    '--when a=b --input cat': /--when a=b stands before an input/,
    '--optional --input cat': /--optional stands before an input/,
    '--input no-such-command': /cannot run "no-such-command": sh says 127/,
  }
  for (const [options, reason] of Object.entries(wrong)) t.match(await ends(t, `flume-route ${options} --to 'flume-buffer x' </dev/null`, '64', directory), reason, options)
  t.match(await ends(t, "echo '{}' | flume-route --input 'echo {}' --to 'flume-buffer y'", '0 64', directory), /standard input is a pipe, and there is --input/)
  t.match(await ends(t, "flume-route --input-file nowhere --to 'flume-buffer z' </dev/null", '66', directory), /cannot open .*nowhere/)
  const two = await shell(`mkfifo f; flume-buffer --put q < f & flume-tail a.log > f & first=$!; until [ -s ready ]; do flume-buffer --export q 2>/dev/null | head -n 1 > ready; done
    flume-tail --once b.log > f; echo second $?; kill $first; wait`, directory)
  t.match(two.out, /second 75/)
  t.match(two.err, /cannot write to this pipe: it has a flume writer already/)
})
