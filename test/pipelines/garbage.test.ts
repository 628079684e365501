/** What is no event, and what is no text, through real processes: never dropped, never in the way of the others. */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { shell } from '../support/shell.js'

const MiB = 1024 * 1024
/** Lines of an event stream, and whether each is an event; none has a timestamp. */
const LINES: readonly (readonly [line: Buffer, body: string | undefined])[] = [
  [Buffer.from('{"body":"good"}'), 'good'],
  [Buffer.from('not json'), undefined],
  [Buffer.from('[{"body":"in an array"}]'), undefined],
  [Buffer.from('\0\0'), undefined],
  [Buffer.from('{"body":"a raw \0"}'), undefined],
  [Buffer.from('{"body":"an escaped \\u0000"}'), 'an escaped \0'],
  [Buffer.from('{"body":"crlf"}\r'), 'crlf'],
  [Buffer.from('{"body":"\u2028"}'), '\u2028'],
  [Buffer.from('{"body":"half \\ud800"}'), undefined],
  [Buffer.from('{"headers":{"a":"\\udc00"},"body":"half"}'), undefined],
  [Buffer.from('{"body":"\xff"}', 'latin1'), undefined],
  [Buffer.from(''), undefined],
  [Buffer.from('{"body":5}'), undefined],
  [Buffer.from('null'), undefined],
  [Buffer.from(`{"body":"${'x'.repeat(20 * MiB)}"}`), undefined],
  [Buffer.from('{"headers":{"n":1},"body":"after"}'), 'after'],
  [Buffer.from('{"body":"cut'), undefined],
]
const EVENTS = Buffer.concat(LINES.flatMap(([line]) => [line, Buffer.from('\n')])).subarray(0, -1)
const BODIES = LINES.flatMap(([, body]) => (body === undefined ? [] : [`${body}\n`])).join('')
const REFUSED = LINES.filter(([, body]) => body === undefined).map(([line]) => line)

/** All files under `directory`, in the order of their names. */
function written(directory: string): Buffer {
  return Buffer.concat(readdirSync(directory).sort().map((name) => readFileSync(join(directory, name))))
}

/** The lines in a rejects file, each put together from its parts; entries of other inputs may stand between them. */
function rejects(path: string): Buffer[] {
  const whole: Buffer[] = []
  const open = new Map<string, Buffer[]>()
  for (const entry of readFileSync(path, 'utf8').split('\n').filter(Boolean)) {
    const { partition, line, encoding = 'utf8', more } = JSON.parse(entry) as { partition: string; line: string; encoding?: BufferEncoding; more?: boolean }
    const parts = [...(open.get(partition) ?? []), Buffer.from(line, encoding)]
    if (more) open.set(partition, parts)
    else {
      open.delete(partition)
      whole.push(Buffer.concat(parts))
    }
  }
  return whole
}

const hashes = (lines: readonly Buffer[]): string[] => lines.map((line) => createHash('sha1').update(line).digest('hex')).sort()

/** Of a file the end is known: half a line there is an export that was killed, and is left for when the rest has come. */
const CUT = / cannot put the last line of .*events, 12 bytes from byte \d+ on: it is cut short; all before it is in the queue\n$/

for (const [how, input] of [['a pipe', 'cat events |'], ['a file', '<events']] as const) {
  t.test(`from ${how} a sink writes what is an event, and keeps every other line among its rejects`, async (t) => {
    const directory = t.testdir({ events: EVENTS })
    const { status, err } = await shell(`${input} flume-sink-hdfs --path out --rejects refused`, directory)
    t.equal(status, 0, err)
    t.equal(written(join(directory, 'out')).toString(), BODIES)
    t.strictSame(hashes(rejects(join(directory, 'refused'))), hashes(REFUSED))
    const strict = await shell(`${input} flume-sink-hdfs --path strict --strict`, directory)
    t.match(strict, { status: 65, err: /: cannot take (a )?line .*: the line is .*\n$/ })
  })

  t.test(`from ${how} a queue takes every line as it is, and one that is too long not at all`, async (t) => {
    const directory = t.testdir({ events: EVENTS })
    const { status, err } = await shell(`${input} flume-buffer --put --rejects refused q`, directory)
    t.match({ status, err }, how === 'a file' ? { status: 65, err: CUT } : { status: 0 })
    const put = how === 'a file' ? LINES.slice(0, -1) : LINES
    const short = put.map(([line]) => line).filter((line) => line.length < 16 * MiB)
    const exported = await shell('flume-buffer --export q', directory)
    t.equal(exported.out, `${short.map((line) => line.toString('latin1')).join('\n')}\n`)
    t.strictSame(hashes(rejects(join(directory, 'refused'))), hashes(REFUSED.filter((line) => line.length >= 16 * MiB)))
    const sunk = await shell('flume-buffer --once q </dev/null | flume-sink-hdfs --path out', directory)
    t.equal(written(join(directory, 'out')).toString(), BODIES, sunk.err)
    const strict = await shell(`${input} flume-buffer --put --strict strict`, directory)
    t.match(strict, { status: 65, err: /: the line is longer than 16777216 bytes\n$/ })
  })
}

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10))
const LOG = Buffer.concat([
  Buffer.from('good\ncrlf\r\n\r\n\ntwo\r\r\nnul \0\nu2028 \u2028\nmid\rdle "quoted" \\ \x1b[31m\n\ufeffbom\nhalf '),
  Buffer.from([0xed, 0xa0, 0x80, 10]),
  BYTES,
  Buffer.from(`\n${'x'.repeat(20 * MiB)}\n${'y'.repeat(15 * MiB)}\nafter\nlast`),
])
/** The log without the \r of each line end and the line that is too long, and with a last \n. */
const WANTED = Buffer.from(
  LOG.toString('latin1').split('\n').filter((line) => line.length < 16 * MiB).map((line) => `${line.replace(/\r$/, '')}\n`).join(''),
  'latin1',
)

for (const [how, tail] of [
  ['a file', 'flume-tail --settle-once 0s --once log'],
  ['stdin, a file', 'flume-tail - <log'],
  ['stdin, a pipe', 'cat log | flume-tail -'],
] as const) {
  t.test(`any bytes of ${how} arrive in the file as they were, save lines that are too long for an event`, async (t) => {
    const directory = t.testdir({})
    writeFileSync(join(directory, 'log'), LOG)
    for (const [to, line] of [
      ['queue', `${tail} --rejects refused | flume-buffer queue | flume-sink-hdfs --path out-queue`],
      ['sink', `${tail} --rejects refused | flume-sink-hdfs --path out-sink`],
    ] as const) {
      const { status, err } = await shell(`set -o pipefail; ${line}`, directory)
      t.equal(status, 0, err)
      t.ok(written(join(directory, `out-${to}`)).equals(WANTED), `through a ${to}`)
    }
    const refused = new Set(hashes(rejects(join(directory, 'refused'))))
    t.strictSame([...refused], hashes([Buffer.alloc(20 * MiB, 'x')]), 'and these are in the rejects, whole')
  })
}

const linesIn = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1
/** Waits until `count` lines are in the file. */
const wait = (file: string, count: number): string => `until [ -f ${file} ] && [ "$(wc -l <${file})" = ${count} ]; do :; done`

t.test('what a source refuses before its reader comes, and again when that has come, stands among the rejects once', async (t) => {
  const odd = Array.from({ length: 40 }, (_, n) => `${'x'.repeat(3000)}${n}`)
  for (const [source, text] of [
    ['flume-tail --once --event-bytes-max 1K log/app', odd.join('\nfine\n')],
    ['flume-spool --once --json log', `${odd.join('\n{"fine":1}\n')}\n`],
  ] as const) {
    const directory = t.testdir({ log: { app: `${text}\n` } })
    const { status, err } = await shell(`${source} --rejects refused | { ${wait('refused', 40)}; flume-buffer --put q; }`, directory)
    t.equal(status, 0, err)
    t.equal(linesIn(join(directory, 'refused')), 40, source)
  }
})

t.test('what a sink had refused, but not acked when it was killed, comes again and stands there once', async (t) => {
  const directory = t.testdir({ events: Array.from({ length: 40 }, (_, n) => `{"body":"${n}"}\nnonsense ${n}\n`).join('') })
  const sink = 'flume-sink-hdfs --path out --rejects refused'
  const { err } = await shell(`flume-buffer --put q <events; flume-buffer q </dev/null | ${sink} & ${wait('refused', 40)}; kill -9 $!; wait`, directory)
  const again = await shell(`flume-buffer --once q </dev/null | ${sink}`, directory)
  t.equal(again.status, 0, err + again.err)
  t.equal(linesIn(join(directory, 'refused')), 40)
  t.equal(written(join(directory, 'out')).toString(), Array.from({ length: 40 }, (_, n) => `${n}\n`).join(''))
})
