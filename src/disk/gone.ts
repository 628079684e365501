/** Files that somebody else may remove between any two calls, or that nobody can write. */
import { errnoOf } from '../errors.js'
import type { Disk, DiskFile, OpenMode } from './disk.js'

/** Undefined: there is no such file. */
export async function openThere(disk: Disk, path: string, mode: OpenMode & ('read' | 'update')): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, mode)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** Undefined: its file system is read-only, so nobody writes it. */
export async function openUnlessReadOnly(disk: Disk, path: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, 'any')
  } catch (error) {
    if (errnoOf(error) === 'EROFS') return undefined
    throw error
  }
}

/** Fine where it has gone. */
export async function unlinkThere(disk: Disk, path: string): Promise<void> {
  await disk.unlink(path).catch(unlessMissing)
}

/** Throws any other error. */
export function unlessMissing(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}
