/** A segment as its frames are read, whatever form its file has. */
import type { Disk, DiskFile } from '../disk/disk.js'

export function openSegment(disk: Disk, path: string): Promise<DiskFile> {
  return disk.open(path, 'read')
}
