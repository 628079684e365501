/**
 * flume-intercept as it is typed: the examples of its man page, --explain, --test, rejects, statuses. That no event is lost or
 * comes twice when a stage is killed is in kill.test.ts, and in test/pipe/relay.test.ts step by step.
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../support/source.js'
import { shell } from '../support/shell.js'

t.jobs = 1

const ACCESS = '83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a.png HTTP/1.1" 200 203023 "http://x/" "Mozilla/5.0"\n'
const LOGS: Record<string, string> = {
  'access.log': `${ACCESS}${ACCESS.replace('10:05', '11:06')}`,
  'app.log': 'status=200 all is well\nERROR code=17 status=500 password=secret me@example.org\n',
  'app.json': '{"time":"2024-02-03T04:05:06Z","level":"warn","http":{"status":503}}\n{"time":"2024-02-03T04:05:07Z"}\nno json\n',
  'Linux.log': 'Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; user=root\n',
  'Zookeeper.log': '2015-07-29 19:29:03,816 - WARN  [RecvWorker:188978561024:QuorumCnxManager$RecvWorker@765] - Interrupting SendWorker\n',
}

interface Out {
  readonly headers: Record<string, string>
  readonly body: string
}

const eventsOf = (text: string): Out[] => text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Out)

/** The blocks of the section EXAMPLES, as they are typed; sources end, and the root directory is that of the test. */
function examples(): string[] {
  const page = readFileSync(join(ROOT, 'man/flume-intercept.1'), 'utf8')
  const section = page.slice(page.indexOf('.Sh EXAMPLES'), page.indexOf('.Sh SEE ALSO'))
  const blocks = [...section.matchAll(/^\.Bd -literal.*\n([^]*?)^\.Ed$/gm), ...section.matchAll(/^\.Dl (.*)$/gm)].map(([, block]) => block!)
  return blocks.map((block) => block.replaceAll('\\e', '\\').replaceAll("'/logs", "'./logs").replace(/flume-tail (--once )?/g, 'flume-tail --once '))
}

t.test('the examples of the man page run, each on logs of its kind', { timeout: 300_000 }, async (t) => {
  const found: Record<string, Out[]> = {}
  for (const [n, example] of examples().entries()) {
    const directory = join(t.testdir({}), String(n))
    mkdirSync(directory, { recursive: true })
    for (const [name, text] of Object.entries(LOGS)) writeFileSync(join(directory, name), text)
    if (example.includes('--reader')) await shell('flume-tail --once app.log | flume-buffer --put ./q', directory)
    const bounded = example.replace('./q </dev/null', '--once ./q </dev/null')
    const { err, status } = await shell(`set -o pipefail; ${bounded}`, directory)
    t.notMatch(err, /unknown|cannot|bug|syntax/, `${example}\n${err}`)
    t.ok(status === 0 || (status === 141 && example.includes('head')), `status ${status} of ${example}\n${err}`)
    const queue = await shell('flume-buffer --export ./q 2>/dev/null', directory)
    found[example] = eventsOf(queue.out)
  }
  const of = (text: string): Out[] => Object.entries(found).find(([example]) => example.includes(text))![1]
  t.match(of('--to-json'), [{ headers: { timestamp: '1431857103000' }, body: /^{"host":"[^"]+","client":"83.149.9.216","time":"17\/May\/2015:10:05:03 \+0000","path":"\/a.png","status":200,"bytes":203023}$/ }, {}])
  t.match(of('grok:'), [
    { headers: { app: 'sshd(pam_unix)', host: 'combo', timestamp: String(Date.parse('2005-06-14T13:16:01Z')) } },
    { headers: { level: 'warn', message: 'Interrupting SendWorker' } },
  ])
  t.match(of('json-flat'), [{ headers: { level: 'warn', 'http.status': '503', timestamp: '1706933106000' } }, { headers: { level: 'info' } }])
  t.match(of('code=('), [{ headers: { code: '17' }, body: 'ERROR code=17 status=500 password=... me@example.org' }])
  t.match(of('rules.test'), [{ headers: { status: '200' } }], 'the rules of a file')
})

t.test('access logs land in the directory of the hour of each request', async (t) => {
  const directory = t.testdir(LOGS)
  const { err } = await shell("flume-tail --once access.log | flume-intercept --parse apache --time time | flume-buffer ./q | flume-sink-hdfs --path 'out/%Y-%m-%d/%H'", directory, { TZ: 'UTC' })
  t.strictSame(readdirSync(join(directory, 'out/2015-05-17')).sort(), ['10', '11'], err)
})

t.test('--explain shows what each interceptor does, consumes nothing, and ends', async (t) => {
  const directory = t.testdir(LOGS)
  const { out, status } = await shell("flume-tail app.log | flume-intercept --explain 2 --extract 'code=(?<code>[0-9]+)' --remove file,host,timestamp --filter ERROR --convert code=bool", directory)
  t.equal(status, 0)
  const expected = [
    'event 1', / {4} {2}body {9}status=200 all is well/, / {2}--extract code=.*\n {4}as before/, / {2}--remove .*\n {4}- file /, / {2}--filter ERROR\n {4}dropped\n {2}nothing goes on/,
    'event 2', / {4}\+ code {9}17/, / {2}--convert code=bool\n {4}cannot: code is no bool: "17"\n {2}it goes on/,
  ]
  for (const part of expected) t.match(out, part)
  const untouched = await shell("flume-tail app.log | flume-intercept --explain 1 --static a=b", directory)
  t.match(untouched.out, / {2}--static a=b\n {4}\+ a {12}b\n {2}it goes on/, 'a body that nobody looks at is no change')
  const bad = await shell("printf 'nonsense\\n' | flume-intercept --explain 1 --static a=b", directory)
  t.match(bad.out, /line {9}nonsense\n.*\n? *rejected: the line is no JSON/)
})

t.test('--test compares what comes out with what is to come out', async (t) => {
  const cases = [
    '{"in":"a=1","out":{"headers":{"x":"y","a":"1"},"body":"a=1"}}',
    '{"in":{"headers":{"b":"2"},"body":"[]"},"out":[]}',
    '{"in":"none","out":null}',
    '{"in":"t=\\"Mar  3 00:00:00\\"","time":"2020-03-04T00:00:00Z","out":{"headers":{"t":"Mar  3 00:00:00","timestamp":"1583193600000","x":"y"},"body":"t=\\"Mar  3 00:00:00\\""}}',
  ]
  const directory = t.testdir({ good: `${cases.join('\n')}\n`, wrong: `${cases.join('\n')}\n\n{"in":"a=1","out":"a=1"}\n`, bad: '{"in":"a"}\n', worse: `${cases[0]}\n{`, day: '{"in":"a","time":"2026-02-30T00:00:00Z","out":"a"}\n' })
  const line = 'flume-intercept --on-error drop --parse logfmt --static x=y --time-zone UTC --on-error pass --time t --remove flume.error --test'
  t.match(await shell(`${line} good`, directory), { status: 0, out: '4 of 4 passed\n' })
  t.match(await shell(`${line} wrong`, directory), { status: 1, out: /^wrong:6: differs\n {2}expected {"body":"a=1"}\n {2}came {5}{"headers":{"a":"1","x":"y"},"body":"a=1"}\n4 of 5 passed\n$/ })
  t.match(await shell(`${line} bad`, directory), { status: 65, err: /cannot take bad:1: expected {"in":EVENT,"out":EVENT}/ })
  t.match(await shell(`${line} worse`, directory), { status: 65, err: /cannot take worse:2: / })
  t.match(await shell(`${line} day`, directory), { status: 65, err: /cannot take day:1: its time is none/ })
  t.match(await shell(`${line} none`, directory), { status: 66, err: /cannot read none: there is no such file/ })
})

t.test('rejects are kept with the reason and the event as it came; with fail and --strict it is 65', async (t) => {
  const directory = t.testdir({ log: 'a=1\nnothing\n' })
  const ran = await shell('{ flume-tail --once --no-headers log; echo nonsense; } | flume-intercept --on-error reject --parse logfmt --rejects r | flume-buffer --put q; echo "${PIPESTATUS[*]}"', directory)
  t.equal(ran.out, '0 0 0\n', ran.err)
  t.match(ran.err, /kept in .*\/r$/m)
  const kept = readFileSync(join(directory, 'r'), 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as { line: string; reason: string })
  t.match(kept, [{ line: '{"body":"nothing"}', reason: /^--parse logfmt: / }, { line: 'nonsense', reason: /no JSON/ }])
  t.match(eventsOf((await shell('flume-buffer --export q', directory)).out), [{ body: 'a=1' }])
  t.equal((await shell('flume-tail --once log | flume-intercept --on-error fail --parse logfmt | cat >/dev/null; echo ${PIPESTATUS[1]}', directory)).out, '65\n')
  t.equal((await shell('echo nonsense | flume-intercept --strict --static a=b | cat; echo ${PIPESTATUS[1]}', directory)).out, '65\n')
})

t.test('other rules than before, of which places follow, are refused while not all is acked; those that change no header are not', async (t) => {
  const directory = t.testdir({ log: Array.from({ length: 9000 }, (_, n) => `line ${n}\n`).join('') })
  const { out, err } = await shell(
    `flume-tail --once log | flume-buffer --put q
    line() { flume-buffer $1 q </dev/null | flume-intercept "\${@:2}" | flume-sink-hdfs --path 'out/%{k}' --idle-timeout 1h; echo "\${PIPESTATUS[*]}"; }
    line '' --static k=a & until [ -s out/a/_*.tmp ]; do sleep 0.2; done 2>/dev/null
    pkill -9 -P $!; wait
    line --once --static k=b; line --once --redact all --static k=a; line --once --static k=b
    cat out/a/*.log | wc -l`,
    directory,
  )
  t.match(out, /\n75 \d+ \d+\n0 0 0\n0 0 0\n9000\n$/, err)
  t.match(err, /cannot give events to reader default: it began to write to path=.* behind flume-intercept --static k=a and has not acked all of it; now .*--static k=b;/)
})

t.test('rules of which follows to which of several sinks an event goes are refused, too, also where these have one place each', async (t) => {
  const directory = t.testdir({ log: Array.from({ length: 9000 }, (_, n) => `${n % 3 === 0 ? 'e' : 'o'} ${n}\n`).join('') })
  const { out, err } = await shell(
    `flume-tail --once log | flume-buffer --put q
    to() { echo "flume-sink-hdfs --idle-timeout 1h --path $1"; }
    line() { flume-buffer $1 q </dev/null | flume-intercept --replace $2 | flume-route --when '.~"^e"' --to "$(to A)" --otherwise "$(to B)"; echo "\${PIPESTATUS[*]}"; }
    line '' s/x/y/ & until [ -s A/_*.tmp ]; do sleep 0.2; done 2>/dev/null
    pkill -9 -P $!; wait
    line --once s/^o/e/; line --once s/x/y/
    cat A/events* B/events* | wc -l`,
    directory,
  )
  t.match(out, /\n75 \d+ \d+\n0 0 0\n9000\n$/, err)
})

t.test('what is not replayable warns behind a queue, once, and not before it', async (t) => {
  const directory = t.testdir(LOGS)
  const before = await shell('flume-tail --once app.log | flume-intercept --timestamp | flume-buffer --put q', directory)
  t.notMatch(before.err, /behind a queue/)
  const behind = await shell('flume-buffer --once q </dev/null | flume-intercept --timestamp --dedupe 1s | flume-sink-hdfs --path out', directory)
  t.match(behind.err, /^flume-intercept: --timestamp, --dedupe 1s behind a queue: /m)
})

t.test('what --dedupe let through comes again, and goes through again, when its reader is killed before it has acked', async (t) => {
  const count = 100_000
  const directory = t.testdir({ log: Array.from({ length: count }, (_, n) => `line ${n}\n`).join('') })
  const { out, err } = await shell(
    `flume-tail --once log | flume-intercept --dedupe 1h | { FLUME_KILL_AT=flume-store:batch-read:3 flume-store j; flume-store j; }; echo "\${PIPESTATUS[*]}"
    jq -r '.lines | rtrimstr("\\n") | split("\\n")[]' j | jq -r .body | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c`,
    directory,
  )
  t.match(out, new RegExp(`^0 0 0\n *${count} 1\n$`), err)
})
