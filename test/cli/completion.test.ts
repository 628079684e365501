/** What the shells complete is what the commands take: they are asked themselves; of zsh and fish, where they are missing, only what they are given is read. */
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
  t.test(`${name}: bash, zsh and fish know every option, and no other`, async (t) => {
    const { command } = (await import(`../../src/cli/commands/${name.replace('flume-', '')}.js`)) as { command: Command }
    const options = Object.entries({ ...command.options, ...COMMON })
    const directory = t.testdir()
    const words = options.flatMap(([long, option]) => [`--${long}`, ...('alias' in option && option.alias !== undefined ? [`-${option.alias}`] : [])])
    t.same((await offered(name, ['-'], directory)).sort(), words.sort())
    const { out, status } = await shell(`${name} --completion zsh`, directory)
    t.equal(status, 0)
    t.match(out, new RegExp(`^#compdef ${name}\n`))
    t.same([...out.matchAll(/^ {2}'\*?(--?[a-z0-9A-Z-]+)/gm)].map(([, word]) => word).sort(), words)
    t.equal((await shell(`${name} --completion zsh | bash -n`, directory)).status, 0, 'its quotes are closed')
    const fish = await shell(`${name} --completion fish`, directory)
    const names = [...fish.out.matchAll(/^complete -c (\S+) -l (\S+)(?: -s (\w))?/gm)]
    t.same(names.flatMap(([, , long, short]) => [`--${long}`, ...(short === undefined ? [] : [`-${short}`])]).sort(), words)
    t.same([...new Set(names.map(([, of]) => of))], [name])
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

t.test('behind -- there are files, and no options', async (t) => {
  const directory = t.testdir({ '--weird': '', '--once': '' })
  t.same(await offered('flume-tail', ['--once', '--', '--w'], directory), ['--weird'])
  t.same(await offered('flume-tail', ['--', '--o'], directory), ['--once'])
  t.same(await offered('flume-tail', ['--', '--state', '--w'], directory), ['--weird'])
  t.same(await offered('flume-tail', ['--', '--ack', '--w'], directory), ['--weird'])
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

t.test('zsh offers an option again that may be repeated, and no other', noZsh === undefined ? {} : { skip: noZsh }, async (t) => {
  const directory = t.testdir()
  const lines = [
    ['flume-route', '--when a --to b --whe', '--when a --to b --when='],
    ['flume-route', '--optional --to a --opti', '--to a --optional '],
    ['flume-intercept', '--static a=b --sta', '--static a=b --static='],
    ['flume-spool', '--include a --incl', '--include a --include='],
    ['flume-tail', '--once --onc', '--once --onc\x07'], // the bell: there is none
  ] as const
  for (const [name, text, wanted] of lines) {
    const setup = `'autoload -Uz compinit; compinit -u -D; source <(${name} --completion zsh)'`
    const { out, err } = await shell(`zsh -f <<'END'\n${typed(setup, `'${name} ${text}'`, wanted)}\nEND`, directory)
    t.equal(out, 'found\n', `${name} ${text}: ${err}`)
  }
})

const noFish = spawnSync('fish', ['--version']).error === undefined ? undefined : 'there is no fish here'

t.test('fish completes options, their values from the choices, and files', noFish === undefined ? {} : { skip: noFish }, async (t) => {
  const directory = t.testdir({ 'access.log': '', '--weird': '' })
  const asked = async (line: string): Promise<string[]> => {
    const { out, err } = await shell(`fish -c 'flume-tail --completion fish | source; complete -C "${line}"'`, directory, { XDG_CONFIG_HOME: `${directory}/config` })
    t.equal(err, '')
    return out.split('\n').flatMap((word) => (word === '' ? [] : [word.split('\t')[0]!]))
  }
  t.same(await asked('flume-tail --open-f'), ['--open-files-max'])
  t.same(await asked('flume-tail --ack o'), ['off'])
  t.same(await asked('flume-tail --ack='), ['--ack=auto', '--ack=off', '--ack=require'])
  t.same(await asked('flume-tail --state acc'), ['access.log'])
  t.same(await asked('flume-tail --once acc'), ['access.log'])
  t.same(await asked('flume-tail --header a=b --heade'), ['--header', '--headers'])
  t.same(await asked('flume-tail -- --w'), ['--weird'])
})

t.test('a shell that is not known is refused', async (t) => {
  t.match(await shell('flume-tail --completion tcsh', t.testdir()), { status: 64, err: /bad value tcsh for --completion: expected bash, zsh or fish/ })
})
