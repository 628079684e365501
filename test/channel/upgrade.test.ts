/** A queue that an older version wrote, test/fixtures, and one that a newer version wrote. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { crc32 } from '../../src/channel/checksum.js'
import { shell } from '../support/shell.js'

const FIXTURE = fileURLToPath(new URL('../fixtures/queue-1', import.meta.url))

/** The older queue in a directory of its own, told that it takes the place of the other one. */
async function moved(directory: string): Promise<void> {
  cpSync(FIXTURE, directory, { recursive: true })
  t.equal((await shell('flume-buffer --stat q', directory)).status, 75, 'it is a copy')
  t.equal((await shell('flume-buffer --moved --stat q', directory)).status, 0)
}

t.test('a queue of format 1: events, gaps, positions, readers and what is retained are what they were, and it goes on', async (t) => {
  const directory = t.testdir()
  await moved(directory)
  t.match(await shell('flume-buffer --check q', directory), { status: 0, out: /nothing is wrong; 1 event is lost\n$/ })
  t.match(await shell('flume-buffer --export --positions q | cmp - events.ndjson', directory), { status: 0, out: '' })
  const stat = JSON.parse((await shell('flume-buffer --stat --json q', directory)).out) as object
  t.match(stat, { first: 0, next: 82, retain: { age: 604_800_000, bytes: 21_474_836_480 }, readers: [{ reader: 'all', next: 62, lag: 20 }] })
  const { out, err } = await shell(
    `seq 3 | sed 's/.*/{"body":"more &"}/' | flume-buffer --put q; flume-buffer q --reader all --once </dev/null | flume-sink-hdfs --path out; cat out/* | cut -c-8 | tail -n 5`,
    directory,
  )
  t.equal(out, 'line 79\nline 80\nmore 1\nmore 2\nmore 3\n', err)
})

/** All ways to use a queue, each with what it is given. */
const WAYS = [
  '--stat', '--stat --json', '--check', '--repair', '--repair --apply', '--export', '--export --positions', '--from beginning', '--forget all', '--retain all --stat', '--copied --stat',
  '--moved --stat', '--put <events.ndjson', '--once </dev/null | cat', '--once </dev/null | flume-sink-hdfs --path out', '</dev/null --ack=off | cat',
]

t.test('a queue of a newer format is refused by each way to use it, and nothing of it is touched', async (t) => {
  const directory = t.testdir()
  await moved(directory)
  const identity = join(directory, 'q/queue.json')
  writeFileSync(identity, readFileSync(identity, 'utf8').replace('"format":1', '"format":9'))
  for (const name of ['cursors/all', 'committed', 'retain']) writeFileSync(join(directory, 'q', name), 'as only the newer version knows it')
  await shell('cp -a q before', directory)
  for (const way of WAYS) {
    const { out, err } = await shell(`flume-buffer q ${way} >o; echo \${PIPESTATUS[0]}`, directory)
    t.equal(out, '69\n', `${way}: ${err}`)
    t.match(err, /its format is 9, this program knows 1/, way)
  }
  t.match(await shell('diff -r q before', directory), { status: 0, out: '' })
})

/** Says another format in the header of a segment, with the checksum right. */
function reformat(path: string): void {
  const bytes = readFileSync(path)
  bytes.writeUInt32LE(9, 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  writeFileSync(path, bytes)
}

t.test('a segment of a newer format stops whoever needs it, naming it, and is touched by nobody', async (t) => {
  const directory = t.testdir()
  await moved(directory)
  const names = readdirSync(join(directory, 'q/segments')).sort()
  const say = (name: string): RegExp => new RegExp(`segment \\S+/${name}: its format is 9, this program knows`)
  reformat(join(directory, 'q/segments', names[0]!))
  for (const way of ['--check', '--repair', '--repair --apply', '--export', '--from beginning', '--once --reader new </dev/null | flume-sink-hdfs --path out']) {
    const { out, err } = await shell(`flume-buffer q ${way} >o; echo \${PIPESTATUS[0]}`, directory)
    t.equal(out, '69\n', `${way}: ${err}`)
    t.match(err, say(names[0]!), way)
  }
  const beside = await shell('echo "{}" | flume-buffer --put q && flume-buffer q --reader all --once </dev/null | flume-sink-hdfs --path out; cat out/* | wc -l', directory)
  t.match(beside, { out: '20\n' }, `the others are there, one event of them lost as before: ${beside.err}`)
  const last = readdirSync(join(directory, 'q/segments')).sort().at(-1)!
  reformat(join(directory, 'q/segments', last))
  rmSync(join(directory, 'o'))
  await shell('cp -a q before', directory)
  t.match(await shell('echo "{}" | flume-buffer --put q', directory), { status: 69, err: say(last) })
  t.match(await shell('diff -r --exclude=lock q before', directory), { status: 0, out: '' })
})
