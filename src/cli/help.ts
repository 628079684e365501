/** What --help prints: the same for every command. */
import type { Command, Option, Options } from './command.js'

const COLUMNS = 80
const GAP = 2
const MARGIN = 30

export function help(command: Command, options: Options): string {
  return [
    `usage: ${command.name} ${command.usage}`,
    '',
    ...wrap(command.summary, 0),
    '',
    'options:',
    ...Object.entries(options).flatMap(([name, option]) => entry(name, option)),
    '',
    'examples:',
    ...command.examples.flatMap(([line, what]) => [`  ${line}`, ...wrap(what, 6)]),
    '',
    `see also: man ${command.name}, man flume`,
    '',
  ].join('\n')
}

function entry(name: string, option: Option): string[] {
  const placeholder = option.type === 'flag' ? '' : ` ${option.placeholder ?? PLACEHOLDERS[option.type]}`
  const left = `  ${option.alias === undefined ? '    ' : `-${option.alias}, `}--${name}${placeholder}`
  const { choices, default: value, max } = option
  const notes = [choices?.join(', '), value && `default ${value}`, max && `at most ${max}`].filter((note) => note !== undefined)
  const right = wrap(`${option.describe}${notes.length === 0 ? '' : ` [${notes.join('; ')}]`}`, MARGIN)
  if (left.length + GAP > MARGIN) return [left, ...right]
  return [left + right[0]!.slice(left.length), ...right.slice(1)]
}

const PLACEHOLDERS: Record<Exclude<Option['type'], 'flag'>, string> = { text: 'TEXT', texts: 'TEXT', size: 'SIZE', duration: 'TIME', count: 'N' }

/** Lines of at most 80 columns, each after `indent` blanks. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(line)
      line = word
    } else {
      line += line === '' ? word : ` ${word}`
    }
  }
  return [...lines, line].map((each) => ' '.repeat(indent) + each)
}
