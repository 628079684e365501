/** Where the socket of a pipe lies, flume-pipe(7): names and directories, no connections. */
import * as fs from 'node:fs'
import { basename, dirname } from 'node:path'
import { FlumeError, errnoOf } from '../errors.js'
import type { FdStat } from './fd.js'

/** A line that was killed is typed again, or never, before this is over. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000
/** Between two looks at all that lies there: where lines are killed and started again all day, that may be thousands. */
const SWEEP_EACH_MS = 60 * 60 * 1000

/** Where the socket of a pipe may lie. */
export interface Address {
  readonly path: string
  /** Whose the directory is, and the socket. */
  readonly uid: number
}

/** The first is where `self`, a uid, binds now: as root for the owner of the pipe, else for itself. */
export function addressesOf(pipe: FdStat, self: number): readonly [Address, ...Address[]] {
  const born = pipe.birth === 0n ? '' : `-${pipe.birth.toString(36)}` // short: all of it has 107 bytes, unix(7)
  const name = `${bootId()}-${pipe.device}-${pipe.inode}${born}.sock`
  const of = (uid: number): [Address, Address] => {
    const [now, other] = directoriesOf(uid)
    return [{ path: `${now}/${name}`, uid }, { path: `${other}/${name}`, uid }]
  }
  return self === 0 || self === pipe.uid ? of(pipe.uid) : [...of(self), ...of(pipe.uid)]
}

function directoriesOf(uid: number): readonly [string, string] {
  const session = `/run/user/${uid}`
  const fallback = `/tmp/flume-${uid}`
  return fs.existsSync(session) ? [`${session}/flume`, fallback] : [fallback, `${session}/flume`]
}

let boot: string | undefined
function bootId(): string {
  boot ??= fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  return boot
}

/** Makes the directory of a socket where it is to be ours or we are root, and refuses one that others control. */
export function prepareDirectory(directory: string, uid: number, self: number): void {
  if (self === uid || self === 0) makeDirectory(directory, uid, self)
  if (!isDirectoryOf(directory, uid)) throw new FlumeError('UNAVAILABLE', `cannot use ${directory}: it is not a directory of uid ${uid}`)
}

function makeDirectory(directory: string, uid: number, self: number): void {
  try {
    fs.mkdirSync(directory, { mode: 0o711 })
    fs.chmodSync(directory, 0o711) // whatever the umask
    if (self !== uid) fs.chownSync(directory, uid, -1)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

/** What lies in one of another user, or behind a symbolic link, may be anything. */
export function isDirectoryOf(directory: string, uid: number): boolean {
  const stat = fs.lstatSync(directory, { throwIfNoEntry: false })
  return stat !== undefined && stat.isDirectory() && stat.uid === uid
}

/**
 * Takes away the sockets of earlier boots, and what a writer left that died while it was binding. Returns the sockets so old
 * that their pipe may be gone; one of a long-running writer is among them. Once an hour: else there is nothing to do.
 */
export function sweep(directory: string, now: number): string[] {
  if (!isSweepDue(`${directory}/.swept`, now)) return []
  const old: string[] = []
  for (const name of fs.readdirSync(directory)) {
    const path = `${directory}/${name}`
    const ours = name.startsWith(bootId())
    if (!ours && !name.startsWith('.')) removeSocket(path)
    else if (now - modifiedOf(path, now) <= LEFT_OVER_MS) continue
    else if (ours) old.push(path)
    else removeSocket(path)
  }
  return old
}

/** Then the mark is set anew. It is never opened where it lies: root is here in directories of others. */
function isSweepDue(mark: string, now: number): boolean {
  if (Math.abs(now - modifiedOf(mark, -Infinity)) < SWEEP_EACH_MS) return false
  removeSocket(mark)
  try {
    const fd = fs.openSync(mark, 'wx')
    fs.futimesSync(fd, now / 1000, now / 1000)
    fs.closeSync(fd)
  } catch {
    // somebody else sweeps too, or nothing can be made there, which binding will say
  }
  return true
}

function modifiedOf(path: string, otherwise: number): number {
  try {
    return fs.lstatSync(path).mtimeMs
  } catch {
    return otherwise
  }
}

/** A socket where it lies. */
export interface Socket {
  /** Of its owner. */
  readonly uid: number
  /** Tells it from another one that takes its name. */
  readonly id: string
}

/** Undefined where nothing is there. EACCES is thrown. */
export function socketAt(path: string): Socket | undefined {
  try {
    const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }) // mostly there is none, and this is asked after each read
    return stat && { uid: Number(stat.uid), id: `${stat.ino} ${stat.ctimeNs}` }
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** A second name of the socket of who is about to take the place of a dead one: between a look at that and the move nobody else may. */
export function claimOf(path: string): string {
  return `${dirname(path)}/.${basename(path)}`
}

/** Moves a listening socket to its name, also over `dead` while that is still there. Undefined: somebody was faster. */
export function placeSocket(temporary: string, path: string, owner: number | undefined, dead: Socket | undefined): Socket | undefined {
  fs.chmodSync(temporary, 0o600)
  if (owner !== undefined) fs.chownSync(temporary, owner, -1)
  try {
    const placed = dead === undefined ? linked(temporary, path) : linked(temporary, claimOf(path)) && tookPlace(temporary, path, dead)
    if (!placed) return undefined
  } finally {
    removeSocket(temporary)
  }
  return socketAt(path)
}

/** By whoever has the claim to it. */
function tookPlace(temporary: string, path: string, dead: Socket): boolean {
  try {
    if (socketAt(path)?.id !== dead.id) return linked(temporary, path)
    fs.renameSync(temporary, path)
    return true
  } finally {
    removeSocket(claimOf(path))
  }
}

/** False: something is there. */
function linked(temporary: string, path: string): boolean {
  try {
    fs.linkSync(temporary, path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/** `only`: not one that has taken its name meanwhile. */
export function removeSocket(path: string, only?: Socket): void {
  try {
    if (only === undefined || socketAt(path)?.id === only.id) fs.unlinkSync(path)
  } catch {
    // gone already, or not ours to remove: either way it is not used again
  }
}

/** Where a stage of this user answers what flume-stat asks: a name of its own in the first directory. */
export function prepareStatSocket(pid: number, uid: number, now: number): string {
  const directory = directoriesOf(uid)[0]
  prepareDirectory(directory, uid, uid)
  return `${directory}/${bootId()}-stat-${pid}-${now.toString(36)}.sock`
}

/** Where a pipe of this user is made; a name that the sweep takes away if it stays. */
export function prepareFifo(name: string, uid: number): string {
  const directory = directoriesOf(uid)[0]
  prepareDirectory(directory, uid, uid)
  return `${directory}/.${name}.fifo`
}

/** Of this boot, and of this user; for root, of all users whose directories are their own. */
export function listStatSockets(uid: number): { readonly path: string; readonly pid: number; readonly uid: number }[] {
  const uids = uid === 0 ? usersWithSockets() : [uid]
  const pattern = new RegExp(`^${bootId()}-stat-(\\d+)-\\w+\\.sock$`)
  return uids.flatMap((owner) =>
    directoriesOf(owner).flatMap((directory) =>
      namesIn(directory, owner).flatMap((name) => {
        const match = pattern.exec(name)
        return match === null ? [] : [{ path: `${directory}/${name}`, pid: Number(match[1]), uid: owner }]
      }),
    ),
  )
}

function usersWithSockets(): number[] {
  const names = [...namesIn('/run/user'), ...namesIn('/tmp').flatMap((name) => /^flume-(\d+)$/.exec(name)?.[1] ?? [])]
  return [...new Set(names.filter((name) => /^\d+$/.test(name)).map(Number))].sort((a, b) => a - b)
}

/** None where the directory is not there, or is not this user's. */
function namesIn(directory: string, owner?: number): string[] {
  try {
    return owner === undefined || isDirectoryOf(directory, owner) ? fs.readdirSync(directory) : []
  } catch {
    return []
  }
}
