/**
 * Source: the lines of standard input. What was read cannot be read again, so it is held until it is acked (Unacked); where
 * that is too much reading stops. Each run is a partition of its own: killed, it loses what it held. At its end
 * nobody need remember how far it came, once all is acked.
 */
import { batchOf, NEWLINE, type Batch, type Mark } from '../events/batch.js'
import type { Clock, Reader, Source } from '../events/flow.js'
import { Unacked } from '../events/unacked.js'
import { FdReader, statOfFd, type Receiver } from '../disk/fd.js'
import { FlumeError } from '../errors.js'
import { headersOf, type HeaderOptions } from './headers.js'
import { LineEncoder, type Refused } from './lines.js'
import { LINE_END_SIZE, closeLine } from './reading.js'

export interface StdinOptions {
  readonly fd: number
  readonly sourceId: string
  readonly headers: HeaderOptions
  readonly eventBytesMax: number
  /** Most bytes of a batch, unless one event is longer; absent: as many as a batch may have. */
  readonly batchBytesMax?: number
  /** ms for which the acks of all are waited for at the end, each time that some have come. */
  readonly grace: number
}

export interface StdinSurroundings {
  readonly host: string
  readonly refused: Refused
  readonly clock: Clock
  randomId(): string
}

const ROOM = 64 * 1024
const RAW = 256 * 1024
const NO_LINES = Buffer.alloc(0)

export function stdin(options: StdinOptions, around: StdinSurroundings): Stdin {
  return new Stdin(options, around)
}

class Stdin implements Source, Receiver {
  /** The one partition of this run. */
  readonly asks: string
  readonly #encoder: LineEncoder
  readonly #reader: FdReader
  readonly #room = Buffer.allocUnsafeSlow(ROOM)
  /** [0..#filled) was read and is in no batch yet; raw[0] is byte #offset of the input. */
  #raw = Buffer.allocUnsafeSlow(RAW)
  #filled = 0
  #offset = 0
  /** In the middle of a line that is too long for an event. */
  #skipping = false
  #ended = false
  #error: Error | undefined
  readonly #unacked = new Unacked()
  #marked: Mark['to'] | null = null
  #wake: () => void = () => undefined

  constructor(
    readonly options: StdinOptions,
    readonly around: StdinSurroundings,
  ) {
    this.asks = `stdin.${options.sourceId}.${around.randomId()}`
    this.#encoder = new LineEncoder(options.eventBytesMax, around.refused, options.batchBytesMax)
    const { kind } = statOfFd(options.fd)
    this.#ended = kind === 'null' || kind === 'closed'
    this.#reader = new FdReader(options.fd, kind, this)
  }

  /** Batches that are not acked yet, then new ones. */
  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch> {
    const wake = (): void => this.#wake()
    stop.addEventListener('abort', wake)
    this.#unacked.acks = reader.kind !== 'plain'
    if ('held' in reader) for (const { offset } of reader.held?.get(this.asks)?.slice(0, 1) ?? []) this.#unacked.settle(offset)
    try {
      yield* this.#unacked.batches
      while (!stop.aborted) {
        yield* this.#lines()
        if (this.#error !== undefined) throw new FlumeError('IO', 'cannot read stdin', { cause: this.#error })
        if (this.#ended && this.#filled === 0) {
          yield* this.#leave(reader, stop)
          return
        }
        yield* this.#unacked.room(stop)
        this.#reader.resume()
        if (!stop.aborted && this.#whole() === 0 && !this.#ended) await this.#change()
      }
    } finally {
      stop.removeEventListener('abort', wake)
    }
  }

  async settle(mark: Mark): Promise<void> {
    this.#unacked.settle(mark.to.offset)
    this.#wake()
  }

  async close(): Promise<void> {
    this.#reader.close()
  }

  room(): Buffer {
    const free = this.#raw.length - LINE_END_SIZE - this.#filled
    return this.#unacked.full ? this.#room.subarray(0, 0) : this.#room.subarray(0, Math.min(ROOM, free))
  }

  took(count: number): void {
    this.#room.copy(this.#raw, this.#filled, 0, count)
    this.#filled += count
    this.#wake()
  }

  emptied(): void {
    this.#wake()
  }

  ended(error?: Error): void {
    this.#ended = true
    this.#error = error
    this.#wake()
  }

  /** Its place is forgotten by whoever keeps it; not before all is acked, as what is not may have to be told from what comes again. */
  async *#leave({ kind }: Reader, stop: AbortSignal): AsyncGenerator<Batch> {
    const to = this.#marked
    if (kind !== 'keeps' || to === null) return
    yield* this.#unacked.rest(this.around.clock, this.options.grace, stop)
    if (this.#unacked.empty) yield batchOf(NO_LINES, 0, { ...this.#mark(to, this.around.clock.now()), gone: [this.asks] })
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }

  /** The end of the whole lines in raw; at the end of the input that is all. */
  #whole(): number {
    if (this.#filled === 0) return 0
    if (!this.#ended || this.#skipping) return this.#raw.lastIndexOf(NEWLINE, this.#filled - 1) + 1
    if (this.#raw[this.#filled - 1] !== NEWLINE) this.#filled = closeLine(this.#raw, this.#filled)
    return this.#filled
  }

  async *#lines(): AsyncGenerator<Batch> {
    if (this.#skipping) await this.#skip()
    if (this.#skipping) return // more of it came meanwhile, perhaps with its end
    const to = this.#whole()
    if (to > 0) {
      const time = this.around.clock.now()
      const base = this.#offset
      const headers = headersOf(this.options.headers, undefined, this.around.host, time)
      const positionAt = (index: number): Mark['to'] => ({ offset: base + index })
      const lines = {
        raw: this.#raw, from: 0, to, headers, partition: this.asks, positionAt,
        markAt: (index: number) => this.#mark(positionAt(index), time),
        ...(this.options.headers.known.includes('byteoffset') && { offsetOf: (index: number) => String(base + index) }),
      }
      let done = 0
      try {
        for await (const batch of this.#encoder.batches(lines)) {
          done = (batch.mark?.to.offset ?? base) - base
          yield this.#hold(batch)
        }
        done = to
      } finally {
        this.#consume(done) // a reader that is replaced ends this in the middle
      }
    } else if (this.#filled === this.#raw.length - LINE_END_SIZE) {
      if (this.#filled <= this.options.eventBytesMax) return this.#grow()
      this.#skipping = true
      await this.#skip()
    }
  }

  /** More of a line that is too long: to the rejects. */
  async #skip(): Promise<void> {
    const newline = this.#raw.subarray(0, this.#filled).indexOf(NEWLINE)
    const last = newline >= 0 || this.#ended
    const end = newline >= 0 ? newline : this.#filled
    const past = newline >= 0 ? newline + 1 : end
    const headers = headersOf(this.options.headers, undefined, this.around.host, this.around.clock.now())
    if (this.options.headers.known.includes('byteoffset')) headers.set('byteoffset', String(this.#offset))
    const place = { partition: this.asks, position: { offset: this.#offset + past }, headers }
    await this.#encoder.refuse(Buffer.from(this.#raw.subarray(0, end)), last, place, this.#offset)
    this.#skipping = !last
    this.#consume(past)
  }

  #consume(size: number): void {
    this.#raw.copyWithin(0, size, this.#filled)
    this.#filled -= size
    this.#offset += size
  }

  #grow(): void {
    const raw = Buffer.allocUnsafeSlow(Math.min(this.#raw.length * 4, this.options.eventBytesMax + RAW))
    this.#raw.copy(raw, 0, 0, this.#filled)
    this.#raw = raw
  }

  #mark(to: Mark['to'], time: number): Mark {
    const from = this.#marked
    this.#marked = to
    return { partition: this.asks, from, to, time, replayable: true }
  }

  /** Keeps a copy for the next reader. */
  #hold(batch: Batch): Batch {
    const { mark } = batch
    return mark === null ? batch : this.#unacked.hold({ ...batch, mark })
  }
}
