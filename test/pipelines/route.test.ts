/** flume-route in a real shell, with real queues: who gets what, what is acked, and what becomes of outputs that do not do as they should. */
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import '../support/real-processes.js'
import { Running, until } from '../support/running.js'
import { shell, type Ran } from '../support/shell.js'

const LINES = ['ERROR disk full', 'INFO started', 'WARN slow', 'ERROR net down', 'INFO stopped']
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

async function bodies(queue: string, directory: string): Promise<string[]> {
  const { out } = await shell(`flume-buffer --export ${queue} | jq -r .body`, directory)
  return out.split('\n').filter(Boolean)
}

/** A line of bash that is to end with these statuses; returns what it said. */
async function ends(t: Test, line: string, statuses: string, directory: string): Promise<string> {
  const { out, err } = await shell(`${line}; echo "\${PIPESTATUS[*]}"`, directory)
  t.equal(out.trimEnd().split('\n').at(-1), statuses, `${line}\n${err}`)
  return err
}

t.test('every output gets what its rule says, in order; the rest goes where nothing else took it', async (t) => {
  const directory = t.testdir({ 'a.log': text(LINES) })
  const line = `flume-tail --once a.log | flume-route --to 'flume-buffer all' --name errors --when '. ~ ^ERROR' --to 'flume-buffer errors' \
    --when 'file glob "*/a.log" and . ~ down' --to 'flume-buffer down' --otherwise 'flume-buffer rest'`
  for (let run = 0; run < 2; run++) {
    t.equal((await ends(t, line, '0 0', directory)).replace(/^flume-tail: going on.*\n/, ''), '')
    t.same(await bodies('all', directory), LINES)
    t.same(await bodies('errors', directory), [LINES[0], LINES[3]])
    t.same(await bodies('down', directory), [LINES[3]])
    t.same(await bodies('rest', directory), [LINES[1], LINES[2], LINES[4]])
  }
})

t.test('what it is told and cannot do is said, with 64', async (t) => {
  const directory = t.testdir({})
  const wrong: Record<string, RegExp> = {
    "--when 'level=' --to cat": /the rule "level=" at its end: a value is missing/,
    '--when a=b': /--when a=b: no output follows it/,
    '--name x': /--name x: no output follows it/,
    '--name x --name y --to cat': /two names stand before one output/,
    '--name x --to cat --name x --to cat': /two outputs are called x/,
    "--name 'a b' --to cat": /bad value "a b" for --name/,
    '--when a=b --when c=d --to cat': /two rules stand before one output/,
    '--when a=b --otherwise cat': /--when a=b stands before --otherwise/,
    '--otherwise cat': /there is no --when/,
    '--optional': /--optional: no output follows it/,
    '--optional --to cat --optional --to cat': /all outputs are --optional/,
    "--to ''": /an output is empty/,
    'x': /what is "x" for/,
    "--to 'no-such-command x'": /cannot run "no-such-command x": sh says 127/,
    '--to /': /sh says 126/,
    "--to 'flume-buffer --no-such q'": /cannot be understood \(64\)/,
  }
  for (const [options, reason] of Object.entries(wrong)) t.match(await ends(t, `flume-route ${options} </dev/null`, '64', directory), reason, options)
  t.match(await ends(t, 'flume-route --to-file no/such/file </dev/null', '73', directory), /cannot open no\/such\/file|cannot open .*no\/such\/file/)
})

t.test('files, FIFOs, >( ) and stdout are outputs like commands', async (t) => {
  const directory = t.testdir({ 'a.log': text(LINES), kept: 'before\n' })
  await ends(t, 'flume-tail --once --no-headers a.log | flume-route --to-file >(flume-buffer --put sub) --to-file kept --to-file - | flume-buffer --put out; wait', '0', directory)
  await until(async () => (await bodies('sub', directory)).length === LINES.length, () => 'the queue of >( )')
  t.same(await bodies('out', directory), LINES)
  t.equal(readFileSync(join(directory, 'kept'), 'utf8'), `before\n${LINES.map((line) => `${JSON.stringify({ body: line })}\n`).join('')}`)

  const err = await ends(t, 'mkfifo f; flume-tail --once a.log | flume-route --to-file f & sleep 1; flume-buffer fifo < f; wait $!', '0', directory)
  t.match(err, /output 1: waits for a reader of f/)
  t.same(await bodies('fifo', directory), LINES)
  await ends(t, 'flume-tail --once a.log | flume-route | flume-buffer --put through', '0 0 0', directory)
  t.same(await bodies('through', directory), LINES, 'without an output: stdout')
})

t.test('an output that gives no acks is written to; where none does, nothing is remembered', async (t) => {
  const directory = t.testdir({ 'a.log': text(LINES) })
  const plain = "flume-tail --once a.log | flume-route --to 'wc -l >> counts' --to 'cat /dev/stdin > copy'"
  for (let run = 0; run < 2; run++) {
    const said = await ends(t, plain, '0 0', directory)
    t.match(said, /output 1: no acks from the reader \(wc, pid \d+\)/)
    t.match(said, /flume-tail: no acks from the reader \(flume-route, pid \d+\): nothing is remembered/)
  }
  t.equal(readFileSync(join(directory, 'counts'), 'utf8').replaceAll(' ', ''), '5\n5\n')
  const mixed = "flume-tail --once a.log | flume-route --to 'flume-buffer q' --to 'wc -l >> counts'"
  for (let run = 0; run < 2; run++) await ends(t, mixed, '0 0', directory)
  t.equal(readFileSync(join(directory, 'counts'), 'utf8').replaceAll(' ', ''), '5\n5\n5\n0\n', 'the queue has the position')
  t.same(await bodies('q', directory), LINES)
  const required = await shell("flume-tail --once a.log | flume-route --ack=require --to 'wc -l'", directory)
  t.equal(required.status, 75, 'the status of the last of the line')
  t.match(required.err, /cannot get acks from the reader \(wc/)
})

t.test('events of a program that is no flume stage, and lines that are none', async (t) => {
  const directory = t.testdir({ events: '{"body":"a","headers":{"n":"1"}}\n{"body":"b"}\n', bad: '{"body":"a","headers":{"n":"1"}}\nno event\n{"body":"b"}' })
  await ends(t, "cat events | flume-route --to 'flume-buffer a' --when n --to 'flume-buffer b'", '0 0', directory)
  t.same([await bodies('a', directory), await bodies('b', directory)], [['a', 'b'], ['a']])
  const rejects = '.local/state/flume/route.rejects'
  await ends(t, "cat bad | flume-route --to 'flume-buffer c' --to 'flume-buffer d'", '0 0', directory)
  t.notOk(existsSync(join(directory, rejects)), 'nobody looks into them where there is no rule')
  const said = await ends(t, "cat bad | flume-route --when n --to 'flume-buffer e'", '0 0', directory)
  t.match(said, /1 line is no event: .*kept in/)
  t.match(said, /1 event that no output takes/)
  t.match(readFileSync(join(directory, rejects), 'utf8'), /"partition":"plain","position":null,"line":"no event"/)
  t.match(await ends(t, "cat bad | flume-route --strict --when n --to 'flume-buffer f'", '0 65', directory), /^flume-route: stdin: cannot take line 2: the line is no JSON/m)
  t.match(await ends(t, "cat events | flume-route --strict --when n --to 'flume-buffer g'", '0 65', directory), /no output takes it/)
})

t.test('with --strict the line, and the input that it is of, are named; of a queue its position', async (t) => {
  const good = '{"body":"a"}\n'.repeat(2000)
  const directory = t.testdir({ good, bad: `${good}no event\n`, long: `${good}"${'x'.repeat(100)}"\n` })
  const line = (input: string): string => `flume-route --strict ${input} --when n --to-file o --otherwise-file p </dev/null`
  t.match(await ends(t, line('--input-file bad'), '65', directory), /^flume-route: input 1: cannot take line 2001: the line is no JSON/m)
  t.match(await ends(t, line('--input-file good --name worse --input "cat bad"'), '65', directory), /^flume-route: input worse: cannot take line 2001: the line is no JSON/m)
  t.match(await ends(t, line('--event-bytes-max 90 --input-file long'), '65', directory), /^flume-route: input 1: cannot take line 2001: the line is longer than 90 bytes/m)
  const shared = line('--input-file bad').replace(/--when.*otherwise-file/, '--balance hash:user --to-file o --to-file')
  t.match(await ends(t, shared, '65', directory), /^flume-route: input 1: cannot take line 2001: the line is no JSON/m)
  await ends(t, 'flume-buffer --put q <bad', '0', directory)
  t.match(await ends(t, line('--input "flume-buffer --once q"'), '65', directory), /^flume-route: input 1: cannot take a line of queue\.\S+, before 2001: the line is no JSON/m)
})

t.test('an input or output that fails is named, as far as there is more than stdin', async (t) => {
  const directory = t.testdir({ 'a.log': text(LINES) })
  t.match(await ends(t, "flume-route --name src --input-file . --to 'flume-buffer q' </dev/null", '74', directory), /^flume-route: input src: cannot read the input: illegal operation on a directory$/m)
  t.match(await ends(t, "flume-route --to 'flume-buffer q' <.", '74', directory), /^flume-route: stdin: cannot read the input: illegal operation on a directory$/m)
  const full = await ends(t, 'cat a.log | flume-route --to-file kept --name bb --to-file /dev/full', '0 74', directory)
  t.match(full, /^flume-route: output bb: cannot write to the output: no space left on device$/m)
})

t.test('sinks are outputs: files that say whose they are, each event once, and other rules are refused until all is acked', async (t) => {
  const directory = t.testdir({ 'a.log': text(LINES) })
  await ends(t, 'flume-tail --once a.log | flume-buffer --put q', '0 0', directory)
  const line = (rule: string): string => `flume-buffer --once q </dev/null | flume-route --name errors --when '. ~ ${rule}' --to 'flume-sink-hdfs --path out' \
    --name rest --otherwise 'flume-sink-hdfs --path out'`
  const killed = await shell(`${line('^ERROR').replace('flume-route', 'FLUME_KILL_AT=flume-route:ack-read flume-route')}`, directory)
  t.match(await ends(t, line('^WARN'), '75 0', directory), /began to write to errors \(\. ~ \^ERROR\): /, killed.err)
  await ends(t, line('^ERROR'), '0 0', directory)
  const { out } = await shell('cat out/*errors.*; echo; cat out/*rest.*', directory)
  t.equal(out, `${text([LINES[0]!, LINES[3]!])}\n${text([LINES[1]!, LINES[2]!, LINES[4]!])}`)
})

t.test('a command that ends is started again: nothing is lost, and the others have all of it', async (t) => {
  const directory = t.testdir({ 'a.log': text(LINES) })
  const fails = "n=$(cat n 2>/dev/null || echo 0); echo $((n+1)) > n; test $n -ge 3 || exit 7; exec flume-buffer late"
  const said = await ends(t, `flume-tail --once a.log | flume-route --to 'flume-buffer q' --to '${fails}'`, '0 0', directory)
  t.match(said, /output 2: its command ended \(status 7\): starts it again in 0.1 s\n.*in 0.2 s\n.*in 0.4 s\n/)
  const head = "mkdir once 2>/dev/null && exec head -n 2; exec flume-buffer after"
  await ends(t, `flume-tail --once a.log | flume-route --to 'flume-buffer q2' --to '${head}'`, '0 0', directory)
  for (const queue of ['q', 'late', 'q2']) t.same(await bodies(queue, directory), LINES, queue)
})

t.test('a pipe that was left by one that was killed, of the same pid, is in nobody\'s way, and stays', async (t) => {
  const directory = t.testdir({ events: '{"body":"x"}\n' })
  const first = 'for d in /run/user/$UID/flume /tmp/flume-$UID; do mkdir -pm 711 $d && break; done 2>/dev/null; fifo=$d/.$$-0.fifo; mkfifo $fifo'
  const { out, err } = await shell(`bash -c '${first}; echo $fifo > left; exec flume-route --to "cat > got"' <events; echo $?; cat got; rm $(cat left) && echo there`, directory)
  t.equal(out, '0\n{"body":"x"}\nthere\n', err)
})

t.test('a command that is started just after the signal to all of the line is ended, too', async (t) => {
  const directory = t.testdir({ bin: { mkfifo: '#!/bin/sh\nkill -TERM $PPID; sleep 0.5; PATH=${PATH#*:} exec mkfifo "$@"\n' } })
  chmodSync(join(directory, 'bin/mkfifo'), 0o755)
  const { out } = await shell("PATH=$PWD/bin:$PATH; flume-route --to 'echo $$ > pid; exec sleep 1000' </dev/null; echo $?; kill -0 $(cat pid) || echo ended", directory)
  t.equal(out, '143\nended\n')
})

t.test('of two that each have what the other one waits for, one falls with 75, and the other goes on', async (t) => {
  // at first each takes what the other one does not have yet, and the rest only once the other one has that
  const take = 'mkdir first.$1.$2 2>/dev/null && until [ -s $1/lock ] && grep -q ":$(stat -c %i $1/lock) " /proc/locks; do sleep 0.1; done; exec flume-buffer $1'
  const directory = t.testdir({ 'a.log': text(LINES), take })
  const line = (one: string, two: string): Promise<Ran> =>
    shell(`flume-tail --once a.log | flume-route --to '${one}' --to '${two}'; echo "\${PIPESTATUS[1]}"`, directory)
  const both = await Promise.all([line('flume-buffer q1', 'sh take q2 a'), line('sh take q1 b', 'flume-buffer q2')])
  t.same(both.map(({ out }) => out), ['0\n', '75\n'], both.map(({ err }) => err).join('\n'))
  t.match(both[1].err, /^flume-route: output 1: cannot go on without "sh take q1 b": it says again and again that it is to be tried later \(75\)$/m)
  for (const queue of ['q1', 'q2']) t.same(await bodies(queue, directory), LINES)
})

t.test('a command that closes its stdin is ended, one that hangs stops the flow, and SIGTERM ends it all', async (t) => {
  const directory = t.testdir({ 'a.log': text(LINES) })
  const closes = Running.start(t, "flume-tail a.log | flume-route --to 'exec <&-; exec sleep 1000' --to 'flume-buffer q'", directory)
  await until(() => closes.said.includes('its command read no more, and was ended: starts it again'), () => closes.said)
  closes.kill('SIGTERM')
  t.ok(await closes.falls())
  mkdirSync(join(directory, 'h'))
  const hangs = Running.start(t, "flume-tail ../a.log | flume-route --to 'exec sleep 1000' --to 'flume-buffer q'", join(directory, 'h'))
  await until(async () => (await bodies('q', join(directory, 'h')).catch(() => [])).length === LINES.length, () => hangs.said)
  hangs.kill('SIGTERM')
  t.ok(await hangs.falls())
})
