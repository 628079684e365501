/** Outputs of flume-route that nobody waits for: what they miss is counted and said, and what they have they have once. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { Running, until } from '../support/running.js'
import { shell } from '../support/shell.js'

const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, n) => `line ${from + n}\n`).join('')

async function bodies(queue: string, directory: string): Promise<string> {
  const { out } = await shell(`flume-buffer --export ${queue} | jq -r .body`, directory)
  return out
}

t.test('one that dies, hangs, reads nothing or is not there holds nobody up', async (t) => {
  const directory = t.testdir({ 'a.log': lines(0, 20_000) })
  const { out, err } = await shell(`flume-tail --once a.log | flume-route --grace 1s --hold 64K --to 'flume-buffer q' \\
    --optional --name dies --to 'exit 3' --optional --name hangs --to 'exec sleep 1000' --optional --name closed --to 'exec <&-; exec sleep 1000' \\
    --optional --name missing --to no-such-command --optional --name full --to-file /dev/full; echo "\${PIPESTATUS[*]}"`, directory)
  t.equal(out, '0 0\n', err)
  t.equal(await bodies('q', directory), lines(0, 20_000))
  for (const name of ['dies', 'closed', 'missing']) t.match(err, new RegExp(`output ${name}: has missed 20000 events so far`), name)
  t.match(err, /output hangs: has missed \d+ events so far/)
  t.match(err, /output missing: is over: cannot run "no-such-command": sh says 127/)
  t.match(err, /output full: is over: cannot write to the output: no space left on device/)
})

t.test('a queue that could keep up has everything; one that was away has nothing twice, and is told what it has missed', async (t) => {
  const directory = t.testdir({ 'a.log': lines(0, 100) })
  const both = "flume-tail --once a.log | flume-route --to 'flume-buffer q' --optional --name o --to 'flume-buffer o'"
  await shell(both, directory)
  appendFileSync(join(directory, 'a.log'), lines(100, 200))
  await shell("flume-tail --once a.log | flume-route --to 'flume-buffer q'", directory)
  appendFileSync(join(directory, 'a.log'), lines(200, 300))
  const { err } = await shell(both, directory)
  t.match(err, /output o: has missed 900 bytes of file\.\S+, up to 1690: it had not acked them when the last run ended/)
  t.equal(await bodies('q', directory), lines(0, 300))
  t.equal(await bodies('o', directory), lines(0, 100) + lines(200, 300))
})

t.test('what a run that was killed did not give it any more is said, also of a file in which nothing has come since, and of one that it has nothing of', async (t) => {
  const directory = t.testdir({ 'a.log': lines(0, 100) })
  const both = "flume-tail --once '*.log' | flume-route --to 'flume-buffer q' --optional --name o --to 'flume-buffer o'"
  await shell(both, directory)
  appendFileSync(join(directory, 'a.log'), lines(100, 200))
  await shell("flume-tail --once '*.log' | flume-route --to 'flume-buffer q'", directory)
  t.match((await shell(both, directory)).err, /output o: has missed 900 bytes of file\.\S+, up to 1690: it had not acked them when the last run ended/)
  appendFileSync(join(directory, 'b.log'), 'b\n')
  await shell("flume-tail --once '*.log' | flume-route --to 'flume-buffer q'", directory)
  t.match((await shell(both, directory)).err, /output o: has missed 902 bytes of 2 files or queues: /)
  t.equal(await bodies('o', directory), lines(0, 100))
})

t.test('what it has not got of files that flume-spool has set aside is said by the next run, once', async (t) => {
  const directory = t.testdir({ in: { a: lines(0, 100), b: lines(100, 200) } })
  const line = (once: string): string => `flume-spool ${once} --settle 0s in | flume-route --to 'flume-buffer q' --optional --name o --to 'test -e here || exec sleep 1000; exec flume-buffer o'`
  const running = Running.start(t, line(''), directory)
  await until(() => ['a', 'b'].every((name) => existsSync(join(directory, 'in', `${name}.COMPLETED`))), () => running.said)
  running.kill('SIGKILL')
  await running.falls()
  writeFileSync(join(directory, 'here'), '')
  writeFileSync(join(directory, 'in/c'), lines(200, 210))
  t.match((await shell(line('--once'), directory)).err, /output o: has missed 1690 bytes of 2 files or queues: it had not acked them when the last run ended/)
  t.notMatch((await shell(line('--once'), directory)).err, /missed/)
  t.equal(await bodies('q', directory), lines(0, 210))
  t.equal(await bodies('o', directory), lines(200, 210))
})

t.test('killed at any moment, the router gives an optional queue nothing twice', async (t) => {
  const directory = t.testdir({ 'a.log': lines(0, 3000) })
  const line = (kill: string): string => `flume-tail --once a.log | ${kill} flume-route --to 'flume-buffer q' --optional --to 'flume-buffer o'`
  for (const [index, step] of ['mark-written', 'ack-read', 'settled', 'bye-sent'].entries()) {
    await shell(line(`FLUME_KILL_AT=flume-route:${step}`), directory)
    appendFileSync(join(directory, 'a.log'), lines(3000 * (index + 1), 3000 * (index + 2)))
  }
  await shell(line(''), directory)
  t.equal(await bodies('q', directory), lines(0, 15_000))
  const numbers = (await bodies('o', directory)).split('\n').filter(Boolean).map((text) => Number(text.slice(5)))
  t.ok(numbers.length > 0 && numbers.every((number, index) => index === 0 || number > numbers[index - 1]!), 'in order, none twice')
})

t.test('flume-stat has a row for each output, with what an optional one has missed', async (t) => {
  const directory = t.testdir({ 'a.log': lines(0, 1000) })
  const running = Running.start(t, "flume-tail a.log | flume-route --hold 16K --name all --to 'flume-buffer ./q' --optional --name dies --to 'exit 3'", directory)
  let shown = ''
  let count = 1000
  await until(async () => {
    appendFileSync(join(directory, 'a.log'), lines(count, (count += 1000)))
    shown = (await shell('flume-stat', directory)).out
    return shown.split('\n').some((row) => / flume-route output all +[1-9]\d*000 /.test(row)) && /flume-route output dies .*has missed [1-9]/.test(shown)
  }, () => `${shown}\n${readFileSync(join(directory, 'err'), 'utf8')}`)
  const { out } = await shell('flume-stat --prometheus', directory)
  t.match(out, /flume_missed_total\{command="flume-route",.*role="output",name="dies".*\} [1-9]/)
  t.match(out, /flume_events_total\{command="flume-route",.*role="output",name="all".*\} [1-9]\d*000/)
  running.kill('SIGTERM')
  t.ok(await running.falls())
})
