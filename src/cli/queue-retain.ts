/** flume-buffer --retain: a time, a size, both, `all` or `0`. */
import type { Retain } from '../channel/retain.js'
import { FlumeError } from '../errors.js'
import { parseDuration, parseSize } from '../events/units.js'

/** Undefined: nothing is retained. Throws BAD_OPTION. */
export function retainOf(text: string): Retain | undefined {
  if (text === '0') return undefined
  if (text === 'all') return { age: null, bytes: null }
  const parts = text.split(',').map((part) => ({ age: parseDuration(part), bytes: sizeOf(part) }))
  const ages = parts.flatMap(({ age }) => age ?? [])
  const sizes = parts.flatMap(({ age, bytes }) => (age === undefined ? (bytes ?? []) : []))
  if (ages.length + sizes.length === parts.length && ages.length < 2 && sizes.length < 2) return { age: ages[0] ?? null, bytes: sizes[0] ?? null }
  const expected = 'a time such as 7d, a size such as 20G, both as 7d,20G, all or 0'
  throw new FlumeError('BAD_OPTION', `bad value ${text === '' ? "''" : text} for --retain: expected ${expected}`)
}

/** A bare number could be meant either way. */
function sizeOf(text: string): number | undefined {
  return /[a-z]/i.test(text) ? parseSize(text) : undefined
}

/** As it would be typed. */
export function retainText(retain: Retain | undefined): string {
  if (retain === undefined) return '0'
  const { age, bytes } = retain
  if (age === null && bytes === null) return 'all'
  return [age === null ? [] : exact(age, TIMES), bytes === null ? [] : exact(bytes, SIZES)].flat().join(',')
}

const TIMES = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000], ['ms', 1]] as const
const SIZES = [['T', 1024 ** 4], ['G', 1024 ** 3], ['M', 1024 ** 2], ['K', 1024], ['B', 1]] as const

/** In the largest unit of which it is a whole number. */
function exact(value: number, units: readonly (readonly [name: string, size: number])[]): string {
  const [name, size] = units.find(([, each]) => value >= each && value % each === 0) ?? units.at(-1)!
  return `${value / size}${name}`
}
