/** Files opened to be read as logs, compressed or not, and what is wrong with those that cannot be. */
import { basename, dirname, join, resolve } from 'node:path'
import type { Disk, FileStat, ReadableFile } from '../disk/disk.js'
import { FlumeError, errnoOf, wordsOf } from '../errors.js'
import { openLog } from './compressed.js'
import { OpenFile, OpenFiles } from './open-files.js'
import type { Partition } from './partition.js'
import { readAt } from './position.js'
import type { Names } from './watch.js'

export interface Opened {
  readonly file: ReadableFile
  readonly stat: FileStat
}

export class Logs {
  readonly files: OpenFiles
  /** Could not be opened. */
  readonly unreadable = new Set<string>()
  /** Compressed, and not all of it could be read. */
  readonly damaged = new Set<string>()
  /** The kernel makes up what is in them as they are read, and gives them no size: nothing tells where in one its reading stood. */
  readonly sizeless = new Set<string>()
  /** By the path without symlinks, where that is another: the path that matched. */
  readonly paths = new Map<string, string>()
  /** By a path that matches, and is a symlink itself: where it leads. */
  readonly targets = new Map<string, string>()

  constructor(
    readonly disk: Disk,
    readonly names: Names,
    openFilesMax: number,
  ) {
    this.files = new OpenFiles(disk, openFilesMax, (message) => names.sayOnce(message))
  }

  open(path: string, alone = true): Promise<ReadableFile> {
    return openLog((path) => this.files.open(path, alone), path, (reason, begun) => {
      if (begun) return // it may be written at this moment
      this.damaged.add(path)
      this.names.sayOnce(`cannot read all that is in ${path}: ${reason}`)
    })
  }

  /**
   * Of a path that matches. `later`: it was opened beside others, and so many cannot be open. `unreadable` is said once.
   */
  async match(path: string, alone: boolean): Promise<Opened | 'gone' | 'unreadable' | 'later'> {
    try {
      const file = await this.open(path, alone)
      this.unreadable.delete(path)
      if (file instanceof OpenFile && (await isSizeless(file))) return await this.#refuseSizeless(path, file)
      await this.resolve(path)
      return { file, stat: file instanceof OpenFile ? file.last : await file.stat() }
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return 'gone'
      if (!alone && OpenFiles.areTooMany(error)) return 'later'
      if (error instanceof FlumeError) this.damaged.add(path)
      else this.unreadable.add(path)
      this.names.sayOnce(error instanceof FlumeError ? error.message : `cannot read ${path}: ${wordsOf(error)}`)
      return 'unreadable'
    }
  }

  /** Finds out where a path leads; of a symlink also where nothing is, as between two steps of a rotation. */
  async resolve(path: string): Promise<void> {
    const { disk } = this
    const directory = (): Promise<string> => disk.realPath(dirname(path)).catch(() => dirname(path))
    const real = await disk.realPath(path).catch(async () => resolve(await directory(), await disk.readLink(path))).catch(() => path)
    this.targets.delete(path)
    if (real === path) return
    this.paths.delete(real) // the newest is the last
    this.paths.set(real, path)
    if (real !== join(await directory(), basename(path))) this.targets.set(path, real)
  }

  /** What is known of other paths than these is forgotten; and where one led before, unless a file is still open that may be there. */
  keep(matched: Iterable<string>, partitions: Iterable<Partition>): void {
    const sets = [this.unreadable, this.damaged, this.sizeless, this.targets]
    if ([...sets, this.paths].every(({ size }) => size === 0)) return
    const paths = new Set(matched)
    const held = new Set<string>()
    for (const { path, name, file } of partitions) {
      paths.add(path)
      if (name === undefined && file !== undefined) held.add(path)
    }
    for (const set of sets) for (const path of set.keys()) if (!paths.has(path)) set.delete(path)
    const newest = new Map([...this.paths].map(([real, path]) => [path, real]))
    for (const [real, path] of this.paths) {
      if (!paths.has(path) || (newest.get(path) !== real && !held.has(path))) this.paths.delete(real)
    }
  }

  async #refuseSizeless(path: string, file: OpenFile): Promise<'unreadable'> {
    this.sizeless.add(path)
    this.names.sayOnce(`cannot read ${path}: it has no size, as in /proc; flume-tail - <FILE reads it once`)
    await file.close()
    return 'unreadable'
  }
}

async function isSizeless(file: OpenFile): Promise<boolean> {
  if (file.last.size > 0) return false
  const start = await readAt(file, 0, 1).catch(() => Buffer.alloc(0))
  return start.length > 0 && (await file.stat()).size === 0 // or it was written to just now
}
