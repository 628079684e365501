/**
 * Sink: batches to a pipe, and their acks back to the source, flume-pipe(7). One reader after the other: each makes
 * the source begin again where that reader stands. Guards the rule that nothing is remembered beyond the last ack.
 */
import { FlumeError, errnoOf } from '../errors.js'
import { FdWriter, statOfFd } from '../disk/fd.js'
import type { FdStat } from '../disk/fd.js'
import type { Batch, Mark, Position } from '../events/batch.js'
import type { Clock, Reader, Source } from '../events/flow.js'
import { Acks } from './acks.js'
import { beginLine, markLine } from './control.js'
import { Door } from './door.js'
import type { Visitor } from './door.js'
import { PROTOCOL_VERSION } from './message.js'
import { Watch } from './holders.js'
import type { PipeStep } from './step.js'

export interface OutputOptions {
  readonly fd: number
  readonly command: string
  readonly pid: number
  /** Effective uid. */
  readonly uid: number
  readonly ack: 'auto' | 'off' | 'require'
  /** ms to wait for the last acks after the last byte. */
  readonly grace: number
  readonly clock: Clock
  /** 96 random bits in base64url. */
  nonce(): string
  say(message: string): void
  /** Called after each step at which the stage may die. */
  readonly step?: (name: PipeStep) => void
}

/** How a command ends: its status, or the signal to die of. */
export type End = number | NodeJS.Signals

/** Runs the source into the pipe, one reader after the other, and settles what they ack. */
export async function deliver(source: Source, options: OutputOptions, stop: AbortSignal): Promise<End> {
  const output = new Output(source, options, stop)
  try {
    return await output.run()
  } finally {
    output.close()
  }
}

/** So much waits to be written while the next batch is made. */
const WAITING_BYTES_MAX = 256 * 1024
/** How often a writer without acks looks whether its reader and its socket are still there. */
const GUARD_MS = 1000
/** How long a writer looks for a reader when it is unclear whether one will come. */
const UNCLEAR_MS = 5000

/** Why a session is over. */
type Why = 'ended' | 'stopped' | 'hello' | 'bye' | 'gone' | 'broken'

class Output {
  readonly #source: Source
  readonly #options: OutputOptions
  readonly #stop: AbortSignal
  readonly #stat: FdStat
  readonly #writer: FdWriter
  readonly #watch: Watch
  readonly #step: (name: PipeStep) => void
  #door: Door | undefined
  #visitor: Visitor | undefined
  /** Some reader of this run has said hello. */
  #met = false
  /** Nobody has the read end. */
  #abandoned = false
  #acks = new Acks()
  #nonce = ''
  /** Where the readers of this run stand, by their own word and by their acks. */
  #acked = new Map<string, readonly Position[]>()
  #settling = Promise.resolve()
  #failed: Error | undefined
  #session = new AbortController()
  #wakers: (() => void)[] = []
  #said = false

  constructor(source: Source, options: OutputOptions, stop: AbortSignal) {
    this.#source = source
    this.#options = options
    this.#stop = stop
    this.#stat = statOfFd(options.fd)
    this.#writer = new FdWriter(options.fd, this.#wake)
    this.#watch = new Watch(this.#stat, options.pid)
    this.#step = options.step ?? (() => undefined)
    stop.addEventListener('abort', this.#wake)
  }

  async run(): Promise<End> {
    let next: Reader | End = await this.#first()
    while (typeof next === 'object') next = await this.#after(await this.#serve(next))
    return next
  }

  close(): void {
    this.#stop.removeEventListener('abort', this.#wake)
    this.#visitor?.link.destroy()
    this.#door?.close(this.#writer.written > 0 ? 'leave' : 'remove')
  }

  async #first(): Promise<Reader | End> {
    const { ack } = this.#options
    if (ack === 'off') return { kind: 'off' }
    if (this.#stat.kind !== 'pipe') {
      if (ack === 'require') throw new FlumeError('NO_ACKS', `cannot get acks from ${this.#target()}`)
      this.#noAcks(this.#target())
      return { kind: 'plain' }
    }
    await this.#open()
    return ack === 'require' ? this.#await('require') : { kind: 'plain' }
  }

  #target(): string {
    return { file: 'a file', terminal: 'a terminal', null: '/dev/null', closed: 'a closed output' }[this.#stat.kind as string] ?? 'this output'
  }

  #noAcks(reader: string): void {
    if (!this.#said) this.#options.say(`no acks from ${reader}: nothing is remembered, the next run starts at the same place`)
    this.#said = true
  }

  async #open(): Promise<void> {
    const { pid, uid, clock, say } = this.#options
    const door = (this.#door ??= new Door(this.#stat, this.#heardAck, this.#wake))
    try {
      await door.open({ pid, uid, now: clock.now(), step: this.#step })
    } catch (error) {
      if (error instanceof FlumeError && error.code === 'BUSY') throw error
      this.#door = undefined
      this.#said = true
      say(`cannot listen for acks, going on without: ${(error as Error).message}`)
    }
  }

  /** One reader, from where it stands until something changes. */
  async #serve(reader: Reader): Promise<Why> {
    this.#session = new AbortController()
    if (this.#reason() !== undefined) return this.#reason()!
    if (reader.kind === 'plain' && this.#stat.kind === 'pipe') void this.#guard(this.#session.signal)
    for await (const batch of this.#source.open(reader, this.#session.signal)) {
      this.#send(batch)
      while (this.#writer.waiting >= WAITING_BYTES_MAX && !this.#reason()) await this.#changed()
      if (this.#reason() !== undefined) break
    }
    const why = this.#reason() ?? 'ended'
    this.#session.abort()
    return why
  }

  #reason(): Why | undefined {
    if (this.#failed !== undefined || this.#writer.error || this.#abandoned) return 'broken'
    if (this.#visitor?.saidBye) return 'bye'
    if (this.#visitor?.gone) return 'gone'
    if (this.#stop.aborted) return 'stopped'
    if (!this.#visitor && this.#door?.waiting) return 'hello'
    return undefined
  }

  #wake = (): void => {
    if (this.#reason() !== undefined) this.#session.abort()
    for (const wake of this.#wakers.splice(0)) wake()
  }

  /** Resolves when anything has happened on the pipe or its socket, or after `ms`. */
  async #changed(ms?: number): Promise<void> {
    const change = new Promise<void>((resolve) => this.#wakers.push(resolve))
    if (ms === undefined) return change
    const timer = new AbortController()
    await Promise.race([change, this.#options.clock.sleep(ms, timer.signal)])
    timer.abort()
  }

  #send(batch: Batch): void {
    const { lines, count, mark } = batch
    if (batch.flush || (!this.#visitor && count === 0)) {
      if (batch.flush) this.#visitor?.link.send({ t: 'flush' })
      batch.release()
    } else if (!this.#visitor) {
      this.#writer.push([lines], () => {
        batch.release()
        this.#step('early')
        if (this.#options.ack === 'off' && !this.#writer.error && mark) this.#settle([mark])
      })
    } else if (mark === null) {
      batch.release()
      throw new FlumeError('BUG', 'cannot send a batch without a mark to a reader that acks')
    } else {
      const line = markLine(this.#nonce, this.#acks.send(mark), lines.length, count, mark)
      if (this.#options.step) {
        // a step between the two: they are written apart
        this.#writer.push([lines], () => this.#step('batch-written'))
        this.#writer.push([line], () => (batch.release(), this.#step('mark-written')))
      } else this.#writer.push([lines, line], () => batch.release())
    }
  }

  #heardAck = (visitor: Visitor, number: number): void => {
    if (visitor !== this.#visitor) return
    this.#step('ack-read')
    if (number > this.#acks.last) return visitor.link.destroy()
    this.#settle(this.#acks.ack(number))
    if (this.#acks.complete) this.#wake()
  }

  #settle(marks: readonly Mark[]): void {
    for (const mark of marks) {
      this.#acked.set(mark.partition, [mark.to])
      this.#settling = this.#settling
        .then(() => this.#source.settle(mark))
        .then(() => this.#step('settled'))
        .catch((error: Error) => {
          this.#failed ??= error
          this.#wake()
        })
    }
  }

  /** What comes after a session: the next reader, or the end. */
  async #after(why: Why): Promise<Reader | End> {
    switch (why) {
      case 'hello':
        return this.#greet()
      case 'gone':
        return this.#orphaned()
      case 'bye':
        await this.#settling
        return 0
      case 'broken':
        return this.#broken()
      case 'ended':
      case 'stopped':
        return this.#visitor ? this.#farewell() : this.#unmet(why)
    }
  }

  async #greet(): Promise<Reader | End> {
    const visitor = this.#door!.waiting!
    this.#door!.admit(visitor)
    this.#visitor = visitor
    this.#met = true
    this.#said = true
    while (!visitor.gone && !this.#writer.settled) await this.#changed()
    await this.#settling
    this.#acks = new Acks()
    this.#nonce = this.#options.nonce()
    const { command, pid } = this.#options
    const voided = this.#door!.replaced ? 'all' : this.#writer.written
    visitor.link.send({ t: 'hello', version: PROTOCOL_VERSION, command, pid, nonce: this.#nonce, void: voided })
    visitor.check()
    this.#step('greeted')
    this.#writer.push([beginLine(this.#nonce, voided)], () => this.#step('begun'))
    return this.#standing(visitor)
  }

  /** Where this reader stands. */
  async #standing(visitor: Visitor): Promise<Reader> {
    const { keeps, binding } = visitor.hello!
    if (!keeps || this.#source.asks === undefined) return { kind: 'acks', ...(binding === undefined ? {} : { binding }) }
    visitor.link.send({ t: 'ask', prefix: this.#source.asks })
    this.#step('asked')
    while (!visitor.answered && !visitor.gone && !this.#stop.aborted) await this.#changed()
    this.#acked = new Map(visitor.held)
    return { kind: 'keeps', held: visitor.held }
  }

  /** The last batch is out: bye, and wait for the last acks. */
  async #farewell(): Promise<End> {
    const visitor = this.#visitor!
    while (!this.#writer.settled && !visitor.gone && !visitor.saidBye) await this.#changed()
    if (this.#writer.error) return this.#broken()
    visitor.link.send({ t: 'bye', last: this.#acks.last })
    this.#step('bye-sent')
    this.#writer.close()
    this.#step('output-closed')
    return this.#last(visitor)
  }

  /** Waits for the acks that are still to come. */
  async #last(visitor: Visitor): Promise<End> {
    const { clock, grace } = this.#options
    const end = clock.now() + grace
    while (!this.#acks.complete && !visitor.gone && !visitor.saidBye && clock.now() < end) await this.#changed(end - clock.now())
    await this.#settling
    if (this.#failed) throw this.#failed
    if (this.#acks.complete || visitor.saidBye) {
      this.#door?.close('remove')
      this.#door = undefined
      await visitor.link.end()
      return 0
    }
    const why = visitor.gone ? 'went away' : `has not acked within ${grace / 1000} s`
    throw new FlumeError('PIPE_BROKEN', `the reader (${visitor.name}) ${why}: ${this.#acks.open} batches are not acked, the next run sends them again`)
  }

  /** A write failed, or nobody is left to read. What the reader still said is heard before anybody complains. */
  async #broken(): Promise<End> {
    const visitor = this.#visitor
    if (this.#failed === undefined && visitor && !visitor.gone && !visitor.saidBye) await this.#drained(visitor)
    await this.#settling
    if (this.#failed) throw this.#failed
    const { error } = this.#writer
    if (error && errnoOf(error) !== 'EPIPE') throw new FlumeError('IO', 'cannot write to the output', { cause: error })
    this.#door?.close(visitor?.saidBye || error ? 'remove' : 'leave')
    this.#door = undefined
    if (visitor?.saidBye) return 0
    if (!this.#met) return 'SIGPIPE'
    throw new FlumeError('PIPE_BROKEN', `the reader${visitor ? ` (${visitor.name})` : ''} went away without a word: the next run sends again what is not acked`)
  }

  async #drained(visitor: Visitor): Promise<void> {
    const { clock, grace } = this.#options
    const end = clock.now() + grace
    while (!visitor.gone && !visitor.saidBye && clock.now() < end) await this.#changed(end - clock.now())
  }

  /** The reader vanished without bye. Nobody else has the pipe: the end. Else wait for who comes next. */
  async #orphaned(): Promise<Reader | End> {
    const { name } = this.#visitor!
    if (this.#watch.look().is === 'nobody') return this.#broken()
    this.#visitor = undefined
    this.#options.say(`the reader (${name}) went away; waiting for the next one of this pipe`)
    return this.#await('next')
  }

  /** Writes nothing until a reader has said hello, or is seen to be no flume stage. */
  async #await(what: 'require' | 'next'): Promise<Reader | End> {
    for (;;) {
      const reason = this.#reason()
      if (reason === 'stopped') return 0
      if (reason !== undefined) return this.#after(reason)
      const look = this.#watch.look()
      this.#abandoned = look.is === 'nobody'
      if (look.is === 'reading') {
        const reader = `${look.holder.program}, pid ${look.holder.pid}`
        if (what === 'require') throw new FlumeError('NO_ACKS', `cannot get acks from the reader (${reader}): it is no flume stage`)
        return { kind: 'plain', held: this.#acked }
      }
      if (!this.#abandoned) await this.#changed(what === 'require' ? 100 : 200)
    }
  }

  /** At the end without having met a reader that acks: look who reads, and wait where one may still come. */
  async #unmet(why: Why): Promise<Reader | End> {
    const { clock } = this.#options
    if (this.#stat.kind === 'pipe' && this.#door && why === 'stopped') return 0
    while (!this.#writer.settled && !this.#reason()) await this.#changed()
    await this.#settling
    const start = clock.now()
    for (let told = false; ; ) {
      const reason = this.#reason()
      if (reason === 'stopped') return 0
      if (reason !== undefined) return this.#after(reason)
      if (this.#stat.kind !== 'pipe' || !this.#door || this.#writer.written === 0) return this.#forgotten()
      const look = this.#watch.look()
      const waited = clock.now() - start
      if (look.is === 'nobody') return this.#met ? this.#broken() : this.#forgotten()
      if (look.is === 'reading') {
        this.#noAcks(`the reader (${look.holder.program}, pid ${look.holder.pid})`)
        return this.#forgotten()
      }
      if (look.is === 'unclear' && waited >= UNCLEAR_MS) return this.#left(look.holder?.pid)
      if (look.is === 'flume' && waited >= UNCLEAR_MS && !told) {
        told = true
        this.#options.say(`waiting for pid ${look.holder.pid} (${look.holder.program}) to read`)
      }
      await this.#changed(Math.min(200, 10 + waited / 5))
    }
  }

  /** Nobody will void what was written: it stands. */
  #forgotten(): End {
    this.#door?.close('remove')
    this.#door = undefined
    return 0
  }

  #left(pid: number | undefined): never {
    const who = pid === undefined ? 'who reads' : `what pid ${pid} does`
    throw new FlumeError('NO_ACKS', `cannot tell ${who} with this pipe: nothing is remembered, the next run sends all again`)
  }

  /** While nobody acks: the reader may leave, the socket may be removed. */
  async #guard(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      await clock.sleep(GUARD_MS, signal)
      if (signal.aborted) return
      if (this.#door?.lost) await this.#open()
      const look = this.#said ? undefined : this.#watch.look()
      if (look?.is === 'reading') this.#noAcks(`the reader (${look.holder.program}, pid ${look.holder.pid})`)
      if (this.#watch.abandoned) {
        this.#abandoned = true
        return this.#wake()
      }
    }
  }
}
