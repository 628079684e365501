/** Write a small file whole: a crash leaves the old one or the new one, never half of one. */
import { dirname } from 'node:path'
import type { Disk, DiskFile, OpenMode } from './disk.js'
import { openThere, unlinkThere } from './gone.js'
import { readFully } from './read-fully.js'

/** Where several may write it at once, each has a `temporary` of its own: the last one wins. */
export async function replace(disk: Disk, path: string, bytes: Uint8Array, temporary = `${path}.tmp`): Promise<void> {
  await fill(disk, path, temporary, 'any', async (file) => {
    await file.truncate(0)
    await file.write([bytes], 0)
    await file.sync()
  })
  await disk.rename(temporary, path)
  await disk.syncDirectory(dirname(path))
}

/** What is to be the file `path`, under another name. Where it cannot be written it goes, and the error says which file it was. */
export async function fill(disk: Disk, path: string, temporary: string, mode: OpenMode, write: (file: DiskFile) => Promise<void>): Promise<void> {
  const file = await disk.open(temporary, mode)
  try {
    await write(file)
  } catch (error) {
    await unlinkThere(disk, temporary).catch(() => undefined)
    throw Object.assign(error as Error, { path })
  } finally {
    await file.close()
  }
}

/** The whole of a small file; undefined where it is missing. */
export async function readWhole(disk: Disk, path: string): Promise<Buffer | undefined> {
  const file = await openThere(disk, path, 'read')
  if (file === undefined) return undefined
  try {
    const bytes = Buffer.alloc((await file.stat()).size)
    return bytes.subarray(0, await readFully(file, bytes, 0))
  } finally {
    await file.close()
  }
}
