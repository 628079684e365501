/**
 * What flume itself writes, told by its names: whoever reads a directory in which its own line writes would send the same events
 * round and round, and what sets files aside would destroy the queue. Files that are named without wildcards are read all the same.
 */
import { basename, dirname, join } from 'node:path'
import type { Disk } from '../disk/disk.js'
import { shownPath } from '../disk/path.js'

/** Of flume-sink-hdfs, as long as it writes it. */
const TEMPORARY = /^_[A-Za-z0-9_=-]+\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:_\d+)?\.tmp$/
/** Stream, bucket, first and last event, as they stand in the names of its finished files. */
const DELIVERED = /\.[A-Za-z0-9_=-]+\.[0-9a-f]{8}\.\d{20}-\d{20}(?:\.|$)/

/** A file that a flume-sink-hdfs is writing. */
export const isTemporary = (name: string): boolean => TEMPORARY.test(name)

/** A file that a flume-sink-hdfs has finished. */
export const isDelivered = (name: string): boolean => DELIVERED.test(name)

/** A directory of a flume-buffer, also one that is just being made. False where nobody may look. */
export function isQueue(disk: Disk, directory: string): boolean {
  const isThere = (name: string, kind: string): boolean => disk.statNow(join(directory, name))?.kind === kind
  try {
    return isThere('segments', 'directory') && (isThere('queue.json', 'file') || isThere('cursors', 'directory'))
  } catch {
    return false
  }
}

/** For one look at what is below the directory `from`, or in it: whether a file there is one that flume writes, which is said. */
export function leavingOut(disk: Disk, from: string, sayOnce: (message: string) => void): (path: string) => boolean {
  const top = dirname(from)
  const known = new Map<string, boolean>()
  const isIn = (directory: string): boolean => {
    const before = known.get(directory)
    if (before !== undefined) return before
    const isOne = isQueue(disk, directory) && sayQueue(directory, sayOnce)
    const found = isOne || (directory.length > top.length && isIn(dirname(directory)))
    known.set(directory, found)
    return found
  }
  return (path) => {
    const [name, directory] = [basename(path), dirname(path)]
    if (isTemporary(name) || isDelivered(name)) return sayFiles(directory, 'name them without wildcards', sayOnce)
    return isIn(directory)
  }
}

/** True. */
export function sayQueue(directory: string, sayOnce: (message: string) => void): true {
  sayOnce(`leaves out ${shownPath(directory)}: it is a queue of flume-buffer`)
  return true
}

/** True. */
export function sayFiles(directory: string, how: string, sayOnce: (message: string) => void): true {
  sayOnce(`leaves out what flume-sink-hdfs writes in ${shownPath(directory)}: ${how} to read its files`)
  return true
}
