/** A queue whose files were damaged, as the commands meet it: what is lost is said, everything else arrives once, and no bug is shown. */
import { readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { Running, until } from '../support/running.js'
import { shell } from '../support/shell.js'

const LINES = Array.from({ length: 12_000 }, (_, n) => `line ${n}`)
const PUT = 'flume-tail --once log | flume-buffer --put q; echo "${PIPESTATUS[*]}"'
const TAKE = 'flume-buffer --once q </dev/null | flume-sink-hdfs --path out; echo "${PIPESTATUS[*]}"'

/** A queue of all lines, in several segments. */
async function queueOf(t: Test): Promise<string> {
  const directory = t.testdir({ log: `${LINES.join('\n')}\n` })
  const { status, err } = await shell('flume-tail --once log | flume-buffer --put --size-max 4M q', directory)
  t.equal(status, 0, err)
  return directory
}

function segments(directory: string): string[] {
  return readdirSync(join(directory, 'q/segments')).sort().map((name) => join(directory, 'q/segments', name))
}

/** Flips one bit. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 0x40
  writeFileSync(path, bytes)
}

/** How many lines are missing in the files written; fails where one stands twice or is none of ours. */
async function missing(t: Test, directory: string): Promise<number> {
  const { out } = await shell('cat out/*.log', directory)
  const lines = out.split('\n').filter(Boolean)
  t.equal(new Set(lines).size, lines.length, 'nothing twice')
  t.ok(lines.every((line) => LINES.includes(line)), 'nothing else')
  return LINES.length - lines.length
}

const damages: readonly (readonly [what: string, damage: (segments: readonly string[]) => void, said: RegExp])[] = [
  ['a flipped bit', ([, second]) => flip(second!, 200_000), /segment \S+: bytes \d+ to \d+ are damaged\n/],
  ['an empty segment', ([, second]) => truncateSync(second!, 0), /events \d+ to \d+ are missing\n/],
  ['a segment cut short', ([, second]) => truncateSync(second!, 1000), /events \d+ to \d+ are damaged\n/],
  ['a segment that is gone', ([, second]) => rmSync(second!), /events \d+ to \d+ are missing\n/],
]

for (const [what, damage, said] of damages) {
  t.test(`${what} in the middle costs what was in it, said once, and nothing else`, async (t) => {
    const directory = await queueOf(t)
    const names = segments(directory)
    t.ok(names.length > 1)
    damage(names.length > 2 ? names : ['', names[0]!])
    t.match(await shell(PUT, directory), { out: '0 0\n' }, 'the source goes on where it stood')
    const { out, err } = await shell(TAKE, directory)
    t.equal(out, '0 0\n')
    t.match(err, said)
    const lines = err.split('\n').filter((line) => line.startsWith('flume-buffer: '))
    t.equal(new Set(lines).size, lines.length, 'each once')
    t.match(err, /^flume-sink-hdfs: events are missing: (damaged|missing), before \d+ of queue\.\S+\n/m)
    const lost = await missing(t, directory)
    t.ok(lost > 0 && lost < LINES.length)
    t.match(await shell(`${TAKE}; cat out/*.log | wc -l`, directory), { out: `0 0\n${LINES.length - lost}\n` }, 'the next run adds nothing')
  })
}

t.test('without a good `committed` the segments tell how far the queue goes', async (t) => {
  const directory = await queueOf(t)
  for (const [n, bytes] of ['', 'garbage'].entries()) {
    writeFileSync(join(directory, 'q/committed'), bytes)
    writeFileSync(join(directory, 'log'), `extra ${n}\n`, { flag: 'a' })
    t.match(await shell(PUT, directory), { out: '0 0\n' })
  }
  const { out } = await shell(`${TAKE}; cat out/*.log | sort | uniq | wc -l; cat out/*.log | cmp - log`, directory)
  t.equal(out, `0 0\n${LINES.length + 2}\n`)
})

t.test('a place of a reader that cannot be read is refused and named, writes nothing, and can be given up', async (t) => {
  const directory = await queueOf(t)
  await shell(TAKE, directory)
  writeFileSync(join(directory, 'q/cursors/default'), 'garbage')
  const { out, err } = await shell(TAKE, directory)
  t.equal(out, '65 0\n')
  t.equal(err, `flume-buffer: cannot read ${directory}/q/cursors/default at byte 0, the place of reader default; --forget default begins it again at the oldest event\n`)
  t.match(await shell(`flume-buffer --forget default q; ${TAKE}`, directory), { out: '0 0\n' })
  t.equal(await missing(t, directory), 0, 'the names of the files tell what is there')
})

t.test('what is no queue of this version, or is a copy, is refused by a line that says so', async (t) => {
  const directory = await queueOf(t)
  const identity = join(directory, 'q/queue.json')
  const good = readFileSync(identity, 'utf8')
  writeFileSync(identity, good.replace('"format":1', '"format":9'))
  t.match(await shell('flume-buffer --stat q', directory), { status: 69, err: /^flume-buffer: cannot open queue \S+\/q: its format is 9, this program knows 1\n$/ })
  writeFileSync(identity, 'garbage')
  t.match(await shell('flume-buffer --stat q', directory), { status: 65, err: /^flume-buffer: cannot read \S+\/q\/queue.json, --repair says what can be done: .*\n$/ })
  writeFileSync(identity, good)
  t.equal((await shell('flume-buffer --stat q', directory)).status, 0)
  const copy = await shell(`cp -r q copy; flume-buffer --stat copy; echo $?; flume-buffer --copied --put copy </dev/null; flume-buffer --once copy </dev/null | flume-sink-hdfs --path out; ${TAKE}; cat out/*.log | wc -l`, directory)
  t.match(copy, { out: `75\n0 0\n${2 * LINES.length}\n`, err: /^flume-buffer: cannot open queue \S+\/copy: it was copied or restored from a backup; say --copied .* or --moved / }, 'a copy is a queue of its own')
})

t.test('a state file in which one digit is another is refused, and named; without it all is sent again', async (t) => {
  const directory = t.testdir({ log: 'one\ntwo\nthree\n' })
  const line = 'flume-tail --once --state s.json log | flume-sink-hdfs --path "file://$PWD/out"; echo "${PIPESTATUS[*]}"'
  t.match(await shell(line, directory), { out: '0 0\n' })
  const state = join(directory, 's.json')
  const good = readFileSync(state, 'utf8')
  writeFileSync(state, good.replace('"offset":14', '"offset":10'))
  const { out, err } = await shell(line, directory)
  t.match(out, /^65 /)
  t.match(err, `flume-tail: cannot read ${state}; without that file all is sent again from its beginning: its checksum is wrong\n`)
  writeFileSync(state, good)
  t.match(await shell(`${line}; cat out/*.log`, directory), { out: '0 0\none\ntwo\nthree\n' })
})

for (const [what, command] of [['renamed', 'mv q other'], ['removed', 'rm -r q']] as const) {
  t.test(`a queue that is ${what} while its reader waits for events: that ends, and names it`, async (t) => {
    const directory = t.testdir({ events: '{"body":"one"}\n' })
    t.equal((await shell('flume-buffer --put q <events', directory)).status, 0)
    const line = Running.start(t, 'flume-buffer q </dev/null | flume-buffer --put copy; echo "${PIPESTATUS[0]}" >status', directory)
    await until(async () => (await shell('flume-buffer --export copy 2>/dev/null', directory)).out.includes('one'), () => line.said)
    t.equal((await shell(command, directory)).status, 0)
    t.ok(await line.falls())
    t.equal(readFileSync(join(directory, 'status'), 'utf8'), '74\n', line.said)
    t.match(line.said, /^flume-buffer: cannot go on with queue \S+\/q: it was renamed or removed meanwhile$/m)
  })
}
