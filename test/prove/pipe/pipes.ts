/** Pipes, pipe(7): so many bytes, ends that are held by any number of processes, writes one after the other that may come in pieces. */
import type { Kernel, Process } from './kernel.js'

export interface End {
  readonly pipe: Pipe
  readonly side: 'read' | 'write'
  readonly process: Process
  readonly fd: number
  /** Called when there may be something to read. */
  changed: (() => void) | undefined
}

interface Write {
  readonly end: End
  left: Buffer
  readonly size: number
  readonly done: (error: NodeJS.ErrnoException | null, count: number) => void
}

export class Pipe {
  bytes: Buffer = Buffer.alloc(0)
  readonly ends = new Set<End>()
  #writes: Write[] = []
  /** The one whose next piece is on its way. */
  #moving: Write | undefined
  /** Closed, and still written to. */
  readonly #closing = new Set<End>()

  constructor(
    readonly kernel: Kernel,
    readonly inode: number,
    readonly size: number,
    /** A FIFO, which can be opened again. */
    readonly named: boolean,
  ) {}

  add(end: End): void {
    this.ends.add(end)
  }

  /** As remove(), but what a call is writing goes on: until then the end is there. */
  close(end: End): void {
    if (this.#writes.some((write) => write.end === end)) this.#closing.add(end)
    else this.remove(end)
  }

  /** What it was writing ends; bytes that nobody can read or add to any more are gone. */
  remove(end: End): void {
    this.ends.delete(end)
    this.#closing.delete(end)
    this.#writes = this.#writes.filter((write) => write.end !== end)
    if (this.ends.size === 0) this.bytes = Buffer.alloc(0)
    this.#move()
    this.#changed()
  }

  has(side: End['side']): boolean {
    for (const end of this.ends) if (end.side === side) return true
    return false
  }

  /** Nothing to read, and nothing will come. */
  get ended(): boolean {
    return this.bytes.length === 0 && !this.has('write')
  }

  /** All that is there, up to so many bytes. */
  read(most: number): Buffer {
    const bytes = this.bytes.subarray(0, most)
    this.bytes = this.bytes.subarray(bytes.length)
    this.#move()
    return bytes
  }

  write(end: End, bytes: Buffer, done: Write['done']): void {
    if (!this.ends.has(end)) return
    this.#writes.push({ end, left: bytes, size: bytes.length, done })
    this.#move()
  }

  #changed(): void {
    for (const end of this.ends) end.changed?.()
  }

  #move(): void {
    const first = this.#writes[0]
    if (first === undefined || this.#moving === first || (this.bytes.length >= this.size && this.has('read'))) return
    this.#moving = first
    this.kernel.post(first.end.process, () => this.#piece(first))
  }

  #piece(write: Write): void {
    if (this.#moving === write) this.#moving = undefined
    if (this.#writes[0] !== write || !this.kernel.call('write')) return
    if (!this.has('read')) return this.#finish(write, write.size === write.left.length)
    const { choose } = this.kernel
    const room = Math.min(write.left.length, this.size - this.bytes.length)
    const count = choose(3) < 2 ? room : 1 + choose(room)
    this.bytes = Buffer.concat([this.bytes, write.left.subarray(0, count)])
    write.left = write.left.subarray(count)
    this.#changed()
    if (write.left.length === 0) this.#finish(write, false)
    else this.#move()
  }

  /** The call returns; it fails where it has written nothing. */
  #finish(write: Write, failed: boolean): void {
    this.#writes.shift()
    const error = failed ? Object.assign(new Error('EPIPE'), { code: 'EPIPE' }) : null
    this.kernel.post(write.end.process, () => write.done(error, write.size - write.left.length))
    if (this.#closing.has(write.end)) this.remove(write.end)
    else this.#move()
  }
}
