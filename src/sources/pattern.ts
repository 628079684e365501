/**
 * What a name with wildcards means, as fast-glob reads it; of that only what it takes to match names by ourselves. With
 * fast-glob come 70 files, 40 ms of a start and 9 MB for as long as the process lives: too much to learn that a name has a star.
 */
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import type Picomatch from 'picomatch'

const require = createRequire(import.meta.url)
/** Loaded with the first pattern. The version that fast-glob matches with. */
const picomatch = (): typeof Picomatch => require('picomatch') as typeof Picomatch

/** Any of these: `\`, `*`, `?`, a leading `!`, a class, a group of alternatives, an extended glob, braces with a comma or a range. */
const WILDCARDS = [/[\\*?]|^!/, /\[[^[]*]/, /(?:^|[^!*+?@])\([^(]*\|[^|]*\)/, /[!*+?@]\([^(]*\)/, /^[^{]*\{[^}]*(,|\.\.)[^}]*\}/]
const SPECIAL = /(\\?)([()*?[\]{|}]|^!|[!+@](?=\()|\\(?![!()*+?@[\]{|}]))/g

/** isDynamicPattern() of fast-glob. */
export const isDynamic = (name: string): boolean => WILDCARDS.some((wildcard) => wildcard.test(name))

/** escapePath() of fast-glob: a pattern that only this path matches. */
export const escapePath = (path: string): string => path.replace(SPECIAL, '\\$2')

export const unescape = (pattern: string): string => pattern.replace(/\\(.)/g, '$1')

/** A pattern with an absolute path; characters of the directory are never wildcards. */
export function absolute(pattern: string, directory: string): string {
  if (!isDynamic(pattern)) return resolve(directory, pattern)
  return pattern.startsWith('/') ? join(pattern) : join(escapePath(directory), pattern)
}

/** Whether a path, or a name, matches the pattern. `dot`: names with a leading dot, too. */
export function matcher(pattern: string, dot: boolean): (path: string) => boolean {
  return picomatch()(pattern, { dot })
}

/** Whether a relative path matches one of these patterns; one without a slash is for the last part of it. */
export function matcherOf(patterns: readonly string[], dot: boolean): (path: string) => boolean {
  const matchers = patterns.map((pattern) => picomatch()(pattern, { dot, basename: !pattern.includes('/') }))
  return (path) => matchers.some((matches) => matches(path))
}

/** Only the last part is a pattern, and one that picomatch reads as fast-glob does. */
export function isFlat(pattern: string): boolean {
  return !/[{}]/.test(pattern) && !basename(pattern).includes('**') && fixedPart(pattern) === (unescape(dirname(pattern)) || '/')
}

/** The directory before the first wildcard. */
export function fixedPart(pattern: string): string {
  const parts: string[] = []
  for (const part of dirname(pattern).split('/')) {
    if (part !== '' && isDynamic(part)) break
    parts.push(unescape(part))
  }
  return parts.join('/') || '/'
}
