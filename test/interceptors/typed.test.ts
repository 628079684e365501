/** What is typed for flume-intercept, or comes from the environment, in real processes. */
import t from 'tap'
import { shell } from '../support/shell.js'
import '../support/real-processes.js'

const EVENT = `printf '{"headers":{"host":"web1"},"body":"not json"}\\n'`

t.test('a word that is none of the choices of an option is refused, typed or from the environment, and no event is lost to it', async (t) => {
  const directory = t.testdir()
  const cases: [line: string, env: Record<string, string>, said: string][] = [
    ['--on-error rejct --parse json', {}, 'bad value rejct for --on-error: expected pass, drop, reject or fail'],
    ['--parse json', { FLUME_INTERCEPT_ON_ERROR: 'rejct' }, 'bad value rejct for FLUME_INTERCEPT_ON_ERROR: expected pass, drop, reject or fail'],
    ['--on-error rejct --on-error drop --parse json', {}, 'bad value rejct for --on-error: expected pass, drop, reject or fail'],
    ['--host nmae', {}, 'bad value nmae for --host: expected name, ip or fqdn'],
    ['--split Json', {}, 'bad value Json for --split: expected json or lines'],
  ]
  for (const [line, env, said] of cases) {
    const { out, err } = await shell(`${EVENT} | flume-intercept ${line} | cat; echo "\${PIPESTATUS[1]}"`, directory, env)
    t.equal(out, '64\n', line)
    t.equal(err, `flume-intercept: ${said} (see flume-intercept --help)\n`)
  }
})

t.test('a file that cannot be read is named, with the option that names it', async (t) => {
  const directory = t.testdir({ dir: {} })
  const cases: [line: string, status: number, said: string][] = [
    ['--file a=dir', 66, '--file a=dir: cannot read dir: illegal operation on a directory'],
    ['--file a=none', 66, '--file a=none: cannot set a: there is no file none'],
    ['--static a=b --test dir', 66, 'cannot read dir: illegal operation on a directory'],
    ['--static a=b --test none', 66, 'cannot read none: there is no such file'],
  ]
  for (const [line, status, said] of cases) {
    t.match(await shell(`${EVENT} | flume-intercept ${line}`, directory), { status, out: '', err: `flume-intercept: ${said}\n` }, line)
  }
})

t.test('interceptors of the environment come before those that are typed, also before another of the same option', async (t) => {
  const env = { FLUME_INTERCEPT_REDACT: 'card', FLUME_INTERCEPT_STATIC: 'a=1\nb=1' }
  const line = `printf '{"body":"4111111111111111 a@example.org"}\\n' | flume-intercept --static b=2 --redact email | cat`
  const { out } = await shell(line, t.testdir(), env)
  t.equal(out, '{"headers":{"a":"1","b":"2"},"body":"[card] [email]"}\n')
})
