/** `level=info msg="all is well" dry`: words and texts by name; a name alone is true. */
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
      found.add(name, unquoted(text.slice(end + 1, quote + 1)))
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

/** A text in quotes, with the escapes of JSON; what is none of these stays. */
function unquoted(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  return quoted.slice(1, -1).replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (escape, code: string | undefined, letter: string | undefined) => {
    if (code !== undefined) return String.fromCharCode(parseInt(code, 16))
    return letter === undefined ? escape : ESCAPES.get(letter) ?? letter
  })
}

const ESCAPES = new Map([['n', '\n'], ['t', '\t'], ['r', '\r']])
