/**
 * Commands of sh(1) with a pipe to this process. Not the socketpairs that Node makes: /dev/stdin of a socket cannot be
 * opened, and what is true of a pipe in a shell, flume-pipe(7), is then true here. Node has no pipe(2), so it is a FIFO
 * that has its name only until both ends are open.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { FlumeError } from '../errors.js'
import { statOfFd } from './fd.js'
import { addressesOf, prepareFifo, removeSocket } from './sockets.js'

export interface Child {
  readonly pid: number
  /** Our end of the pipe; whoever uses it closes it. */
  readonly fd: number
  readonly ended: Promise<Ended>
  kill(signal: NodeJS.Signals): void
}

export interface Ended {
  /** Null: by a signal. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
}

/** Its stdin is the pipe; its stdout that of this process, or /dev/null. `uid`: the effective one. Throws UNAVAILABLE. */
export async function startTaking(command: string, stdout: 'inherit' | 'ignore', uid: number): Promise<Child> {
  const { read, write } = await makePipe(uid)
  return started(spawn('/bin/sh', ['-c', command], { stdio: [read, stdout, 'inherit'] }), write, read)
}

/** Its stdout is the pipe; its stdin is /dev/null. Throws UNAVAILABLE. */
export async function startGiving(command: string, uid: number): Promise<Child> {
  const { read, write } = await makePipe(uid)
  return started(spawn('/bin/sh', ['-c', command], { stdio: ['ignore', write, 'inherit'] }), read, write)
}

/** Waits until the shell runs; `given` is closed here. */
async function started(child: ChildProcess, fd: number, given: number): Promise<Child> {
  const ended = new Promise<Ended>((resolve) => child.once('exit', (status, signal) => resolve({ status, signal })))
  try {
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  } catch (cause) {
    fs.closeSync(fd)
    throw new FlumeError('UNAVAILABLE', 'cannot start /bin/sh', { cause })
  } finally {
    fs.closeSync(given)
  }
  return { pid: child.pid!, fd, ended, kill: (signal) => void child.kill(signal) }
}

/** In the directory of this user, flume-pipe(7). */
async function makePipe(uid: number): Promise<{ read: number; write: number }> {
  const path = prepareFifo(randomUUID(), uid) // not a pid: that comes again, and in each namespace that shares the directory
  try {
    await promisify(execFile)('mkfifo', ['-m', '600', path])
    const both = fs.openSync(path, 'r+') // with it open, neither of the others waits for its counterpart
    const pipe = { read: fs.openSync(path, 'r'), write: fs.openSync(path, 'w') }
    fs.closeSync(both)
    for (const { path: socket } of addressesOf(statOfFd(pipe.read), uid)) removeSocket(socket) // of an earlier one with this inode, where no birth is known
    return pipe
  } catch (cause) {
    throw new FlumeError('UNAVAILABLE', 'cannot make a pipe', { cause })
  } finally {
    fs.rmSync(path, { force: true })
  }
}
