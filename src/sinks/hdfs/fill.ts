/**
 * Event lines into the files of their buckets: the hot path. Lines that share their head share their place, so it is
 * found once for a run of them, and the run is decoded straight into the block of its file.
 */
import { FlumeError } from '../../errors.js'
import type { Batch, Mark, Position } from '../../events/batch.js'
import type { Clock } from '../../events/flow.js'
import { decodeLines, headAt, parseEvent } from '../../events/json.js'
import type { Bucket, OpenFile, Passed, Span } from './bucket.js'
import { BLOCK_SIZE, type Buckets } from './buckets.js'
import { streamOf } from './name.js'
import type { Place, Places } from './path.js'

export interface FillOptions {
  /** `text`: the body and \n; `ndjson`: the line as it came. */
  readonly format: 'text' | 'ndjson'
  /** A line that is no event ends the sink: BAD_EVENT. */
  readonly strict: boolean
  /** Longest event line, with its \n. */
  readonly eventBytesMax: number
}

/** Where lines go that are no events. */
export interface Refused {
  add(line: Uint8Array, reason: string, partition: string, position: Position | null): void
  flush(): Promise<void>
}

export interface FillAround {
  readonly clock: Clock
  readonly rejects: Refused
  say(message: string): void
  uuid(): string
}

/** A batch at work. */
interface Task {
  readonly lines: Buffer
  readonly mark: Mark | null
  readonly before: Passed
  readonly time: number
  readonly span: Span
}

const LF = 0x0a
const NEWLINE = Buffer.from('\n')
/** Makes an event of a head. */
const HEAD_CLOSE = Buffer.from('"}')
/** Bytes of lines decoded at once; a block takes them all. */
const RUN_SIZE_MAX = BLOCK_SIZE
/** Header of an event that stands for lost ones. */
const GAP = 'flume.gap'

export class Filler {
  readonly #said = new Set<string>()
  /** For a run that is decoded only to see that it can be. */
  readonly #scratch = Buffer.allocUnsafeSlow(RUN_SIZE_MAX)
  /** Of this run, for what has no sequences that come again. */
  readonly #run: string
  #counted = 0

  constructor(
    readonly options: FillOptions,
    readonly places: Places,
    readonly buckets: Buckets,
    readonly around: FillAround,
  ) {
    this.#run = around.uuid().slice(0, 8)
  }

  /** All events of a batch. On return `batch.lines` is needed no more. Throws OTHER_HISTORY, and BAD_EVENT if strict. */
  async fill(batch: Batch, before: Passed): Promise<void> {
    const { lines, mark, count } = batch
    if (count === 0) return
    const task = { lines, mark, before, time: mark?.time ?? this.around.clock.now(), span: this.#spanOf(mark, count) }
    // Where each line has a head of its own, look no further ahead than the last run went.
    let ahead = RUN_SIZE_MAX
    for (let at = 0; at < lines.length; ) {
      const lineEnd = endOf(lines, at)
      const head = lineEnd - at > this.options.eventBytesMax ? undefined : headAt(lines, at)
      const end = Math.max(lineEnd, lines.lastIndexOf(LF, at + ahead - 1) + 1)
      const done = head === undefined || end - at > RUN_SIZE_MAX ? 0 : await this.#fillRun(task, at, end, head)
      ahead = done === end - at ? RUN_SIZE_MAX : Math.min(2 * done, RUN_SIZE_MAX)
      at += done > 0 ? done : await this.#fillLine(task, lines.subarray(at, lineEnd))
    }
  }

  /** Lines that share this head; returns the bytes of those that could be decoded. */
  async #fillRun(task: Task, at: number, end: number, head: Buffer): Promise<number> {
    const { lines } = task
    let place: Place | undefined
    try {
      place = this.#placeOf(parseEvent(Buffer.concat([head, HEAD_CLOSE])).headers, task)
    } catch (error) {
      if (error instanceof FlumeError && error.code === 'BAD_EVENT') return 0
      throw error
    }
    if (place === undefined) return 0
    const bucket = await this.buckets.of(place, task.span)
    const text = this.options.format === 'text'
    if (this.#isPast(bucket, task.span)) return decodeLines(lines, at, end, this.#scratch, 0, head).consumed
    const file = await this.buckets.fileOf(bucket, task.span, task.before)
    await this.buckets.reserve(file, end - at)
    const { block, fill } = file
    if (block === undefined) return 0
    const out = text ? block.bytes : this.#scratch
    const run = decodeLines(lines, at, end, out, text ? fill : 0, head)
    if (!text) lines.copy(block.bytes, fill, at, at + run.consumed)
    file.filled(text ? run.written : run.consumed)
    this.#took(file, bucket, task, run.count)
    return run.consumed
  }

  /** One line, the slow way. Returns its size. */
  async #fillLine(task: Task, line: Buffer): Promise<number> {
    try {
      if (line.length > this.options.eventBytesMax) throw new FlumeError('BAD_EVENT', `the line is longer than ${this.options.eventBytesMax} bytes`)
      const event = parseEvent(line)
      const place = this.#placeOf(event.headers, task)
      if (place === undefined) {
        this.#keepGap(line, event.headers.get(GAP), task)
        return line.length
      }
      const bucket = await this.buckets.of(place, task.span)
      if (this.#isPast(bucket, task.span)) return line.length
      const file = await this.buckets.fileOf(bucket, task.span, task.before)
      for (const piece of this.options.format === 'text' ? [event.body, NEWLINE] : [line]) await this.#append(file, piece)
      this.#took(file, bucket, task, 1)
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'BAD_EVENT') throw error
      this.#refuse(line, error, task)
    }
    return line.length
  }

  async #append(file: OpenFile, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      await this.buckets.reserve(file, 1)
      const size = Math.min(file.room, bytes.length - at)
      if (file.block !== undefined) bytes.copy(file.block.bytes, file.fill, at, at + size)
      file.filled(size)
      at += size
    }
  }

  #took(file: OpenFile, bucket: Bucket, task: Task, count: number): void {
    file.count += count
    file.lastEventAt = this.around.clock.now()
    bucket.filling = task.span
    bucket.reached = Math.max(bucket.reached, task.span.end)
  }

  /** Undefined: a gap, which has no place among lines of text. */
  #placeOf(headers: ReadonlyMap<string, string>, task: Task): Place | undefined {
    if (this.options.format === 'text' && headers.has(GAP)) return undefined
    if (this.places.lacksTime(headers)) this.#sayOnce('events without the header timestamp take the time of their mark')
    return this.places.of(headers, task.time)
  }

  /** True: all that this bucket gets of the span is in place, or on its way. Throws OTHER_HISTORY: a part of it is. */
  #isPast(bucket: Bucket, span: Span): boolean {
    const { stream, first, end, exact } = span
    if (bucket.filling === span) return false
    if (end <= bucket.reached) return true
    if (first >= bucket.reached) return false
    const { directory, prefix } = bucket.place
    if (!exact) {
      this.#sayOnce('some events are written twice: without a flume-buffer before this sink batches do not come again as they were')
      return false
    }
    const range = `the events ${first} to ${end - 1} of ${stream}`
    throw new FlumeError(
      'OTHER_HISTORY',
      `cannot write ${range}: files of ${prefix} in ${directory} end at ${bucket.reached - 1}, in the middle of them, so another history of the queue wrote these`,
    )
  }

  /** What the names of files say of a batch, and whether it comes again as it was. */
  #spanOf(mark: Mark | null, count: number): Span {
    if (mark?.replayable === true) {
      const exact = mark.partition.startsWith('queue.')
      const first = mark.from?.offset ?? 0
      if (!exact) this.#sayOnce('no flume-buffer before this sink: each event is written at least once')
      return { stream: streamOf(mark.partition), first, end: Math.max(mark.to.offset, first + 1), exact }
    }
    this.#sayOnce(
      mark === null
        ? 'whoever writes to this sink takes no acks: what is lost on the way here stays lost'
        : 'a stage before this sink chooses differently on a replay: each event is written at least once',
    )
    const first = this.#counted
    this.#counted += count
    return { stream: streamOf(`${mark?.partition ?? 'plain'}.${this.#run}`), first, end: this.#counted, exact: false }
  }

  #refuse(line: Buffer, error: FlumeError, task: Task): void {
    const where = task.mark === null ? '' : ` in the batch before ${task.mark.to.offset} of ${task.mark.partition}`
    if (this.options.strict) throw new FlumeError('BAD_EVENT', `cannot take a line${where}`, { cause: error })
    this.#keep(line, error.message, task)
  }

  #keepGap(line: Buffer, gap: string | undefined, task: Task): void {
    this.#sayOnce(`events are missing: ${gap ?? ''}`)
    this.#keep(line, 'a gap: events are missing here', task)
  }

  #keep(line: Buffer, reason: string, { mark }: Task): void {
    this.around.rejects.add(line, reason, mark?.partition ?? 'plain', mark?.to ?? null)
  }

  #sayOnce(message: string): void {
    if (this.#said.has(message)) return
    this.#said.add(message)
    this.around.say(message)
  }
}

/** The byte just after the line that byte `at` is in. */
function endOf(lines: Buffer, at: number): number {
  const end = lines.indexOf(LF, at)
  return end < 0 ? lines.length : end + 1
}
