/**
 * The files of a directory that match, with its sub-directories where asked for: each once, in no order, one at a time.
 * What cannot be looked into is said once and stops nobody else. Names are any bytes, for which fast-glob has no way:
 * only its matcher is used.
 */
import { basename, dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../events/flow.js'
import type { DirectoryEntry, Disk, FileStat } from '../../disk/disk.js'
import { shownPath } from '../../disk/path.js'
import { isSame } from '../../disk/same.js'
import { errnoOf, wordsOf } from '../../errors.js'
import { isDelivered, isQueue, isTemporary, sayFiles, sayQueue } from '../flume-files.js'
import type { FoundFile } from '../found-file.js'
import { Mounts } from '../mounts.js'
import { matcherOf } from '../pattern.js'
import { Said } from '../said.js'

export interface TreeOptions {
  /** Absolute. */
  readonly directory: string
  readonly recursive: boolean
  /** A file matches one of these; one without a slash is for its name, others for its path in the directory. Empty: any but hidden ones. */
  readonly include: readonly string[]
  /** And none of these; what is below a directory that matches is not looked at. */
  readonly ignore: readonly string[]
  /** Names with this at their end are those of files that are set aside. */
  readonly suffix: string
  /** Names of files that only say something about others. */
  isMarker(name: string): boolean
  /** Absolute: files that are set aside are there. */
  readonly apart?: string
}

/** Files that are looked at before others have a turn: 3 ms. */
const AT_ONCE = 256

export class Tree {
  readonly #includes: (path: string) => boolean
  readonly #ignores: (path: string) => boolean
  readonly #said: Said
  readonly mounts: Mounts
  /** What could not be looked into, or at, when all was looked at last. */
  #hidden: string[] = []
  /** Directories that were looked into last. */
  directories = new Set<string>()
  /** What could not be looked into, or read, as far as known. */
  readonly unreadable = new Set<string>()
  /** Of which not all could be read. */
  readonly incomplete = new Set<string>()

  constructor(
    readonly options: TreeOptions,
    readonly disk: Disk,
    clock: Pick<Clock, 'monotonic'>,
    say: (message: string) => void,
  ) {
    this.mounts = new Mounts(disk, say)
    this.#said = new Said(clock, say)
    this.#includes = options.include.length === 0 ? () => true : matcherOf(options.include, false)
    this.#ignores = options.ignore.length === 0 ? () => false : matcherOf(options.ignore, true)
  }

  /** All that match now. Throws where the directory itself cannot be looked into. */
  async *files(): AsyncGenerator<FoundFile> {
    const { directory, recursive } = this.options
    const seen = new Set<string>()
    const left = [directory]
    let count = 0
    this.#hidden = []
    this.mounts.look()
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      seen.add(next)
      for await (const entry of this.#entries(next)) {
        const path = join(next, entry.name)
        if (entry.kind === 'directory') {
          if (recursive && (await this.#isEntered(path, entry))) left.push(path)
          continue
        }
        if (!this.#isRead(path, entry.name)) continue
        if (++count % AT_ONCE === 0) await setImmediate()
        const stat = this.#stat(path)
        if (stat?.kind === 'file') yield { path, stat }
        else if (stat?.kind === 'directory' && entry.kind === 'other' && recursive && (await this.#isEntered(path, entry))) left.push(path)
      }
    }
    this.directories = seen
  }

  /** What is at this path, in one of the directories, if it is read or looked into. */
  at(path: string): FoundFile | 'directory' | undefined {
    const stat = this.#stat(path)
    if (stat?.kind === 'directory') return 'directory'
    return stat?.kind === 'file' && this.#isRead(path, basename(path)) ? { path, stat } : undefined
  }

  /**
   * What is at this path, in one of the directories or not, whether it is read or not; `hidden`: nobody can tell. `mount`: where the
   * file system was mounted that it was on.
   */
  whatIsAt(path: string, mount: string): FileStat | 'hidden' | undefined {
    const shown = shownPath(path)
    if (this.#hidden.some((hidden) => shown === hidden || shown.startsWith(`${hidden}/`))) return 'hidden'
    try {
      const stat = this.disk.statNow(path)
      return stat === undefined && this.mounts.isMissing(mount) ? 'hidden' : stat
    } catch {
      return 'hidden'
    }
  }

  /** Says it, unless it was said lately. */
  sayOnce(message: string): void {
    this.#said.once(message)
  }

  /** What is in trouble: somebody asks for it at the end of --once only. */
  forget(): void {
    this.unreadable.clear()
    this.incomplete.clear()
  }

  /** A file that cannot be read. */
  cannot(what: 'look into' | 'look at' | 'read' | 'read all of', path: string, error: unknown): void {
    const message = `cannot ${what} ${shownPath(path)}: ${wordsOf(error)}`
    if (what === 'read all of') return this.incompletely(path, message)
    this.unreadable.add(path)
    this.sayOnce(message)
  }

  /** A file of which not all can be read, for the reason that the message gives. */
  incompletely(path: string, message: string): void {
    this.incomplete.add(path)
    this.sayOnce(message)
  }

  async *#entries(directory: string): AsyncGenerator<DirectoryEntry> {
    try {
      yield* this.disk.entries(directory)
      this.unreadable.delete(directory)
    } catch (error) {
      if (directory === this.options.directory) throw error
      if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return // it vanished
      this.#hidden.push(shownPath(directory))
      this.cannot('look into', directory, error)
    }
  }

  async #isEntered(path: string, { name }: DirectoryEntry): Promise<boolean> {
    const { apart } = this.options
    if (name.startsWith('.') || path === apart || this.#ignores(this.#relative(path))) return false
    if (isQueue(this.disk, path) && sayQueue(path, (message) => this.sayOnce(message))) return false
    return apart === undefined || !(await isSame(this.disk, path, apart).catch(() => false)) // else its own entries say what is wrong
  }

  #isRead(path: string, name: string): boolean {
    if (name.endsWith(this.options.suffix) || this.options.isMarker(name)) return false
    if (this.options.include.length === 0 && name.startsWith('.')) return false
    const relative = this.#relative(path)
    return this.#includes(relative) && !this.#ignores(relative) && !this.#isWritten(path, name)
  }

  /** By a flume-sink-hdfs, which may well be the one to which it goes. */
  #isWritten(path: string, name: string): boolean {
    const { directory, include } = this.options
    if (isTemporary(name)) return true // sooner or later it has another name
    if (!isDelivered(name) || include.length > 0 || dirname(path) === directory) return false
    return sayFiles(dirname(path), 'name that directory, or --include,', (message) => this.sayOnce(message))
  }

  #relative(path: string): string {
    const { directory } = this.options
    return shownPath(path.slice(directory === '/' ? 1 : directory.length + 1))
  }

  #stat(path: string): FileStat | undefined {
    try {
      return this.disk.statNow(path)
    } catch (error) {
      this.#hidden.push(shownPath(path))
      this.cannot('look at', path, error)
      return undefined
    }
  }
}
