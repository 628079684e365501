/** The stages among the processes of this machine, by their programs, from /proc. */
import * as fs from 'node:fs'
import { basename } from 'node:path'

const STAGE = /^flume-(?!stat$)[a-z-]+$/

export function listStages(): { readonly pid: number; readonly command: string; readonly uid: number }[] {
  return read(() => fs.readdirSync('/proc'), []).flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    const [program = '', script = ''] = read(() => fs.readFileSync(`/proc/${name}/cmdline`, 'latin1'), '').split('\0')
    const command = basename(script)
    if (!/^node/.test(basename(program)) || !STAGE.test(command)) return []
    return [{ pid: Number(name), command, uid: read(() => fs.statSync(`/proc/${name}`).uid, -1) }]
  })
}

/** By SIGSTOP, or a debugger. */
export function isStopped(pid: number): boolean {
  return /^\d+ \(.*\) [Tt] /s.test(read(() => fs.readFileSync(`/proc/${pid}/stat`, 'latin1'), ''))
}

/** Device and inode of the pipes that are its stdin and stdout; absent where there is none, or none to be seen. */
export function pipesOf(pid: number): { readonly input?: string; readonly output?: string } {
  const [input, output] = [pipeOf(pid, 0), pipeOf(pid, 1)]
  return { ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }) }
}

function pipeOf(pid: number, fd: number): string | undefined {
  const stat = read(() => fs.statSync(`/proc/${pid}/fd/${fd}`, { bigint: true }), undefined)
  return stat?.isFIFO() === true ? `${stat.dev}:${stat.ino}` : undefined
}

/** A process may end while one looks. */
function read<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise
  }
}
