/** One record of comma-separated values, RFC 4180, or of values with tabs between them, which know no quotes. */
import { FlumeError } from '../../errors.js'
import type { Found, Parser } from './fields.js'

/**
 * `names`: between them the sign that is between the values, a comma or another that is in no name; an empty one is left out.
 * A record may have fewer values, not more.
 */
export function csv(names: string): Parser {
  const [sign = ','] = /[^\p{L}\p{M}\p{N}_ .@-]/u.exec(names) ?? []
  if (sign === '"') throw new FlumeError('BAD_OPTION', 'the names of the columns stand without quotes: csv:time,level,message')
  const columns = columnsOf(names, sign)
  return (text, found) => values(text, sign, columns, found)
}

export function tsv(names: string): Parser {
  const columns = columnsOf(names, ',')
  return (text, found) => {
    const parts = text.split('\t')
    if (parts.length > columns.length) return tooMany(columns)
    for (const [n, value] of parts.entries()) add(found, columns[n]!, value)
    return undefined
  }
}

function columnsOf(names: string, sign: string): string[] {
  const columns = names.split(sign).map((name) => name.trim())
  if (columns.every((name) => name === '')) throw new FlumeError('BAD_OPTION', 'the names of the columns are missing: csv:time,level,message')
  return columns
}

function values(text: string, sign: string, columns: readonly string[], found: Found): string | undefined {
  let at = 0
  for (let n = 0; ; n++) {
    if (n === columns.length) return tooMany(columns)
    if (text[at] === '"') {
      const end = closing(text, at + 1)
      if (end < 0) return `the quote at character ${at} has no end`
      add(found, columns[n]!, text.slice(at + 1, end).replaceAll('""', '"'))
      at = end + 1
      if (at < text.length && !text.startsWith(sign, at)) return `there is text behind the quote at character ${end}`
    } else {
      const next = text.indexOf(sign, at)
      const end = next < 0 ? text.length : next
      add(found, columns[n]!, text.slice(at, end))
      at = end
    }
    if (at >= text.length) return undefined
    at += sign.length
  }
}

/** Index of the quote that ends a value: one that no other follows. */
function closing(text: string, from: number): number {
  let at = from
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote < 0 || text[quote + 1] !== '"') return quote
    at = quote + 2
  }
}

function add(found: Found, column: string, value: string): void {
  if (column !== '') found.add(column, value)
}

function tooMany(columns: readonly string[]): string {
  return `there are more than ${columns.length} values`
}
