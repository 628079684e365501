/** Where readers of this pipe come in: one at a time, the others wait until it has gone. */
import type { Socket } from 'node:net'
import type { FdStat } from '../disk/fd.js'
import { FlumeError } from '../errors.js'
import type { Position } from '../events/batch.js'
import { Link } from './link.js'
import { decodeUp } from './message.js'
import type { DownMessage, ReaderHello, UpMessage } from './message.js'
import { Meeting } from './rendezvous.js'
import type { Who } from './rendezvous.js'

/** A reader that has connected, as the writer sees it. */
export class Visitor {
  /** Set once it has said who it is. */
  hello: ReaderHello | undefined
  saidBye = false
  /** What it holds of the partitions it was last asked for, as told so far. */
  held = new Map<string, readonly Position[]>()
  /** All of it has been told. */
  answered = false
  readonly link: Link<UpMessage, DownMessage>

  constructor(
    socket: Socket,
    /** Without a mark: it gets on. */
    readonly onAck: (visitor: Visitor, mark?: number) => void,
    readonly onChange: () => void,
  ) {
    this.link = new Link(socket, decodeUp, (message) => this.#hear(message), onChange)
  }

  get gone(): boolean {
    return this.link.closed
  }

  get name(): string {
    return this.hello ? `${this.hello.command}, pid ${this.hello.pid}` : 'unknown'
  }

  /** It said what cannot be understood, and so is gone. */
  get misunderstood(): boolean {
    return this.link.error instanceof FlumeError
  }

  /** Throws VERSION where it is misunderstood. */
  check(): void {
    if (this.misunderstood) throw this.link.error
  }

  ask(prefix: string): void {
    this.held = new Map()
    this.answered = false
    this.link.send({ t: 'ask', prefix })
  }

  #hear(message: UpMessage): void {
    switch (message.t) {
      case 'hello':
        this.hello = message
        break
      case 'have':
        for (const [partition, places] of Object.entries(message.positions)) {
          if (places.length > 0) this.held.set(partition, places.toSorted((a, b) => a.offset - b.offset))
        }
        this.answered = message.more !== true
        break
      case 'ack':
        return this.onAck(this, message.mark)
      case 'progress':
        return this.onAck(this)
      case 'bye':
        this.saidBye = true
    }
    this.onChange()
  }
}

export class Door {
  #visitors: Visitor[] = []
  #meeting: Meeting | undefined
  /** What lay in the pipe before was a killed writer's, wherever this one was bound since. */
  replaced = false

  constructor(
    readonly pipe: FdStat,
    readonly onAck: Visitor['onAck'],
    readonly onChange: () => void,
  ) {}

  /** Again where it is lost. Throws as Meeting.bind. */
  async open(who: Who): Promise<void> {
    const lost = this.#meeting
    try {
      this.#meeting = await Meeting.bind(this.pipe, who, (socket) => {
        who.step('accepted')
        this.#visitors.push(new Visitor(socket, this.onAck, this.onChange))
      })
      this.replaced ||= this.#meeting.replaced
    } finally {
      lost?.close('leave')
    }
  }

  /** Somebody removed the socket: readers cannot find it. */
  get lost(): boolean {
    return this.#meeting !== undefined && !this.#meeting.inPlace
  }

  /** The next reader that has said hello and is still there, or that has tried to. */
  get waiting(): Visitor | undefined {
    this.#visitors = this.#visitors.filter((visitor) => !visitor.gone || visitor.misunderstood)
    return this.#visitors.find((visitor) => visitor.hello !== undefined || visitor.misunderstood)
  }

  /** Lets this reader in: it waits no more. */
  admit(visitor: Visitor): void {
    this.#visitors = this.#visitors.filter((other) => other !== visitor)
  }

  /** Stays until the process ends, which does not wait for that. */
  unref(): void {
    this.#meeting?.server.unref()
    for (const visitor of this.#visitors) visitor.link.socket.unref()
  }

  close(how: 'remove' | 'leave'): void {
    this.#meeting?.close(how)
    this.#meeting = undefined
    for (const visitor of this.#visitors) visitor.link.destroy()
    this.#visitors = []
  }
}
