/**
 * The interceptors in their order, over the event lines of a batch. Lines that share their head are taken as a run. Where no
 * interceptor looks at a body, bodies are not decoded and are copied as they are; where all go by headers alone, the work is
 * done once for all of the run.
 */
import { isAscii } from 'node:buffer'
import { FlumeError } from '../errors.js'
import { batchOf, countLines, NEWLINE, type Batch, type Mark } from '../events/batch.js'
import { GAP } from '../events/event.js'
import { Heads, type Head } from '../events/heads.js'
import { PLAIN, type Refused } from '../events/rejects.js'
import { allocate, decodeLines, headOf, parseEvent, passLines, type Run } from '../events/json.js'
import { Draft, ERROR } from './draft.js'
import { EventLines } from './event-lines.js'
import { Given } from './given-headers.js'
import { BATCH_SIZE_MAX, DROP, Unfit, type Interceptor, type Outcome, type Place } from './interceptor.js'
import type { OnError } from './settings.js'

/** One interceptor of the chain, as it was typed. */
export interface Link {
  /** `--parse json` */
  readonly title: string
  readonly interceptor: Interceptor
  readonly onError: OnError
}

/** Lines are decoded in runs of this many bytes, longer ones by themselves. */
const RUN_SIZE_MAX = 1024 * 1024
/** In place of bodies that nobody looks at. */
const NOTHING = Buffer.alloc(0)
/** Bytes in which lines are made: for what most batches become. */
const SPACE_SIZE = 8 * 1024 * 1024

/** A batch at work. */
interface Task {
  readonly lines: Buffer
  readonly mark: Mark | null
  readonly number: number
  readonly out: EventLines
  /** Each line has a position of its own: they are as many as the mark says they were. */
  readonly exact: boolean
  /** Lines done. */
  index: number
  /** Where in `lines` the line at work is, or all those that share their fate. */
  at: number
  end: number
}

export class Chain {
  /** False: what goes out does not follow from each event and its place. */
  readonly replayable: boolean
  readonly #headersOnly: boolean
  readonly #bodyless: boolean
  readonly #heads = new Heads()
  #decoded: Buffer | undefined
  #space: Buffer | undefined
  /** Of the lines of runs, one after the other. */
  readonly #draft = new Draft()
  #given = Given.NONE
  /** How far to look for lines with the head of the last. */
  #ahead = 0

  constructor(
    readonly links: readonly Link[],
    readonly refused: Refused,
    /** A line that is no event ends the stage. */
    readonly strict: boolean,
    /** Called after each interceptor. */
    readonly watch?: (link: Link, draft: Draft, outcome: Outcome) => void,
  ) {
    this.replayable = links.every(({ interceptor }) => interceptor.replayable !== false)
    this.#headersOnly = watch === undefined && links.every(({ interceptor }) => interceptor.headersOnly === true)
    this.#bodyless = watch === undefined && links.every(({ interceptor }) => interceptor.headersOnly === true || interceptor.bodyless === true)
  }

  /** The batch as it goes on; what was refused is on disk by then. `number`: see forget(); 0: it does not come again. Throws BAD_EVENT. */
  async change(batch: Batch, number = 0): Promise<Batch> {
    if (batch.count === 0) return batch
    const { lines, mark } = batch
    const exact = mark !== null && mark.to.offset - (mark.from?.offset ?? 0) === batch.count
    const task: Task = { lines, mark, number, out: new EventLines((this.#space ??= allocate(SPACE_SIZE))), exact, index: 0, at: 0, end: 0 }
    for (let at = 0; at < lines.length; ) {
      const end = lines.indexOf(NEWLINE, at) + 1
      at += this.#run(task, at, end) || this.#line(task, at, end)
    }
    const { out } = task
    if (out.size > BATCH_SIZE_MAX) throw new FlumeError('BAD_EVENT', `cannot take a batch of ${batch.count} events: they become too large together`)
    const changed = out.take()
    await this.refused.flush()
    batch.release()
    return batchOf(changed, out.count, mark)
  }

  /** Batches with higher numbers than this are void, and come again. */
  forget(acked: number): void {
    for (const { interceptor } of this.links) interceptor.forget?.(acked)
  }

  close(): void {
    for (const { interceptor } of this.links) interceptor.close?.()
  }

  /** Lines from `at` that share the head of the first, which ends at `end`; returns the bytes of those that were done. */
  #run(task: Task, at: number, end: number): number {
    if (end - at > RUN_SIZE_MAX) return 0
    const { lines } = task
    const head = this.#heads.find(lines, at, end)
    if (head === undefined) return 0
    this.#ahead = this.#heads.repeated ? this.#ahead : 0
    const to = Math.max(end, lines.lastIndexOf(NEWLINE, at + this.#ahead - 1) + 1)
    const headers = headersOf(head)
    const run = this.#headersOnly || headers.has(GAP) ? this.#headings(task, at, to, head, headers) : this.#bodies(task, at, end, to, head, headers)
    if (run.count > 0) this.#ahead = Math.min(Math.max(4 * run.consumed, end - at), RUN_SIZE_MAX)
    return run.consumed
  }

  /** Only the heads change, all in the same way; of the bodies it is seen that they are some, and nothing more. */
  #headings(task: Task, from: number, to: number, head: Head, headers: ReadonlyMap<string, string>): Run {
    const run = passLines(task.lines, from, to, head)
    if (run.count === 0) return run
    task.at = from
    task.end = from + run.consumed
    const bytes = task.lines.subarray(from, task.end)
    const draft = new Draft().begin(this.#givenOf(headers), bytes, 0, 0)
    let gone = true
    this.#pass(task, draft, 0, () => (gone = false))
    task.index += run.count
    if (!gone) task.out.addBytes(draft.altered ? headed(bytes, run.count, head, headOf(draft.headers)) : Buffer.from(bytes), run.count)
    return run
  }

  /** `end`: of the first line. */
  #bodies(task: Task, from: number, end: number, to: number, head: Head, headers: ReadonlyMap<string, string>): Run {
    const { lines } = task
    if (this.#bodyless) {
      const run = passLines(lines, from, to, head)
      task.at = from
      this.#each(task, NOTHING, run.count, head, headers)
      return run
    }
    const decoded = (this.#decoded ??= allocate(RUN_SIZE_MAX))
    let run = decodeLines(lines, from, to, decoded, 0, head)
    // where bodies have several lines it does not show which is whose
    if (run.count > 1 && countLines(decoded.subarray(0, run.written)) !== run.count) run = decodeLines(lines, from, end, decoded, 0, head)
    if (run.count === 0) return run
    task.at = from
    this.#each(task, decoded.subarray(0, run.written), run.count, head, headers)
    return run
  }

  /** The lines of a run one by one; `bodies`: each with a newline behind it, and no other in it unless it is the only one; or nothing. */
  #each(task: Task, bodies: Buffer, count: number, head: Head, headers: ReadonlyMap<string, string>): void {
    const given = this.#givenOf(headers)
    const ascii = isAscii(bodies)
    const { lines, out } = task
    const emit = (draft: Draft): void => {
      if (draft.rewritten) out.add(draft)
      else if (draft.altered) out.addHeaded(draft, lines, task.at + head.bytes.length, task.end)
      else out.addLine(lines, task.at, task.end)
    }
    for (let n = 0, b = 0; n < count; n++) {
      task.end = lines.indexOf(NEWLINE, task.at) + 1
      const stop = bodies === NOTHING ? b : count === 1 ? bodies.length - 1 : bodies.indexOf(NEWLINE, b)
      this.#pass(task, this.#draft.begin(given, bodies, b, stop, ascii), 0, emit)
      task.index++
      task.at = task.end
      b = bodies === NOTHING ? 0 : stop + 1
    }
  }

  #givenOf(headers: ReadonlyMap<string, string>): Given {
    if (this.#given.headers !== headers) this.#given = Given.of(headers)
    return this.#given
  }

  /** A line that is in no run: with escapes, in base64, or no event. Returns its size. */
  #line(task: Task, at: number, end: number): number {
    task.at = at
    task.end = end
    const event = this.#parse(task)
    if (event !== undefined) this.#pass(task, event, 0, (draft) => task.out.add(draft))
    task.index++
    return end - at
  }

  #parse(task: Task): Draft | undefined {
    try {
      return Draft.of(parseEvent(task.lines.subarray(task.at, task.end)))
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'BAD_EVENT') throw error
      const { partition, offset } = placeOf(task)
      if (this.strict) throw new FlumeError('BAD_EVENT', `cannot take a line of ${partition}, at ${offset}: ${error.message}`)
      this.#refuse(task, error.message)
      return undefined
    }
  }

  /** Through the interceptors from this one on; none touches what stands for lost events. */
  #pass(task: Task, draft: Draft, from: number, emit: (draft: Draft) => void, place = placeOf(task)): void {
    if (draft.get(GAP) !== undefined) return emit(draft)
    for (let n = from; n < this.links.length; n++) {
      const link = this.links[n]!
      const outcome = bounded(attempt(link.interceptor, draft, place), task)
      this.watch?.(link, draft, outcome)
      if (outcome === undefined) continue
      if (outcome === DROP) return
      if (outcome instanceof Unfit) {
        if (this.#goesOn(task, draft, link, `${link.title}: ${outcome.reason}`)) continue
        return
      }
      for (const [part, each] of outcome.entries()) this.#pass(task, each, n + 1, emit, { ...place, part: `${place.part}.${part}` })
      return
    }
    emit(draft)
  }

  /** What becomes of an event that an interceptor refused. Throws BAD_EVENT where that ends the stage. */
  #goesOn(task: Task, draft: Draft, { onError }: Link, reason: string): boolean {
    switch (onError) {
      case 'pass':
        if (draft.get(ERROR) === undefined) draft.set(ERROR, reason)
        return true
      case 'drop':
        return false
      case 'reject':
        this.#refuse(task, reason)
        return false
      case 'fail': {
        const { partition, offset } = placeOf(task)
        throw new FlumeError('BAD_EVENT', `cannot take an event of ${partition}, at ${offset}: ${reason}`)
      }
    }
  }

  #refuse(task: Task, reason: string): void {
    const { lines, exact, mark } = task
    const { offset } = placeOf(task)
    const partition = mark?.partition ?? PLAIN
    for (let at = task.at, n = 1; at < task.end; n++) {
      const end = lines.indexOf(NEWLINE, at) + 1
      this.refused.add(lines.subarray(at, end), { reason, partition, position: exact ? { offset: offset + n } : null })
      at = end
    }
  }
}

/** These lines with another head. */
function headed(lines: Buffer, count: number, head: Head, changed: Buffer): Buffer {
  const out = Buffer.allocUnsafe(lines.length + count * (changed.length - head.bytes.length))
  let o = 0
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf(NEWLINE, at) + 1
    o += changed.copy(out, o)
    o += lines.copy(out, o, at + head.bytes.length, end)
    at = end
  }
  return out
}

/** An expression on a long text, and what it makes of it, may take more memory than there is for that. */
function attempt(interceptor: Interceptor, draft: Draft, place: Place): Outcome {
  try {
    return interceptor.intercept(draft, place)
  } catch (error) {
    if (error instanceof RangeError && !('code' in error)) return new Unfit(`it is too large for that: ${error.message}`)
    throw error
  }
}

/** No batch becomes so large that no stage takes it. */
function bounded(outcome: Outcome, { out }: Task): Outcome {
  if (outcome === undefined || outcome === DROP || outcome instanceof Unfit) return outcome
  const head = outcome.length === 0 ? 0 : headOf(outcome[0]!.headers).length
  const size = outcome.reduce((sum, { body }) => sum + head + body.length, 0)
  return out.size + size > BATCH_SIZE_MAX ? new Unfit(`its ${outcome.length} parts would be too large together`) : outcome
}

function placeOf({ mark, number, index }: Task): Place {
  return { partition: mark?.partition ?? 'stdin', offset: (mark?.from?.offset ?? 0) + index, part: '', time: mark?.time ?? 0, batch: number }
}

/** Of one line: its own timestamp among those it shares with others. */
function headersOf({ headers, timestamp }: Head): ReadonlyMap<string, string> {
  if (timestamp === undefined || headers.get('timestamp') === timestamp) return headers
  return new Map([...headers, ['timestamp', timestamp]])
}
