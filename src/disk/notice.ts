/**
 * Word that something changed in a directory: inotify, through fs.watch. It is a hint that saves waiting for the next
 * poll: where it does not work (NFS, no more watches), or a notice is lost, the poll finds out.
 */
import { watch } from 'node:fs'
import { pathOf } from './path.js'

/** Entries came, went or were renamed; or the bytes of one changed. */
export type Change = 'entries' | 'bytes'

/** Calls `changed` with the name in the directory, where known. Returns what ends it, or undefined where it cannot be had. */
export function notice(directory: string, changed: (change: Change, name: string | null) => void): (() => void) | undefined {
  try {
    const options = { persistent: false, encoding: 'buffer' } as const
    const watcher = watch(directory, options, (event, name) => changed(event === 'rename' ? 'entries' : 'bytes', name && pathOf(name)))
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return undefined
  }
}
