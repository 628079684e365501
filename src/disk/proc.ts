/**
 * What /proc tells: who has a pipe open, proc_pid_fd(5), proc_pid_fdinfo(5), proc_pid_wchan(5), proc_pid_syscall(5), and what is seen
 * from there, proc_pid_root(5).
 */
import * as fs from 'node:fs'
import { basename } from 'node:path'

export interface Holder {
  readonly pid: number
  readonly fd: number
  /** Name of the executable, or of the script that node runs; empty where it cannot be told. */
  readonly program: string
  /** Blocked in a read of a pipe, or with this pipe in one of its epoll sets. */
  readonly reading: boolean
}

export interface Pipe {
  readonly device: bigint
  readonly inode: bigint
  readonly anonymous: boolean
}

/** The processes that have the read end open, without `self`; undefined where /proc is not there, or shows no others. */
export function readersOf(pipe: Pipe, self: number): Holder[] | undefined {
  const pids = list('/proc')?.filter((name) => /^\d+$/.test(name) && Number(name) !== self)
  if (pids === undefined || pids.length === 0) return undefined
  const holders: Holder[] = []
  for (const pid of pids) {
    for (const fd of list(`/proc/${pid}/fd`) ?? []) {
      if (!opensForReading(pid, fd, pipe)) continue
      holders.push({ pid: Number(pid), fd: Number(fd), program: programOf(pid), reading: isReading(pid, fd) })
    }
  }
  return holders
}

/** Does this process still have the pipe under this descriptor? */
export function stillHolds(holder: Holder, pipe: Pipe): boolean {
  return opensForReading(String(holder.pid), String(holder.fd), pipe)
}

/** Is there a process of our group whose descriptors we may not see (sudo)? */
export function hiddenInGroup(self: number): boolean {
  const group = groupOf(String(self))
  if (group === undefined) return false
  return (list('/proc') ?? []).some(
    (pid) => /^\d+$/.test(pid) && Number(pid) !== self && groupOf(pid) === group && list(`/proc/${pid}/fd`) === undefined,
  )
}

/** Of the first pid namespace, PROC_PID_INIT_INO of linux/proc_ns.h. */
const FIRST_NAMESPACE = 'pid:[4026531836]'

/**
 * May somebody outside of our pid namespace have this pipe, whose processes are not in this /proc? pid_namespaces(7). One that was made in
 * here nobody has out there: only what our first ancestor in here has, too, came in. A FIFO has a name, which may be seen outside.
 */
export function mayBeOutside(pipe: Pipe): boolean {
  try {
    if (fs.readlinkSync('/proc/self/ns/pid') === FIRST_NAMESPACE) return false
    const self = fs.readlinkSync('/proc/self')
    let first = self
    for (let parent = parentOf(first); parent !== '0'; parent = parentOf(first)) first = parent
    return !pipe.anonymous || first === self || has(first, pipe)
  } catch {
    return true
  }
}

/** 0: it is not in here. */
function parentOf(pid: string): string {
  return /^PPid:\t(\d+)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))![1]!
}

/** This process has one of its ends open. Throws where that may not be known. */
function has(pid: string, { inode }: Pipe): boolean {
  return fs.readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === `pipe:[${inode}]`)
}

/** Undefined: it is none, or not there any more. */
function linkOf(path: string): string | undefined {
  try {
    return fs.readlinkSync(path)
  } catch {
    return undefined
  }
}

/** Does this process, in its root and mount namespace, find at these paths what we find there? True where that cannot be told. proc_pid_root(5) */
export function sees(pid: number, paths: readonly string[]): boolean {
  const here = paths.filter((path) => identityAt(path) !== '')
  const isThere = (path: string): boolean => {
    const there = identityAt(`/proc/${pid}/root${path}`)
    return there === undefined || there === identityAt(path)
  }
  return here.length === 0 || here.some(isThere) || !fs.existsSync(`/proc/${pid}/root`) // last: it has ended meanwhile
}

/** Empty: nothing is there; undefined: that may not be known. */
function identityAt(path: string): string | undefined {
  try {
    const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
    return stat === undefined ? '' : `${stat.dev} ${stat.ino}`
  } catch {
    return undefined
  }
}

function opensForReading(pid: string, fd: string, pipe: Pipe): boolean {
  const path = `/proc/${pid}/fd/${fd}`
  try {
    const target = fs.readlinkSync(path)
    if (target !== `pipe:[${pipe.inode}]`) {
      if (pipe.anonymous || !target.startsWith('/')) return false
      const stat = fs.statSync(path, { bigint: true })
      if (stat.ino !== pipe.inode || stat.dev !== pipe.device) return false
    }
    return (fs.lstatSync(path).mode & 0o400) !== 0 // the link's mode tells how it was opened
  } catch {
    return false
  }
}

function programOf(pid: string): string {
  try {
    const program = basename(fs.readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '')
    if (program !== 'node') return program
    const script = text(`/proc/${pid}/cmdline`)
      .split('\0')
      .slice(1)
      .find((word) => word !== '' && !word.startsWith('-'))
    return basename(script ?? 'node')
  } catch {
    return ''
  }
}

function isReading(pid: string, fd: string): boolean {
  const where = text(`/proc/${pid}/wchan`)
  if (/pipe_read/.test(where)) return readsFrom(text(`/proc/${pid}/syscall`), fd)
  if (!/poll/.test(where)) return false
  const watched = new RegExp(`^tfd: +${fd} `, 'm')
  return (list(`/proc/${pid}/fdinfo`) ?? []).some((name) => watched.test(text(`/proc/${pid}/fdinfo/${name}`)))
}

/**
 * A shell that reads another pipe, for `$(command)`, has its stdin open as well: the first argument of read(2) tells, where the `call`
 * may be seen. One that runs by now has read, nobody knows from where.
 */
export function readsFrom(call: string, fd: string): boolean {
  return call === '' || Number(call.split(' ')[1]) === Number(fd)
}

function groupOf(pid: string): string | undefined {
  return /^\d+ \(.*\) \S \d+ (\d+) /s.exec(text(`/proc/${pid}/stat`))?.[1]
}

function list(directory: string): string[] | undefined {
  try {
    return fs.readdirSync(directory)
  } catch {
    return undefined
  }
}

function text(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Descriptors that this process may have at once; Node has raised its own limit to what it may be. proc_pid_limits(5) */
export function descriptorsMax(): number {
  const limit = /^Max open files +(\d+)/m.exec(text('/proc/self/limits'))?.[1]
  return limit === undefined ? Infinity : Number(limit)
}
