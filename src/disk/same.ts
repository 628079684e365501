/** Whether two paths lead to the same file or directory: through links, or as a file system is mounted in several places. */
import type { Disk } from './disk.js'

/** False where nothing is there. */
export async function isSame(disk: Disk, path: string, other: string): Promise<boolean> {
  const [one, two] = await Promise.all([disk.stat(path), disk.stat(other)])
  return one !== undefined && two !== undefined && one.device === two.device && one.inode === two.inode
}
