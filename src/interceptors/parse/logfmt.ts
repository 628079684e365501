/** `level=info msg="all is well" dry`: words and texts by name; a name alone is true. */
import { HALF } from '../interceptor.js'
import { quoteEnd, type Found } from './fields.js'

export function logfmt(text: string, found: Found): string | undefined {
  if (!/^\s*[^\s="]+=/.test(text)) return 'it does not begin with NAME='
  let at = 0
  for (;;) {
    while (isBlank(text, at)) at++
    if (at >= text.length) return undefined
    const end = nameEnd(text, at)
    if (end === at) return `there is no name at character ${at}`
    const name = text.slice(at, end)
    if (text[end] !== '=') {
      found.add(name, 'true', true)
      at = end
      continue
    }
    if (text[end + 1] === '"') {
      const quote = quoteEnd(text, end + 2)
      if (quote < 0) return `the text at character ${end + 1} has no end`
      const value = unquoted(text.slice(end + 2, quote))
      if (!value.isWellFormed()) return HALF
      found.add(name, value)
      at = quote + 1
    } else {
      at = end + 1
      while (at < text.length && !isBlank(text, at)) at++
      found.add(name, text.slice(end + 1, at))
    }
  }
}

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d
}

function nameEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && !isBlank(text, at) && text[at] !== '=' && text[at] !== '"') at++
  return at
}

/** What stands in quotes, with the escapes that are written into logs; what is none of these stays: a path of Windows. */
function unquoted(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(["\\/ntr]))/g, (_, code: string | undefined, letter: string) => {
    return code === undefined ? ESCAPES.get(letter) ?? letter : String.fromCharCode(parseInt(code, 16))
  })
}

const ESCAPES: ReadonlyMap<string, string> = new Map([['n', '\n'], ['t', '\t'], ['r', '\r']])
