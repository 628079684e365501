/** Outputs of flume-route --failover that hang, as on a disk that does not answer, and that do not come at all. */
import t from 'tap'
import '../support/real-processes.js'
import { NOTHING_WRONG, NumberedLog, randomOf } from '../support/numbered-log.js'
import { Running, until } from '../support/running.js'
import { shell } from '../support/shell.js'

/** What a queue there holds. */
function bodiesIn(directory: string): (queue: string) => Promise<string[]> {
  return async (queue) => (await shell(`flume-buffer --export ${queue} 2>/dev/null | jq -r .body`, directory)).out.split('\n').filter(Boolean)
}

t.test('events go to the next output while the first one hangs, and to that one again afterwards; each is in one queue, once', async (t) => {
  const directory = t.testdir({})
  const log = new NumberedLog(directory, randomOf(1))
  const line = (once: string): string =>
    `flume-tail ${once} app.log | flume-route --failover --failover-stalled 200ms --hold 16K --to 'flume-buffer a' --to 'flume-buffer b'`
  const bodies = bodiesIn(directory)
  const running = Running.start(t, line(''), directory)
  const why = (): string => running.said

  log.append(100)
  await until(async () => (await bodies('a')).length === log.count, why)
  running.signalStage('flume-buffer', 'a', 'SIGSTOP')
  await until(async () => (log.append(200), (await bodies('b')).length > 0), why)
  running.signalStage('flume-buffer', 'a', 'SIGCONT')
  const before = log.count
  await until(async () => (log.append(200), (await bodies('a')).some((text) => Number(/\d+/.exec(text)) > before)), why)
  running.kill('SIGTERM')
  t.ok(await running.falls())

  const last = await shell(`${line('--once')}; echo "\${PIPESTATUS[*]}"`, directory)
  t.equal(last.out, '0 0\n', last.err)
  t.strictSame(log.tally([...(await bodies('a')), ...(await bodies('b'))]), NOTHING_WRONG, running.said + last.err)
  t.notMatch(running.said, /its command (ended|read)/)
})

t.test('what the first output had not acked when all was killed stays with its command, also where that is typed as the last', async (t) => {
  const directory = t.testdir({})
  const log = new NumberedLog(directory, randomOf(1))
  const bodies = bodiesIn(directory)
  const running = Running.start(t, "flume-tail app.log | flume-route --failover --failover-stalled 200ms --hold 16K --to 'flume-buffer a' --to 'flume-buffer b'", directory)
  const why = (): string => running.said

  log.append(100)
  await until(async () => (await bodies('a')).length === log.count, why)
  running.signalStage('flume-buffer', 'a', 'SIGSTOP')
  await until(async () => (log.append(200), (await bodies('b')).length > 0), why)
  running.kill('SIGKILL')
  t.ok(await running.falls())

  const last = await shell("flume-tail --once app.log | flume-route --failover --to 'flume-buffer b' --to 'flume-buffer a'; echo \"${PIPESTATUS[*]}\"", directory)
  t.equal(last.out, '0 0\n', last.err)
  t.strictSame(log.tally([...(await bodies('a')), ...(await bodies('b'))]), NOTHING_WRONG, running.said + last.err)
})

const INNER: Readonly<Record<string, string>> = {
  'one that shares out': 'flume-route --balance round-robin',
  'one that copies': 'flume-route',
}

for (const [title, inner] of Object.entries(INNER)) {
  t.test(`an output that is a flume-route, ${title}, gets what some of its queues lack after a kill`, async (t) => {
    const directory = t.testdir({})
    const log = new NumberedLog(directory, randomOf(1))
    const line = (once: string): string =>
      `flume-tail ${once} app.log | flume-route --failover --to '${inner} --to "flume-buffer a" --to "flume-buffer b"' --to 'flume-buffer c'`
    const bodies = bodiesIn(directory)
    const running = Running.start(t, line(''), directory)
    const why = (): string => running.said

    log.append(100)
    await until(async () => (await bodies('b')).length > 0, why)
    running.signalStage('flume-buffer', 'b', 'SIGSTOP')
    const before = (await bodies('a')).length
    await until(async () => (log.append(200), (await bodies('a')).length > before + 200), why)
    running.kill('SIGKILL')
    t.ok(await running.falls())

    const last = await shell(`${line('--once')}; echo "\${PIPESTATUS[*]}"`, directory)
    t.equal(last.out, '0 0\n', last.err)
    const got = [await bodies('a'), await bodies('b')]
    for (const bodies of inner === 'flume-route' ? got : [got.flat()]) t.strictSame(log.tally(bodies), NOTHING_WRONG, running.said + last.err)
    t.strictSame(await bodies('c'), [])
  })
}

t.test('an output that does not come at the start is waited for, which is said, with what could be done', async (t) => {
  const directory = t.testdir({ 'app.log': 'line\n' })
  const running = Running.start(t, "flume-tail app.log | flume-route --failover --name first --to 'exit 1' --to 'flume-buffer b'", directory)
  await until(() => /output first: is waited for: .*; with --failover-after TIME/.test(running.said), () => running.said)
  running.kill('SIGTERM')
  t.ok(await running.falls())
})
