/** The recipe for files that others drop, as a new user would try it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT } from '../support/source.js'
import '../support/real-processes.js'

/** A place of its own to run in, with the script and the commands of this one. */
function place(t: Test): { directory: string; run: (...args: string[]) => { status: number | null; stdout: string; stderr: string } } {
  const examples = { 'incoming.sh': t.fixture('symlink', join(ROOT, 'examples/incoming.sh')) }
  const directory = t.testdir({ bin: t.fixture('symlink', join(ROOT, 'bin')), examples, mine: {} })
  const env = { ...process.env, XDG_STATE_HOME: join(directory, 'state') }
  return { directory, run: (...args) => spawnSync(join(directory, 'examples/incoming.sh'), args, { cwd: directory, encoding: 'utf8', env, timeout: 60_000 }) }
}

function result(directory: string): string[] {
  const out = join(directory, 'run/incoming.out')
  return readdirSync(out).flatMap((name) => readFileSync(join(out, name), 'utf8').trimEnd().split('\n')).sort()
}

t.test('two exports become events each time, and are moved away', (t) => {
  const { directory, run } = place(t)
  for (const files of [2, 4]) {
    const { status, stdout, stderr } = run()
    t.match([status, stdout], [0, new RegExp(`Still in .*/run/incoming: 0 files; read, in .*: ${files}\\.`)], stderr)
    t.equal(result(directory).length, 2 * files)
  }
  t.match(result(directory)[0], /^\{"id":"1","amount":"\d+"\}$/)
  t.end()
})

t.test('the files of a directory of one\'s own', (t) => {
  const { directory, run } = place(t)
  mkdirSync(join(directory, 'mine'), { recursive: true })
  writeFileSync(join(directory, 'mine/a.log'), 'one\ntwo\n')
  utimesSync(join(directory, 'mine/a.log'), 1e9, 1e9)
  const { status, stderr } = run('mine/')
  t.equal(status, 0, stderr)
  t.same(result(directory), ['one', 'two'])
  t.same([readdirSync(join(directory, 'mine')), readdirSync(join(directory, 'mine.read'))], [[], ['a.log']])
  t.match(run('nowhere'), { status: 66, stderr: /there is no directory .*\/nowhere/ })
  t.end()
})
