/**
 * Event lines into the files of their buckets: the hot path. Lines that share their head share their place, so it is
 * found once for a run of them, and the run is decoded straight into the block of its file.
 */
import type { Block } from '../../disk/blocks.js'
import { FlumeError } from '../../errors.js'
import { BATCH_BYTES_MAX, countLines, NEWLINE, type Batch, type Mark, type Position } from '../../events/batch.js'
import { GAP } from '../../events/event.js'
import type { Clock } from '../../events/flow.js'
import { allocate, decodeLines, parseEvent } from '../../events/json.js'
import { isOfQueue } from '../../events/partition.js'
import { PLAIN, refuse, type Refused } from '../../events/rejects.js'
import type { Bucket, Passed, Span } from './bucket.js'
import { Heads, type Head } from '../../events/heads.js'
import { BLOCK_SIZE } from './file-blocks.js'
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

export interface FillAround {
  readonly clock: Clock
  readonly rejects: Refused
  say(message: string): void
  uuid(): string
}

/** What is filled: a file, as far as that matters here. */
export interface Filling {
  /** Bytes for which there is room in the block, from `fill` on. */
  readonly room: number
  readonly block: Block | undefined
  readonly fill: number
  count: number
  lastEventAt: number
  filled(size: number): void
}

/** The buckets of the files, or of a dry run. */
export interface Targets {
  of(place: Place, span: Span): Promise<Bucket>
  fileOf(bucket: Bucket, span: Span, before: Passed): Promise<Filling>
  /** Sees to it that there is room for `size` bytes, at most BLOCK_SIZE. */
  reserve(file: Filling, size: number): Promise<void>
}

/** A batch at work. */
interface Task {
  readonly lines: Buffer
  readonly mark: Mark | null
  readonly before: Passed
  readonly time: number
  /** When it came, in ms of Clock.monotonic(). */
  readonly now: number
  readonly span: Span
  readonly count: number
  /** Of its lines so many lie before this byte; moves with each line that is refused. */
  readonly passed: { at: number; count: number }
  /** What its places have turned out to be. */
  readonly targets: Map<Place, Filling | typeof PAST>
}

/** Instead of a file: what is in place already. */
const PAST = 'past'

const LINE_END = Buffer.from('\n')
/** Bytes of lines decoded at once. */
const RUN_SIZE_MAX = BATCH_BYTES_MAX
const SCRATCH_SIZE = 64 * 1024
/** ms between two messages about gaps. */
const SAY_EACH = 60_000

export class Filler {
  readonly #said = new Set<string>()
  /** For a run that is decoded only to see that it can be. */
  readonly #scratch = allocate(SCRATCH_SIZE)
  readonly #heads = new Heads(true)
  /** Longest line that goes the fast way: a block has room for its body. */
  readonly #runSizeMax: number
  /** How far to look for lines with the head of the last. */
  #ahead = 0
  /** All lines looked at last had one head: those that come next may have one, too, if another. */
  #uniform = false
  /** Of this run, for what has no sequences that come again. */
  readonly #run: string
  #counted = 0
  #gaps = 0
  #gapSaidAt = -Infinity

  constructor(
    readonly options: FillOptions,
    readonly places: Places,
    readonly buckets: Targets,
    readonly around: FillAround,
  ) {
    this.#run = around.uuid().slice(0, 8)
    this.#runSizeMax = Math.min(BLOCK_SIZE, options.eventBytesMax)
  }

  /** All events of a batch. On return `batch.lines` is needed no more. Throws OTHER_HISTORY, and BAD_EVENT if strict. */
  async fill(batch: Batch, before: Passed): Promise<void> {
    const { lines, mark, count } = batch
    if (count === 0) return
    const { clock } = this.around
    const now = clock.monotonic()
    const span = this.#spanOf(mark, count)
    const task: Task = { lines, mark, before, now, time: mark?.time ?? clock.now(), span, count, passed: { at: 0, count: 0 }, targets: new Map() }
    for (let at = 0; at < lines.length; ) {
      const lineEnd = endOf(lines, at)
      const done = lineEnd - at > this.#runSizeMax ? 0 : await this.#fillRun(task, at, lineEnd)
      at += done > 0 ? done : await this.#fillLine(task, lines.subarray(at, lineEnd))
    }
  }

  /** Lines that share the head of the one up to `lineEnd`; returns the bytes of those that could be decoded. */
  async #fillRun(task: Task, at: number, lineEnd: number): Promise<number> {
    const { lines } = task
    const head = this.#heads.find(lines, at, lineEnd)
    const place = head && this.#placeOfHead(head, task)
    if (head === undefined || place === undefined) return 0
    const target = task.targets.get(place) ?? (await this.#aim(place, task))
    if (!this.#heads.repeated && !this.#uniform) this.#ahead = 0
    const end = Math.max(lineEnd, lines.lastIndexOf(NEWLINE, at + this.#ahead - 1) + 1)
    const text = this.options.format === 'text' && target !== PAST
    if (text && target.room < lineEnd - at) await this.buckets.reserve(target, lineEnd - at)
    const out = text && target.block !== undefined ? target.block.bytes : this.#scratch
    const run = decodeLines(lines, at, end, out, text ? target.fill : 0, head)
    this.#ahead = Math.min(Math.max(4 * run.consumed, lineEnd - at), RUN_SIZE_MAX)
    this.#uniform = run.count > 1 && at + run.consumed === end
    if (target === PAST) return run.consumed
    if (text) target.filled(run.written)
    else await this.#append(target, lines.subarray(at, at + run.consumed))
    target.count += run.count
    return run.consumed
  }

  /** The file that takes the events of this batch with this place; PAST: all of them are in place. */
  async #aim(place: Place, task: Task): Promise<Filling | typeof PAST> {
    const { span, targets, before, now } = task
    const bucket = await this.buckets.of(place, span)
    const target = this.#isPast(bucket, span) ? PAST : await this.buckets.fileOf(bucket, span, before)
    targets.set(place, target)
    if (target === PAST) return PAST
    target.lastEventAt = now
    bucket.filling = span
    bucket.reached = Math.max(bucket.reached, span.end)
    return target
  }

  /** One line, the slow way. Returns its size. */
  async #fillLine(task: Task, line: Buffer): Promise<number> {
    try {
      if (line.length > this.options.eventBytesMax) throw new FlumeError('BAD_EVENT', `the line is longer than ${this.options.eventBytesMax} bytes`)
      const event = parseEvent(line)
      const place = this.#placeOf(event.headers, event.headers.get('timestamp'), task)
      if (place === undefined) {
        this.#keepGap(line, event.headers.get(GAP), task)
        return line.length
      }
      const target = task.targets.get(place) ?? (await this.#aim(place, task))
      if (target === PAST) return line.length
      for (const piece of this.options.format === 'text' ? [event.body, LINE_END] : [line]) await this.#append(target, piece)
      target.count++
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'BAD_EVENT') throw error
      this.#refuse(line, error, task)
    }
    return line.length
  }

  async #append(file: Filling, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      await this.buckets.reserve(file, 1)
      const size = Math.min(file.room, bytes.length - at)
      if (file.block !== undefined) bytes.copy(file.block.bytes, file.fill, at, at + size)
      file.filled(size)
      at += size
    }
  }

  /** Undefined: the slow way will say why. */
  #placeOfHead({ headers, timestamp }: Head, task: Task): Place | undefined {
    try {
      return this.#placeOf(headers, timestamp, task)
    } catch (error) {
      if (error instanceof FlumeError && error.code === 'BAD_EVENT') return undefined
      throw error
    }
  }

  /** Undefined: a gap, which has no place among lines of text. */
  #placeOf(headers: ReadonlyMap<string, string>, timestamp: string | undefined, task: Task): Place | undefined {
    if (this.options.format === 'text' && headers.has(GAP)) return undefined
    if (this.places.lacksTime(timestamp)) this.#sayOnce('events without the header timestamp take the time of their mark')
    return this.places.of(headers, timestamp, task.time)
  }

  /** True: all that this bucket gets of the span is in place, or on its way. Throws OTHER_HISTORY: a part of it is. */
  #isPast(bucket: Bucket, span: Span): boolean {
    const { stream, first, end, exact } = span
    if (bucket.filling === span) return false
    if (end <= bucket.reached) return true
    if (first >= bucket.reached) return false
    if (!exact) {
      this.#sayOnce('some events are written twice: without a flume-buffer before this sink batches do not come again as they were')
      return false
    }
    const { directory, prefix } = bucket.place
    const there = `files of ${prefix} in ${directory} end at ${bucket.reached - 1}, in the middle of them`
    const what = `cannot write the events ${first} to ${end - 1} of ${stream}`
    throw new FlumeError('OTHER_HISTORY', `${what}: ${there}, so another history of the queue wrote these`)
  }

  /** What the names of files say of a batch, and whether it comes again as it was. */
  #spanOf(mark: Mark | null, count: number): Span {
    if (mark?.replayable === true) {
      const exact = isOfQueue(mark.partition)
      const first = mark.from?.offset ?? 0
      if (!exact) this.#sayOnce('no flume-buffer before this sink: each event is written at least once')
      return { stream: streamOf(mark.partition), first, end: Math.max(mark.to.offset, first + 1), exact, last: false }
    }
    this.#sayOnce(
      mark === null
        ? 'whoever writes to this sink takes no acks: what is lost on the way here stays lost'
        : 'a stage before this sink chooses differently on a replay: each event is written at least once',
    )
    const first = this.#counted
    this.#counted += count
    return { stream: streamOf(`${mark?.partition ?? PLAIN}.${this.#run}`), first, end: this.#counted, exact: false, last: mark === null }
  }

  #refuse(line: Buffer, error: FlumeError, task: Task): void {
    if (this.options.strict) {
      const { mark, span } = task
      const nth = mark === null ? span.first + linesBefore(line, task) + 1 : undefined
      refuse({ reason: error.message, partition: mark?.partition ?? PLAIN, position: ownPosition(line, task) ?? mark?.to ?? null, nth })
    }
    this.#keep(line, error.message, task)
  }

  #keepGap(line: Buffer, gap: string | undefined, task: Task): void {
    this.#gaps++
    if (task.now - this.#gapSaidAt >= SAY_EACH) {
      this.#gapSaidAt = task.now
      const where = task.mark === null ? '' : `, before ${task.mark.to.offset} of ${task.mark.partition}`
      this.around.say(`events are missing${this.#gaps > 1 ? `, ${this.#gaps} gaps so far, the last` : ''}: ${gap ?? ''}${where}`)
    }
    this.#keep(line, 'a gap: events are missing here', task)
  }

  #keep(line: Buffer, reason: string, task: Task): void {
    this.around.rejects.add(line, { reason, partition: task.mark?.partition ?? PLAIN, position: ownPosition(line, task) })
  }

  #sayOnce(message: string): void {
    if (this.#said.has(message)) return
    this.#said.add(message)
    this.around.say(message)
  }
}

/** Just after this line of a batch that comes again as it was: the sequence, where no stage in between has dropped any. */
function ownPosition(line: Buffer, task: Task): Position | null {
  const { first, end, exact } = task.span
  if (!exact || task.count > end - first) return null
  return { offset: end - task.count + linesBefore(line, task) + 1 }
}

/** In its batch. */
function linesBefore(line: Buffer, { lines, passed }: Task): number {
  const at = line.byteOffset - lines.byteOffset
  passed.count += countLines(lines.subarray(passed.at, at))
  passed.at = at
  return passed.count
}

/** The byte just after the line that byte `at` is in. */
function endOf(lines: Buffer, at: number): number {
  const end = lines.indexOf(NEWLINE, at)
  return end < 0 ? lines.length : end + 1
}
