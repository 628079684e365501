/** Inputs and outputs of flume-route as they stand on its command line: a name belongs to what follows, a rule to the output that does. */
import { FlumeError } from '../errors.js'
import type { Wants } from '../routes/choice.js'
import { parseRule } from '../routes/rule.js'
import type { Typed } from './command.js'

export interface OutputSpec {
  readonly name: string
  /** What a later run knows it by: its name, where it was given one, else what was typed. */
  readonly identity: string
  /** Nobody waits for it. */
  readonly optional: boolean
  readonly wants: Wants
  /** As typed: all, a rule, or otherwise. */
  readonly rule: string
  /** What ends the partitions that it gets; empty where it is the only output. */
  readonly suffix: string
  /** For sh(1), or a file; `-` is stdout. */
  readonly target: { readonly command: string } | { readonly file: string }
}

export interface InputSpec {
  readonly name: string
  /** For sh(1), or a file; `-` is stdin. */
  readonly from: { readonly command: string } | { readonly file: string }
}

export interface RouteList {
  /** Empty: stdin. */
  readonly inputs: readonly InputSpec[]
  readonly outputs: readonly OutputSpec[]
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/

/** Without any output: stdout. Throws BAD_OPTION. */
export function routeList(typed: readonly Typed[]): RouteList {
  const list = new List()
  for (const { name: option, text } of typed) list.take(option, text)
  const { inputs, outputs } = list.end()
  distinct('inputs', inputs.map(({ name, from }) => ({ name, text: textOf(from) })))
  distinct('outputs', outputs.map(({ name, target }) => ({ name, text: textOf(target) })))
  if (outputs.length === 0) outputs.push({ name: 'stdout', identity: 'stdout', optional: false, wants: 'all', rule: 'all', suffix: '', target: { file: '-' } })
  if (outputs.every(({ optional }) => optional)) bad('all outputs are --optional: nothing would tell what is safe')
  if (!outputs.some(({ wants }) => wants === 'otherwise') || outputs.some(({ wants }) => typeof wants === 'function')) return { inputs, outputs }
  return bad('--otherwise gets what no --when took, and there is no --when')
}

class List {
  readonly #inputs: InputSpec[] = []
  readonly #outputs: OutputSpec[] = []
  #name: string | undefined
  #rule: string | undefined
  #optional = false

  take(option: string, text: string): void {
    switch (option) {
      case 'when':
        this.#rule = once(this.#rule, text, 'two rules stand before one output: join them with and, or or')
        break
      case 'optional':
        this.#optional = true
        break
      case 'name':
        this.#name = once(this.#name, checked(text), 'two names stand before one output')
        break
      case 'input':
        return this.#addInput({ command: text })
      case 'input-file':
        return this.#addInput({ file: text })
      case 'to':
      case 'otherwise':
        return this.#addOutput(option === 'otherwise', { command: text })
      case 'to-file':
      case 'otherwise-file':
        return this.#addOutput(option === 'otherwise-file', { file: text })
    }
  }

  end(): { inputs: InputSpec[]; outputs: OutputSpec[] } {
    if (this.#rule !== undefined) bad(`--when ${this.#rule}: no output follows it`)
    if (this.#optional) bad('--optional: no output follows it')
    if (this.#name !== undefined) bad(`--name ${this.#name}: no output follows it`)
    return { inputs: this.#inputs, outputs: this.#outputs }
  }

  #addInput(from: InputSpec['from']): void {
    if (this.#rule !== undefined) bad(`--when ${this.#rule} stands before an input: it belongs to the output that follows`)
    if (this.#optional) bad('--optional stands before an input: it belongs to the output that follows')
    this.#inputs.push({ name: this.#name ?? String(this.#inputs.length + 1), from })
    this.#name = undefined
  }

  #addOutput(otherwise: boolean, target: OutputSpec['target']): void {
    const rule = this.#rule
    if (otherwise && rule !== undefined) bad(`--when ${rule} stands before --otherwise, which has no rule`)
    const wants = otherwise ? 'otherwise' : rule === undefined ? 'all' : parseRule(rule)
    const name = this.#name ?? String(this.#outputs.length + 1)
    const identity = this.#name ?? textOf(target)
    this.#outputs.push({ name, identity, optional: this.#optional, wants, rule: otherwise ? 'otherwise' : (rule ?? 'all'), suffix: `.${name}`, target })
    this.#name = this.#rule = undefined
    this.#optional = false
  }
}

/** As typed. */
function textOf(end: InputSpec['from']): string {
  return 'command' in end ? end.command : end.file
}

function bad(why: string): never {
  throw new FlumeError('BAD_OPTION', why)
}

function once(before: string | undefined, text: string, wrong: string): string {
  if (before !== undefined) bad(`${wrong} (${before}, ${text})`)
  return text
}

function checked(name: string): string {
  if (NAME.test(name)) return name
  return bad(`bad value ${JSON.stringify(name)} for --name: expected 1 to 64 of A-Z a-z 0-9 _ -`)
}

/** `kind`: inputs, outputs. */
function distinct(kind: string, specs: readonly { readonly name: string; readonly text: string }[]): void {
  const names = specs.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice !== undefined) bad(`two ${kind} are called ${twice}`)
  if (specs.some(({ text }) => text.trim() === '')) bad(`an ${kind.slice(0, -1)} is empty`)
}
