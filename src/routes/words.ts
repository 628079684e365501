/** The words of a rule, flume-route(1), one after the other, and the place of the one that cannot be understood. */
import { FlumeError } from '../errors.js'
import type { Path } from './subject.js'

const OPERATORS = ['<=', '>=', '!=', '!~', '==', '=', '<', '>', '~', 'glob'] as const
export type Operator = (typeof OPERATORS)[number]

/** A name is that of a header, or else of a field. */
export type Field = { readonly name: string } | { readonly path: Path } | 'body'

const BLANK = /\s*/y
const NAME = /[A-Za-z0-9_][A-Za-z0-9_.-]*/y
const KEY = /[A-Za-z0-9_-]+/y
const INDEX = /\[(\d+)\]/y
const TEXT = /"(?:[^"\\]|\\.)*"/sy
const WORD = /[^\s()"]+/y
const RESERVED = new Set(['and', 'or', 'not', 'glob'])

export class Words {
  #at = 0

  constructor(readonly rule: string) {
    this.#skip(BLANK)
  }

  get atEnd(): boolean {
    return this.#at === this.rule.length
  }

  /** Where the next word begins, for bad(). */
  get place(): number {
    return this.#at
  }

  /** Takes this word, where it comes next. */
  take(word: 'and' | 'or' | 'not' | '(' | ')'): boolean {
    const pattern = word === '(' || word === ')' ? new RegExp(`\\${word}`, 'y') : new RegExp(`${word}(?![A-Za-z0-9_.-])`, 'y')
    return this.#skip(pattern) !== undefined && this.#blank()
  }

  field(): Field {
    const start = this.#at
    const quoted = this.#text()
    if (quoted !== undefined) return this.#end({ name: quoted })
    const name = this.#skip(NAME)
    if (name !== undefined) {
      if (RESERVED.has(name)) this.bad(`a header or field is missing (a header of this name is written "${name}")`, start)
      return this.#end({ name })
    }
    if (this.rule[this.#at] !== '.') this.bad('a header, or a field such as .name, is missing')
    const path = this.#path()
    return this.#end(path.length === 0 ? 'body' : { path })
  }

  /** Undefined: none comes next. */
  operator(): Operator | undefined {
    const found = OPERATORS.find((one) => this.rule.startsWith(one, this.#at))
    if (found === undefined || (found === 'glob' && /^glob[A-Za-z0-9_.-]/.test(this.rule.slice(this.#at)))) return undefined
    this.#at += found.length
    this.#blank()
    return found
  }

  value(): string {
    const value = this.#text() ?? this.#skip(WORD)
    if (value === undefined) this.bad('a value is missing')
    return this.#end(value)
  }

  /** Throws BAD_OPTION. */
  bad(why: string, at = this.#at): never {
    const rest = this.rule.slice(at)
    const where = rest === '' ? 'at its end' : `at character ${at + 1}, ${JSON.stringify(rest.length > 40 ? `${rest.slice(0, 40)}...` : rest)}`
    throw new FlumeError('BAD_OPTION', `cannot understand the rule ${JSON.stringify(this.rule)} ${where}: ${why}`)
  }

  /** From its dot on. */
  #path(): Path {
    const path: (string | number)[] = []
    this.#at++
    for (let first = true; ; first = false) {
      const index = this.#skip(INDEX)
      if (index !== undefined) {
        path.push(Number(index.slice(1, -1)))
        continue
      }
      if (!first && this.rule[this.#at] !== '.') return path
      if (!first) this.#at++
      const key = this.#skip(KEY) ?? this.#text()
      if (key !== undefined) path.push(key)
      else if (first) return path
      else this.bad('the name of a field is missing')
    }
  }

  #text(): string | undefined {
    const start = this.#at
    if (this.rule[start] !== '"') return undefined
    const text = this.#skip(TEXT)
    if (text === undefined) this.bad('this quote is not closed', start)
    try {
      return JSON.parse(text) as string
    } catch {
      return this.bad('this is no text of JSON: a backslash is written \\\\', start)
    }
  }

  #end<T>(word: T): T {
    this.#blank()
    return word
  }

  #blank(): true {
    this.#skip(BLANK)
    return true
  }

  #skip(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.rule)?.[0]
    if (match !== undefined) this.#at += match.length
    return match
  }
}
