/** A writer that listens for readers: where somebody removes its socket it binds again, and at its end it leaves or removes it. */
import { FlumeError, wordsOf } from '../errors.js'
import type { Audience } from './audience.js'
import { Door } from './door.js'
import type { Visitor } from './door.js'
import type { OutputOptions } from './output-options.js'

export class Listener {
  /** Undefined: nobody comes in. */
  door: Door | undefined
  #again: Promise<void> | undefined

  constructor(
    readonly audience: Audience,
    readonly options: OutputOptions,
    readonly onAck: Visitor['onAck'],
    readonly onChange: () => void,
  ) {}

  /** Throws BUSY where another writer has the pipe, PERMISSION where that of another user may have it, NO_ACKS where they are required. */
  async open(): Promise<void> {
    const { pid, uid, clock, say, ack, step } = this.options
    const door = (this.door ??= new Door(this.audience.output, this.onAck, this.onChange))
    try {
      await door.open({ pid, uid, now: clock.now(), step: (name) => step?.(name) })
    } catch (error) {
      if (error instanceof FlumeError && error.code !== 'UNAVAILABLE') throw error
      this.door = undefined
      this.audience.told = true
      if (ack === 'require') throw new FlumeError('NO_ACKS', 'cannot listen for acks', { cause: error })
      const { path, address } = error as { readonly path?: string; readonly address?: string } // the latter of a socket
      const place = path ?? address
      say(`cannot listen for acks, going on without: ${place === undefined ? '' : `${place}: `}${wordsOf(error)}`)
    }
  }

  /** Where somebody has removed the socket (logind at a logout). A reader may have looked for it meanwhile. */
  async bindAgain(): Promise<void> {
    if (this.door?.lost === true) await (this.#again ??= this.#openAgain()) // for all who ask meanwhile: another one would find our own
  }

  async #openAgain(): Promise<void> {
    try {
      await this.open()
      this.audience.missed()
    } finally {
      this.#again = undefined
    }
  }

  /** No more readers come in. `leave`: who comes later knows that what is in the pipe is void. */
  leave(how: 'leave' | 'remove'): void {
    const { waiting, error } = this.audience.writer
    if (waiting > 0 && !error && this.options.own !== true) return this.door?.unref() // until this process ends bytes come into the pipe
    this.door?.close(how)
    this.door = undefined
  }
}
