/** What --completion prints: how bash, zsh or fish completes the options of a command, from its table of options. */
import type { Command, Option, Options } from './command.js'

export function completion(command: Command, options: Options, shell: string): string {
  return shell === 'zsh' ? zsh(command, options) : shell === 'fish' ? fish(command, options) : bash(command, options)
}

function bash({ name }: Command, options: Options): string {
  const id = `_${name.replaceAll('-', '_')}`
  const words = Object.entries(options).flatMap(([long, { alias }]) => [`--${long}`, ...(alias === undefined ? [] : [`-${alias}`])])
  const choices = Object.entries(options).flatMap(([long, { choices }]) =>
    choices === undefined ? [] : [`    --${long}) COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$word")); return ;;`])
  const values = Object.entries(options).filter(([, { type, choices }]) => type !== 'flag' && choices === undefined).map(([long]) => `--${long}`)
  return [
    `${id}() {`,
    '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}',
    '  [[ $word == = ]] && word=',
    '  [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD-2]}',
    "  if [[ ' '${COMP_WORDS[*]:1:COMP_CWORD-1}' ' == *' -- '* ]]; then mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); return; fi",
    '  case $before in',
    ...choices,
    `    ${values.join('|')}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;`,
    '  esac',
    `  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$word"))`,
    '  else mapfile -t COMPREPLY < <(compgen -f -- "$word"); fi',
    '}',
    `complete -o filenames -F ${id} ${name}`,
    '',
  ].join('\n')
}

/** For a file of fpath, which is the body of a function, and for `source`. */
function zsh({ name }: Command, options: Options): string {
  const specs = Object.entries(options).flatMap(([long, option]) => [
    `  ${quoted(`${again(option)}--${long}${tail(option, '=')}`)}`,
    ...(option.alias === undefined ? [] : [`  ${quoted(`${again(option)}-${option.alias}${tail(option, '')}`)}`]),
  ])
  return [
    `#compdef ${name}`,
    `_${name}() {`,
    '  _arguments -s -S \\',
    ...specs.map((spec) => `${spec} \\`),
    "  '*:file:_files'",
    '}',
    `if [ "$funcstack[1]" = _${name} ]; then _${name} "$@"; else compdef _${name} ${name}; fi`,
    '',
  ].join('\n')
}

/** What says in a spec of _arguments that an option may be given again. */
function again({ type, ordered }: Option): string {
  return type === 'texts' || ordered === true ? '*' : ''
}

/** What follows the name of an option in a spec of _arguments. */
function tail({ type, describe, placeholder, choices }: Option, equals: string): string {
  const text = `[${describe.replace(/[\\[\]:]/g, '\\$&')}]`
  if (type === 'flag') return text
  return `${equals}${text}:${(placeholder ?? type).replaceAll(':', '\\:')}:${choices === undefined ? '_files' : `(${choices.join(' ')})`}`
}

function fish({ name }: Command, options: Options): string {
  return Object.entries(options).map(([long, { type, alias, describe, choices }]) => {
    const short = alias === undefined ? '' : ` -s ${alias}`
    const value = type === 'flag' ? '' : choices === undefined ? ' -r' : ` -x -a '${choices.join(' ')}'`
    return `complete -c ${name} -l ${long}${short}${value} -d '${describe.replace(/[\\']/g, '\\$&')}'\n`
  }).join('')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
