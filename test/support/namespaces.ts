/** Processes in namespaces of their own: a machine within this one, of which root may change anything. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { shell, type Ran } from './shell.js'

/** All but users and cgroups; whoever is in them ends with unshare. */
export const UNSHARE = ['unshare', '--fork', '--kill-child', '--pid', '--mount', '--uts', '--ipc', '--net', '--mount-proc'] as const
/** Where own_opt of test/support/own-opt puts the commands. */
export const PATH = '/opt/flume/bin:/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Why there can be none here; false: there can. */
export function whyNoNamespaces(): string | false {
  if (process.getuid?.() !== 0) return 'only root may try this'
  const [command, ...flags] = UNSHARE
  return spawnSync(command, [...flags, 'mount', '-o', 'remount,bind,ro', '/']).status === 0 ? false : 'namespaces are not allowed here'
}

/** The process in them, by what started it: as seen from here, undefined where there is none. */
export function childOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]) || undefined
  } catch {
    return undefined
  }
}

/** A line of bash in the namespaces of this process. */
export function inside(pid: number, line: string): Promise<Ran> {
  return shell(`exec nsenter --target ${pid} --all env -i PATH=${PATH} bash -c "$LINE"`, '/', { LINE: line })
}
