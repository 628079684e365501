/** Regular expressions as they are typed: JavaScript's, with flags in front as in Java: `(?i)error`. */
import { FlumeError } from '../errors.js'

/** Throws BAD_OPTION. */
export function regexOf(text: string, more = ''): RegExp {
  const [whole = '', flags = ''] = /^\(\?([imsu]+)\)/.exec(text) ?? []
  try {
    return new RegExp(text.slice(whole.length), [...new Set(flags + more)].join(''))
  } catch (error) {
    throw new FlumeError('BAD_OPTION', (error as SyntaxError).message)
  }
}

/** The names of its groups, in their order. Throws BAD_OPTION where it has none. */
export function groupNames(regex: RegExp): string[] {
  const { groups } = new RegExp(`${regex.source}|`, regex.flags).exec('') ?? {}
  if (groups === undefined) throw new FlumeError('BAD_OPTION', 'it names no group: (?<status>\\d+) makes the header status')
  return Object.keys(groups)
}
