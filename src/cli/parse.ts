/**
 * From argv and the environment to option values (the only yargs: its parser alone; yargs itself costs 100 ms at each start
 * and looks at process.stdout when it is loaded, which makes fd 1 non-blocking for every process that shares it).
 * Strict: what is not an option is refused. The command line wins over `FLUME_<COMMAND>_<OPTION>`, but options whose order
 * matters add up; of an option that is given twice the last counts, so that an alias or a script can be overridden.
 */
import { parseArgs } from 'node:util'
import parser from 'yargs-parser'
import { FlumeError } from '../errors.js'
import { parseCount, parseDuration, parseSize } from '../events/units.js'
import type { Option, Options, Typed } from './command.js'
import { nearest } from './nearest.js'

export type Value = string | number | boolean | readonly string[] | undefined

export interface Parsed {
  readonly values: Readonly<Record<string, Value>>
  readonly operands: readonly string[]
  /** The options whose order matters, in that order; those of the environment first, in the order of the table. */
  readonly typed: readonly Typed[]
  /** Variables that look like an option of this command and are none. */
  readonly unknownVariables: readonly string[]
}

/** What to do in place of an option that we do not have, by its name without dashes. */
type Foreign = Readonly<Record<string, string>>
const FOREIGN: Foreign = { v: 'the version is -V', '?': 'help is -h' }

type Environment = Readonly<Record<string, string | undefined>>

const CONFIGURATION = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'duplicate-arguments-array': true,
  'greedy-arrays': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
}

/** Throws BAD_OPTION. */
export function parse(command: string, options: Options, argv: readonly string[], env: Environment, foreign: Foreign = {}): Parsed {
  const { typed, operands } = parseArgv(options, argv, { ...FOREIGN, ...foreign })
  const prefix = `${command.replaceAll('-', '_').toUpperCase()}_`
  const values: Record<string, Value> = {}
  const first: Typed[] = []
  for (const [name, option] of Object.entries(options)) {
    const variable = prefix + name.replaceAll('-', '_').toUpperCase()
    const inEnvironment = textsOf(option, env[variable])
    const onLine = typed.get(name)
    const before = onLine === undefined || option.ordered ? convert(option, inEnvironment, variable) : undefined
    values[name] = onLine === undefined ? before : convert(option, onLine, `--${name}`)
    if (option.ordered && inEnvironment !== undefined && before !== false) first.push(...[before].flat().map((value) => ({ name, text: String(value) })))
  }
  return { values, operands, typed: [...first, ...inOrder(options, typed, argv)], unknownVariables: unknownVariables(prefix, options, env) }
}

/** Of options without a default. Throws BAD_OPTION. */
export function checkExclusive(pairs: readonly (readonly [one: string, other: string])[], values: Parsed['values']): void {
  const isGiven = (name: string): boolean => values[name] !== undefined && values[name] !== false
  const both = pairs.find(([one, other]) => isGiven(one) && isGiven(other))
  if (both !== undefined) throw new FlumeError('BAD_OPTION', `--${both[0]} and --${both[1]} exclude each other`)
}

/** Undefined: the variable is unset or empty. */
function textsOf({ type, typedOnly }: Option, variable: string | undefined): readonly string[] | undefined {
  const text = type === 'texts' ? variable?.replace(/\n$/, '') : variable
  if (text === undefined || text === '' || typedOnly === true) return undefined
  return type === 'texts' ? text.split('\n') : [text]
}

/** The parser keeps the order of one option's values, not that of several options: another one tells which came when. */
function inOrder(options: Options, typed: ReadonlyMap<string, readonly string[]>, argv: readonly string[]): Typed[] {
  const left = new Map([...typed].filter(([name]) => options[name]!.ordered).map(([name, texts]) => [name, texts.map((text) => ({ name, text }))]))
  if (left.size === 0) return []
  const { tokens } = parseArgs({ args: [...argv], strict: false, tokens: true, options: Object.fromEntries(Object.entries(options).map(nodeOption)) })
  const next = (name: string): Typed | undefined => (options[name]?.type === 'flag' ? left.get(name)?.[0] : left.get(name)?.shift())
  return tokens.flatMap((token) => (token.kind === 'option' ? [next(token.name)] : [])).filter((one) => one !== undefined)
}

function nodeOption([name, { type, alias }]: [string, Option]) {
  return [name, { type: type === 'flag' ? 'boolean' as const : 'string' as const, multiple: true, ...(alias === undefined ? {} : { short: alias }) }] as const
}

/** The texts typed for each option, by its long name. */
function parseArgv(options: Options, argv: readonly string[], foreign: Foreign): { typed: Map<string, string[]>; operands: string[] } {
  const names = Object.keys(options)
  const flags = names.filter((name) => options[name]!.type === 'flag')
  const others = names.filter((name) => options[name]!.type !== 'flag')
  const { argv: found, error } = parser.detailed([...argv], {
    boolean: flags,
    string: others,
    narg: Object.fromEntries(names.map((name) => [name, flags.includes(name) ? 0 : 1])), // 0: a file named `true` is an operand
    alias: Object.fromEntries(names.flatMap((name) => (options[name]!.alias === undefined ? [] : [[name, options[name]!.alias]]))),
    configuration: CONFIGURATION,
  })
  if (error !== null) throw new FlumeError('BAD_OPTION', wrongValue(error.message)) // first: what was to be a value may look like options
  const known = new Set([...names, ...names.map((name) => options[name]!.alias)])
  for (const name of Object.keys(found)) if (name !== '_' && !known.has(name)) throw unknown(name === '___proto___' ? '__proto__' : name, names, foreign)
  const operands = found._.map(String)
  checkNumbers(operands, argv, foreign)
  const typed = new Map<string, string[]>()
  for (const name of others) if (found[name] !== undefined) typed.set(name, [found[name]].flat() as string[])
  for (const name of flags) if (found[name] !== undefined) typed.set(name, ['true'])
  return { typed, operands }
}

/** The parser takes numbers for operands that are negative; head -5 is head -n 5. Throws BAD_OPTION. */
function checkNumbers(operands: readonly string[], argv: readonly string[], foreign: Foreign): void {
  const end = argv.indexOf('--')
  const behind = end < 0 ? 0 : argv.length - end - 1
  const number = operands.slice(0, operands.length - behind).find((operand) => /^-[\d.]/.test(operand))
  if (number !== undefined) throw new FlumeError('BAD_OPTION', `unknown option ${number}: ${foreign['n'] ?? `a file of that name is ./${number}`}`)
}

const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`)

function unknown(name: string, names: readonly string[], foreign: Foreign): FlumeError {
  const typed = dashed(name)
  if (Object.hasOwn(foreign, name)) return new FlumeError('BAD_OPTION', `unknown option ${typed}: ${foreign[name]}`)
  const meant = name.length === 1 ? undefined : nearest(name, names)
  return new FlumeError('BAD_OPTION', `unknown option ${typed}${meant === undefined ? '' : `: did you mean --${meant}?`}`)
}

/** yargs-parser says `Not enough arguments following: from`, or `Argument unexpected for: once`. */
function wrongValue(message: string): string {
  const [, unexpected, name] = /^(Argument unexpected)?.*: (.+)$/.exec(message) ?? []
  if (name === undefined) return message
  const typed = dashed(name)
  if (unexpected !== undefined) return `option ${typed} takes no value`
  return `option ${typed} needs a value (one that begins with a dash goes behind an equals sign: ${typed}=-x)`
}

function convert(option: Option, texts: readonly string[] | undefined, from: string): Value {
  const given = texts ?? (option.default === undefined ? undefined : [option.default])
  if (option.type === 'texts') {
    for (const text of given ?? []) valueOf(option, text, from)
    return given ?? []
  }
  const last = given?.at(-1)
  return last !== undefined ? valueOf(option, last, from) : option.type === 'flag' ? false : undefined
}

/** What an empty text cannot be, by the placeholder: it would be the current directory. */
const NAMED: Readonly<Record<string, string>> = {
  FILE: 'the name of the file', DIR: 'the name of the directory', DIRECTORY: 'the name of the directory', WHERE: 'the value',
}

function valueOf(option: Option, text: string, from: string): string | number | boolean {
  const named = option.choices === undefined ? NAMED[option.placeholder ?? ''] : undefined
  if (text === '' && named !== undefined) throw new FlumeError('BAD_OPTION', `${from}: ${named} is empty`)
  const value = read(option, text)
  if (value === undefined) throw new FlumeError('BAD_OPTION', `bad value ${text === '' ? "''" : text} for ${from}: expected ${expected(option)}`)
  return value
}

function read(option: Option, text: string): string | number | boolean | undefined {
  switch (option.type) {
    case 'size':
      return sizeOf(option, text)
    case 'duration':
      return parseDuration(text)
    case 'count':
      return parseCount(text)
    case 'flag':
      return /^(1|true|yes|on)$/i.test(text) ? true : /^(0|false|no|off)$/i.test(text) ? false : undefined
    case 'text':
    case 'texts':
      return option.choices === undefined || option.choices.includes(text) ? text : undefined
  }
}

function sizeOf({ max }: Option, text: string): number | undefined {
  const size = parseSize(text)
  return size === undefined || max === undefined || size <= parseSize(max)! ? size : undefined
}

function expected(option: Option): string {
  switch (option.type) {
    case 'size':
      if (option.max !== undefined) return `a size of ${option.max} at most, such as 4096, 64K or 10M`
      return 'a size of 0 or more, such as 4096, 64K, 10M or 2G'
    case 'duration':
      return 'a time with its unit, such as 500ms, 10s, 5m, 2h or 1d'
    case 'count':
      return 'a whole number of 0 or more'
    case 'flag':
      return '1 or 0'
    case 'text':
    case 'texts':
      return (option.choices ?? []).join(', ').replace(/, ([^,]+)$/, ' or $1')
  }
}

function unknownVariables(prefix: string, options: Options, env: Environment): string[] {
  const known = new Set(Object.keys(options).map((name) => prefix + name.replaceAll('-', '_').toUpperCase()))
  return Object.keys(env).filter((name) => name.startsWith(prefix) && !known.has(name))
}
