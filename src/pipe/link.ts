/** One end of a connection between two stages: messages out, messages in, and the news that it is over. */
import type { Socket } from 'node:net'
import split2 from 'split2'
import { MESSAGE_BYTES_MAX, encode } from './message.js'
import type { DownMessage, UpMessage } from './message.js'

export class Link<In, Out extends UpMessage | DownMessage> {
  /** The other end is gone, or not understood. */
  closed = false
  /** Why, when it was not simply closed. */
  error: unknown

  constructor(
    readonly socket: Socket,
    decode: (line: string) => In | undefined,
    onMessage: (message: In) => void,
    onClose: () => void,
  ) {
    const lines = split2({ maxLength: MESSAGE_BYTES_MAX })
    lines.on('data', (line: string) => {
      try {
        const message = line === '' ? undefined : decode(line)
        if (message !== undefined && !this.closed) onMessage(message)
      } catch (error) {
        this.error = error
        socket.destroy()
      }
    })
    lines.on('error', (error) => socket.destroy(error))
    socket.on('error', (error) => (this.error ??= error))
    socket.on('close', () => {
      this.closed = true
      onClose()
    })
    // not socket.pipe(): that looks at process.stdout, which makes fd 1 non-blocking for everyone who shares it
    socket.on('data', (chunk) => lines.write(chunk))
  }

  send(message: Out): void {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(encode(message))
  }

  /** Resolves when what was sent is with the kernel. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.destroyed) return resolve()
      this.socket.once('close', resolve)
      this.socket.end(() => resolve())
    })
  }

  destroy(): void {
    this.socket.destroy()
  }
}
