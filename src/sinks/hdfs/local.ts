/**
 * FileSystem over Disk, for file://. Events go straight to the temporary name in the target directory. The final name
 * comes from link(2), since rename(2) would overwrite; file and directory are synced before anybody is told.
 */
import { dirname } from 'node:path'
import type { Disk, DiskFile, FileStat } from '../../disk/disk.js'
import { openThere, unlessMissing, unlinkThere } from '../../disk/gone.js'
import { hasNoLinks } from '../../disk/no-space.js'
import { FlumeError, errnoOf } from '../../errors.js'
import { Failure } from '../retry.js'
import type { Draft, Entry, FileSystem, Finished, Left } from './filesystem.js'

class LocalDraft implements Draft {
  constructor(
    readonly disk: Disk,
    readonly path: string,
    readonly file: DiskFile,
  ) {}

  async write(pieces: readonly Uint8Array[], at: number): Promise<void> {
    await this.file.write(pieces, at, true)
  }

  sync(): Promise<void> {
    return this.file.sync()
  }

  async finish(size: number): Promise<Finished> {
    await this.file.sync()
    const stat = await this.file.stat()
    if (stat.links === 0) throw new FlumeError('IO', `cannot finish ${this.path}: somebody removed it`)
    if (stat.size !== size) throw new FlumeError('IO', `cannot finish ${this.path}: ${stat.size} bytes are there of ${size} written`)
    await this.file.close()
    return { path: this.path, size, id: idOf(stat) }
  }

  async discard(): Promise<void> {
    await this.file.close()
    await removed(this.disk, this.path)
  }

  leave(): Promise<void> {
    return this.file.close()
  }

  async committed(): Promise<void> {}
}

/** Directories remembered as durable. */
const SYNCED_MAX = 10_000

export function localFileSystem(disk: Disk): FileSystem {
  const look = async (path: string): Promise<Finished | undefined> => {
    const stat = await disk.lstat(path)
    return stat === undefined ? undefined : { path, size: stat.size, id: idOf(stat) }
  }
  /** Directories that are durable with all that leads to them. */
  const synced = new Set<string>()
  return {
    root: '',

    isFull: false, // the target itself may be, and then nothing helps but waiting

    async makeDirectory(directory) {
      const top = await disk.makeDirectory(directory)
      if (top !== undefined || synced.size > SYNCED_MAX) synced.clear()
      // An earlier run may have made it and died before it synced the parents.
      for (let made = directory; !synced.has(made); made = dirname(made)) {
        await syncReadable(disk, made)
        synced.add(made)
      }
    },

    names: (directory) => namesIn(disk, directory),

    entries: (directory) => entriesOf(disk, directory),

    look,

    async create(path) {
      return new LocalDraft(disk, path, await disk.open(path, 'create', 0o666))
    },

    left: (path) => leftAt(disk, path, () => removed(disk, path)),

    async publish(file, path) {
      try {
        await disk.link(file.path, path)
      } catch (error) {
        if (hasNoLinks(error)) throw await notLinked(disk, file.path, error)
        const errno = errnoOf(error)
        if (errno !== 'EEXIST' && errno !== 'ENOENT') throw error
        if ((await look(path))?.id !== file.id) {
          if (errno === 'ENOENT') throw error
          throw new FlumeError('OTHER_HISTORY', `cannot name a file ${path}: another one has that name`, { cause: error })
        }
      }
      await unlinkThere(disk, file.path)
      await disk.syncDirectory(dirname(path))
    },

    isInDoubt: () => true,

    isTaken: async () => false, // a file system cannot be asked for an inode

    remove: (path) => removed(disk, path),

    async close() {},
  }
}

/** Why there is no link to a file: of those of other users the kernel may give one only to who may read and write them. */
async function notLinked(disk: Disk, path: string, cause: unknown): Promise<Failure> {
  const errno = errnoOf(cause)
  if (errno !== 'EPERM' || (await isOpenToUs(disk, path))) return new Failure(`its file system has no hard links (${errno})`, 'CANNOT_CREATE', { cause })
  return new Failure(`the file is another user's, which fs.protected_hardlinks keeps from being linked (${errno})`, 'PERMISSION', { cause })
}

async function isOpenToUs(disk: Disk, path: string): Promise<boolean> {
  try {
    await (await disk.open(path, 'update')).close()
    return true
  } catch (error) {
    return errnoOf(error) !== 'EACCES'
  }
}

async function* namesIn(disk: Disk, directory: string): AsyncGenerator<string> {
  try {
    await disk.syncDirectory(directory) // what an earlier run named may not be durable yet
    yield* await disk.list(directory)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/** How many are looked at at once. */
const ENTRIES_AT_ONCE = 64

async function* entriesOf(disk: Disk, directory: string): AsyncGenerator<Entry> {
  const names = await disk.list(directory).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  })
  for (let at = 0; at < names.length; at += ENTRIES_AT_ONCE) {
    const some = names.slice(at, at + ENTRIES_AT_ONCE)
    const stats = await Promise.all(some.map((name) => disk.lstat(`${directory}/${name}`)))
    for (const [index, name] of some.entries()) {
      const stat = stats[index]
      if (stat !== undefined) yield { name, size: stat.size, directory: stat.kind === 'directory' }
    }
  }
}

/** Undefined: there is no such file. */
export async function leftAt(disk: Disk, path: string, remove: () => Promise<void>): Promise<Left | undefined> {
  const file = await openThere(disk, path, 'read')
  return file && { file, remove }
}

/** A directory that we may not read is not one that we have made. */
async function syncReadable(disk: Disk, directory: string): Promise<void> {
  try {
    await disk.syncDirectory(directory)
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error
  }
}

async function removed(disk: Disk, path: string): Promise<void> {
  try {
    await disk.unlink(path)
    await disk.syncDirectory(dirname(path)) // or it may come back, where nobody looks any more
  } catch (error) {
    unlessMissing(error)
  }
}

function idOf(stat: FileStat): string {
  return `${stat.device}:${stat.inode}`
}

