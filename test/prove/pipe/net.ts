/** In place of node:net: Unix sockets and pipes of the kernel in miniature, with what src/pipe and src/disk use of it. */
import { EventEmitter } from 'node:events'
import { running, type Process } from './kernel.js'
import type { End } from './pipes.js'

interface OnRead {
  readonly buffer: Buffer
  callback(count: number): boolean
}

interface Options {
  readonly fd?: number
  readonly onread?: OnRead
}

export class Socket extends EventEmitter {
  destroyed = false
  writable = true
  readonly process: Process
  peer: Socket | undefined
  /** Sent by the peer and not read yet. */
  received: Buffer = Buffer.alloc(0)
  /** The peer sends nothing more. */
  over = false
  /** Why, when it was not simply closed. */
  reset = false
  #finished = false
  #heardEnd = false
  #scheduled = false
  readonly #end: End | undefined
  readonly #onread: OnRead | undefined
  #reading = false
  #writes: Promise<void> = Promise.resolve()

  constructor(options: Options = {}, process: Process = running.current!) {
    super()
    this.process = process
    this.#end = options.fd === undefined ? undefined : running.fds.get(options.fd)
    this.#onread = options.onread
    process.handles.add(this)
  }

  override on(name: string, listener: Parameters<EventEmitter['on']>[1]): this {
    super.on(name, listener)
    if (name === 'data') this.changed()
    return this
  }

  resume(): this {
    this.#reading = true
    if (this.#end?.side === 'read') this.#end.changed = () => this.changed()
    this.changed()
    return this
  }

  /** To a pipe, or to the peer. */
  write(bytes: Buffer | string, done?: (error?: Error) => void): void {
    const buffer = Buffer.from(bytes as string)
    if (this.#end !== undefined) return this.#writePipe(this.#end, buffer, done)
    if (!running.call('send', buffer) || this.destroyed || !this.peer) return
    if (this.peer.#gone()) return this.#fail('EPIPE')
    this.peer.received = Buffer.concat([this.peer.received, buffer])
    this.peer.changed()
  }

  cork(): void {}
  uncork(): void {}
  unref(): void {}

  end(done?: () => void): void {
    this.writable = false
    running.post(this.process, () => {
      this.#shut()
      done?.()
    })
  }

  destroy(error?: Error): void {
    if (this.destroyed) return
    running.call('close')
    this.destroyed = true
    this.writable = false
    this.released()
    running.post(this.process, () => {
      if (error) this.emit('error', error)
      this.emit('close')
    })
  }

  /** Its process has it no more: what was not read is lost, and the peer hears of that. */
  released(): void {
    this.destroyed = true
    this.process.handles.delete(this)
    if (this.#end !== undefined) return running.close(this.#end.fd, true)
    if (!this.peer) return
    this.peer.over = true
    if (this.received.length > 0) this.peer.reset = true
    this.received = Buffer.alloc(0)
    this.peer.changed()
  }

  /** There may be something to read. */
  changed(): void {
    if (this.#scheduled || this.destroyed || this.#heardEnd) return
    const there = this.#end ? this.#reading && (this.#end.pipe.bytes.length > 0 || this.#end.pipe.ended) : this.received.length > 0 || this.over
    if (!there || (!this.#end && this.listenerCount('data') === 0)) return
    this.#scheduled = true
    running.post(this.process, () => {
      this.#scheduled = false
      if (this.destroyed) return
      if (this.#end !== undefined) this.#readPipe(this.#end)
      else this.#receive()
      this.changed()
    })
  }

  #gone(): boolean {
    return this.destroyed || this.process.over
  }

  #receive(): void {
    if (this.received.length === 0) return this.#receiveEnd()
    if (!running.call('recv')) return
    const { choose } = running
    const count = choose(3) < 2 ? this.received.length : 1 + choose(this.received.length)
    const bytes = this.received.subarray(0, count)
    this.received = this.received.subarray(count)
    this.emit('data', bytes)
  }

  /** Nobody of ours keeps a socket half open. */
  #receiveEnd(): void {
    this.#heardEnd = true
    if (this.reset) return this.#fail('ECONNRESET')
    this.emit('end')
    this.writable = false
    this.#shut()
  }

  /** Nothing more is sent; where nothing more comes either it is closed. */
  #shut(): void {
    if (!this.#finished && running.call('shutdown') && this.peer) {
      this.#finished = true
      this.peer.over = true
      this.peer.changed()
    }
    if (this.#heardEnd) this.destroy()
  }

  #fail(code: string): void {
    this.destroy(Object.assign(new Error(code), { code }))
  }

  #readPipe({ pipe }: End): void {
    if (!running.call('read')) return
    if (pipe.ended) {
      this.#heardEnd = true
      this.emit('end')
      return this.destroy()
    }
    const { buffer, callback } = this.#onread!
    const bytes = pipe.read(buffer.length)
    bytes.copy(buffer)
    if (!callback(bytes.length)) this.#reading = false
  }

  #writePipe(end: End, bytes: Buffer, done?: (error?: Error) => void): void {
    this.#writes = this.#writes.then(() => new Promise((resolve) => {
      const rest = (left: Buffer): void => {
        if (this.destroyed) return resolve()
        end.pipe.write(end, left, (error, count) => {
          if (!error && count < left.length) return rest(left.subarray(count))
          resolve()
          done?.(error ?? undefined)
          if (error && !this.destroyed) this.#fail('EPIPE')
        })
      }
      rest(bytes)
    }))
  }
}

/** A listening socket. */
export class Listener extends EventEmitter {
  readonly process = running.current!
  readonly inode = ++running.inodes
  closed = false
  readonly #waiting: Socket[] = []

  constructor(readonly onReader: (socket: Socket) => void) {
    super()
    this.process.handles.add(this)
  }

  listen(path: string, done: () => void): this {
    if (running.call('listen', path)) running.names.set(path, this)
    running.post(this.process, done)
    return this
  }

  /** A connection is there as soon as it is asked for; it is accepted later. */
  connected(peer: Socket): void {
    this.#waiting.push(peer)
    running.post(this.process, () => {
      if (!this.#waiting.includes(peer) || !running.call('accept')) return
      this.#waiting.splice(this.#waiting.indexOf(peer), 1)
      this.onReader(peer)
      peer.changed()
    })
  }

  unref(): void {}

  close(): void {
    if (running.call('close')) this.released()
  }

  released(): void {
    this.closed = true
    this.process.handles.delete(this)
    for (const socket of this.#waiting.splice(0)) {
      socket.peer!.reset = true
      socket.released()
    }
  }
}

export function createServer(onReader: (socket: Socket) => void): Listener {
  return new Listener(onReader)
}

export function connect(path: string): Socket {
  const socket = new Socket()
  const listener = running.call('connect', path) ? running.names.get(path) : undefined
  if (listener === undefined || listener.closed) {
    socket.destroy(Object.assign(new Error('connect'), { code: listener === undefined ? 'ENOENT' : 'ECONNREFUSED' }))
    return socket
  }
  const peer = new Socket({}, listener.process)
  socket.peer = peer
  peer.peer = socket
  listener.connected(peer)
  running.post(socket.process, () => {
    if (socket.reset) socket.destroy(Object.assign(new Error('connect'), { code: 'ECONNRESET' }))
    else socket.emit('connect')
  })
  return socket
}
