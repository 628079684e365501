/** Disk on node:fs. */
import * as fs from 'node:fs'
import * as promises from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import type { DirectoryEntry, Disk, DiskFile, FileStat, OpenMode } from './disk.js'
import { Direct, isForDirect } from './direct.js'
import { errnoOf } from '../errors.js'
import { pathOf, systemPath } from './path.js'

/** Loaded with the first lock: most commands lock nothing. */
let locks: { tryLock(fd: number): boolean } | undefined

const FLAGS: Record<OpenMode, number> = {
  read: fs.constants.O_RDONLY | fs.constants.O_NONBLOCK, // of a FIFO without a writer too: open(2) would wait, in a thread that nothing ends
  update: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
  any: fs.constants.O_RDWR | fs.constants.O_CREAT,
  append: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_APPEND,
}

const fdatasync = promisify(fs.fdatasync)
const ftruncate = promisify(fs.ftruncate)
const close = promisify(fs.close)
const fstat = promisify<number, { bigint: true }, fs.BigIntStats>(fs.fstat)

class NodeFile implements DiskFile {
  #direct: Direct | undefined

  constructor(readonly fd: number) {}

  read(into: Uint8Array, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.fd, into, 0, into.length, at, (error, count) => (error ? reject(error) : resolve(count)))
    })
  }

  async write(pieces: readonly Uint8Array[], at: number, direct = false): Promise<number> {
    let rest = pieces
    let done = 0
    if (direct && isForDirect(pieces, at)) {
      done = await (this.#direct ??= new Direct(this.fd)).write(pieces[0], at)
      rest = after(pieces, done)
    } else {
      await this.#direct?.close() // of many files those that get much are few
    }
    while (rest.length > 0) {
      const wrote = await this.#writev(rest, at + done)
      done += wrote
      rest = after(rest, wrote)
    }
    return done
  }

  sync(): Promise<void> {
    return fdatasync(this.fd)
  }

  truncate(size: number): Promise<void> {
    return ftruncate(this.fd, size)
  }

  async stat(): Promise<FileStat> {
    return statOf(await fstat(this.fd, { bigint: true }))
  }

  tryLock(): boolean {
    locks ??= loadLocks()
    return locks.tryLock(this.fd)
  }

  async close(): Promise<void> {
    await this.#direct?.close()
    await close(this.fd)
  }

  #writev(pieces: readonly Uint8Array[], at: number): Promise<number> {
    const most = pieces.length > IOV_MAX ? pieces.slice(0, IOV_MAX) : pieces
    return new Promise((resolve, reject) => {
      fs.writev(this.fd, most as Uint8Array[], at, (error, count) => (error ? reject(error) : resolve(count)))
    })
  }
}

/** The binary by itself where it lies: the package looks for that for 13 ms, with ten modules, while the next stage waits. */
function loadLocks(): { tryLock(fd: number): boolean } {
  const require = createRequire(import.meta.url)
  try {
    const path = `fs-native-extensions/prebuilds/${platform()}-${arch()}/fs-native-extensions.node`
    const binary = require(path) as { tryLock(fd: number, from: number, size: number, exclusive: boolean): void }
    return {
      tryLock(fd) {
        try {
          binary.tryLock(fd, 0, 0, true)
          return true
        } catch (error) {
          if (errnoOf(error) === 'EAGAIN') return false
          throw error
        }
      },
    }
  } catch {
    return require('fs-native-extensions') as { tryLock(fd: number): boolean }
  }
}

/** writev(2) takes no more pieces at once. */
const IOV_MAX = 1024

/** What of `pieces` is left after the first `count` bytes. */
export function after(pieces: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skip = count
  for (const [index, piece] of pieces.entries()) {
    if (skip < piece.length) return [piece.subarray(skip), ...pieces.slice(index + 1)]
    skip -= piece.length
  }
  return []
}

function statOf(stat: fs.BigIntStats): FileStat {
  const kind = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'directory'
      : stat.isSymbolicLink()
        ? 'symlink'
        : stat.isFIFO()
          ? 'fifo'
          : stat.isSocket()
            ? 'socket'
            : stat.isCharacterDevice()
              ? 'character'
              : 'other'
  return {
    kind,
    size: Number(stat.size),
    device: stat.dev,
    inode: stat.ino,
    modified: Number(stat.mtimeMs),
    born: stat.birthtimeNs,
    links: Number(stat.nlink),
    touched: stat.ctimeNs > stat.mtimeNs,
  }
}

async function orMissing(stat: Promise<fs.BigIntStats>): Promise<FileStat | undefined> {
  try {
    return statOf(await stat)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** Not mkdir's own `recursive`: that tries for ever where the kernel says ENOENT below a directory that is there (/proc). */
async function makeDirectory(path: string, permissions = 0o777): Promise<string | undefined> {
  try {
    return (await madeOne(path, permissions)) ? path : undefined
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error
  }
  const topmost = await makeDirectory(dirname(path), permissions)
  const made = await madeOne(path, permissions) // also where another process has made its parent meanwhile
  return topmost ?? (made ? path : undefined)
}

/** False: the directory is there. */
async function madeOne(path: string, permissions: number): Promise<boolean> {
  try {
    await promises.mkdir(systemPath(path), permissions)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && (await promises.stat(systemPath(path))).isDirectory()) return false
    throw error
  }
}

const PERMISSIONS = 0o777
const WITH_SPECIAL_BITS = 0o7777

/** Times are kept to the microsecond: seconds with a fraction are all that can be said. */
async function resemble(path: string, other: string): Promise<void> {
  const { uid, gid, mode, atimeNs, mtimeNs } = await promises.stat(systemPath(other), { bigint: true })
  const file = await promises.open(systemPath(path), 'r+')
  try {
    const own = await file.chown(Number(uid), Number(gid)).then(
      () => true,
      () => false,
    )
    await file.chmod(Number(mode) & (own ? WITH_SPECIAL_BITS : PERMISSIONS)) // what runs as its owner is not to run as another
    await file.utimes(secondsOf(atimeNs), secondsOf(mtimeNs))
  } finally {
    await file.close()
  }
}

/** Never less, so that no full millisecond is lost. */
const secondsOf = (ns: bigint): number => (Number(ns / 1000n) + (ns % 1000n === 0n ? 0.5 : 1)) / 1e6

/** A file that this process was given open. */
export function fileOfFd(fd: number): DiskFile {
  return new NodeFile(fd)
}

/** The names are bytes, which the types of Node do not know. */
async function* entries(directory: string): AsyncGenerator<DirectoryEntry> {
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: 256 }
  for await (const entry of await promises.opendir(systemPath(directory), options)) {
    const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : entry.isSymbolicLink() ? 'symlink' : 'other'
    yield { name: pathOf(entry.name as unknown as Buffer), kind }
  }
}

/** A part at a time: readdir(3) of ten thousand names takes 0.7 MB in each of the threads that come to do it, and they keep that. */
async function list(directory: string): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of await promises.opendir(directory, { bufferSize: 1000 })) names.push(name)
  return names
}

export const nodeDisk: Disk = {
  open: (path, mode, permissions = 0o600) =>
    new Promise((resolve, reject) => {
      fs.open(systemPath(path), FLAGS[mode], permissions, (error, fd) => (error ? reject(error) : resolve(new NodeFile(fd))))
    }),
  entries,
  list,
  async sizes(directory) {
    const sizes = new Map<string, number>()
    for (const name of await promises.readdir(directory)) {
      const stat = fs.statSync(`${directory}/${name}`, { throwIfNoEntry: false }) // 12 µs, where a turn of the thread pool is 80
      if (stat !== undefined) sizes.set(name, stat.size)
    }
    return sizes
  },
  stat: (path) => orMissing(promises.stat(systemPath(path), { bigint: true })),
  statNow(path) {
    try {
      const stat = fs.statSync(systemPath(path), { bigint: true, throwIfNoEntry: false })
      return stat && statOf(stat)
    } catch (error) {
      if (errnoOf(error) === 'ENOTDIR') return undefined
      throw error
    }
  },
  lstat: (path) => orMissing(promises.lstat(systemPath(path), { bigint: true })),
  rename: (from, to) => promises.rename(systemPath(from), systemPath(to)),
  link: (from, to) => promises.link(systemPath(from), systemPath(to)),
  unlink: (path) => promises.unlink(systemPath(path)),
  unlinkNow: (path) => fs.unlinkSync(systemPath(path)),
  touch: (path, modified) => promises.utimes(systemPath(path), modified / 1000, modified / 1000),
  resemble,
  makeDirectory,
  async syncDirectory(path) {
    const handle = await promises.open(systemPath(path), FLAGS.read)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  async space(path) {
    const stat = await promises.statfs(path)
    return { free: stat.bavail * stat.bsize, total: stat.blocks * stat.bsize }
  },
  realPath: (path) => promises.realpath(path),
  readLink: (path) => promises.readlink(path),
}
