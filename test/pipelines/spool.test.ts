/** flume-spool as it is typed: what it says, and how it ends. */
import '../support/real-processes.js'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Running, until } from '../support/running.js'
import { shell } from '../support/shell.js'

t.test('a file that is dropped is read at once, and set aside; SIGTERM ends the line', async (t) => {
  const directory = t.testdir({ in: {} })
  const line = Running.start(t, 'flume-spool in | flume-buffer --put q', directory)
  fs.writeFileSync(join(directory, 'a.log'), 'one\ntwo\n')
  fs.utimesSync(join(directory, 'a.log'), 1e9, 1e9)
  await until(() => fs.existsSync(join(directory, 'q', 'segments')), () => line.said)
  fs.renameSync(join(directory, 'a.log'), join(directory, 'in', 'a.log'))
  await until(() => fs.existsSync(join(directory, 'in', 'a.log.COMPLETED')), () => line.said)
  line.kill('SIGTERM')
  t.ok(await line.falls())
  t.match(await shell('flume-buffer --export q | jq -r .body', directory), { out: 'one\ntwo\n' })
})

t.test('sub-directories come and go while it runs', async (t) => {
  const directory = t.testdir({ in: { 'a.log': 'a\n' }, new: { 'b.log': 'b\n' }, 'c.log': 'c\n' })
  const line = Running.start(t, 'flume-spool --recursive --settle 0s in | flume-buffer --put q', directory)
  const done = (path: string): Promise<void> => until(() => fs.existsSync(join(directory, 'in', `${path}.COMPLETED`)), () => line.said)
  await done('a.log')
  fs.renameSync(join(directory, 'new'), join(directory, 'in', 'new'))
  await done('new/b.log')
  fs.rmSync(join(directory, 'in/new'), { recursive: true })
  fs.mkdirSync(join(directory, 'in/other'))
  fs.renameSync(join(directory, 'c.log'), join(directory, 'in/other/c.log'))
  await done('other/c.log')
  line.kill('SIGTERM')
  t.ok(await line.falls())
  t.match(await shell('flume-buffer --export q | jq -r .body', directory), { out: 'a\nb\nc\n' })
  t.notMatch(line.said, /flume-/)
})

t.test('what is wrong is said, with its exit status:', async (t) => {
  const directory = t.testdir({ in: {}, file: 'x\n' })
  for (const [args, status, err] of [
    ['', 64, /no directory is named/],
    ['in in', 64, /a directory each/],
    ['file', 66, /it is no directory; the lines of a file are for flume-tail --once/],
    ['--once nowhere', 66, /cannot look into .*nowhere/],
    ['--done in in', 64, /that is where the files come from/],
    ['--done file/x in', 73, /cannot make the directory of --done file\/x/],
    ['--order size in', 64, /oldest, youngest or name/],
    ["--include '' in", 64, /--include: a pattern is empty/],
    ["--include '*.log' --ignore '' in", 64, /--ignore: a pattern is empty/],
    ["--marker '*' in", 64, /--marker \*: that is the name of every file/],
    ["--done '' in", 64, /--done: the value is empty/],
    ["--csv --csv-delimiter '' in", 64, /--csv-delimiter is text without quotes and line ends, not ""/],
    ["--csv --csv-delimiter '\"' in", 64, /--csv-delimiter is text without/],
    ["--csv --csv-delimiter $'\\n' in", 64, /--csv-delimiter is text without/],
    ["--state '' in", 64, /--state: the name of the file is empty/],
    ["--once $'x\\xff'", 66, /cannot read x\ufffd: its name is not UTF-8; a link under another name can be read/],
  ] as const) {
    t.match(await shell(`flume-spool ${args} </dev/null | cat; exit \${PIPESTATUS[0]}`, directory), { status, err }, args)
  }
})

t.test('a --done that is where the files come from, by whatever name, is refused, and the files stay', async (t) => {
  const directory = t.testdir({ in: { a: 'one\n' }, alias: t.fixture('symlink', 'in'), mounted: {} })
  const spool = (args: string): string => `flume-spool --once --settle 0s ${args} </dev/null | flume-buffer --put q; echo \${PIPESTATUS[0]}`
  for (const args of ['--done alias in', '--done in alias', '--done in/../alias/. in']) {
    t.match(await shell(spool(args), directory), { out: '64\n', err: /that is where the files come from/ }, args)
  }
  const unshared = "unshare --mount --map-root-user bash -c 'mount --bind in mounted && eval \"$LINE\"'"
  t.match(await shell(unshared, directory, { LINE: spool('--done mounted in') }), { out: '64\n', err: /that is where the files come from/ }, 'mounted')
  t.same(fs.readdirSync(join(directory, 'in')), ['a'])
})

t.test('--state is a file with any name; one that cannot be read, or holds no state, is named', async (t) => {
  const directory = t.testdir({ in: { a: 'one\n' }, dir: {}, empty: '{}\n', list: '[]\n', newer: '{"version":3}\n' })
  const spool = (state: string): string => `flume-spool --once --settle 0s --state ${state} in | flume-sink-hdfs --path "file://$PWD/out" | cat; echo \${PIPESTATUS[*]}`
  t.match(await shell(spool('dir'), directory), { out: '74 0 0\n', err: /cannot use \S+\/dir: it is no regular file/ })
  for (const state of ['empty', 'list']) t.match(await shell(spool(state), directory), { out: '65 0 0\n', err: new RegExp(`cannot read \\S+/${state};`) }, state)
  t.match(await shell(spool('newer'), directory), { out: '69 0 0\n', err: /its version is 3, not 2/ })
  t.match(await shell(spool('st'), directory), { out: '0 0 0\n' })
  t.same(fs.readdirSync(join(directory, 'in')), ['a.COMPLETED'])
  t.match(await shell("flume-tail --once --state '' in/a.COMPLETED", directory), { status: 64, err: /--state: the name of the file is empty/ })
})

t.test('with --strict the first line, or record, that is no event ends it with status 65, and is named with its file', async (t) => {
  const long = `"${'long'.repeat(8)}"\n`
  const files = { lines: long, json: long, csv: `x\n${long}`, whole: long }
  for (const [name, content] of Object.entries({ ...files, 'json ': 'nope' })) {
    const directory = t.testdir({ in: { a: content } })
    const format = name === 'lines' ? '' : `--${name}`
    const line = `flume-spool --once --settle 0s --no-headers --event-bytes-max 40 --strict ${format} in | flume-buffer --put q; echo \${PIPESTATUS[0]}`
    t.match(await shell(line, directory), { out: '65\n', err: /cannot take a line of \S+\/in\/a, before byte \d+: it is / }, name)
    t.same(fs.readdirSync(join(directory, 'in')), ['a'])
  }
})

t.test('a second flume-spool on the same directory is refused', async (t) => {
  const directory = t.testdir({ in: {} })
  const first = Running.start(t, 'flume-spool in | flume-buffer --put q', directory)
  await until(() => fs.existsSync(join(directory, 'q', 'segments')), () => first.said)
  const second = () => shell('flume-spool --once ./in/ | flume-buffer --put q2; echo ${PIPESTATUS[*]}', directory)
  await until(async () => (await second()).out.startsWith('75 '), () => first.said)
  t.match(await second(), { err: /cannot read .*\/in: another flume-spool does/ })
})
