/** A disk with one file of these bytes, to be read. */
import type { Disk, DiskFile, FileStat } from '../../../src/disk/disk.js'

const STAT = { kind: 'file', device: 1n, inode: 2n, modified: 0, born: 3n, links: 1, touched: false } as const

export function fileOf(bytes: Buffer): DiskFile {
  const never = (): Promise<never> => Promise.reject(new Error('nobody writes while a file is decoded'))
  return {
    read: async (into, at) => bytes.copy(into, 0, Math.min(at, bytes.length)),
    stat: async (): Promise<FileStat> => ({ ...STAT, size: bytes.length }),
    write: never, sync: never, truncate: never, tryLock: () => false, close: async () => undefined,
  }
}

/** Whatever is opened holds these bytes; where `path` is given nothing else is there. */
export function diskOf(bytes: Buffer, path?: string): Disk {
  const has = (asked: string): boolean => path === undefined || asked === path
  const disk: Pick<Disk, 'open' | 'stat'> = {
    open: async () => fileOf(bytes),
    stat: async (asked) => (has(asked) ? { ...STAT, size: bytes.length } : undefined),
  }
  return disk as Disk
}
