/** The writer of our stdin, as the reader sees it: one handshake, from hello to bye. */
import type { Socket } from 'node:net'
import { FlumeError } from '../errors.js'
import type { Held } from '../events/flow.js'
import { tagOf } from './control.js'
import { Link } from './link.js'
import { PROTOCOL_VERSION, checkVersion, decodeDown, haveMessages } from './message.js'
import type { DownMessage, ReaderHello, UpMessage, WriterHello } from './message.js'

export class WriterLink {
  hello: WriterHello | undefined
  /** What starts its control lines. */
  tag: Buffer | undefined
  /** The begin line has been read. */
  begun = false
  /** Number of the last mark read. */
  lastMark = 0
  /** Number of its last mark, once it has said bye. */
  bye: number | undefined
  /** Prefixes asked for and not yet answered. */
  readonly asks: string[] = []
  /** A flush was asked for, up to this mark, and not yet passed on. */
  flush: number | undefined
  #acked = 0
  #acking = false
  #link: Link<DownMessage, UpMessage>

  constructor(
    socket: Socket,
    hello: Omit<ReaderHello, 't' | 'version'>,
    readonly onChange: () => void,
    readonly onAckSent: () => void,
  ) {
    this.#link = new Link(socket, decodeDown, (message) => this.#hear(message), onChange)
    this.#link.send({ t: 'hello', version: PROTOCOL_VERSION, ...hello })
  }

  get gone(): boolean {
    return this.#link.closed
  }

  /** All its marks have been read. */
  get done(): boolean {
    return this.bye !== undefined && this.lastMark >= this.bye
  }

  /** Gone before its end: without bye, or without the `acks` that it is owed. Of another one all lines up to its bye are in the pipe. */
  vanished(acks: boolean): boolean {
    return this.gone && (this.bye === undefined || (acks && this.#acked < this.bye))
  }

  /** The last mark acked. */
  get acked(): number {
    return this.#acked
  }

  get name(): string {
    return this.hello ? `${this.hello.command}, pid ${this.hello.pid}` : 'unknown'
  }

  /** Throws VERSION where the two have no common one, or the other end cannot be understood. */
  check(): void {
    if (this.#link.error instanceof FlumeError) throw this.#link.error
    if (this.hello !== undefined) checkVersion(this.name, this.hello.version)
  }

  answer(held: Held): void {
    for (const message of haveMessages(held)) this.#link.send(message)
  }

  /** Cumulative, so that of many acks in one turn only the last is sent. */
  ack(mark: number): void {
    this.#acked = mark
    if (this.#acking) return
    this.#acking = true
    setImmediate(() => this.#sendAck())
  }

  /** Tells that what it has sent gets on, though there is no ack yet. */
  progress(): void {
    this.#link.send({ t: 'progress' })
  }

  /** The last ack, bye, and the end. */
  async close(): Promise<void> {
    if (this.#acking) this.#sendAck()
    this.#link.send({ t: 'bye' })
    await this.#link.end()
  }

  destroy(): void {
    this.#link.destroy()
  }

  #sendAck(): void {
    if (!this.#acking) return
    this.#acking = false
    this.#link.send({ t: 'ack', mark: this.#acked })
    this.onAckSent()
    if (this.done && this.#acked === this.bye) void this.close()
  }

  #hear(message: DownMessage): void {
    switch (message.t) {
      case 'hello':
        this.hello = message
        this.tag = tagOf(message.nonce)
        break
      case 'ask':
        this.asks.push(message.prefix)
        break
      case 'flush':
        this.flush = message.mark
        break
      case 'bye':
        this.bye = message.last
    }
    this.onChange()
  }
}
