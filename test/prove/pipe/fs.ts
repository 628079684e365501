/** In place of node:fs: the calls of src/disk on pipes and on the names of sockets, in the kernel in miniature. */
import { running } from './kernel.js'
import type { Listener } from './net.js'

export const constants = {}
const UID = 1000

/** Made once: nobody keeps one, and they are many. */
const FAILURES = Object.fromEntries(['EBADF', 'ENOENT', 'EAGAIN', 'EEXIST'].map((code) => [code, Object.assign(new Error(code), { code })]))

function failure(code: string): Error {
  return FAILURES[code]!
}

export function fstatSync(fd: number): object {
  const end = running.fds.get(fd)
  if (end === undefined) throw failure('EBADF')
  return { dev: 1n, ino: BigInt(end.pipe.inode), birthtimeMs: 1n, uid: BigInt(UID), isFIFO: () => true }
}

export function readlinkSync(path: string): string {
  const end = running.fds.get(Number(path.slice(path.lastIndexOf('/') + 1)))
  if (end === undefined) throw failure('ENOENT')
  return end.pipe.named ? '/fifo' : `pipe:[${end.pipe.inode}]`
}

export function readSync(fd: number, buffer: Buffer, offset: number, length: number): number {
  const end = running.fds.get(fd)
  if (!running.call('read') || end === undefined) throw failure('EAGAIN')
  if (end.pipe.ended) return 0
  if (end.pipe.bytes.length === 0) throw failure('EAGAIN')
  return end.pipe.read(length).copy(buffer, offset)
}

export function writev(fd: number, pieces: readonly Buffer[], _position: null, done: (error: NodeJS.ErrnoException | null, count: number) => void): void {
  const end = running.fds.get(fd)
  const bytes = Buffer.concat(pieces)
  if (end === undefined) running.post(running.current!, () => done(null, bytes.length)) // closed: that is /dev/null now
  else end.pipe.write(end, bytes, done)
}

export function closeSync(fd: number): void {
  if (running.call('close')) running.close(fd, false)
}

/** /dev/null. */
export function openSync(): number {
  return -1
}

export function existsSync(): boolean {
  return false
}

export function readFileSync(): string {
  return 'boot'
}

/** The one directory is there. */
export function mkdirSync(): void {
  throw failure('EEXIST')
}

export function chmodSync(): void {}
export function chownSync(): void {}

export function lstatSync(path: string, { throwIfNoEntry = true } = {}): object | undefined {
  const directory = !path.includes('.') && !path.includes('boot')
  if (!running.call('lstat', path) || (!directory && !running.names.has(path))) {
    if (throwIfNoEntry) throw failure('ENOENT')
    return undefined
  }
  return { uid: UID, ino: running.names.get(path)?.inode, ctimeNs: 0n, mtimeMs: running.now, isDirectory: () => directory }
}

export function readdirSync(directory: string): string[] {
  return [...running.names.keys()].map((path) => path.slice(directory.length + 1))
}

export function unlinkSync(path: string): void {
  if (!running.call('unlink', path)) return
  if (!running.names.delete(path)) throw failure('ENOENT')
}

export function renameSync(from: string, to: string): void {
  if (!running.call('rename', to)) return
  running.names.set(to, taken(from))
  running.names.delete(from)
}

export function linkSync(from: string, to: string): void {
  if (!running.call('link', to)) return
  if (running.names.has(to)) throw failure('EEXIST')
  running.names.set(to, taken(from))
}

function taken(path: string): Listener {
  const listener = running.names.get(path)
  if (listener === undefined) throw failure('ENOENT')
  return listener
}
