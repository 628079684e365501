/** A disk on which one directory is where another file system is mounted, while `mounted` says so. */
import { basename, dirname } from 'node:path'
import type { Disk, DiskFile, FileStat } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'

/** Numbers of file systems; nothing else has them. */
const ROOT = 0xffffen
const AWAY = 0xfffffn

/** `root`: the number that the file system of the root has now. */
export function unmounting(name: string, mounted: () => boolean, root = (): bigint => ROOT): Disk {
  const isOn = (path: string): boolean => path !== '/' && (basename(path) === name || isOn(dirname(path)))
  const isGone = (path: string): boolean => !mounted() && isOn(dirname(path))
  const on = (path: string, stat: FileStat | undefined): FileStat | undefined => (
    stat === undefined || isGone(path) ? undefined : { ...stat, device: mounted() && isOn(path) ? AWAY : root() }
  )
  const open = async (path: string, ...how: [Parameters<Disk['open']>[1], number?]): Promise<DiskFile> => {
    if (isGone(path)) throw Object.assign(new Error('no'), { code: 'ENOENT' })
    const file = await nodeDisk.open(path, ...how)
    const stat = async (): Promise<FileStat> => on(path, await file.stat())!
    return new Proxy(file, { get: (of, key) => (key === 'stat' ? stat : bound(of, key)) })
  }
  return {
    ...nodeDisk,
    open,
    list: async (directory) => (isGone(`${directory}/any`) ? [] : nodeDisk.list(directory)),
    entries: (directory) => (isGone(`${directory}/any`) ? nothing() : nodeDisk.entries(directory)),
    stat: async (path) => on(path, await nodeDisk.stat(path)),
    lstat: async (path) => on(path, await nodeDisk.lstat(path)),
    statNow: (path) => on(path, nodeDisk.statNow(path)),
  }
}

function bound(of: object, key: string | symbol): unknown {
  const value: unknown = Reflect.get(of, key)
  return typeof value === 'function' ? value.bind(of) : value
}

async function* nothing(): AsyncGenerator<never> {}
