/** The named groups of a regular expression, and of one that is written with the words of grok. */
import { FlumeError } from '../../errors.js'
import { CUT } from '../interceptor.js'
import { groupNames, regexOf } from '../regex.js'
import type { Parser } from './fields.js'
import { GROK } from './grok-patterns.js'

export function regex(text: string): Parser {
  const pattern = regexOf(text)
  return capturing(pattern, groupNames(pattern).map((group) => ({ group, name: group })))
}

interface Capture {
  readonly group: string
  readonly name: string
  /** It stands without quotes in JSON. */
  readonly number?: boolean
}

function capturing(pattern: RegExp, captures: readonly Capture[]): Parser {
  return (text, found) => {
    const groups = pattern.exec(text)?.groups
    if (groups === undefined) return 'it does not match'
    for (const { group, name, number } of captures) {
      const value = groups[group]
      if (value?.isWellFormed() === false) return CUT
      if (value !== undefined) found.add(name, value, number === true && NUMBER.test(value))
    }
    return undefined
  }
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/
/** What begins as a word, and what it has to be. */
const PIECE = /%\{[^}]*\}?/g
const WORD = /^%\{(\w+)(?::([^}:]+)(?::(int|float))?)?\}$/

/** `%{WORD}` and `%{WORD:name}`, `%{NUMBER:bytes:int}`; the rest is a regular expression. Throws BAD_OPTION. */
export function grok(text: string): Parser {
  const captures: Capture[] = []
  const source = text.replace(PIECE, (piece) => {
    const [, word, name, type] = WORD.exec(piece) ?? []
    if (word === undefined) {
      throw new FlumeError('BAD_OPTION', `${piece} is none of %{WORD}, %{WORD:name}, %{WORD:name:int} and %{WORD:name:float}; behind a backslash it is text`)
    }
    const pattern = expanded(word)
    if (name === undefined) return `(?:${pattern})`
    const group = `grok${captures.length}`
    captures.push({ group, name: name.replace(/^\[(.*)\]$/, '$1').replaceAll('][', '.'), number: type !== undefined })
    return `(?<${group}>${pattern})`
  })
  const pattern = regexOf(source)
  const others = new RegExp(`${pattern.source}|`, pattern.flags).exec('')?.groups ?? {}
  for (const group of Object.keys(others)) if (!captures.some((capture) => capture.group === group)) captures.push({ group, name: group })
  if (captures.length === 0) throw new FlumeError('BAD_OPTION', 'it names nothing: %{IP:client} makes the field client')
  return capturing(pattern, captures)
}

function expanded(word: string): string {
  const pattern = GROK.get(word)
  if (pattern === undefined) throw new FlumeError('BAD_OPTION', `there is no %{${word}}; there are ${[...GROK.keys()].join(', ')}`)
  return pattern.replace(/%\{(\w+)\}/g, (_, inner: string) => `(?:${expanded(inner)})`)
}
