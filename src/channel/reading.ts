/**
 * The log as batches, from a sequence on: one frame, one batch, one mark, the same on every replay. Reads what is
 * published and no more; what is damaged or missing comes as a gap event that takes its numbers, flume-segment(5).
 */
import type { ReadableFile } from '../disk/disk.js'
import { unlessMissing } from '../disk/gone.js'
import { batchOf, FLUSH, type Batch, type Mark } from '../events/batch.js'
import { openSegment } from './compressed.js'
import { gapLine, reasonOf, type Reason } from './gap.js'
import type { End, Published } from './published.js'
import type { Recent } from './recent.js'
import { readFrames, type Frame } from './segment.js'
import { beginningOf } from './segment-start.js'
import { listSegments } from './surroundings.js'
import type { QueueView } from './view.js'

export interface Reading extends QueueView {
  readonly published: Published
  /** Absent: all is read from the segments. */
  readonly recent?: Recent
  readonly partition: string
  /** Sequence of the first event. */
  readonly from: number
  /** Sequences at which a batch must end, in order; frames do in any case. */
  readonly stops: readonly number[]
  readonly stop: AbortSignal
  /** Whether to end where the log ends; else waits for more. */
  ends(): boolean
  /** Called with each segment that is begun. */
  began?(first: number): void
}

interface OpenSegment {
  readonly first: number
  readonly path: string
  readonly file: ReadableFile
  /** ms since the epoch */
  readonly created: number
  /** Byte up to which it was read. */
  at: number
  damaged: boolean
}

export class LogReader {
  #next: number
  #segment: OpenSegment | undefined
  /** First event of the last segment read to its end, and why events that should follow it might not. */
  #passed = -1
  #reason: Reason = 'removed'
  #time = 0
  /** Acks were asked for when all before this event had been given out. */
  #asked = -1
  constructor(readonly reading: Reading) {
    this.#next = reading.from
  }

  async *batches(): AsyncGenerator<Batch> {
    const { published, stop, around } = this.reading
    try {
      while (!stop.aborted) {
        const end = await published.read()
        if (end !== undefined && this.#next < end.next) {
          const batch = this.#recall(end) ?? ((await this.#reach()) ? this.#recall(end) : undefined)
          if (batch !== undefined) yield batch
          else yield* this.#upTo(end)
        } else if (this.reading.ends()) return
        else if (this.#segment !== undefined && end !== undefined && this.#segment.first < end.segment) await this.#pass(this.#segment)
        else if (end?.full === true && this.#asked !== this.#next) yield this.#ask()
        else await published.changed(end, around.clock, stop)
      }
    } finally {
      await this.#close()
    }
  }

  /** Sequence of the event that comes next. */
  get next(): number {
    return this.#next
  }

  /** What comes next from memory; undefined: it is not there, or in a segment that has not been begun. */
  #recall(end: End): Batch | undefined {
    const { recent } = this.reading
    const frame = recent?.at(this.#next)
    if (frame === undefined || frame.segment !== this.#segment?.first || frame.first + frame.count > end.next) return undefined
    const { first, count, time, lines } = frame
    this.#segment.at = frame.end
    this.#time = time
    this.#next = first + count
    const release = frame.share()
    recent?.passed()
    return { lines, count, mark: this.#mark(first, this.#next), release }
  }

  /** Begins the segment of what comes next where that is in memory; false: it is not. */
  async #reach(): Promise<boolean> {
    const segment = this.reading.recent?.at(this.#next)?.segment
    if (segment === undefined) return false
    if (this.#segment !== undefined && this.#segment.first < segment) await this.#pass(this.#segment)
    return (this.#segment ?? (await this.#open()))?.first === segment
  }

  /** The queue is full: what was given out is to be acked as soon as may be. */
  #ask(): Batch {
    this.#asked = this.#next
    return FLUSH
  }

  /** What one segment has, up to the end published. */
  async *#upTo(end: End): AsyncGenerator<Batch> {
    const segment = this.#segment ?? (await this.#open())
    if (segment === undefined || segment.first > this.#next) {
      this.#time = segment?.created ?? 0
      yield* this.#skipTo(segment?.first ?? end.next, this.#reason)
      return
    }
    const isLast = segment.first >= end.segment
    const whole = yield* this.#frames(segment, isLast ? end.end : Infinity)
    if (!whole) return
    if (isLast) yield* this.#skipTo(end.next, 'damaged')
    else await this.#pass(segment)
  }

  /** It was read to its end. Where it is removed, only an open descriptor would still take room. */
  async #pass(segment: OpenSegment): Promise<void> {
    this.#passed = segment.first
    this.#reason = segment.damaged ? 'damaged' : 'missing'
    await this.#close()
  }

  /** False: it was left before `limit`, at `stop` or because what comes next is in memory. */
  async *#frames(segment: OpenSegment, limit: number): AsyncGenerator<Batch, boolean> {
    for await (const found of readFrames(segment.file, segment.at, limit, this.reading.blocks)) {
      if (found.kind === 'damage') {
        this.#sayDamaged(segment, found.from, found.to)
        segment.at = found.to
        continue
      }
      const { header } = found
      segment.at = header.place + found.size
      if (header.first + header.count > this.#next) yield* this.#frame(segment, found)
      else {
        segment.damaged ||= found.lines === undefined // whoever begins before it is told the same of what follows
        found.release()
      }
      if (this.reading.stop.aborted || this.reading.recent?.at(this.#next) !== undefined) return false
    }
    return true
  }

  async *#frame(segment: OpenSegment, frame: Frame): AsyncGenerator<Batch> {
    const { first, count, time } = frame.header
    this.#time = time
    yield* this.#skipTo(first, 'damaged')
    if (frame.lines === undefined) {
      frame.release()
      this.#sayDamaged(segment, frame.header.place, segment.at)
      yield* this.#skipTo(first + count, 'damaged')
      return
    }
    if (frame.header.lost) {
      const reason = reasonOf(frame.lines)
      frame.release()
      yield* this.#skipTo(first + count, reason)
      return
    }
    this.#next = first + count
    yield { lines: frame.lines, count, mark: this.#mark(first, this.#next), release: () => frame.release() }
  }

  /** Gap events for what is not there before event `to`; none where nothing is missing. */
  async *#skipTo(to: number, reason: Reason): AsyncGenerator<Batch> {
    while (this.#next < to) {
      const first = this.#next
      const end = Math.min(to, ...this.reading.stops.filter((stop) => stop > first))
      this.reading.around.say(`queue ${this.reading.paths.directory}: events ${first} to ${end - 1} are ${reason}`)
      this.#next = end
      yield batchOf(gapLine({ first, end, reason, time: this.#time }, this.reading.identity.queue), 1, this.#mark(first, end))
    }
  }

  #mark(from: number, to: number): Mark {
    const { partition } = this.reading
    return { partition, from: { offset: from }, to: { offset: to }, time: this.#time, replayable: true }
  }

  #sayDamaged(segment: OpenSegment, from: number, to: number): void {
    segment.damaged = true
    this.reading.around.say(`segment ${segment.path}: bytes ${from} to ${to - 1} are damaged`)
  }

  /** The segment that holds the next event, or the first after it; undefined: there is none. */
  async #open(): Promise<OpenSegment | undefined> {
    const { around, paths, began } = this.reading
    for (;;) {
      const listed = await listSegments(around.disk, paths)
      const segments = listed.filter((start) => start > this.#passed)
      const first = segments.findLast((start) => start <= this.#next) ?? segments[0]
      if (first === undefined) return undefined
      if (first === listed[0]) this.#reason = 'removed' // what was passed last has gone, too
      const path = paths.segment(first)
      const file = await openSegment(around.disk, path).catch(unlessMissing)
      if (file === undefined) continue // removed since it was listed
      try {
        const beginning = await beginningOf(this.reading, file, first)
        began?.(first)
        return (this.#segment = { first, path, file, ...beginning, damaged: false })
      } catch (error) {
        await file.close()
        throw error
      }
    }
  }

  async #close(): Promise<void> {
    const segment = this.#segment
    this.#segment = undefined
    await segment?.file.close()
  }
}
