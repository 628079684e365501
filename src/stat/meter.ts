/**
 * What has passed one place of a stage, counted once per batch and never per event: events, bytes, rate, what is not
 * acked, since when, and for whom it waits. Nothing is worked out before somebody asks.
 */
import type { Batch, Mark } from '../events/batch.js'
import type { Clock, Reader, Source } from '../events/flow.js'
import type { FlowStat } from './report.js'

/** Seconds over which a rate is taken. */
const RATE_SECONDS = 10
/** Ages of what is unacked are known to a second, and to more where there are more of them than this. */
const AGES_MAX = 1000

export class Meter {
  events = 0
  bytes = 0
  /** Of the batches that have a mark, and of those of them that were acked. */
  #marked = { events: 0, bytes: 0 }
  #acked = this.#marked
  /** Of what a reader has not acked so much is still to come once more, for another: that is counted already. */
  #again = { events: 0, bytes: 0 }
  readonly #upTo = new WeakMap<Mark, { events: number; bytes: number }>()
  /** Who takes them gives acks. */
  #acks = true
  /** Since when (ms) events up to this number wait for their ack; oldest first. */
  #ages: { readonly since: number; upTo: number }[] = []
  #seconds: { second: number; events: number; bytes: number }[] = []
  readonly #begun: number
  #waits: 'input' | 'output' = 'input'

  constructor(readonly clock: Clock) {
    this.#begun = clock.monotonic()
  }

  /** The same batches, counted. */
  async *through(batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
    this.#waits = 'input'
    for await (const batch of batches) {
      if (batch.flush !== true) this.#count(batch)
      this.#waits = 'output'
      yield batch
      this.#waits = 'input'
    }
  }

  /** The same source; what a reader has not acked is void for the next one. */
  source(source: Source): Source {
    const open = (reader: Reader, stop: AbortSignal): AsyncIterable<Batch> => {
      this.#forgetUnacked()
      this.#acks = reader.kind !== 'plain'
      return this.through(source.open(reader, stop))
    }
    const settle = (mark: Mark): Promise<void> => {
      this.acked(mark)
      return source.settle(mark)
    }
    return {
      ...(source.asks === undefined ? {} : { asks: source.asks }),
      ...(source.ackedPlaces === undefined ? {} : { ackedPlaces: () => source.ackedPlaces!() }),
      open,
      settle,
      ...(source.progress === undefined ? {} : { progress: () => source.progress!() }),
    }
  }

  /** This mark, and all before it. */
  acked(mark: Mark): void {
    const upTo = this.#upTo.get(mark)
    if (upTo === undefined || upTo.bytes < this.#acked.bytes) return
    this.#acked = upTo
    let passed = 0
    while (passed < this.#ages.length && this.#ages[passed]!.upTo <= upTo.events) passed++
    if (passed > 0) this.#ages.splice(0, passed)
  }

  /** `inputs` and `outputs`: what it waits for when it has nothing to do, and when it cannot get rid of what it has. */
  read(role: FlowStat['role'], inputs: string, outputs: string): FlowStat {
    const { events, bytes } = this
    const oldest = this.#acks ? this.#ages[0] : undefined
    const seconds = oldest === undefined ? 0 : Math.max(0, (this.clock.now() - oldest.since) / 1000)
    const waits = this.#waits === 'output' ? outputs : inputs
    const unacked = this.#acks ? this.#marked.events - this.#acked.events : 0
    return { role, events, bytes, ...this.#rate(this.clock.monotonic()), unacked, lagSeconds: seconds, waits }
  }

  #count({ count, lines, mark }: Batch): void {
    const again = { events: Math.min(count, this.#again.events), bytes: Math.min(lines.length, this.#again.bytes) }
    this.#again = { events: this.#again.events - again.events, bytes: this.#again.bytes - again.bytes }
    this.events += count - again.events
    this.bytes += lines.length - again.bytes
    this.#toRate(Math.floor(this.clock.monotonic() / 1000), count, lines.length)
    if (mark === null) return
    this.#marked = { events: this.#marked.events + count, bytes: this.#marked.bytes + lines.length }
    this.#upTo.set(mark, this.#marked)
    if (count > 0) this.#age(mark.time)
  }

  #age(since: number): void {
    const last = this.#ages.at(-1)
    if (last !== undefined && since - last.since < 1000) last.upTo = this.#marked.events
    else this.#ages.push({ since, upTo: this.#marked.events })
    if (this.#ages.length <= AGES_MAX) return
    const ages = this.#ages
    this.#ages = ages.flatMap(({ since }, index) => (index % 2 === 0 ? [{ since, upTo: (ages[index + 1] ?? ages[index]!).upTo }] : []))
  }

  #toRate(second: number, events: number, bytes: number): void {
    const last = this.#seconds.at(-1)
    if (last?.second === second) {
      last.events += events
      last.bytes += bytes
      return
    }
    this.#seconds.push({ second, events, bytes })
    if (this.#seconds.length > RATE_SECONDS + 1) this.#seconds.shift()
  }

  #rate(now: number): { rate: number; byteRate: number } {
    const from = now - RATE_SECONDS * 1000
    const recent = this.#seconds.filter(({ second }) => second * 1000 >= from)
    const seconds = Math.max(1, (now - Math.max(from, this.#begun)) / 1000)
    const sum = (of: 'events' | 'bytes'): number => Math.round(recent.reduce((total, each) => total + each[of], 0) / seconds)
    return { rate: sum('events'), byteRate: sum('bytes') }
  }

  #forgetUnacked(): void {
    this.#again.events += this.#marked.events - this.#acked.events
    this.#again.bytes += this.#marked.bytes - this.#acked.bytes
    this.#acked = this.#marked
    this.#ages = []
  }
}
