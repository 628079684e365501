/**
 * The files that match now: names and patterns, again each time it is asked. An existing name is itself before it is a
 * pattern, and stays a name from then on. Directories among the matches of a pattern are ignored. What cannot be read
 * is said once and stops nobody else.
 */
import { basename, dirname, join, resolve } from 'node:path'
import { createRequire } from 'node:module'
import type Glob from 'fast-glob'
import type Micromatch from 'micromatch'
import type { Disk, FileStat } from '../disk/disk.js'
import { errnoOf } from '../errors.js'

const require = createRequire(import.meta.url)
/** Loaded with the first name that may be a pattern: 70 files, 40 ms of a start. */
const glob = (): typeof Glob => require('fast-glob') as typeof Glob
const isDynamic = (name: string): boolean => /[*?[\](){}!+@\\]/.test(name) && glob().isDynamicPattern(name)

/** Files that are asked for at the same time: the pool of threads that does it has four. */
const AT_ONCE = 16

/** A regular file, by an absolute path that matches. */
export interface Match {
  readonly path: string
  readonly stat: FileStat
}

/** A pattern with an absolute path; characters of the directory are never wildcards. */
export function absolute(pattern: string, directory: string): string {
  if (!isDynamic(pattern)) return resolve(directory, pattern)
  return pattern.startsWith('/') ? join(pattern) : join(glob().escapePath(directory), pattern)
}

export class Names {
  /** Patterns that were seen to be the name of something. */
  readonly #plain = new Set<string>()
  readonly #said = new Set<string>()
  /** Directories in which a file may appear that matches. */
  readonly directories = new Set<string>()

  /** Absolute patterns. */
  constructor(
    readonly patterns: readonly string[],
    readonly disk: Disk,
    readonly say: (message: string) => void,
  ) {}

  /** Each path once; and the patterns that nothing matches, or only what is no regular file. */
  async list(): Promise<{ matches: Match[]; missing: string[] }> {
    const matches = new Map<string, Match>()
    const missing: string[] = []
    for (const pattern of this.patterns) {
      const found = await this.#matches(pattern)
      if (found.length === 0) missing.push(pattern)
      for (const match of found) matches.set(match.path, match)
    }
    return { matches: [...matches.values()], missing }
  }

  isPattern(pattern: string): boolean {
    return isDynamic(pattern) && !this.#plain.has(pattern)
  }

  /** Whether a file that was first seen under this path is one of ours: other commands may keep places at the same reader. */
  owns(path: string): boolean {
    return this.patterns.some((pattern) => {
      if (pattern === path || unescape(pattern) === path) return true
      return this.isPattern(pattern) && (require('micromatch') as typeof Micromatch).isMatch(path, pattern, { dot: basename(pattern).startsWith('.') })
    })
  }

  /** Says it, unless it was said before. */
  sayOnce(message: string): void {
    if (this.#said.has(message)) return
    this.#said.add(message)
    this.say(message)
  }

  async #matches(pattern: string): Promise<Match[]> {
    const itself = await this.#stat(pattern)
    if (itself !== undefined) this.#plain.add(pattern)
    if (itself === undefined && this.isPattern(pattern)) return this.#glob(pattern)
    const path = isDynamic(pattern) ? pattern : unescape(pattern)
    this.directories.add(dirname(path))
    const stat = itself ?? (path === pattern ? undefined : await this.#stat(path))
    if (stat === undefined) return []
    if (stat.kind === 'file') return [{ path, stat }]
    this.sayOnce(`cannot read ${path}: it is ${KINDS[stat.kind] ?? 'no regular file'}`)
    return []
  }

  async #glob(pattern: string): Promise<Match[]> {
    const found: Match[] = []
    const paths = await glob()(pattern, { dot: basename(pattern).startsWith('.'), suppressErrors: true, absolute: true })
    paths.sort()
    for (let from = 0; from < paths.length; from += AT_ONCE) {
      const some = paths.slice(from, from + AT_ONCE)
      for (const [index, stat] of (await Promise.all(some.map((path) => this.#stat(path)))).entries()) {
        if (stat?.kind !== 'file') continue
        this.directories.add(dirname(some[index]!))
        found.push({ path: some[index]!, stat })
      }
    }
    this.directories.add(fixedPart(pattern))
    return found
  }

  async #stat(path: string): Promise<FileStat | undefined> {
    try {
      return await this.disk.stat(path)
    } catch (error) {
      this.sayOnce(`cannot look at ${path}: ${errnoOf(error) ?? String(error)}`)
      return undefined
    }
  }
}

const KINDS: Partial<Record<FileStat['kind'], string>> = { directory: 'a directory', fifo: 'a pipe', socket: 'a socket', character: 'a device' }

const unescape = (pattern: string): string => pattern.replace(/\\(.)/g, '$1')

/** The directory before the first wildcard. */
function fixedPart(pattern: string): string {
  const parts: string[] = []
  for (const part of dirname(pattern).split('/')) {
    if (part !== '' && isDynamic(part)) break
    parts.push(unescape(part))
  }
  return parts.join('/') || '/'
}
