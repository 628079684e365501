/**
 * The descriptors a command is given, read and written where they are. Neither process.stdin nor process.stdout is
 * touched: they are slower, and make a shared descriptor non-blocking for its other owners.
 */
import * as fs from 'node:fs'
import * as net from 'node:net'
import { FlumeError, errnoOf } from '../errors.js'
import { after } from './node.js'

export interface FdStat {
  readonly kind: 'pipe' | 'file' | 'terminal' | 'null' | 'socket' | 'other' | 'closed'
  readonly device: bigint
  readonly inode: bigint
  /** ms since 1970; tells a FIFO from the next one that gets its inode. 0: without a name, or its file system does not know. */
  readonly birth: bigint
  readonly uid: number
  /** Made by pipe(2), without a name in the file system. */
  readonly anonymous: boolean
}

export function statOfFd(fd: number): FdStat {
  let stat: fs.BigIntStats
  try {
    stat = fs.fstatSync(fd, { bigint: true })
  } catch {
    return { kind: 'closed', device: 0n, inode: 0n, birth: 0n, uid: 0, anonymous: false }
  }
  const target = pathOfFd(fd)
  const anonymous = target.startsWith('pipe:')
  return {
    kind: kindOf(stat, target),
    device: stat.dev,
    inode: stat.ino,
    birth: anonymous ? 0n : stat.birthtimeMs,
    uid: Number(stat.uid),
    anonymous,
  }
}

/** The name of what is open there; empty: it has none. */
export function pathOfFd(fd: number): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

/** The byte of the file that the next read without a place begins at, proc_pid_fdinfo(5). */
export function offsetOfFd(fd: number): number {
  return Number(/^pos:\t(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1])
}

/** Of a file. Throws NO_INPUT where it was opened for writing alone. */
export function checkReadable(fd: number): void {
  try {
    fs.readSync(fd, Buffer.alloc(1), 0, 1, 0)
  } catch (cause) {
    if (errnoOf(cause) === 'EBADF') throw new FlumeError('NO_INPUT', 'cannot read stdin: it is open for writing only')
    throw cause
  }
}

function kindOf(stat: fs.BigIntStats, target: string): FdStat['kind'] {
  if (stat.isFIFO()) return 'pipe'
  if (stat.isFile()) return 'file'
  if (stat.isSocket()) return 'socket'
  if (!stat.isCharacterDevice()) return 'other'
  if (target === '/dev/null') return 'null'
  return /^\/dev\/(tty|pts\/|console)/.test(target) ? 'terminal' : 'other'
}

/** Who takes the bytes of a descriptor. */
export interface Receiver {
  /** Where the next bytes go; empty: no room, call resume() when there is. */
  room(): Buffer
  took(count: number): void
  /** The pipe was seen empty. */
  emptied(): void
  ended(error?: Error): void
}

/** One read of a pipe of the default size. */
const STAGING_BYTES = 64 * 1024

/** Reads a descriptor into what its receiver offers, as fast as there is room. Starts with resume(). */
export class FdReader {
  #socket: net.Socket | undefined
  #staging = Buffer.allocUnsafeSlow(STAGING_BYTES)
  #staged = this.#staging.subarray(0, 0)
  #busy = false
  #ended = false

  constructor(
    readonly fd: number,
    readonly kind: FdStat['kind'],
    readonly receiver: Receiver,
  ) {}

  resume(): void {
    if (this.#ended) return
    if (this.kind !== 'pipe' && this.kind !== 'socket') return this.#readFile()
    this.#socket ??= this.#open()
    if (this.#unstage()) this.#socket.resume()
  }

  /** Reads a pipe at once, without waiting for the event loop to say that there is something. */
  poll(): void {
    if (this.#socket && !this.#ended && this.#unstage()) this.#drain()
  }

  close(): void {
    this.#ended = true
    this.#socket?.destroy()
  }

  #open(): net.Socket {
    const socket = new net.Socket({
      fd: this.fd,
      readable: true,
      writable: false,
      onread: { buffer: this.#staging, callback: (count: number) => this.#arrived(count) },
    } as net.SocketConstructorOpts) // its type lacks onread
    socket.on('end', () => this.#end())
    socket.on('error', (error) => this.#end(error))
    return socket
  }

  #end(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.receiver.ended(error)
  }

  /** One read of the event loop, and after a full one what else is in the pipe. False: no room. */
  #arrived(count: number): boolean {
    this.#staged = this.#staging.subarray(0, count)
    if (!this.#unstage()) return false
    if (count === STAGING_BYTES) return this.#drain()
    this.receiver.emptied() // a short read of a pipe has emptied it
    return true
  }

  #unstage(): boolean {
    while (this.#staged.length > 0) {
      const room = this.receiver.room()
      if (room.length === 0) return false
      const count = this.#staged.copy(room)
      this.#staged = this.#staged.subarray(count)
      this.receiver.took(count)
    }
    return true
  }

  /** Reads straight into the receiver until the pipe is empty (true) or there is no room (false). */
  #drain(): boolean {
    for (;;) {
      const room = this.receiver.room()
      if (room.length === 0) return false
      let count: number
      try {
        count = fs.readSync(this.fd, room, 0, room.length, null)
      } catch (error) {
        if (errnoOf(error) === 'EAGAIN') this.receiver.emptied()
        return true
      }
      if (count > 0) this.receiver.took(count)
      // what is short has emptied the pipe, and to read on costs an error; but one of the default size is full again soon.
      // Nothing is the end, which the socket sees too, or a FIFO that has no writer yet
      if (count < room.length && count !== STAGING_BYTES) {
        this.receiver.emptied()
        return true
      }
    }
  }

  #readFile(): void {
    if (this.#busy) return
    const room = this.receiver.room()
    if (room.length === 0) return
    this.#busy = true
    fs.read(this.fd, room, 0, room.length, null, (error, count) => {
      this.#busy = false
      if (this.#ended) return
      if (error || count === 0) return this.#end(error ?? undefined)
      this.receiver.took(count)
      this.#readFile()
    })
  }
}

export interface Writer {
  /** Bytes written so far. */
  readonly written: number
  /** Bytes pushed and not yet written. */
  readonly waiting: number
  /** Why writing ended; what was not written by then never will be. */
  readonly error: Error | undefined
  /** Nothing will be written any more, or nothing is left to write. */
  readonly settled: boolean
  /** `done` is called once these bytes are written, or never will be. */
  push(pieces: readonly Buffer[], done?: () => void): void
  close(): void
}

/** Writes to a descriptor, in order, one writev(2) at a time; what is pushed meanwhile goes with the next. */
export class FdWriter implements Writer {
  written = 0
  waiting = 0
  error: Error | undefined
  #pieces: readonly Buffer[] = []
  #next: Buffer[] = []
  #done: { readonly at: number; readonly call: () => void }[] = []
  #busy = false

  /** `onChange` is called after each write, and when writing has failed. */
  constructor(
    readonly fd: number,
    readonly onChange: () => void,
  ) {}

  get settled(): boolean {
    return this.waiting === 0 || this.error !== undefined
  }

  push(pieces: readonly Buffer[], done?: () => void): void {
    for (const piece of pieces) {
      this.#next.push(piece)
      this.waiting += piece.length
    }
    if (done) this.#done.push({ at: this.written + this.waiting, call: done })
    if (this.error) this.#settle()
    else if (!this.#busy) this.#write()
  }

  /** Closes the descriptor; its number stays taken, so that no other file gets what is printed to it. */
  close(): void {
    try {
      fs.closeSync(this.fd)
      const placeholder = fs.openSync('/dev/null', 'w')
      if (placeholder !== this.fd) fs.closeSync(placeholder)
    } catch {
      // it is closed: that is what was asked for
    }
  }

  #write(): void {
    if (this.#pieces.length === 0) {
      this.#pieces = this.#next.splice(0, PIECES_MAX)
      if (this.#pieces.length === 0) return
    }
    this.#busy = true
    fs.writev(this.fd, this.#pieces as Buffer[], null, (error, count) => {
      if (error?.code === 'EAGAIN') return void setTimeout(() => this.#write(), 2) // somebody made it non-blocking
      this.#busy = false
      if (error) this.error = error
      else {
        this.written += count
        this.waiting -= count
        this.#pieces = after(this.#pieces, count) as Buffer[]
      }
      this.#settle()
      if (!error && !this.#busy) this.#write()
      this.onChange()
    })
  }

  #settle(): void {
    while (this.#done[0] && (this.error || this.#done[0].at <= this.written)) this.#done.shift()?.call()
  }
}

/** Of one writev(2): more than a pipe holds. */
const PIECES_MAX = 256
