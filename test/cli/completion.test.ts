/** What the shells complete is what the commands take: bash is asked itself; what zsh is given is read. */
import t from 'tap'
import '../support/real-processes.js'
import type { Command } from '../../src/cli/command.js'
import { COMMON } from '../../src/cli/options.js'
import { shell } from '../support/shell.js'
import { COMMANDS } from '../support/source.js'

/** What bash offers for the last of these words. */
async function offered(name: string, words: readonly string[], directory: string): Promise<string[]> {
  const list = [name, ...words].map((word) => `'${word}'`).join(' ')
  const line = `source <(${name} --completion bash); COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _${name.replaceAll('-', '_')}; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { out, err } = await shell(line, directory)
  if (err !== '') throw new Error(err)
  return out.split('\n').filter((word) => word !== '')
}

for (const name of COMMANDS) {
  t.test(`${name}: bash and zsh know every option, and no other`, async (t) => {
    const { command } = (await import(`../../src/cli/commands/${name.replace('flume-', '')}.js`)) as { command: Command }
    const options = Object.entries({ ...command.options, ...COMMON })
    const directory = t.testdir()
    const words = options.flatMap(([long, option]) => [`--${long}`, ...('alias' in option && option.alias !== undefined ? [`-${option.alias}`] : [])])
    t.same((await offered(name, ['-'], directory)).sort(), words.sort())
    const { out, status } = await shell(`${name} --completion zsh`, directory)
    t.equal(status, 0)
    t.match(out, new RegExp(`^#compdef ${name}\n`))
    t.same([...out.matchAll(/^ {2}'(--?[a-z0-9A-Z-]+)/gm)].map(([, word]) => word).sort(), words)
    t.equal((await shell(`${name} --completion zsh | bash -n`, directory)).status, 0, 'its quotes are closed')
  })
}

t.test('a value is completed from its choices, and else from the files', async (t) => {
  const directory = t.testdir({ 'access.log': '', 'my file': '' })
  t.same(await offered('flume-tail', ['--ack', 'o'], directory), ['off'])
  t.same(await offered('flume-tail', ['--ack', '=', ''], directory), ['auto', 'off', 'require'])
  t.same(await offered('flume-tail', ['--state', 'acc'], directory), ['access.log'])
  t.same(await offered('flume-tail', ['acc'], directory), ['access.log'])
  t.same(await offered('flume-tail', ['my'], directory), ['my file'])
  t.same(await offered('flume-tail', ['--once', '--se'], directory), ['--settle', '--settle-once'])
})

t.test('a shell that is not known is refused', async (t) => {
  t.match(await shell('flume-tail --completion fish', t.testdir()), { status: 64, err: /bad value fish for --completion: expected bash or zsh/ })
})
