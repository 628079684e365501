/** npm start, as a new user would try it. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT } from '../support/source.js'
import '../support/real-processes.js'

/** A place of its own to run in, with the script and the commands of this one. */
function place(t: Test): { directory: string; start: (...files: string[]) => string } {
  const directory = t.testdir({
    bin: t.fixture('symlink', join(ROOT, 'bin')),
    examples: { 'start.sh': t.fixture('symlink', join(ROOT, 'examples/start.sh')), 'access.log': readFileSync(join(ROOT, 'examples/access.log')) },
    logs: { 'app.log': 'one\ntwo\n' },
  })
  const env = { ...process.env, INIT_CWD: join(directory, 'logs'), XDG_STATE_HOME: join(directory, 'state') }
  const start = (...files: string[]): string => {
    const { status, stdout, stderr } = spawnSync(join(directory, 'examples/start.sh'), files, { encoding: 'utf8', env, timeout: 60_000 })
    t.equal(status, 0, stderr)
    return stdout
  }
  return { directory, start }
}

/** All that is in place, in the order of the names. */
function result(directory: string): string {
  const files = readdirSync(join(directory, 'run/flume'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.map((entry) => join(entry.parentPath, entry.name)).sort().map((path) => readFileSync(path, 'utf8')).join('')
}

t.test('without a name it takes the example, says where the result lies, and the second time that nothing is new', async (t) => {
  const { directory, start } = place(t)
  t.match(start(), /^New lines: 40, in all: 40\. .*\n {2}run\/flume\/\d{4}-\d\d-\d\d\/\n/m)
  t.equal(result(directory), readFileSync(join(directory, 'examples/access.log'), 'utf8'))
  t.match(start(), /^Nothing is new: .*\n {2}run\/flume\//m)
  appendFileSync(join(directory, 'examples/access.log'), 'one more\n')
  t.match(start(), /^New lines: 1, in all: 41\./m)
  t.equal(result(directory), readFileSync(join(directory, 'examples/access.log'), 'utf8'))
})

t.test('files are named from where npm was called', async (t) => {
  const { directory, start } = place(t)
  t.match(start('app.log'), /^New lines: 2, in all: 2\./m)
  t.equal(result(directory), 'one\ntwo\n')
  t.match(start(join(directory, 'logs/app.log')), /^Nothing is new/m, 'the same file by its absolute name')
})
