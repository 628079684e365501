/** --replace: text for what a regular expression matches, written as for sed (Flume's search_replace is s/…/…/g). */
import { FlumeError } from '../errors.js'
import { quoted } from '../events/json.js'
import { PUT_SIZE_MAX } from '../events/put.js'
import { BODY } from './draft.js'
import { BATCH_SIZE_MAX, CUT, Unfit, type Interceptor, type Outcome } from './interceptor.js'
import { headerOnly } from './names.js'
import { regexOf } from './regex.js'
import type { Settings } from './settings.js'

/** The rest is for what else there is in a batch. */
const TEXT_SIZE_MAX = BATCH_SIZE_MAX - 8 * 1024 * 1024

export function replace(text: string, { field }: Settings): Interceptor {
  const [search, replacement, flags] = parts(text)
  const regex = regexOf(search, flags)
  const inBytes = bytesOf(replacement)
  return {
    changes: field === BODY ? 'body' : undefined,
    ...headerOnly(field),
    intercept(event): Outcome {
      const value = event.get(field)
      if (value === undefined) return undefined
      const replaced = value.replace(regex, field === BODY && event.bytewise ? inBytes : replacement)
      if (replaced === value) return undefined
      if (isTooLarge(replaced)) return new Unfit('it becomes too large')
      if (!replaced.isWellFormed()) return new Unfit(CUT)
      event.rewrite(field, replaced)
      return undefined
    },
  }
}

/** In its line: a batch would be too large with this text alone. */
function isTooLarge(text: string): boolean {
  return text.length > TEXT_SIZE_MAX || (text.length * PUT_SIZE_MAX > TEXT_SIZE_MAX && Buffer.byteLength(quoted(text)) > TEXT_SIZE_MAX)
}

/** A replacement as UTF-8, each character a byte; the names of groups stay. */
function bytesOf(replacement: string): string {
  return replacement.replace(/\$\$|\$<[^>]*>|[\u0080-\uffff]+/g, (part) => (part.startsWith('$') ? part : Buffer.from(part).toString('latin1')))
}

/** `s/REGEX/TEXT/FLAGS`: any sign may stand for the slash; behind a backslash it is itself. */
function parts(text: string): [search: string, replacement: string, flags: string] {
  const [, sign = ''] = /^s([^\w\s\\])/.exec(text) ?? []
  const found = sign === '' ? [] : split(text.slice(2), sign)
  const [search = '', replacement = '', flags = ''] = found
  if (found.length !== 3 || search === '' || !/^[gimsu]*$/.test(flags)) {
    throw new FlumeError('BAD_OPTION', `expected s/REGEX/TEXT/ or s/REGEX/TEXT/g, not ${JSON.stringify(text)}`)
  }
  return [search, replacement.replace(/\\([nt\\])/g, (_, letter: string) => ESCAPES[letter]!), flags]
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\' }

function split(text: string, sign: string): string[] {
  const parts = ['']
  for (let at = 0; at < text.length; at++) {
    const pair = text.slice(at, at + 2)
    if (pair[0] === '\\' && pair.length === 2) {
      parts.push(parts.pop()! + (pair[1] === sign ? sign : pair))
      at++
    } else if (pair[0] === sign) parts.push('')
    else parts.push(parts.pop()! + pair[0]!)
  }
  return parts
}
