/** Times as text, by formats in the manner of strptime(3), taken apart from left to right in one pass. */
import { FlumeError } from '../../errors.js'

/** What a text says of a time; `year` -1: nothing of the year. */
export interface Fields {
  year: number
  /** From 1. */
  month: number
  day: number
  /** 0: not given; else it stands for month and day. */
  dayOfYear: number
  hour: number
  /** Hours of the afternoon to be added, -1: the clock has 24 hours. */
  half: number
  minute: number
  second: number
  ms: number
  /** Minutes east of Greenwich; NaN: not given. */
  offset: number
  /** ms since the epoch, and then nothing else counts; NaN: not given. */
  epoch: number
}

/** Takes what it is for from `text` at `at`; the index behind it, -1: it is not there. */
type Step = (text: string, at: number, fields: Fields) => number

const MONTHS = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december']
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

const STEPS: Readonly<Record<string, Step>> = {
  Y: number(4, 4, (fields, value) => (fields.year = value)),
  y: number(2, 2, (fields, value) => (fields.year = value < 69 ? 2000 + value : 1900 + value)),
  m: number(1, 2, (fields, value) => (fields.month = value)),
  d: number(1, 2, (fields, value) => (fields.day = value)),
  e: blank(number(1, 2, (fields, value) => (fields.day = value))),
  j: number(1, 3, (fields, value) => (fields.dayOfYear = value), 1, 366),
  H: number(1, 2, (fields, value) => (fields.hour = value)),
  k: blank(number(1, 2, (fields, value) => (fields.hour = value))),
  I: number(1, 2, (fields, value) => (fields.hour = value % 12), 1, 12),
  M: number(1, 2, (fields, value) => (fields.minute = value)),
  S: number(1, 2, (fields, value) => (fields.second = value)),
  s: epoch(1),
  f: fraction,
  '.': (text, at, fields) => ((text[at] === '.' || text[at] === ',') && isDigit(text, at + 1) ? fraction(text, at + 1, fields) : at),
  b: name(MONTHS, (fields, index) => (fields.month = index + 1)),
  B: name(MONTHS, (fields, index) => (fields.month = index + 1)),
  h: name(MONTHS, (fields, index) => (fields.month = index + 1)),
  a: name(DAYS, () => undefined),
  A: name(DAYS, () => undefined),
  p: name(['am', 'pm'], (fields, index) => (fields.half = index * 12)),
  z: zone,
  L: digits(3, (fields, value) => (fields.ms = value)),
  Q: epoch(1000),
  n: blanks,
  t: blanks,
  '%': literal('%'),
}

const ABBREVIATIONS: Readonly<Record<string, string>> = { T: '%H:%M:%S', R: '%H:%M', D: '%m/%d/%y', F: '%Y-%m-%d', r: '%I:%M:%S %p', c: '%a %b %e %H:%M:%S %Y' }

export class TimeFormat {
  readonly #steps: readonly Step[]
  /** Of the last text; the same object for each. */
  readonly fields: Fields = fieldsOf()
  /** A text may say no zone. */
  readonly needsZone: boolean

  /** Throws BAD_OPTION. */
  constructor(readonly text: string) {
    this.#steps = stepsOf(text)
    this.needsZone = !ZONED.test(text)
  }

  /** Reads `text` into `fields`; the index behind the time, -1: there is none at its beginning. */
  read(text: string): number {
    clear(this.fields)
    let at = 0
    for (const step of this.#steps) {
      at = step(text, at, this.fields)
      if (at < 0) return -1
    }
    return at
  }
}

/** Holds `%z`, or seconds since 1970. */
const ZONED = /^(?:[^%]|%[^zsQ])*%[zsQ]/s

function fieldsOf(): Fields {
  return { year: -1, month: 1, day: 1, dayOfYear: 0, hour: 0, half: -1, minute: 0, second: 0, ms: 0, offset: NaN, epoch: NaN }
}

/** As fieldsOf(): for each event anew, so one by one. */
function clear(fields: Fields): void {
  fields.year = fields.half = -1
  fields.month = fields.day = 1
  fields.dayOfYear = fields.hour = fields.minute = fields.second = fields.ms = 0
  fields.offset = fields.epoch = NaN
}

/** What may take the fraction of %s in its place. */
const FRACTION = /^(?:[.,]%[fL]|%\.)/

function stepsOf(format: string): Step[] {
  const steps: Step[] = []
  const text = format.replace(/%([TRDFrc])/g, (_, letter: string) => ABBREVIATIONS[letter]!)
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!
    if (letter !== '%') {
      steps.push(letter === ' ' ? blanks : literal(letter))
      continue
    }
    const fraction = text.startsWith('%s', at) ? FRACTION.exec(text.slice(at + 2))?.[0] : undefined
    if (fraction !== undefined) {
      steps.push(secondsWith(stepsOf(fraction)))
      at += 1 + fraction.length
      continue
    }
    const step = Object.hasOwn(STEPS, text[at + 1] ?? '') ? STEPS[text[++at]!] : undefined
    if (step === undefined) throw new FlumeError('BAD_OPTION', `unknown letter in a format of time: ${text.slice(at, at + 2)}`)
    steps.push(step)
  }
  return steps
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0x30 && code <= 0x39
}

/** Of `min` to `max` digits, and from `least` to `most`. */
function number(min: number, max: number, set: (fields: Fields, value: number) => void, least = 0, most = Infinity): Step {
  return (text, at, fields) => {
    let end = at
    let value = 0
    while (end < at + max && isDigit(text, end)) value = value * 10 + text.charCodeAt(end++) - 0x30
    if (end < at + min || value < least || value > most) return -1
    set(fields, value)
    return end
  }
}

function digits(count: number, set: (fields: Fields, value: number) => void): Step {
  return number(count, count, set)
}

/** A number may have a blank in place of its first digit. */
function blank(step: Step): Step {
  return (text, at, fields) => step(text, text[at] === ' ' ? at + 1 : at, fields)
}

/** Digits behind a point; what is less than a ms is cut. */
function fraction(text: string, at: number, fields: Fields): number {
  let end = at
  let ms = 0
  for (let unit = 100; isDigit(text, end); end++, unit = Math.floor(unit / 10)) ms += (text.charCodeAt(end) - 0x30) * unit
  fields.ms = ms
  return end === at || end > at + 9 ? -1 : end
}

/** Since 1970, in `perSecond`-ths of a second; `fractional`: a fraction may follow. */
function epoch(perSecond: number, fractional = true): Step {
  return (text, at, fields) => {
    const first = text[at] === '-' ? at + 1 : at
    const point = digitsEnd(text, first)
    if (point === first || point - first > 16) return -1
    const hasFraction = fractional && text[point] === '.' && isDigit(text, point + 1)
    const end = hasFraction ? digitsEnd(text, point + 1) : point
    const ms = Number(text.slice(first, point)) * (1000 / perSecond) + (perSecond === 1 ? msOf(text.slice(point + 1, end)) : 0)
    fields.epoch = first > at ? -ms : ms
    return end
  }
}

function digitsEnd(text: string, from: number): number {
  let end = from
  while (isDigit(text, end)) end++
  return end
}

/** Of the digits of a fraction of a second, by the digits, as most are none of a binary number. What is less than a ms is cut. */
export function msOf(digits: string): number {
  return Number(digits.slice(0, 3).padEnd(3, '0'))
}

/** Seconds since 1970, with a fraction that the format spells out. */
function secondsWith(fraction: readonly Step[]): Step {
  const seconds = epoch(1, false)
  return (text, at, fields) => {
    let end = seconds(text, at, fields)
    fields.ms = 0
    for (const step of fraction) if (end >= 0) end = step(text, end, fields)
    fields.epoch += text[at] === '-' ? -fields.ms : fields.ms
    return end
  }
}

/** A word, or its first three letters; all of them begin otherwise. */
function name(words: readonly string[], set: (fields: Fields, index: number) => void): Step {
  const short = new Map(words.map((word, index) => [lettersOf(word, 0, Math.min(3, word.length)), index]))
  return (text, at, fields) => {
    const index = short.get(lettersOf(text, at, 3)) ?? short.get(lettersOf(text, at, 2))
    if (index === undefined) return -1
    set(fields, index)
    const word = words[index]!
    const size = Math.min(3, word.length)
    if (word.length === size || !isLetter(text.charCodeAt(at + size))) return at + size
    return text.slice(at, at + word.length).toLowerCase() === word ? at + word.length : at + size
  }
}

/** Up to three ASCII letters, small or not, as a number; -1: they are not all letters. */
function lettersOf(text: string, at: number, count: number): number {
  let letters = 0
  for (let n = at; n < at + count; n++) {
    const code = text.charCodeAt(n)
    if (!isLetter(code)) return -1
    letters = letters * 32 + (code & 31)
  }
  return letters
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
}

/** `Z`, `UTC`, `GMT`, `+01`, `+0100`, `+01:00`, `GMT+0100`, `UTC+1`; no beginning of a word, and no number, which may follow a time as well. */
function zone(text: string, at: number, fields: Fields): number {
  const isNamed = text.startsWith('UTC', at) || text.startsWith('GMT', at)
  const from = isNamed ? at + 3 : at
  const sign = text[from]
  if ((sign === '+' || sign === '-') && (!isNamed || isDigit(text, from + 1))) return offset(text, from, isNamed, fields)
  const end = isNamed ? from : sign === 'Z' ? at + 1 : -1
  fields.offset = 0
  return end < 0 || WORD.test(text[end] ?? '') ? -1 : end
}

const WORD = /[\p{L}\p{N}_]/u

/** `oneDigit`: hours may have one only. */
function offset(text: string, sign: number, oneDigit: boolean, fields: Fields): number {
  const isShort = oneDigit && !isDigit(text, sign + 2)
  const hours = isShort ? text.charCodeAt(sign + 1) - 0x30 : twoDigits(text, sign + 1)
  if (hours < 0 || hours > 23) return -1
  const after = sign + (isShort ? 2 : 3)
  const from = text[after] === ':' ? after + 1 : after
  const minutes = isShort && from === after ? -1 : twoDigits(text, from)
  const some = minutes >= 0 && minutes < 60
  const end = some ? from + 2 : after
  fields.offset = (text[sign] === '-' ? -1 : 1) * (hours * 60 + (some ? minutes : 0))
  return isDigit(text, text[end] === '.' ? end + 1 : end) ? -1 : end
}

/** -1: there are none. */
function twoDigits(text: string, at: number): number {
  return isDigit(text, at) && isDigit(text, at + 1) ? (text.charCodeAt(at) - 0x30) * 10 + text.charCodeAt(at + 1) - 0x30 : -1
}

function blanks(text: string, at: number): number {
  let end = at
  while (text[end] === ' ' || text[end] === '\t') end++
  return end
}

function literal(letter: string): Step {
  return (text, at) => (text[at] === letter ? at + 1 : -1)
}
