/** What may lie in a directory of logs that is no plain log: flume-tail --once reads what can be read, and says why the rest is not. Issue 5. */
import '../support/real-processes.js'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { shell } from '../support/shell.js'

interface Run {
  readonly status: number | null
  readonly bodies: readonly string[]
  readonly said: string
}

async function read(directory: string, names: string): Promise<Run> {
  const line = `flume-tail --once --settle-once 1ms --no-headers ${names} | jq -c .body; exit \${PIPESTATUS[0]}`
  const { status, out, err } = await shell(line, directory)
  return { status, bodies: Buffer.from(out, 'latin1').toString().split('\n').filter((one) => one !== '').map((one) => JSON.parse(one) as string), said: err }
}

t.test('bytes:', async (t) => {
  const cases: Record<string, readonly [bytes: string, bodies: readonly string[]]> = {
    'a byte order mark is a part of the first line': ['\ufefffirst\nsecond\n', ['\ufefffirst', 'second']],
    'carriage returns alone end no line, and stay': ['a\rb\rc', ['a\rb\rc']],
    'one at the end of a last line without newline stays': ['first\r\nlast\r', ['first', 'last\r']],
    'a lone one is a last line': ['first\n\r', ['first', '\r']],
  }
  for (const [name, [bytes, bodies]] of Object.entries(cases)) {
    t.test(name, async (t) => {
      const directory = t.testdir({ 'app.log': bytes })
      t.same((await read(directory, 'app.log')).bodies, bodies)
      t.same((await read(directory, '- < app.log')).bodies, bodies, 'from stdin too')
    })
  }

  t.test('a hole in a file is as many NULs', async (t) => {
    const directory = t.testdir({ 'app.log': 'first\n' })
    fs.truncateSync(`${directory}/app.log`, 100_000)
    fs.appendFileSync(`${directory}/app.log`, '\nlast\n')
    t.same((await read(directory, 'app.log')).bodies, ['first', '\0'.repeat(100_000 - 6), 'last'])
  })
})

t.test('what is no file that can be followed is said, the others are read, and the status is 66:', async (t) => {
  const directory = t.testdir({ 'app.log': 'line\n', directory: {}, dangling: t.fixture('symlink', 'nowhere') })
  execFileSync('mkfifo', [`${directory}/fifo`])
  const short = fs.mkdtempSync(join(tmpdir(), 'flume-')) // as the path of a socket must be
  const server = createServer().listen(`${short}/socket`)
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => {
    server.close()
    fs.rmSync(short, { recursive: true })
  })
  const cases: Record<string, RegExp> = {
    directory: /cannot read \S+\/directory: it is a directory \(its files are/,
    fifo: /cannot read \S+\/fifo: it is a pipe \(flume-tail - reads one/,
    [`${short}/socket`]: /cannot read \S+\/socket: it is a socket/,
    dangling: /cannot read \S+\/dangling: there is no such file/,
    '/dev/null': /cannot read \/dev\/null: it is a device/,
    '/proc/version': /cannot read \/proc\/version: it has no size, as in \/proc; flume-tail - <FILE reads it once/,
    "$'no\\nfile'": /cannot read \S+\/no\\nfile: there is no such file/,
    "$'no\\xff'": /cannot read \S+\/no\ufffd: its name is not UTF-8; a link under another name can be read/,
  }
  for (const [name, said] of Object.entries(cases)) {
    t.test(name, async (t) => {
      const run = await read(directory, `${name} app.log`)
      t.same([run.status, run.bodies], [66, ['line']])
      t.match(run.said, said)
      t.notMatch(run.said, /there is no such file[^]*there is no such file|size[^]*there is no/, 'and that is all')
    })
  }
  t.match((await read(directory, '- < /proc/version')).bodies, [/^Linux version/], 'as the message says')
})

t.test('where a path is too long to be looked into, that is said, and what may lie there is not left out in silence', async (t) => {
  const directory = t.testdir({ deep: { 'app.log': 'line\n' } })
  const name = 'd'.repeat(250)
  execFileSync('sh', ['-c', `${'mkdir $0; cd $0;'.repeat(18)} true`, name], { cwd: `${directory}/deep`, stdio: 'ignore' })
  const run = await read(directory, "'deep/**'")
  execFileSync('rm', ['-r', 'deep'], { cwd: directory }) // Node cannot reach it
  t.same([run.status, run.bodies], [77, ['line']])
  t.match(run.said, /^flume-tail: cannot look (at|into) \S+: name too long$/m)
  t.match(await read(directory, `${'n'.repeat(300)} '${'n'.repeat(300)}/*.log'`), { status: 66, said: /there is no such file[^]*: nothing matches/ }, 'no file can have one that was typed')
})

t.test('a name with a newline in it is one of a file', async (t) => {
  const directory = t.testdir({})
  fs.writeFileSync(`${directory}/new\nline.log`, 'line\n')
  const { out } = await shell(`flume-tail --once '*.log' | jq -r .headers.file`, directory)
  t.equal(out, `${directory}/new\nline.log\n`)
})
