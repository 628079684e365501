/**
 * A file that was truncated after more was read of it than its copy holds: copytruncate copies, the program writes, and then
 * comes the truncation. All that is in such a copy was read.
 */
import { dirname } from 'node:path'
import type { ReadableFile } from '../disk/disk.js'
import { Compressed } from './compressed.js'
import { START_SIZE, type Partition } from './partition.js'
import { HEAD_SIZE, identityOf, isPrintOf, readAt, type FilePosition, type Passed } from './position.js'
import { isRotated } from './turns.js'

/** A new file, by its path, is a copy of one of these that was made before that was truncated: its size, else undefined. */
export async function cutCopySize({ file, path, modified }: Partition, all: Iterable<Partition>): Promise<number | undefined> {
  if (file === undefined) return undefined
  const head = await readAt(file, 0, START_SIZE)
  for (const log of all) {
    if (!log.cut || log.marked === null || !startsLike(head, log.start) || !isRotated(path, log.path)) continue
    if (await isCutCopy(file, modified, log, log.marked, dirname(path) === dirname(log.path))) return log.copy?.size
  }
  return undefined
}

/**
 * The file ends before the place, and holds what was read before that as far as that is known: the first bytes, and the last
 * place that was passed in it. Where none is known it was not written to after the place was read. Of each log there is one
 * such copy, which may be compressed later.
 */
export async function isCutCopy(file: ReadableFile, modified: number, log: Partition, place: FilePosition, near = true): Promise<boolean> {
  if (place.ended === true) return false
  const head = await readAt(file, 0, HEAD_SIZE)
  if (head.length === 0 || (head.length === HEAD_SIZE ? !isPrintOf(place.head, head) : !near || !log.first.subarray(0, head.length).equals(head))) return false
  if ((await readAt(file, place.offset, 1)).length > 0) return false
  const stat = await file.stat()
  const { size } = stat
  const identity = identityOf(stat)
  if (log.copy !== undefined && log.copy.identity !== identity && !(file instanceof Compressed && log.copy.size === size)) return false
  const passed = log.passed.find(({ offset }) => offset <= size)
  if (passed === undefined ? !near || Math.floor(modified) > place.time : !(await isPassed(file, passed))) return false
  log.copy = { identity, size }
  return true
}

async function isPassed(file: ReadableFile, { offset, tail }: Passed): Promise<boolean> {
  return isPrintOf(tail, await readAt(file, offset - tail.size, tail.size))
}

/** As far as `start` says how the other one starts. */
export function startsLike(head: Buffer, start: string): boolean {
  const size = Math.min(head.length, start.length)
  return head.toString('latin1', 0, size) === start.slice(0, size)
}
