/**
 * Whether the file system that a file was on is not mounted now, as at a start that comes before the mounts do: what is not there
 * then was not removed.
 */
import { dirname } from 'node:path'
import type { Disk, FileStat } from '../disk/disk.js'
import { isMounted } from '../disk/proc.js'

/**
 * It was on another one than that of the root, which is mounted nowhere, and where it was there is that of the root. (Another number
 * alone may come of a restart of the machine.)
 */
export function isUnmounted(disk: Pick<Disk, 'statNow'>, path: string, device: string): boolean {
  const root = deviceOf(disk, '/')
  if (root === undefined || root === device || isMounted(BigInt(device))) return false
  for (let at = dirname(path); ; at = dirname(at)) {
    const there = deviceOf(disk, at)
    if (there !== undefined || at === '/') return there === root
  }
}

/** What is said of it. */
export const notMounted = (path: string): string => `waiting for ${path}: the file system that it was on is not mounted`

function deviceOf(disk: Pick<Disk, 'statNow'>, path: string): string | undefined {
  let stat: FileStat | undefined
  try {
    stat = disk.statNow(path)
  } catch {
    return ''
  }
  return stat?.device.toString()
}
