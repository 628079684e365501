/** Does an event match: the rules of flume-route(1), from text to a function. */
import { FlumeError } from '../errors.js'
import { compareDecimals, decimalOf, type Decimal } from './decimal.js'
import { JsonNumber, type Subject, type Value } from './subject.js'
import { Words, type Field, type Operator } from './words.js'

export type Rule = (subject: Subject) => boolean

/** More brackets and `not` around each other than this are nobody's. */
const DEPTH_MAX = 100

/** Throws BAD_OPTION, with the place. */
export function parseRule(text: string): Rule {
  const words = new Words(text)
  const rule = either(words, 0)
  if (!words.atEnd) words.bad('the rule should end here, or go on with and, or')
  return rule
}

function either(words: Words, depth: number): Rule {
  const rules = [both(words, depth)]
  while (words.take('or')) rules.push(both(words, depth))
  return rules.length === 1 ? rules[0]! : (subject) => rules.some((rule) => rule(subject))
}

function both(words: Words, depth: number): Rule {
  const rules = [one(words, depth)]
  while (words.take('and')) rules.push(one(words, depth))
  return rules.length === 1 ? rules[0]! : (subject) => rules.every((rule) => rule(subject))
}

function one(words: Words, depth: number): Rule {
  if (depth > DEPTH_MAX) words.bad('this is nested too deeply')
  if (words.take('not')) {
    const rule = one(words, depth + 1)
    return (subject) => !rule(subject)
  }
  if (!words.take('(')) return test(words)
  const rule = either(words, depth + 1)
  if (!words.take(')')) words.bad('a bracket is not closed: ) is missing')
  return rule
}

function test(words: Words): Rule {
  const read = reading(words.field())
  const operator = words.operator()
  if (operator === undefined) return (subject) => read(subject) !== undefined
  const holds = comparison(operator, words)
  return (subject) => holds(read(subject))
}

function reading(field: Field): (subject: Subject) => Value {
  if (field === 'body') return (subject) => subject.body
  if ('name' in field) return (subject) => subject.header(field.name) ?? subject.field([field.name])
  return (subject) => subject.field(field.path)
}

function comparison(operator: Operator, words: Words): (value: Value) => boolean {
  const { place } = words
  const value = words.value()
  switch (operator) {
    case '=':
    case '==':
      return equal(value)
    case '!=':
      return negated(equal(value))
    case '~':
      return matching(pattern(value, words, place))
    case '!~':
      return negated(matching(pattern(value, words, place)))
    case 'glob':
      return matching(globPattern(value, words, place))
    case '<':
    case '<=':
    case '>':
    case '>=':
      return ordered(operator, number(value, words, place))
  }
}

function negated(holds: (value: Value) => boolean): (value: Value) => boolean {
  return (value) => !holds(value)
}

/** Numbers of JSON by their value, to the last digit, all else by its text. */
function equal(text: string): (value: Value) => boolean {
  const wanted = decimalOf(text)
  return (value) => {
    const found = value instanceof JsonNumber && wanted !== undefined ? decimalOf(value.text) : undefined
    return found !== undefined && wanted !== undefined ? compareDecimals(found, wanted) === 0 : textOf(value) === text
  }
}

function matching(regex: RegExp): (value: Value) => boolean {
  return (value) => {
    const text = textOf(value)
    return text !== undefined && fits(regex, text)
  }
}

/** Throws BAD_EVENT where that takes more memory than there is for it. */
function fits(regex: RegExp, text: string): boolean {
  try {
    return regex.test(text)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new FlumeError('BAD_EVENT', `its ${text.length} characters are too many for the expression ${regex.source}`, { cause })
  }
}

function ordered(operator: '<' | '<=' | '>' | '>=', bound: Decimal): (value: Value) => boolean {
  return (value) => {
    const found = value instanceof JsonNumber || typeof value === 'string' ? decimalOf(textOf(value) ?? '') : undefined
    if (found === undefined) return false
    const order = compareDecimals(found, bound)
    if (order === 0) return operator === '<=' || operator === '>='
    return order < 0 === operator.startsWith('<')
  }
}

/** Undefined: it has none. */
function textOf(value: Value): string | undefined {
  if (typeof value === 'string') return value
  if (value instanceof JsonNumber) return value.text
  return value === undefined || (typeof value === 'object' && value !== null) ? undefined : JSON.stringify(value)
}

function number(text: string, words: Words, place: number): Decimal {
  return decimalOf(text) ?? words.bad('a number is missing', place)
}

function pattern(source: string, words: Words, place: number): RegExp {
  try {
    return new RegExp(source, 'u')
  } catch (error) {
    return words.bad((error as SyntaxError).message, place)
  }
}

function globPattern(glob: string, words: Words, place: number): RegExp {
  const parts = glob.match(/\\.|\[!?\]?[^\]]*\]|[^]/gsu) ?? []
  return pattern(`^${parts.map(globPart).join('')}$`, words, place)
}

function globPart(part: string): string {
  if (part === '*') return '[^]*'
  if (part === '?') return '[^]'
  if (part.length > 1 && part.startsWith('[')) {
    const inside = part.slice(1, -1).replace(/^!/, '')
    return `[${part[1] === '!' ? '^' : ''}${inside.replace(/[\\\]^[]/g, '\\$&')}]`
  }
  const text = part.length > 1 && part.startsWith('\\') ? part.slice(1) : part
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
