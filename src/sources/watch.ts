/**
 * The files that match now: names and patterns, again each time it is asked. An existing name is itself before it is a
 * pattern, and stays a name from then on. Directories among the matches of a pattern are ignored. What cannot be read
 * is said once and stops nobody else.
 */
import { basename, dirname, join } from 'node:path'
import { createRequire } from 'node:module'
import { setImmediate } from 'node:timers/promises'
import type Glob from 'fast-glob'
import type { Clock } from '../events/flow.js'
import type { Disk, FileStat } from '../disk/disk.js'
import { NOT_UTF8 } from '../disk/path.js'
import { tellingReaddir } from '../disk/telling.js'
import { errnoOf, wordsOf } from '../errors.js'
import { leavingOut } from './flume-files.js'
import type { FoundFile } from './found-file.js'
import { Mounts } from './mounts.js'
import { fixedPart, isDynamic, isFlat, matcher, unescape } from './pattern.js'
import { Said } from './said.js'

const require = createRequire(import.meta.url)
/** Loaded with the first pattern that takes more than one directory. */
const glob = (): typeof Glob => require('fast-glob') as typeof Glob

/** Files that are looked at before others have a turn: 3 ms. */
export const AT_ONCE = 256
const ABSENT = new Set(['ENOENT', 'ENOTDIR'])

/** What may be left out of a list. */
export type Skip = (path: string, stat: FileStat) => boolean

export class Names {
  /** Patterns that were seen to be the name of something. */
  readonly #plain = new Set<string>()
  /** Patterns that lead to something else than a regular file, or cannot lead to one, as of the last look. */
  readonly #others = new Set<string>()
  /** Of the patterns that were asked for so far. */
  readonly #matchers = new Map<string, (path: string) => boolean>()
  /** In this look. */
  readonly #looked = new Set<string>()
  /** What could not be looked at, or into, in the last look. */
  readonly hidden = new Set<string>()
  /** That held for one of those that the pattern is about. */
  #hides = false
  #stats = 0
  /** Directories in which a file may appear that matches, as of the last look. */
  readonly directories = new Set<string>()
  readonly mounts: Mounts
  readonly #said: Said

  /** Absolute patterns. */
  constructor(
    readonly patterns: readonly string[],
    readonly disk: Disk,
    clock: Pick<Clock, 'monotonic'>,
    say: (message: string) => void,
  ) {
    this.mounts = new Mounts(disk, say)
    this.#said = new Said(clock, say)
  }

  /** Each path once; and the patterns of which it is known that nothing matches, or only what is no regular file. Without those that `skip` says. */
  async list(skip: Skip = () => false): Promise<{ matches: FoundFile[]; missing: string[] }> {
    const matches = new Map<string, FoundFile>()
    const missing: string[] = []
    this.#looked.clear()
    this.hidden.clear()
    this.directories.clear()
    this.mounts.look()
    for (const pattern of this.patterns) {
      let count = 0
      this.#hides = false
      for await (const match of this.#matches(pattern)) {
        count++
        if (!skip(match.path, match.stat)) matches.set(match.path, match)
      }
      if (count === 0 && !this.#hides) missing.push(pattern)
    }
    return { matches: [...matches.values()], missing }
  }

  isPattern(pattern: string): boolean {
    return isDynamic(pattern) && !this.#plain.has(pattern)
  }

  isOther(pattern: string): boolean {
    return this.#others.has(pattern)
  }

  /** Whether a file that was first seen under this path is one of ours: other commands may keep places at the same reader. */
  owns(path: string): boolean {
    return this.patterns.some((pattern) => {
      if (pattern === path || unescape(pattern) === path) return true
      return this.isPattern(pattern) && this.#matcherOf(pattern)(path)
    })
  }

  #matcherOf(pattern: string): (path: string) => boolean {
    const matches = this.#matchers.get(pattern) ?? matcher(pattern, basename(pattern).startsWith('.'))
    this.#matchers.set(pattern, matches)
    return matches
  }

  /** Says it, unless it was said lately. */
  sayOnce(message: string): void {
    this.#said.once(message)
  }

  async *#matches(pattern: string): AsyncGenerator<FoundFile> {
    const itself = await this.#stat(pattern, this.isPattern(pattern)) // of a pattern, its directories say what is wrong
    if (itself !== undefined) this.#plain.add(pattern)
    if (itself === undefined && this.isPattern(pattern)) {
      yield* this.#glob(pattern)
      return
    }
    const path = isDynamic(pattern) ? pattern : unescape(pattern)
    this.directories.add(dirname(path))
    const stat = itself ?? (path === pattern ? undefined : await this.#stat(path))
    if (stat?.kind === 'file') yield { path, stat }
    this.#others.delete(pattern)
    if (stat === undefined && path.includes('\ufffd')) {
      this.#others.add(pattern)
      this.#notUtf8(path)
    }
    if (stat === undefined || stat.kind === 'file') return
    this.#others.add(pattern)
    this.sayOnce(`cannot read ${path}: it is ${KINDS[stat.kind] ?? 'no regular file'}`)
  }

  async *#glob(pattern: string): AsyncGenerator<FoundFile> {
    this.directories.add(fixedPart(pattern))
    const dot = basename(pattern).startsWith('.')
    const paths = isFlat(pattern) ? await this.#inOne(pattern, dot) : await this.#inMany(pattern, dot)
    const isLeftOut = leavingOut(this.disk, fixedPart(pattern), (message) => this.sayOnce(message))
    for (const path of paths.sort()) {
      const stat = await this.#stat(path)
      if (stat === undefined && path.includes('\ufffd')) this.#notUtf8(path)
      if (stat?.kind !== 'file' || isLeftOut(path)) continue
      this.directories.add(dirname(path))
      yield { path, stat }
    }
  }

  /** What one directory does not let anybody see holds up no other. */
  #inMany(pattern: string, dot: boolean): Promise<string[]> {
    const readdir = tellingReaddir((directory, error) => this.#cannot('look into', directory, error))
    return glob()(pattern, { dot, suppressErrors: true, absolute: true, fs: { readdir } })
  }

  #cannot(verb: 'look at' | 'look into', path: string, error: unknown): void {
    const errno = errnoOf(error) ?? ''
    if (ABSENT.has(errno) || (errno === 'ENAMETOOLONG' && this.#isTyped(path))) return
    this.hidden.add(path)
    this.#hides = true
    this.sayOnce(`cannot ${verb} ${path}: ${wordsOf(error)}`)
  }

  /** No file can have a name that is too long; one that was found has it, but cannot be reached by it. */
  #isTyped(path: string): boolean {
    return this.patterns.some((pattern) => [pattern, unescape(pattern), fixedPart(pattern)].includes(path))
  }

  #notUtf8(path: string): void {
    this.sayOnce(`cannot read ${path}: ${NOT_UTF8}`)
  }

  /** A pattern for the names of one directory: a tenth of the time and memory, where there are thousands of them. */
  async #inOne(pattern: string, dot: boolean): Promise<string[]> {
    const directory = fixedPart(pattern)
    const matches = matcher(basename(pattern), dot)
    try {
      const names = (await this.disk.list(directory)).filter((name) => (dot || !name.startsWith('.')) && matches(name))
      return names.map((name) => join(directory, name))
    } catch (error) {
      this.#cannot('look into', directory, error)
      return []
    }
  }

  /** The first of a directory in a thread, as its file system may hang; the others at once, which takes a tenth of the time. */
  async #stat(path: string, quiet = false): Promise<FileStat | undefined> {
    const directory = dirname(path)
    try {
      if (!this.#looked.has(directory)) {
        this.#looked.add(directory)
        return await this.disk.stat(path)
      }
      if (++this.#stats % AT_ONCE === 0) await setImmediate()
      return this.disk.statNow(path)
    } catch (error) {
      if (!quiet) this.#cannot('look at', path, error)
      return undefined
    }
  }
}

const KINDS: Partial<Record<FileStat['kind'], string>> = {
  directory: "a directory (its files are 'DIRECTORY/*', in quotes)",
  fifo: 'a pipe (flume-tail - reads one: flume-tail - <PIPE)',
  socket: 'a socket',
  character: 'a device',
}
