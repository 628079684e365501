/**
 * Writes to a pipe that is open here alone, as FdWriter does to one that is shared: non-blocking, so that a reader that
 * stops holds none of the few threads that all file operations of a process have.
 */
import * as net from 'node:net'
import type { Writer } from './fd.js'

export class PipeWriter implements Writer {
  written = 0
  waiting = 0
  error: Error | undefined
  readonly #socket: net.Socket

  constructor(
    readonly fd: number,
    readonly onChange: () => void,
  ) {
    this.#socket = new net.Socket({ fd, readable: false, writable: true })
    this.#socket.on('error', (error) => this.#fail(error))
  }

  get settled(): boolean {
    return this.waiting === 0 || this.error !== undefined
  }

  push(pieces: readonly Buffer[], done?: () => void): void {
    const bytes = pieces.length === 1 ? pieces[0]!.length : pieces.reduce((sum, { length }) => sum + length, 0)
    this.waiting += bytes
    this.#socket.cork()
    for (const piece of pieces.slice(0, -1)) this.#socket.write(piece)
    this.#socket.write(pieces.at(-1)!, (error) => {
      if (error) this.#fail(error)
      else {
        this.written += bytes
        this.waiting -= bytes
      }
      done?.()
      this.onChange()
    })
    this.#socket.uncork()
  }

  close(): void {
    this.#socket.destroy()
  }

  #fail(error: Error): void {
    this.error ??= error
    this.onChange()
  }
}
