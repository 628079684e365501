/**
 * One pass over the frames of a queue in order, with what each damaged place costs: the same events as the gap events of
 * reading.ts, for the same reason and time, but with file and byte, and nothing stops it.
 */
import type { Blocks } from '../disk/blocks.js'
import type { ReadableFile } from '../disk/disk.js'
import { countLines } from '../events/batch.js'
import { known, lost, noEvent, type Finding } from './finding.js'
import { reasonOf } from './gap.js'
import { readFrames, type Frame } from './segment.js'

/** One segment to be read: its frames from byte `at` up to `limit`. */
export interface Stretch {
  readonly path: string
  readonly file: ReadableFile
  readonly at: number
  readonly limit: number
}

/** A segment begins with event `first`; `missing` is the file that should hold those before it. `created`: ms, 0: not known. */
export interface Beginning {
  readonly first: number
  readonly missing: string
  readonly created: number
}

export class Walk {
  /** Bytes that are no frame, while it is not known what stood there. */
  #unknown: { readonly path: string; readonly from: number; readonly to: number } | undefined
  /** What gap events say: the time of what was read last, and whether something of its segment was damaged. */
  #time = 0
  #damaged = false

  /** `next`: sequence of the event that is to come. */
  constructor(
    public next: number,
    readonly blocks: Blocks,
  ) {}

  *begin({ first, missing, created }: Beginning): Generator<Finding> {
    if (first > this.next) this.#time = created
    yield* this.#settle(first)
    if (first > this.next) yield this.#lost(missing, null, 'is missing, or the end of the segment before it', first, this.#damaged)
    this.next = Math.max(this.next, first)
    this.#damaged = false
  }

  async *frames({ path, file, at, limit }: Stretch): AsyncGenerator<Finding> {
    for await (const found of readFrames(file, at, limit, this.blocks)) {
      if (found.kind === 'damage') {
        yield* this.#settle(this.next)
        this.#unknown = { path, from: found.from, to: found.to }
        this.#damaged = true
        continue
      }
      try {
        yield* this.#frame(path, found)
      } finally {
        found.release()
      }
    }
  }

  /** The log ends before event `next`; `path` is its last segment; whoever opens it begins another one at `time`, undefined: cannot. */
  *end(next: number, path: string, time: number | undefined): Generator<Finding> {
    if (next > this.next && time !== undefined) this.#time = time
    yield* this.#settle(next)
    if (next > this.next) yield this.#lost(path, null, 'ends too early', next, time === undefined || this.#damaged)
    this.next = Math.max(this.next, next)
  }

  *#frame(path: string, frame: Frame): Generator<Finding> {
    const { first, count, place, time } = frame.header
    const end = first + count
    if (end > this.next) this.#time = time
    yield* this.#settle(first)
    if (first > this.next) yield this.#lost(path, place, `a frame begins with event ${first}, not ${this.next}`, first, true)
    this.next = Math.max(this.next, first)
    if (frame.lines === undefined) {
      this.#damaged = true
      yield this.#lost(path, place, 'the lines of a frame do not verify', end, true)
    } else yield* this.#lines(path, frame, frame.lines)
    if (frame.positions === undefined) {
      yield noEvent(path, place, 'the positions of a frame do not verify', 'no event is lost; unless what follows tells them, what sent it sends it once more')
    }
    this.next = Math.max(this.next, end)
  }

  /** Of a frame whose lines verify. */
  *#lines(path: string, { header: { first, count, place, lost: isLost, time } }: Frame, lines: Buffer): Generator<Finding> {
    const start = Math.max(first, this.next)
    if (isLost) {
      if (start < first + count) yield known(path, place, { first: start, end: first + count, reason: reasonOf(lines), time })
      return
    }
    const found = countLines(lines)
    if (found !== count) {
      const reason = `a frame says it holds ${count} events and has ${found} lines`
      yield { kind: 'miscounted', file: path, byte: place, reason, meaning: 'they are given out as they are' }
    }
    if (count > 0 && first < this.next) yield noEvent(path, place, `events from ${first} on stand in the queue already`, 'no event is lost')
  }

  /** What follows the unknown bytes begins with event `first`: now it is known what they cost. */
  *#settle(first: number): Generator<Finding> {
    const unknown = this.#unknown
    this.#unknown = undefined
    if (unknown === undefined) return
    yield this.#lost(unknown.path, unknown.from, `${unknown.to - unknown.from} bytes are no frame`, first, true)
    this.next = Math.max(this.next, first)
  }

  /** Events up to `end`, which is not included. */
  #lost(path: string, byte: number | null, reason: string, end: number, damaged: boolean): Finding {
    return lost(path, byte, reason, { first: this.next, end, reason: damaged ? 'damaged' : 'missing', time: this.#time })
  }
}
