/** --convert: the text of headers in its plain form, and whether it is a number, a truth or JSON in the objects of --to-json. */
import { FlumeError } from '../errors.js'
import { Unfit, type Interceptor } from './interceptor.js'
import { BODY } from './draft.js'
import { nameList, pair } from './names.js'

/** Undefined: the text is none of this type. `json`: it stands without quotes in JSON. */
type Type = { readonly json: boolean; convert(text: string): string | undefined }

const INTEGER = /^\s*([+-]?)0*(\d+)\s*$/
const FLOAT = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const TRUE = /^\s*(true|t|yes|y|on|1)\s*$/i
const FALSE = /^\s*(false|f|no|n|off|0)\s*$/i
const SIZE = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*$/i
const DURATION = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|m|h|d)\s*$/i
const SIZES: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }
const DURATIONS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 }

const TYPES: Readonly<Record<string, Type>> = {
  int: { json: true, convert: integer },
  float: { json: true, convert: (text) => (FLOAT.test(text) ? floatText(text.trim()) : undefined) },
  bool: { json: true, convert: (text) => (TRUE.test(text) ? 'true' : FALSE.test(text) ? 'false' : undefined) },
  json: { json: true, convert: (text) => (isJson(text) ? text : undefined) },
  size: { json: true, convert: (text) => scaled(SIZE.exec(text), SIZES) },
  duration: { json: true, convert: (text) => scaled(DURATION.exec(text), DURATIONS) },
  text: { json: false, convert: (text) => text },
  lower: { json: false, convert: (text) => text.toLowerCase() },
  upper: { json: false, convert: (text) => text.toUpperCase() },
  trim: { json: false, convert: (text) => text.trim() },
}

/** `NAMES=TYPE`. Headers that are missing stay so. */
export function convert(text: string): Interceptor {
  const [names, typeName] = pair(text, 'NAMES=TYPE')
  const matches = nameList(names)
  const type = Object.hasOwn(TYPES, typeName) ? TYPES[typeName] : undefined
  if (type === undefined) throw new FlumeError('BAD_OPTION', `unknown type ${JSON.stringify(typeName)}: there are ${Object.keys(TYPES).join(', ')}`)
  if (matches(BODY) && !names.includes('*')) throw new FlumeError('BAD_OPTION', 'the body has no type: copy it to a header')
  return {
    headersOnly: true,
    intercept(event) {
      for (const [name, value] of [...event.headers]) {
        if (!matches(name)) continue
        const converted = type.convert(value)
        if (converted === undefined) return new Unfit(`${name} is no ${typeName}: ${JSON.stringify(value.slice(0, 80))}`)
        if (converted !== value || type.json !== event.isJson(name)) event.set(name, converted, type.json)
      }
      return undefined
    },
  }
}

/** As many digits as there are. */
function integer(text: string): string | undefined {
  const [, sign = '', digits] = INTEGER.exec(text) ?? []
  return digits === undefined ? undefined : sign === '-' && digits !== '0' ? `-${digits}` : digits
}

function floatText(text: string): string | undefined {
  if (JSON_NUMBER.test(text)) return text
  const number = Number(text)
  return Number.isFinite(number) ? String(number) : undefined
}

function scaled(match: RegExpExecArray | null, units: Readonly<Record<string, number>>): string | undefined {
  if (match === null) return undefined
  const number = Math.round(Number(match[1]) * units[match[2]!.toLowerCase()]!)
  return Number.isSafeInteger(number) ? String(number) : undefined
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
