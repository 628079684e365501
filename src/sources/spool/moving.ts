/** A file gets another name, on this file system or on another; what has that name already is never overwritten. */
import { basename, dirname, join } from 'node:path'
import type { Disk, FileStat } from '../../disk/disk.js'
import { errnoOf, FlumeError } from '../../errors.js'
import { readAt } from '../position.js'
import { identityOf } from './file.js'

const COPY_SIZE = 1024 * 1024
/** Times may differ by this many ms between two file systems. */
const TIME_GRAIN = 2000

/**
 * link(2); to another file system a copy, which gets its name when it is whole and on disk. `stat`: of the file. Returns what was
 * made, if that was not there from a run that was killed. Throws as link(2) does, and where `to` is the file itself.
 */
export async function linkOrCopy(disk: Disk, from: string, to: string, stat: FileStat): Promise<'link' | 'copy' | undefined> {
  try {
    await disk.link(from, to)
    return 'link'
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error
  }
  const copy = join(dirname(to), `.${basename(to)}.flume-copy`)
  try {
    if (await isCopy(disk, from, to, stat)) return undefined
    await writeCopy(disk, from, copy)
    await disk.link(copy, to)
    return 'copy'
  } finally {
    await disk.unlink(copy).catch(() => undefined)
  }
}

async function writeCopy(disk: Disk, from: string, to: string): Promise<void> {
  await disk.unlink(to).catch(() => undefined)
  const copy = await disk.open(to, 'create')
  try {
    for await (const [block, at] of blocksOf(disk, from)) await copy.write([block], at)
    await disk.resemble(to, from)
    await copy.sync()
  } finally {
    await copy.close()
  }
}

/** It has no other name there: who removes the old one would remove the file. */
export const byAnotherPath = (): FlumeError => new FlumeError('IO', 'it is there by another path')

/** `to` holds the same, and is as old. */
async function isCopy(disk: Disk, from: string, to: string, stat: FileStat): Promise<boolean> {
  const there = await disk.lstat(to)
  if (there?.kind !== 'file' || there.size !== stat.size || Math.abs(there.modified - stat.modified) > TIME_GRAIN) return false
  if (identityOf(there) === identityOf(stat)) throw byAnotherPath()
  const file = await disk.open(to, 'read')
  try {
    for await (const [block, at] of blocksOf(disk, from)) {
      if (!block.equals(await readAt(file, at, block.length))) return false
    }
    return true
  } finally {
    await file.close()
  }
}

/** With the place of each. */
async function* blocksOf(disk: Disk, path: string): AsyncGenerator<readonly [Buffer, number]> {
  const file = await disk.open(path, 'read')
  try {
    const block = Buffer.allocUnsafe(COPY_SIZE)
    for (let at = 0; ; ) {
      const count = await file.read(block, at)
      if (count === 0) return
      yield [block.subarray(0, count), at]
      at += count
    }
  } finally {
    await file.close()
  }
}
