/** What people type before they have read anything: each is answered by what to do next, with the right status, and nothing is lost. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { COMMANDS } from '../support/source.js'
import { shell } from '../support/shell.js'

const LINES = 'one\ntwo\nthree\n'
const EVENTS = /^(\{"headers":.*\}\n){3}$/

t.test('every command: -h and --help, -V and --version; -v and -? say which it is; a closed stdout and | head are no bug', async (t) => {
  const directory = t.testdir({})
  for (const command of COMMANDS) {
    for (const flag of ['-h', '--help']) t.match(await shell(`${command} ${flag}`, directory), { status: 0, out: new RegExp(`^usage: ${command} `), err: '' })
    for (const flag of ['-V', '--version']) t.match(await shell(`${command} ${flag}`, directory), { status: 0, out: new RegExp(`^${command} \\d`), err: '' })
    t.match(await shell(`${command} -v`, directory), { status: 64, err: `${command}: unknown option -v: the version is -V (see ${command} --help)\n` })
    t.match(await shell(`${command} -?`, directory), { status: 64, err: /unknown option -\?: help is -h/ })
    t.match(await shell(`${command} --help >&-; ${command} --help | head -1`, directory), { status: 0, out: /^usage: .*\n$/, err: '' })
  }
})

t.test('options of tail(1) are answered by what flume-tail does instead', async (t) => {
  const directory = t.testdir({ 'app.log': LINES })
  for (const option of ['-f', '-F', '--follow', '--follow=name', '--retry']) {
    t.match(await shell(`flume-tail ${option} app.log`, directory), { status: 64, out: '', err: /: files are followed, also across rotation, unless --once is given \(see/ }, option)
  }
  for (const option of ['-5', '-n', '-n 5', '-n5', '--lines=5', '-c 10']) {
    t.match(await shell(`flume-tail ${option} app.log`, directory), { status: 64, out: '', err: /: reading goes on where it stood, .* --from end/ }, option)
  }
})

t.test('no operand, options behind it, names that lead nowhere, or to something else', async (t) => {
  const directory = t.testdir({ 'app.log': LINES, sub: {}, 'other.log': LINES })
  t.match(await shell('flume-tail', directory), { status: 64, err: 'flume-tail: cannot read: no file is named (see flume-tail --help)\n' })
  t.match(await shell('flume-tail app.log --once --ack=off', directory), { status: 0, out: EVENTS })
  t.match(await shell('flume-tail --once none.log app.log --ack=off', directory), { status: 66, err: /cannot read \S+\/none\.log: there is no such file\n$/ })
  const named = await shell('mkfifo pipe; flume-tail --once sub pipe /dev/null app.log --ack=off', directory)
  t.match(named, { status: 66, err: /sub: it is a directory \(its files are 'DIRECTORY\/\*', in quotes\)\n.*pipe: it is a pipe \(flume-tail - reads one: .*\n.*\/dev\/null: it is a device\n$/ })
  t.notMatch(named.err, /no such file/)
  t.match(await shell('flume-buffer -1 </dev/null', directory), { status: 64, err: /unknown option -1: a file of that name is \.\/-1/ })
  t.match(await shell('flume-buffer --json q <app.log', directory), { status: 64, err: /--json is for --stat, --check and --repair/ })
  t.match(await shell('flume-buffer', directory), { status: 64, err: /the directory of the queue is missing/ })
  for (const asked of ['--stat', '--check', '--repair', '--export']) {
    t.match(await shell(`flume-buffer ${asked} app.log`, directory), { status: 66, err: /^flume-buffer: cannot open queue \S+app\.log: it is a file, not a directory$/m }, asked)
    t.match(await shell(`flume-buffer ${asked} none`, directory), { status: 66, err: /^flume-buffer: cannot open queue \S+none: there is none$/m }, asked)
  }
  t.match(await shell('flume-buffer app.log </dev/null | cat; echo ${PIPESTATUS[0]}', directory), { out: '66\n', err: /cannot open queue \S+app\.log: it is a file, not a directory/ })
  t.match(await shell('flume-tail --once app.log | flume-buffer --put app.log', directory), { status: 73, err: /cannot open queue \S+app\.log: it is a file, not a directory/ })
  for (const path of ['app.log', 'app.log/below', 'none']) {
    t.match(await shell(`flume-sink-hdfs --list --path ${path}`, directory), { status: 66, out: '', err: /^flume-sink-hdfs: cannot (list|look at) \S+(app\.log|none)/m }, path)
  }
  t.match(await shell('flume-buffer none </dev/null | cat; echo ${PIPESTATUS[0]}; ls', directory), { out: /66\n/, err: /none/ })
})

t.test('lines of another program: - reads them, without it no file is named', async (t) => {
  const directory = t.testdir({ 'app.log': LINES })
  t.match(await shell('flume-tail - <app.log | cat', directory), { status: 0, out: EVENTS })
  t.match(await shell('cat app.log | flume-tail - | cat', directory), { status: 0, out: EVENTS })
  t.match(await shell('cat app.log | flume-tail; true', directory), { err: /no file is named/ })
  t.match(await shell('flume-tail - app.log', directory), { status: 64, err: /- stands alone/ })
})

t.test('a file that may not be read is named, and the others are read', async (t) => {
  const directory = t.testdir({ 'app.log': LINES })
  mkdirSync(join(directory, 'closed'))
  writeFileSync(join(directory, 'secret.log'), 'x\n', { mode: 0 })
  chmodSync(directory, 0o755)
  const user = process.getuid?.() === 0 ? 'setpriv --reuid=54321 --regid=54321 --clear-groups env HOME=/nowhere ' : ''
  t.match(await shell(`${user}flume-tail --once --no-headers secret.log app.log | cat; echo \${PIPESTATUS[0]}`, directory), {
    out: '{"body":"one"}\n{"body":"two"}\n{"body":"three"}\n77\n', err: /cannot read \S+\/secret\.log: permission denied/,
  })
})

t.test('a directory that may not be looked into is named once, the others are read, and the status is 77', async (t) => {
  const directory = t.testdir({ 'app.log': LINES, closed: { 'app.log': LINES, sub: {} }, open: { 'app.log': LINES } })
  chmodSync(join(directory, 'closed'), 0)
  const user = process.getuid?.() === 0 ? 'setpriv --reuid=54321 --regid=54321 --clear-groups env HOME=/nowhere ' : ''
  for (const [name, verb] of [['closed/app.log', 'look at'], ["'closed/*.log'", 'look into'], ["'*/app.log'", 'look into'], ["'**/*.log'", 'look into'], ["'closed/*/app.log'", 'look into']] as const) {
    const { out, err } = await shell(`${user}flume-tail --once --no-headers ${name} app.log | sort -u; echo \${PIPESTATUS[0]}`, directory)
    t.equal(out, '{"body":"one"}\n{"body":"three"}\n{"body":"two"}\n77\n', name)
    const about = err.split('\n').filter((line) => line !== '' && !line.includes('no acks from the reader (of another user)'))
    t.match(about, [new RegExp(`^flume-tail: cannot ${verb} \\S+/closed(/app.log)?: permission denied$`)], name)
    t.equal(about.length, 1, name)
  }
  chmodSync(join(directory, 'closed'), 0o755)
})

t.test('a queue in use is refused by whoever came second, naming the first', async (t) => {
  const directory = t.testdir({ 'app.log': LINES })
  const { out, err } = await shell(
    `flume-tail app.log | flume-buffer --put q & until flume-buffer --stat q 2>/dev/null | grep -q 'holds   3'; do sleep 0.1; done
    flume-tail --once app.log | flume-buffer --put q; echo "\${PIPESTATUS[*]}"; kill %1; wait`,
    directory,
  )
  t.match(out, /^\d+ 75\n/)
  t.match(err, /cannot use queue \S+q for putting: process \d+ holds it/)
})

t.test('flume-spool does not set aside the files of a queue, which would be destroyed', async (t) => {
  const directory = t.testdir({ 'app.log': LINES })
  await shell('flume-tail --once app.log | flume-buffer --put q', directory)
  for (const name of ['q', 'q/segments']) t.match(await shell(`flume-spool --once ${name} | cat`, directory), { out: '', err: /: it is a queue, which/ }, name)
  t.match(await shell('flume-buffer --check q', directory), { status: 0 })
})

t.test('what is typed and means nothing is refused, or said', async (t) => {
  const directory = t.testdir({ 'app.log': LINES, in: {}, events: '{"body":"x"}\n' })
  const typed: readonly (readonly [line: string, status: number, said: RegExp])[] = [
    ['flume-tail --once --ack=off --olddir nosuch app.log', 0, /^flume-tail: no directory --olddir nosuch is there: it is relative to that of the log$/m],
    ["flume-tail --once '*.lgo' | cat", 66, /^flume-tail: cannot read \S+\/\*\.lgo: nothing matches$/m],
    ["flume-spool --once --csv-delimiter ';' in", 64, /--csv-delimiter is for --csv/],
    ['flume-spool --once --done COMPLETED in | cat', 0, /made the directory \S+\/COMPLETED: read files move there/],
    ['flume-intercept --remove file,body <events', 64, /every event has a body: --rename body=NAME/],
    ['flume-buffer --put q <events | flume-sink-hdfs --path out', 0, /^flume-buffer: --put gives nothing out: the stage behind gets no events/m],
    ['cat app.log | flume-sink-hdfs --path out2', 0, /^flume-sink-hdfs: these are plain lines: put `flume-tail -` before/m],
    ['cat app.log | flume-intercept --static a=b | cat', 0, /^flume-intercept: these are plain lines: put `flume-tail -` before/m],
  ]
  for (const [line, status, said] of typed) t.match(await shell(`set -o pipefail; ${line}`, directory), { status, err: said }, line)
  t.notMatch((await shell("echo '{no' | flume-intercept --static a=b | cat", directory)).err, /plain lines/)
  t.equal((await shell('flume-buffer --put q2 <events | cat', directory)).err, '')
})
