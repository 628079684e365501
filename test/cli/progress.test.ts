/** The progress line: what it says, and where it is drawn. On a terminal of script(1). */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { progressText } from '../../src/cli/progress.js'
import { shell } from '../support/shell.js'

const at = (time: number, unread: number, events: number, unacked = 0) => ({ time, unread, events, unacked })

t.test('it says how much, how fast, and how long the rest takes', async (t) => {
  t.equal(progressText(at(0, 4096, 0), at(2000, 3072, 20), 4096), '25% of 4.0 KiB, 20 events, 10/s, 6.0s left')
  t.equal(progressText(at(0, 4096, 0), at(0, 4096, 0), 4096), '0% of 4.0 KiB, 0 events, 0/s', 'nothing is known yet')
  t.equal(progressText(at(0, 100, 5), at(1000, 0, 10, 3), 4096), '100% of 4.0 KiB, 10 events, 5/s, 3 to be acked')
  t.equal(progressText(at(0, 0, 0), at(1000, 0, 0), 0), '100% of 0 bytes, 0 events, 0/s')
  t.equal(progressText(at(0, 100, 0), at(1000, 200, 0), 200), '0% of 200 bytes, 0 events, 0/s', 'the file grows')
})

/** The last line of the file has no end and is waited for, long enough for a look. */
async function tailing(directory: string, line: string): Promise<{ status: number | null; out: string; err: string }> {
  writeFileSync(join(directory, 'a.log'), 'one\ntwo\nunfinished')
  return shell(line, directory)
}

t.test('it is drawn where stderr is a terminal, and is gone at the end', async (t) => {
  const { out, status } = await tailing(t.testdir(), "script -qec 'flume-tail --once --settle-once 2s a.log | cat >/dev/null' /dev/null </dev/null")
  t.equal(status, 0)
  t.match(out, /\rflume-tail: 44% of 18 bytes, 2 events, \d+\/s/, 'of all that was there at the start')
  t.ok(out.lastIndexOf('\r\x1b[K') > out.lastIndexOf('\rflume-tail: '), `after the last one that was drawn it is cleared, for a message or the end: ${JSON.stringify(out)}`)
})

t.test('it is not drawn elsewhere, nor with --quiet, nor while following', async (t) => {
  const directory = t.testdir()
  t.notMatch((await tailing(directory, 'flume-tail --once --settle-once 2s a.log | cat >/dev/null')).err, /%/)
  t.notMatch((await tailing(directory, "script -qec 'flume-tail -q --once --settle-once 2s a.log | cat >/dev/null' /dev/null </dev/null")).out, /%/)
  t.match((await tailing(directory, 'flume-tail --progress --once --settle-once 2s a.log | cat >/dev/null')).err, /\rflume-tail: \d+%/)
})

t.test('what cannot be meant is refused', async (t) => {
  const directory = t.testdir()
  t.match(await shell('flume-tail --progress a.log', directory), { status: 64, err: /--progress goes with --once/ })
  t.match(await shell('flume-tail --once --quiet --progress a.log', directory), { status: 64, err: /--quiet and --progress exclude each other/ })
})
