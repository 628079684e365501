/** The outputs of flume-route as they stand on its command line: a name and a rule belong to the output that follows. */
import { FlumeError } from '../errors.js'
import type { Wants } from '../routes/choice.js'
import { parseRule } from '../routes/rule.js'
import type { Typed } from './command.js'

export interface OutputSpec {
  readonly name: string
  readonly wants: Wants
  /** As typed: all, a rule, or otherwise. */
  readonly rule: string
  /** What ends the partitions that it gets; empty where it is the only output. */
  readonly suffix: string
  /** For sh(1), or a file; `-` is stdout. */
  readonly target: { readonly command: string } | { readonly file: string }
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/

/** Without any output: stdout. Throws BAD_OPTION. */
export function outputList(typed: readonly Typed[]): readonly OutputSpec[] {
  const specs: OutputSpec[] = []
  let name: string | undefined
  let rule: string | undefined
  const add = (otherwise: boolean, target: OutputSpec['target']): void => {
    if (otherwise && rule !== undefined) throw new FlumeError('BAD_OPTION', `--when ${rule} stands before --otherwise, which has no rule`)
    const wants = otherwise ? 'otherwise' : rule === undefined ? 'all' : parseRule(rule)
    const called = name ?? String(specs.length + 1)
    specs.push({ name: called, wants, rule: otherwise ? 'otherwise' : (rule ?? 'all'), suffix: `.${called}`, target })
    name = rule = undefined
  }
  for (const { name: option, text } of typed) {
    if (option === 'when') rule = once(rule, text, 'two rules stand before one output: join them with and, or or')
    else if (option === 'name') name = once(name, checked(text), 'two names stand before one output')
    else if (option === 'to' || option === 'otherwise') add(option === 'otherwise', { command: text })
    else if (option === 'to-file' || option === 'otherwise-file') add(option === 'otherwise-file', { file: text })
  }
  if (rule !== undefined) throw new FlumeError('BAD_OPTION', `--when ${rule}: no output follows it`)
  if (name !== undefined) throw new FlumeError('BAD_OPTION', `--name ${name}: no output follows it`)
  if (specs.length === 0) return [{ name: 'stdout', wants: 'all', rule: 'all', suffix: '', target: { file: '-' } }]
  return distinct(specs)
}

function once(before: string | undefined, text: string, wrong: string): string {
  if (before !== undefined) throw new FlumeError('BAD_OPTION', `${wrong} (${before}, ${text})`)
  return text
}

function checked(name: string): string {
  if (NAME.test(name)) return name
  throw new FlumeError('BAD_OPTION', `bad value ${JSON.stringify(name)} for --name: expected 1 to 64 of A-Z a-z 0-9 _ -`)
}

function distinct(specs: readonly OutputSpec[]): readonly OutputSpec[] {
  const names = specs.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice !== undefined) throw new FlumeError('BAD_OPTION', `two outputs are called ${twice}`)
  if (!specs.some(({ target }) => 'file' in target && target.file === '' || 'command' in target && target.command.trim() === '')) {
    const lonely = specs.some(({ wants }) => wants === 'otherwise') && !specs.some(({ wants }) => typeof wants === 'function')
    if (!lonely) return specs
    throw new FlumeError('BAD_OPTION', '--otherwise gets what no --when took, and there is no --when')
  }
  throw new FlumeError('BAD_OPTION', 'an output is empty')
}
