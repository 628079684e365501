/** What the shells complete is what the commands take: both are asked themselves; of zsh, where it is missing, only what it is given is read. */
import { spawnSync } from 'node:child_process'
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

const noZsh = spawnSync('zsh', ['--version']).error === undefined ? undefined : 'there is no zsh here'

/** Types into a zsh on a terminal, with a tab at the end, until it shows `wanted`. */
const typed = (setup: string, text: string, wanted: string): string => `zmodload zsh/zpty
zpty shell 'TERM=dumb zsh -f -i'
zpty -w shell ${setup}'; bindkey "^I" complete-word; print REA""DY'
zpty -r shell out '*READY*'
zpty -w -n shell ${text}$'\\t'
zpty -r shell out '*${wanted}*' && print found
zpty -d shell`

t.test('zsh completes what it was given, as a file of fpath and by source', noZsh === undefined ? {} : { skip: noZsh }, async (t) => {
  const directory = t.testdir({ functions: {} })
  const setups = [
    "'flume-tail --completion zsh >functions/_flume-tail; fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -D'",
    "'autoload -Uz compinit; compinit -u -D; source <(flume-tail --completion zsh)'",
  ]
  for (const setup of setups) {
    for (const [text, wanted] of [["'flume-tail --open-f'", '--open-files-max='], ["'flume-tail --ack=r'", '--ack=require']] as const) {
      const { out, err } = await shell(`zsh -f <<'END'\n${typed(setup, text, wanted)}\nEND`, directory)
      t.equal(out, 'found\n', `${setup} ${text}: ${err}`)
    }
  }
})

t.test('a shell that is not known is refused', async (t) => {
  t.match(await shell('flume-tail --completion fish', t.testdir()), { status: 64, err: /bad value fish for --completion: expected bash or zsh/ })
})
