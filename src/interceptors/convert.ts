/** --convert: the text of headers in its plain form, and whether it is a number, a truth or JSON in the objects of --to-json. */
import { FlumeError } from '../errors.js'
import { DURATIONS, SIZES } from '../events/units.js'
import { Unfit, type Interceptor } from './interceptor.js'
import { BODY } from './draft.js'
import { nameList, pair } from './names.js'

/** Undefined: the text is none of this type. `json`: it stands without quotes in JSON. */
type Type = { readonly json: boolean; convert(text: string): string | undefined }

/** Of a text without blanks around. Each is linear on any text. */
const INTEGER = /^[+-]?\d+$/
const FLOAT = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const TRUE = /^(true|t|yes|y|on|1)$/i
const FALSE = /^(false|f|no|n|off|0)$/i
const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i
const DURATION = /^(\d+(?:\.\d+)?)\s*(us|ms|s|m|h|d)$/i

const TYPES: Readonly<Record<string, Type>> = {
  int: { json: true, convert: (text) => integer(text.trim()) },
  float: { json: true, convert: (text) => float(text.trim()) },
  bool: { json: true, convert: (text) => truth(text.trim()) },
  json: { json: true, convert: (text) => (isJson(text) ? text : undefined) },
  size: { json: true, convert: (text) => scaled(SIZE.exec(text.trim()), SIZES) },
  duration: { json: true, convert: (text) => scaled(DURATION.exec(text.trim()), { us: 1e-3, ...DURATIONS }) },
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
  if (!INTEGER.test(text)) return undefined
  const digits = text.replace(/^[+-]?0*(?=\d)/, '')
  return text.startsWith('-') && digits !== '0' ? `-${digits}` : digits
}

function float(text: string): string | undefined {
  if (JSON_NUMBER.test(text)) return text
  const number = FLOAT.test(text) ? Number(text) : NaN
  return Number.isFinite(number) ? String(number) : undefined
}

function truth(text: string): string | undefined {
  return TRUE.test(text) ? 'true' : FALSE.test(text) ? 'false' : undefined
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
