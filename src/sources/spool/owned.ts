/** Which places are in files of a directory, whatever that was called when they were seen: other directories may have places at the same reader. */
import { basename, dirname, join } from 'node:path'
import type { Disk } from '../../disk/disk.js'
import { shownPath } from '../../disk/path.js'
import type { SpoolPosition } from './file.js'

type Places = ReadonlyMap<string, readonly SpoolPosition[]>

export async function placesIn(directory: string, places: Places, disk: Disk): Promise<Places> {
  const shown = shownPath(directory)
  const real = shownPath(await realPathOf(directory, disk))
  const within = new Map<string, boolean>()
  const owned = new Map<string, readonly SpoolPosition[]>()
  for (const [id, positions] of places) {
    const [place] = positions
    if (place === undefined) continue
    const parent = dirname(place.path)
    if (!within.has(parent)) within.set(parent, isIn(shown, parent) || isIn(real, await realPathOf(parent, disk)))
    if (within.get(parent) === true) owned.set(id, positions)
  }
  return owned
}

const isIn = (directory: string, path: string): boolean => directory === '/' || path === directory || path.startsWith(`${directory}/`)

/** Without symlinks, as far as it is there. */
async function realPathOf(path: string, disk: Disk): Promise<string> {
  const parent = dirname(path)
  if (parent === path) return path
  return disk.realPath(path).catch(async () => join(await realPathOf(parent, disk), basename(path)))
}
