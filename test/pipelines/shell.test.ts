/** What people type: pipes with other programs in them, wrappers, closed descriptors, names that are wrong. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { whyNoNamespaces } from '../support/namespaces.js'
import { Running, until } from '../support/running.js'
import { each, shell } from '../support/shell.js'

const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, n) => `line ${from + n}\n`).join('')
const BODIES = "grep -o '\"body\":\"[^\"]*' | cut -d'\"' -f4"
const noAcks = (program: string): RegExp => new RegExp(`^flume-tail: no acks from the reader \\(${program}, pid \\d+\\): nothing is remembered[^\\n]*\\n$`)

t.test('through tee nobody acks: it works, says so once and remembers nothing; with --ack=off it remembers', async (t) => {
  const directory = t.testdir({ log: lines(0, 50) })
  const line = (option: string): string => `flume-tail --once ${option} log | tee copy | flume-buffer --put q; echo "\${PIPESTATUS[*]}"; wc -l <copy`
  for (const run of [1, 2]) t.match(await shell(line(''), directory), { out: '0 0 0\n50\n', err: noAcks('tee') }, `run ${run}`)
  t.match(await shell(line('--ack=off'), directory), { out: '0 0 0\n50\n', err: '' })
  appendFileSync(join(directory, 'log'), lines(50, 60))
  t.match(await shell(line('--ack=off'), directory), { out: '0 0 0\n10\n', err: /^flume-tail: going on with \S+ at byte \d+\n$/ })
})

t.test('whoever looks into a queue takes nothing from it', async (t) => {
  const directory = t.testdir({ log: lines(0, 5000) })
  const { out: before } = await shell('flume-tail --once log | flume-buffer --put q; flume-buffer --stat q', directory)
  t.match(before, /^holds {3}5000 events .*^reader {2}none/ms)
  const { out } = await shell('flume-buffer q </dev/null | head -1; flume-buffer q </dev/null | sed -n 3q; flume-buffer --export q | wc -l; flume-buffer --stat q', directory)
  t.match(out, /"line 0"\}\n5000\n/)
  t.ok(out.endsWith(before))
  const copy = await shell('flume-buffer --export q | flume-buffer --put q2; flume-buffer --export q2 | cmp - <(flume-buffer --export q) && echo same', directory)
  t.equal(copy.out, 'same\n', copy.err)
})

t.test('a new queue gets all, though the source stood elsewhere by its own memory, and had nothing to write', async (t) => {
  const directory = t.testdir({ log: lines(0, 50) })
  const { out, err } = await shell(
    `flume-tail --once log | flume-sink-hdfs --path out; cat out/* | wc -l
    flume-tail --once log | flume-buffer --put q; flume-buffer --export q | wc -l
    flume-tail --once log | sh -c 'sleep 1; exec flume-buffer --put q2'; flume-buffer --export q2 | wc -l
    flume-tail --once log | cat`,
    directory,
  )
  t.equal(out, '50\n50\n50\n', err)
})

t.test('a sink killed with events not acked may write elsewhere only when that is meant, and then all of them are there', async (t) => {
  const directory = t.testdir({ log: lines(0, 9000) })
  const { out, err } = await shell(
    `flume-tail --once log | flume-buffer --put q
    flume-buffer q </dev/null | flume-sink-hdfs --path one --idle-timeout 1h & until [ -s one/_*.tmp ]; do sleep 0.2; done 2>/dev/null
    kill -9 $!; wait
    line() { flume-buffer --once q </dev/null | flume-sink-hdfs --path two "$@"; echo "\${PIPESTATUS[*]}"; }
    line; line --rebind; line
    cat two/*.log | wc -l`,
    directory,
  )
  t.match(out, /^75 \d+\n0 0\n0 0\n9000\n$/, err)
  t.match(err, /flume-buffer: cannot give events .*flume-sink-hdfs --rebind means the new ones/)
  t.match(err, /flume-buffer: reader default writes to \S*two.* now, no longer to \S*one.*: of the events 0 to 8999 some may lie in both/)
})

t.test('a bound of 0 on files is none, as in Apache Flume', async (t) => {
  const directory = t.testdir({ log: lines(0, 90_000) })
  const bounds = ['bytes', 'interval', 'count'].map((what) => `--roll-${what} 0`).join(' ')
  const { out, err } = await shell(`flume-tail --once log | flume-buffer q | flume-sink-hdfs --path out ${bounds} --idle-timeout 0; ls out | wc -l; cat out/* | wc -l`, directory)
  t.equal(out, '1\n90000\n', err)
})

t.test('a quiet file followed from its end has its place in the queue before anything is written', async (t) => {
  const directory = t.testdir({ log: lines(0, 50) })
  const { out, err } = await shell(
    `(sleep 0.5; exec flume-tail --from end log) | flume-buffer --put q & buffer=$!
    until grep -aq '"offset"' q/segments/* 2>/dev/null; do sleep 0.2; done
    kill -9 %1; kill -9 $buffer; wait
    for n in 1 2 3; do echo "new $n" >>log; done; flume-tail --once --from end log | flume-buffer --put q; flume-buffer --export q | ${BODIES}`,
    directory,
  )
  t.equal(out, 'new 1\nnew 2\nnew 3\n', err)
})

t.test('other programs before and after one flume stage, and readers that come late, change nothing', async (t) => {
  const directory = t.testdir({ log: lines(0, 3), old: '{"body":"old 1"}\n{"body":"old 2"}\n' })
  const count = (queue: string): string => `flume-buffer --export ${queue} | ${BODIES} | tr '\\n' ' '; echo`
  const { out, err } = await shell(
    `{ cat old; flume-tail --once log; } | flume-buffer --put q1; ${count('q1')}
    { cat old; flume-tail --once log; } | flume-buffer --put q1; ${count('q1')}
    for n in 1 2 3; do echo "more $n" >>loop; flume-tail --once loop; done | flume-buffer --put q2; ${count('q2')}
    flume-tail --once log > >(flume-buffer --put q3; touch done); until [ -e done ]; do sleep 0.1; done; ${count('q3')}
    flume-buffer --put q4 < <(flume-tail --once log); ${count('q4')}
    v=$(flume-tail --once log); echo "$?"; wc -l <<<"$v"; flume-tail --once log | while read -r l; do echo "$l"; done | wc -l`,
    directory,
  )
  const all = 'line 0 line 1 line 2 '
  t.equal(out, `old 1 old 2 ${all}\nold 1 old 2 ${all}old 1 old 2 \nmore 1 more 2 more 3 \n${all}\n${all}\n0\n3\n3\n`, err)
})

t.test('state is not needed where there is a queue: deleted, without HOME, from elsewhere, nothing comes twice', async (t) => {
  const directory = t.testdir({ log: lines(0, 10) })
  const line = (d: string): string => `flume-tail --once ${d}log | flume-buffer ${d}q | flume-sink-hdfs --path ${d}out`
  let next = 10
  const more = (): void => appendFileSync(join(directory, 'log'), lines(next, (next += 10)))
  await shell(line(''), directory)
  for (const run of [
    `rm -r .local; ${line('')}`,
    `env -u HOME XDG_STATE_HOME="$PWD/state" sh -c ${JSON.stringify(line(''))}`,
    `d=$PWD/; cd /; ${line('"$d"')}`,
  ]) {
    more()
    const { status, err } = await shell(run, directory)
    t.equal(status, 0, err)
  }
  t.equal((await shell('cat out/*.log', directory)).out, lines(0, next))
})

t.test('a sink that is stopped leaves no socket behind, for its own pipe nor for one before it', async (t) => {
  const directory = t.testdir({ log: lines(0, 100) })
  const { out, err } = await shell(
    `flume-tail log | flume-buffer q | flume-sink-hdfs --path out & sink=$!
    until compgen -G 'out/_*.tmp' >/dev/null; do sleep 0.1; done
    sockets=$(readlink /proc/$(jobs -p)/fd/1 /proc/$sink/fd/0 | sed 's/^pipe:.\\(.*\\).$/-\\1.sock/')
    found() { for name in $sockets; do ls /run/user/$UID/flume /tmp/flume-$UID 2>/dev/null | grep -e "$name"; done | wc -l; }
    found; kill $sink; wait; found; cat out/* | wc -l`,
    directory,
  )
  t.equal(out, '2\n0\n100\n', err)
})

t.test('wrappers and closed descriptors do not keep two stages from finding each other', async (t) => {
  const directory = t.testdir({ log: lines(0, 10) })
  const wrappers = ['setsid', 'nice', 'timeout 20', 'env A=1', 'bash -c \'exec "$@"\' x', 'sh -c \'"$@"; exit $?\' x', 'perl -e \'exec @ARGV\'']
  await each([...wrappers.entries()], 2, async ([n, wrapper]) => {
    const { out, err } = await shell(`${wrapper} flume-tail --once log | ${wrapper} flume-buffer q${n} | ${wrapper} flume-sink-hdfs --path o${n}; cat o${n}/*`, directory)
    t.equal(out, lines(0, 10), `${wrapper}: ${err}`)
  })
  const closed = await shell('flume-tail --once log <&- 2>&- | flume-buffer qc 2>&- | flume-sink-hdfs --path oc >&- 2>&-; cat oc/*', directory)
  t.equal(closed.out, lines(0, 10))
  const nowhere = await shell('flume-tail --once log >&-; echo $?; flume-tail --once log | flume-buffer qn >&-; echo $?; flume-buffer --export qn | wc -l', directory)
  t.match(nowhere, { out: '0\n0\n10\n', err: /^flume-tail: no acks from \/dev\/null: nothing is remembered/ })
  const full = await shell('flume-tail --once log >/dev/full; echo $?', directory)
  t.match(full, { out: '74\n', err: /flume-tail: cannot write to the output: no space left on device\n$/ })
})

t.test('two stages that see different sockets work without acks, which is said', { skip: whyNoNamespaces() }, async (t) => {
  const directory = t.testdir({ log: lines(0, 50) })
  const apart = (stage: string): string => `unshare --mount sh -c 'mount -t tmpfs none /tmp; mount -t tmpfs none /run; exec ${stage}'`
  const blind = /^flume-tail: no acks from the reader \(flume-buffer, pid \d+, which does not see \/(tmp|run)\/\S+\): nothing is remembered[^\n]*\n$/
  const line = `flume-tail --once log | ${apart('flume-buffer --put q1')}; echo "\${PIPESTATUS[*]}"`
  for (const run of [1, 2]) t.match(await shell(line, directory), { out: '0 0\n', err: blind }, `run ${run}`)
  t.match(await shell(`${apart('flume-tail --once log')} | flume-buffer --put q2; echo "\${PIPESTATUS[*]}"`, directory), { out: '0 0\n', err: blind })
  t.match(await shell(line.replace('--once', '--once --ack=require'), directory), { out: '75 0\n', err: /^flume-tail: cannot get acks from the reader \(flume-buffer, / })
  const following = Running.start(t, `flume-tail log | ${apart('flume-buffer --put q3')}`, directory)
  await until(() => blind.test(following.said), () => following.said)
  following.kill('SIGTERM')
  t.ok(await following.falls())
})

t.test('a stage in a pid namespace of its own is read from outside, with acks where that is one of ours', { skip: whyNoNamespaces() }, async (t) => {
  const directory = t.testdir({ log: lines(0, 50) })
  const apart = (stage: string, others = ''): string => `unshare --fork --pid --mount-proc sh -c '${others} ${stage}; echo $? >>statuses'`
  const acked = `${apart('flume-tail --once log', 'sleep 60 & sleeper=$!;')} | { sleep 1; exec flume-buffer --put q; }`
  for (const said of [/^$/, /^flume-tail: going on with \S+ at byte 390\n$/]) t.match(await shell(acked, directory), { status: 0, err: said })
  t.equal((await shell('flume-buffer --export q | wc -l', directory)).out, '50\n')
  const plain = await shell(`${apart('flume-tail --once log')} | cat`, directory)
  t.equal(plain.out.split('\n').length, 51)
  t.match(plain.err, /^flume-tail: no acks from the reader \(outside of this pid namespace\): nothing is remembered[^\n]*\n$/)
  t.equal((await shell('cat statuses', directory)).out, '0\n0\n0\n')
})

t.test('a pipe that was made in a pid namespace is read by nobody outside of it', { skip: whyNoNamespaces() }, async (t) => {
  const directory = t.testdir({ log: lines(0, 50) })
  const inside = (line: string): string => `unshare --fork --pid --mount-proc bash -c '${line}; echo "\${PIPESTATUS[*]}"'`
  t.match(await shell(inside('flume-tail log | flume-buffer --nonsense'), directory), { out: '141 64\n' })
  t.match(await shell(inside('flume-tail --once --ack require log | true'), directory), { out: '141 0\n' })
  const some = await shell(inside('flume-tail --once --no-headers log | head -1'), directory)
  t.match(some, { out: /^\{"body":"line 0"\}\n(0|141) 0\n$/, err: /^$/ })
})

t.test('messages in the pipe of the events are refused, with 64; where none are written, or elsewhere, they are not', async (t) => {
  const directory = t.testdir({ log: lines(0, 3), events: '{"body":"x"}\n' })
  await shell('flume-buffer --put q <events', directory)
  const refused = ['flume-tail --once log', 'flume-buffer q </dev/null', 'flume-intercept --static a=b <events', 'flume-route --to-file - <events']
  for (const line of refused) {
    t.match(await shell(`set -o pipefail; ${line} 2>&1 | cat`, directory), { status: 64, out: /: cannot write events into the pipe that stderr goes into: use 2>FILE/ }, line)
  }
  const cron = await shell('{ flume-tail --once log | flume-buffer q4; echo $?; } 2>&1 | cat', directory)
  t.match(cron, { out: /stderr goes into: use --put where nothing is to come out, as in cron, and else 2>FILE .*\n64\n/ })
  const others = ['flume-tail --help', 'flume-buffer --stat q', 'flume-buffer --export q', "flume-route --to 'flume-buffer q2' <events", 'flume-sink-hdfs --path out <events', 'flume-buffer --put q3 <events']
  for (const line of [...others.map((other) => `${other} 2>&1 | cat`), 'flume-tail --once log >both 2>&1']) {
    const { status, out, err } = await shell(`set -o pipefail; ${line}`, directory)
    t.equal(status, 0, `${line}\n${out}${err}`)
  }
})

t.test('a sink that cannot write where it is told leaves the queue to one that can', async (t) => {
  const directory = t.testdir({ events: '{"body":"x"}\n', file: '' })
  await shell('flume-buffer --put q <events', directory)
  for (const path of ['file', 'file/x', 'file/x/%Y/y']) {
    t.match(await shell(`set -o pipefail; flume-buffer --once q </dev/null | flume-sink-hdfs --path ${path}`, directory), {
      status: 73, err: /cannot list \S+\/file: not a directory\n/,
    })
  }
  t.match(await shell('set -o pipefail; flume-buffer --once q </dev/null | flume-sink-hdfs --path out/x; cat out/x/*', directory), { status: 0, out: 'x\n' })
})

t.test('that messages would go among the events is said on the terminal, and never among the events', async (t) => {
  const directory = t.testdir({ log: lines(0, 3) })
  const line = (name: string): string => `flume-tail --once log 2>&1 | flume-buffer --put ${name}; echo "\${PIPESTATUS[0]}"; flume-buffer --stat ${name} | grep holds`
  t.match(await shell(line('q'), directory), { out: /^64\nholds +no events/, err: '' })
  t.match(await shell(`script -qec '${line('q2')}' /dev/null </dev/null`, directory, { SHELL: '/bin/bash' }), {
    out: /flume-tail: cannot write events into .*: use 2>FILE \(so with nohup, .*\)\s+(.*\s)*64\s+holds +no events/,
  })
})

t.test('a queue that can put no more waits for the acks of what it gave out, and ends with the status of what was wrong', async (t) => {
  const directory = t.testdir()
  const { out, err } = await shell(
    `{ echo '{"body":"a"}'; until [ -s journal ]; do :; done; printf '%0200d\\n' 0; } | flume-buffer --strict --event-bytes-max 100 q | flume-store --slow 500ms journal
    echo "\${PIPESTATUS[*]}"; flume-buffer --stat --json q | jq '.readers[].lag'`,
    directory,
  )
  t.equal(out, '0 65 0\n0\n', err)
  t.match(err, /^flume-buffer: puts no more: cannot take line 2.*\n(.*\n)*flume-buffer: cannot take line 2: the line is longer than 100 bytes$/m)
})

t.test('what is wrong is said in one line, with the status that belongs to it', async (t) => {
  const directory = t.testdir({ log: lines(0, 3), other: { file: '' } })
  const wrong: readonly (readonly [line: string, status: number, said: RegExp])[] = [
    ['flume-tail --form end log', 64, /unknown option --form: did you mean --from\?/],
    ['flume-tail ""', 64, /cannot read "": a name is empty/],
    ['flume-tail - log', 64, /cannot read standard input beside files/],
    ['flume-tail --event-bytes-max -5 log', 64, /bad value -5 for --event-bytes-max: expected a size/],
    ['flume-tail --once missing log | cat >/dev/null', 66, /cannot read \S+\/missing: there is no such file/],
    ['flume-buffer --put "" <log', 64, /the directory of the queue is missing/],
    ['flume-buffer --stat missing', 66, /cannot open queue \S+\/missing: there is none/],
    ['flume-buffer --put log <log', 73, /cannot open queue \S+\/log: it is a file, not a directory/],
    ['flume-buffer --put /dev/null <log', 73, /cannot open queue \/dev\/null: it is a device, not a directory/],
    ['flume-buffer --put q 0>written', 66, /cannot read stdin: it is open for writing only/],
    ['flume-tail --once --event-bytes-max 1 --rejects log/x log | cat', 74, /cannot write rejects to \S+\/log\/x: \S+\/log is no directory/],
    ['mkfifo fifo; flume-tail --once --state fifo log | cat', 74, /cannot use \S+\/fifo: it is no regular file/],
    ['flume-buffer --put log/q <log', 74, /cannot mkdir \S+\/log\/q: not a directory/],
    ['flume-buffer --put other <log', 73, /cannot make a queue of \S+\/other: it is no queue and holds file/],
    ['echo "{}" | flume-sink-hdfs --path log', 73, /cannot list \S+\/log: not a directory/],
    ['flume-sink-hdfs --path s3a://bucket/x <log', 69, /only hdfs:\/\/, webhdfs:\/\/, swebhdfs:\/\/ and file:\/\/ are supported/],
  ]
  await each(wrong, 2, async ([line, status, said]) => {
    const ran = await shell(`set -o pipefail; ${line}`, directory)
    t.equal(ran.status, status, line)
    t.match(ran.err, said, line)
    t.notMatch(ran.err, /bug|\n {4}at /, line)
  })
})
