/**
 * The examples of the man pages and of the README, pasted one by one into a real shell, on files and queues such as they name.
 * Those of flume-intercept(1) are in intercept.test.ts, the recipes for logrotate in rotation.test.ts, the stack traces of
 * flume-tail(1) event for event in test/sources/multiline.test.ts. What names a host is not run.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { endingIn, examplesOf, readmeExamples } from '../support/examples.js'
import { Running, until } from '../support/running.js'
import { each, shell, type Ran } from '../support/shell.js'

const ACCESS = '83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a.png HTTP/1.1" 200 203023 "http://x/" "Mozilla/5.0"\n'
const APP = '{"level":"INFO","region":"eu","text":"one"}\n{"level":"ERROR","region":"us","text":"two"}\n{"level":"INFO","text":"three"}\n'
const TRACE = '2026-01-01 10:00:00 failed\n\tat a.B.c(B.java:1)\nCaused by: x\n2026-01-01 10:00:01 fine\n'
const FILES: Record<string, string> = {
  'access.log': ACCESS.repeat(3), 'app.log': APP, 'java.log': TRACE, 'python.log': 'Traceback (most recent call last):\n  File "a", line 1\nKeyError: 1\n',
  'sink-hdfs.rejects': '{"line":"{\\"body\\":\\"again\\"}","reason":"no timestamp"}\n', 'other.log': APP, 'in/a.log': APP, 'machine/srv/exports/a.csv': 'a,b\n1,2\n',
  'machine/var/log/app/app.log': APP, 'machine/var/log/app.log': APP, 'machine/var/log/pods/web/app/0.log': APP, 'machine/var/log/nginx/a.log': ACCESS, 'machine/srv/incoming/host1/a.log': APP, 'machine/srv/incoming/b.log': 'four\n',
}
const STUBS = "mail() { cat >/dev/null; echo \"mailed $*\"; }; journalctl() { printf 'a\\nb\\n'; }; export -f mail journalctl; export NODE_NAME=node1; mkdir -p machine/{srv/read,data,backup,mnt,archive,logs,var/spool/flume}\n"

/** What an example leaves behind, or prints, by a part of it that no other has. */
const RESULTS: readonly (readonly [part: string, look: string, result: RegExp])[] = [
  ["flume-tail '/var/log/app/*.log'", 'flume-buffer --export ./q | wc -l', /3\n$/],
  ['jq -r .body | head', 'true', /^83\.149/],
  ['--header topic=journal', "flume-buffer --export ./q | jq -r '.headers.topic + .body'", /journala\njournalb\n$/],
  ['--rejects sink-hdfs.rejects', 'flume-buffer --export ./q | jq -c "[.headers.timestamp, .body]"', /\["\d{10}000","again"\]\n$/],
  ['flume-buffer ./q </dev/null | head', 'flume-buffer --export ./q | wc -l', /^(\{.*\n){3}3\n$/],
  ['--reader disk', 'cat machine/backup/*/*.log | wc -l', /3\n$/],
  ['--retain 7d,20G', 'true', /retains 7d,20G: /],
  ['>> events.ndjson', 'wc -l <events.ndjson', /3\n$/],
  ['dt=%Y-%m-%d', 'cat machine/logs/dt=*/hour=*/*.log | wc -l', /3\n$/],
  ['%{host}', 'ls machine/logs', /^\S+\n$/],
  ['--path /archive/%Y-%m --format ndjson', 'head -qn1 machine/archive/*/*.ndjson', /^\{"headers"/],
  ["find ./flume -name '*.log'", 'true', /^3\n$/],
  ['--to \'gzip >> copy.gz\'', 'zcat copy.gz | wc -l; cat flume/*/*.log | wc -l', /3\n3\n$/],
  ['--when region=eu', 'for q in eu us rest; do flume-buffer --export $q | wc -l; done', /^1\n1\n1\n$/],
  ['ERROR|FATAL', 'flume-buffer --export ./all | wc -l; flume-buffer --export ./errors | jq -r .body', /^3\n\{"level":"ERROR".*\}\n$/],
  ["--when 'level=ERROR'", 'flume-buffer --export ./all | wc -l; flume-buffer --export ./errors | jq -r .body', /^3\n\{"level":"ERROR".*\}\n$/],
  ['flume-spool -r', 'flume-buffer --export ./q | wc -l; cat flume/*/*.log | wc -l', /4\n4\n$/],
  ['--done /srv/read', 'ls machine/srv/read', /b\.log/],
  ['flume-buffer --stat ./q', 'true', /holds {3}3 events/],
  ['--codec gzip && zcat', 'true', /two/],
  ['--export --positions', 'flume-buffer --export ./q2 | jq -r .body | wc -l', /3\n$/],
  ['flume-stat --watch', 'true', /PID +STAGE[^]*flume-tail/],
  ['[.pid, .command', 'true', /^\d+\tflume-buffer\t/m],
]

/** A queue of three events, and what a sink made of them, where an example begins with those. */
const needsQueue = (example: string): boolean => !/flume-(tail|spool)/.test(example) || /^flume-(buffer|sink)/.test(example)

async function paste(t: Test, example: string, directory: string): Promise<void> {
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  await shell(STUBS, directory)
  if (needsQueue(example)) await shell('flume-tail --once app.log | flume-buffer --put q', directory)
  if (/^find|^flume-sink-hdfs --list/.test(example)) await shell('flume-buffer --once q </dev/null | flume-sink-hdfs', directory)
  const atWork = example.startsWith('flume-stat') ? await lineAtWork(t, directory) : undefined
  const ran = await shell(`${STUBS}set -o pipefail\n${endingIn(example)}`, directory)
  t.notMatch(ran.err, /unknown|bug|syntax|command not found|cannot (?!write.*EPIPE)/, `${example}\n${ran.err}`)
  t.ok(ran.status === 0 || (ran.status === 141 && example.includes('head')), `status ${ran.status} of ${example}\n${ran.err}`)
  for (const [part, look, result] of RESULTS) if (example.includes(part)) await compare(t, ran, look, result, directory, example)
  atWork?.kill('SIGTERM')
  await atWork?.falls()
}

/** For flume-stat to show. */
async function lineAtWork(t: Test, directory: string): Promise<Running> {
  const running = Running.start(t, 'flume-tail app.log | flume-buffer --put ./q', directory)
  await until(async () => (await shell('flume-stat ./q', directory)).out.includes('flume-buffer'), () => running.said)
  return running
}

async function compare(t: Test, ran: Ran, look: string, result: RegExp, directory: string, example: string): Promise<void> {
  const seen = await shell(look, directory)
  t.match(ran.out + seen.out, result, `${example}: ${look}\n${ran.err}${seen.err}`)
}

const blocks = ['flume-tail.1', 'flume-buffer.1', 'flume-sink-hdfs.1', 'flume-stat.1', 'flume-route.1', 'flume-spool.1', 'flume.7'].map((page) => ({
  name: page, examples: examplesOf(page).filter((example) => !example.startsWith('/var/log')),
}))
const readme = readmeExamples('Use it', 'Look into it')

t.test('each is there to be found', async (t) => {
  const all = [...blocks.flatMap(({ examples }) => examples), ...readme]
  for (const [part] of RESULTS) t.ok(all.some((example) => example.includes(part)), part)
})

for (const { name, examples } of [...blocks, { name: 'README.md', examples: readme }]) {
  t.test(`the examples of ${name}`, { timeout: 300_000 }, async (t) => {
    const root = t.testdir({})
    await each(examples, 2, async (example) => {
      const host = /hdfs:\/\/\w|\/logs\/%Y-%m-%d$/.test(example) && example.includes('hdfs://')
      if (host) return void t.pass(`not run, as it names a host: ${example}`)
      await paste(t, example, mkdtempSync(`${root}/`))
    })
  })
}
