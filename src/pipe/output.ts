/**
 * Sink: batches to a pipe, and their acks back to the source, flume-pipe(7). One reader after the other: each makes
 * the source begin again where that reader stands. Guards the rule that nothing is remembered beyond the last ack.
 */
import { FlumeError, errnoOf } from '../errors.js'
import { FdWriter, statOfFd, type FdStat, type Writer } from '../disk/fd.js'
import { PipeWriter } from '../disk/pipe-writer.js'
import type { Batch } from '../events/batch.js'
import type { Reader, Source } from '../events/flow.js'
import { Wake } from '../events/wake.js'
import { Audience, LOOK_MS, UNCLEAR_MS } from './audience.js'
import { Conversation } from './conversation.js'
import type { Door, Visitor } from './door.js'
import { Grace } from './grace.js'
import { Listener } from './listener.js'
import type { End, OutputOptions } from './output-options.js'
import { Settlement } from './settlement.js'
import { checkStderr } from './stderr.js'
import type { PipeStep } from './step.js'

/** Runs the source into the pipe, one reader after the other, and settles what they ack. */
export async function deliver(source: Source, options: OutputOptions, stop: AbortSignal): Promise<End> {
  checkStderr(options.fd)
  const output = new Output(source, options, stop)
  try {
    return await output.run()
  } finally {
    output.close()
  }
}

/** Why a session is over. */
type Why = 'ended' | 'stopped' | 'hello' | 'bye' | 'gone' | 'broken'

class Output {
  readonly #stat: FdStat
  readonly #writer: Writer
  readonly #audience: Audience
  readonly #settlement: Settlement
  readonly #grace: Grace
  readonly #listener: Listener
  #talk: Conversation | undefined
  /** Some reader of this run has said hello, and that it gives acks. */
  #met = false
  /** Nobody has the read end. */
  #abandoned = false
  /** Why it ends, though nobody has left. */
  #failure: Error | undefined
  #session = new AbortController()
  readonly #news = new Wake()

  constructor(
    readonly source: Source,
    readonly options: OutputOptions,
    readonly stop: AbortSignal,
  ) {
    this.#stat = statOfFd(options.fd)
    this.#writer = options.own === true && this.#stat.kind === 'pipe' ? new PipeWriter(options.fd, this.#wake) : new FdWriter(options.fd, this.#wake)
    this.#audience = new Audience(this.#stat, this.#writer, options)
    this.#listener = new Listener(this.#audience, options, this.#heardAck, this.#wake)
    this.#settlement = new Settlement(source, this.#step, this.#wake)
    this.#grace = new Grace(options.clock, options.grace, (ms) => this.#changed(ms))
    stop.addEventListener('abort', this.#wake)
  }

  async run(): Promise<End> {
    let next: Reader | End = await this.#first()
    while (typeof next === 'object') next = await this.#after(await this.#serve(next))
    return next
  }

  close(): void {
    this.#session.abort() // a source that has failed ends here
    this.stop.removeEventListener('abort', this.#wake)
    this.#talk?.visitor.link.destroy()
    if (this.options.own === true) this.#writer.close()
    this.#listener.leave((this.#talk?.settled ?? (this.#writer.written + this.#writer.waiting === 0 && this.#door?.replaced !== true)) ? 'remove' : 'leave')
  }

  async #first(): Promise<Reader | End> {
    const { ack, patient } = this.options
    if (ack === 'off') return { kind: 'off' }
    if (this.#stat.kind !== 'pipe') {
      this.#audience.noAcks(this.#audience.target)
      return { kind: 'plain' }
    }
    await this.#listener.open()
    if (ack === 'require') return this.#await()
    return patient === true && this.#door ? this.#await(UNCLEAR_MS) : { kind: 'plain' }
  }

  get #door(): Door | undefined {
    return this.#listener.door
  }

  /** One reader, from where it stands until something changes. */
  async #serve(reader: Reader): Promise<Why> {
    this.#session = new AbortController()
    if (this.#reason() !== undefined) return this.#reason()!
    if (reader.kind === 'plain' && this.#stat.kind === 'pipe' && !this.#talk) void this.#guard(this.#session.signal)
    for await (const batch of this.source.open(reader, this.#session.signal)) {
      this.#send(batch)
      while (this.#writer.waiting >= this.#audience.waitingMax(this.#talk ? undefined : this.#door) && !this.#reason()) await this.#changed()
      if (this.#reason() !== undefined) break
    }
    this.#session.abort()
    return this.#reason() ?? 'ended'
  }

  #reason(): Why | undefined {
    if (this.#settlement.failure || this.#writer.error || this.#abandoned) return 'broken'
    if (this.#talk?.visitor.saidBye) return 'bye'
    if (this.#talk?.visitor.gone) return 'gone'
    if (this.stop.aborted) return 'stopped'
    if (!this.#talk && this.#door?.waiting) return 'hello'
    return undefined
  }

  #wake = (): void => {
    if (this.#reason() !== undefined) this.#session.abort()
    this.#news.wake()
  }

  #step = (name: PipeStep): void => this.options.step?.(name)

  /** Resolves when anything has happened on the pipe or its socket, or after `ms`. */
  #changed(ms?: number): Promise<void> {
    return ms === undefined ? this.#news.wait() : this.#news.waitFor(this.options.clock, ms)
  }

  #send(batch: Batch): void {
    const { lines, count, mark } = batch
    const release = (): void => batch.release()
    if (batch.flush) {
      this.#talk?.flush()
      release()
    } else if (this.#talk) {
      this.#talk.send({ lines, count, mark, release })
    } else if (count === 0) {
      release()
    } else {
      this.#writer.push([lines], () => {
        release()
        this.#step('early')
        if (this.options.ack === 'off' && !this.#writer.error && mark) this.#settlement.settle([mark])
      })
    }
  }

  #heardAck = (visitor: Visitor, number?: number): void => {
    if (visitor !== this.#talk?.visitor) return
    this.#grace.heard()
    if (number === undefined) return this.source.progress?.()
    this.#settlement.settle(this.#talk.ack(number))
    if (this.#talk.settled) this.#wake()
  }

  /** While nobody acks the reader may leave without a word, and the socket may be removed. */
  async #guard(signal: AbortSignal): Promise<void> {
    const bindAgain = (): Promise<void> => this.#listener.bindAgain()
    if (!(await this.#audience.left(this.options.clock, signal, bindAgain).catch((error: Error) => (this.#failure = error)))) return
    this.#abandoned = true
    this.#wake()
  }

  /** What comes after a session: the next reader, or the end. */
  async #after(why: Why): Promise<Reader | End> {
    switch (why) {
      case 'hello':
        return this.#greet()
      case 'gone':
        return this.#orphaned()
      case 'bye':
        await this.#settlement.done()
        return 0
      case 'broken':
        return this.#broken()
      default:
        return this.#talk ? this.#farewell(this.#talk) : this.#unmet(why)
    }
  }

  async #greet(): Promise<Reader | End> {
    const door = this.#door!
    const visitor = door.waiting!
    visitor.check()
    while (!visitor.gone && !this.#writer.settled) await this.#changed()
    if (this.#writer.error) return this.#broken() // it came to a FIFO that nobody had for a moment: no begin line can follow
    door.admit(visitor)
    const talk = (this.#talk = new Conversation(visitor, this.options.nonce(), this.#writer, this.options.step))
    if (talk.acks) this.#met = this.#audience.told = true
    else this.#audience.noAcks(`the reader (${visitor.name})`)
    await this.#settlement.done()
    talk.greet(this.options, door.replaced ? 'all' : this.#writer.written)
    const reader = await talk.standing(this.source.asks, this.options.relays === true, () => this.#changed(), this.stop)
    if (reader.kind === 'keeps') this.#settlement.begin(reader.held)
    return reader
  }

  /** The last batch is out: bye, and wait for the last acks. */
  async #farewell(talk: Conversation): Promise<End> {
    while (!this.#writer.settled && !talk.over) await this.#changed()
    if (this.#writer.error) return this.#broken()
    talk.bye()
    this.#writer.close()
    this.#step('output-closed')
    await this.#grace.until(() => talk.settled || talk.over)
    await this.#settlement.done()
    if (this.#settlement.failure) throw this.#settlement.failure
    const { gone, saidBye, name, link } = talk.visitor
    if (talk.complete || saidBye) {
      this.#listener.leave(talk.settled ? 'remove' : 'leave')
      await link.end()
      return 0
    }
    talk.visitor.check()
    const why = gone ? 'went away' : `has not acked within ${this.options.grace / 1000} s`
    throw new FlumeError('PIPE_BROKEN', `the reader (${name}) ${why}: ${unacked(talk.open)}`)
  }

  /** A write failed, or nobody is left to read. What the reader still said is heard before anybody complains. */
  async #broken(): Promise<End> {
    const talk = this.#talk
    if (!this.#settlement.failure && talk) await this.#grace.until(() => talk.over)
    await this.#settlement.done()
    const failure = this.#settlement.failure ?? this.#failure
    if (failure) throw failure
    const { error } = this.#writer
    if (error && errnoOf(error) !== 'EPIPE') throw new FlumeError('IO', 'cannot write to the output', { cause: error })
    // what is in a FIFO is read by the next one who opens it
    this.#listener.leave(talk?.settled === true || ((error ?? this.#abandoned) && this.#stat.anonymous) ? 'remove' : 'leave')
    if (talk?.visitor.saidBye) return 0
    talk?.visitor.check()
    if (!this.#met) return 'SIGPIPE'
    const reader = talk ? `the reader (${talk.visitor.name})` : 'the reader'
    throw new FlumeError('PIPE_BROKEN', `${reader} went away without a word: the next run sends again what is not acked`)
  }

  /** The reader vanished without bye. Nobody else has the pipe: the end. Else wait for who comes next. */
  async #orphaned(): Promise<Reader | End> {
    this.#abandoned = this.#audience.look().is === 'nobody'
    if (this.#abandoned) return this.#broken()
    this.#talk!.visitor.check()
    this.options.say(`the reader (${this.#talk!.visitor.name}) went away; waiting for the next one of this pipe`)
    this.#talk = undefined
    return this.#await()
  }

  /** Writes nothing until a reader has said hello, or is seen to be no flume stage, or stays unclear for so many ms. */
  async #await(patience = Infinity): Promise<Reader | End> {
    const { clock } = this.options
    for (const start = clock.monotonic(); ; ) {
      const reason = this.#reason()
      if (reason !== undefined) return reason === 'stopped' ? 0 : this.#after(reason)
      await this.#listener.bindAgain()
      if (!this.#door) return { kind: 'plain', held: this.#settlement.stands() }
      const seen = this.#audience.lookAndCall()
      const waited = clock.monotonic() - start
      this.#abandoned = seen === 'nobody'
      if (seen === 'unclear' && this.#met && this.#stat.anonymous) this.#audience.probe(waited)
      if (seen === 'reading' || (seen === 'unclear' && waited >= patience)) return { kind: 'plain', held: this.#settlement.stands() }
      const pause = this.options.own === true ? 50 : 10 // a command just started finds us by itself
      if (!this.#abandoned) await this.#changed(Math.min(100, pause + waited / 5))
    }
  }

  /** At the end without having met a reader that acks: look who reads, and wait where one may still come. */
  async #unmet(why: Why): Promise<Reader | End> {
    const { clock } = this.options
    if (this.#door && why === 'stopped') return 0
    while (!this.#writer.settled && !this.#reason()) {
      await this.#changed(LOOK_MS)
      await this.#listener.bindAgain()
    }
    await this.#settlement.done()
    const start = clock.monotonic()
    for (;;) {
      const reason = this.#reason()
      if (reason !== undefined) return reason === 'stopped' ? 0 : this.#after(reason)
      await this.#listener.bindAgain()
      if (!this.#door) return 0
      const waited = clock.monotonic() - start
      const verdict = this.#audience.verdict(waited)
      if (verdict === 'nobody' && this.#met) return this.#broken()
      if (verdict !== 'wait') {
        // of an anonymous pipe without a reader, and of what a program reads, nothing will have to be void
        this.#listener.leave((verdict === 'nobody' ? this.#stat.anonymous : verdict === 'reading' && !this.#door.replaced) ? 'remove' : 'leave')
        return 0
      }
      await this.#changed(Math.min(200, 10 + waited / 5))
    }
  }
}

function unacked(count: number): string {
  return count === 1 ? '1 batch is not acked, the next run sends it again' : `${count} batches are not acked, the next run sends them again`
}
