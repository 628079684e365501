/** Numbers as they are written, compared to the last digit: a double holds some 15 of them, an id in a log may have 19. */

export interface Decimal {
  readonly sign: -1 | 0 | 1
  /** Without zeros at either end: the number is 0.DIGITS times 10 to the power of `order`. */
  readonly digits: string
  readonly order: number
}

const NUMBER = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d+))?$/i
const ZERO: Decimal = { sign: 0, digits: '', order: 0 }

/** Undefined: it is no number. */
export function decimalOf(text: string): Decimal | undefined {
  const match = NUMBER.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = match[4] ?? '', , exponent = '0'] = match
  const all = whole + fraction
  let from = 0
  let to = all.length
  while (all[from] === '0') from++
  while (to > from && all[to - 1] === '0') to--
  if (from === to) return ZERO
  return { sign: sign === '-' ? -1 : 1, digits: all.slice(from, to), order: whole.length - from + Number(exponent) }
}

/** Less than 0, 0, or more: a comes before b, is equal to it, or comes after it. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign) return a.sign - b.sign
  return a.sign * (a.order - b.order || (a.digits < b.digits ? -1 : Number(a.digits > b.digits)))
}
