/**
 * One pass over the frames of a queue in order, with what each damaged place costs: the same events as the gap events of
 * reading.ts, but with file and byte, and nothing stops it.
 */
import type { Blocks } from '../disk/blocks.js'
import type { DiskFile } from '../disk/disk.js'
import { countLines } from '../events/batch.js'
import { lost, type Finding } from './finding.js'
import { readFrames, type Frame } from './segment.js'

/** One segment to be read: its frames from byte `at` up to `limit`. */
export interface Stretch {
  readonly path: string
  readonly file: DiskFile
  readonly at: number
  readonly limit: number
}

export class Walk {
  /** Bytes that are no frame, while it is not known what stood there. */
  #unknown: { readonly path: string; readonly from: number; readonly to: number } | undefined

  /** `next`: sequence of the event that is to come. */
  constructor(
    public next: number,
    readonly blocks: Blocks,
  ) {}

  /** A segment begins with event `first`; `missing` is the file that should hold those before it. */
  *begin(first: number, missing: string): Generator<Finding> {
    yield* this.#settle(first)
    if (first > this.next) yield lost(missing, null, 'is missing, or the end of the segment before it', this.next, first)
    this.next = Math.max(this.next, first)
  }

  async *frames({ path, file, at, limit }: Stretch): AsyncGenerator<Finding> {
    for await (const found of readFrames(file, at, limit, this.blocks)) {
      if (found.kind === 'damage') {
        yield* this.#settle(this.next)
        this.#unknown = { path, from: found.from, to: found.to }
        continue
      }
      try {
        yield* this.#frame(path, found)
      } finally {
        found.release()
      }
    }
  }

  /** The log ends before event `next`; `path` is its last segment. */
  *end(next: number, path: string): Generator<Finding> {
    yield* this.#settle(next)
    if (next > this.next) yield lost(path, null, 'ends too early', this.next, next)
    this.next = Math.max(this.next, next)
  }

  *#frame(path: string, frame: Frame): Generator<Finding> {
    const { first, count, place } = frame.header
    const end = first + count
    yield* this.#settle(first)
    if (first > this.next) yield lost(path, place, `a frame begins with event ${first}, not ${this.next}`, this.next, first)
    this.next = Math.max(this.next, first)
    if (frame.lines === undefined) yield lost(path, place, 'the lines of a frame do not verify', this.next, end)
    else {
      const lines = countLines(frame.lines)
      if (lines !== count) yield lost(path, place, `a frame says it holds ${count} events and has ${lines} lines`, 0, 0, 'they are given out as they are')
      if (count > 0 && first < this.next) yield lost(path, place, `events from ${first} on stand in the queue already`, 0, 0)
    }
    if (frame.positions === undefined) {
      yield lost(path, place, 'the positions of a frame do not verify', 0, 0, 'no event is lost; those of the next frame take their place')
    }
    this.next = Math.max(this.next, end)
  }

  /** What follows the unknown bytes begins with event `first`: now it is known what they cost. */
  *#settle(first: number): Generator<Finding> {
    const unknown = this.#unknown
    this.#unknown = undefined
    if (unknown === undefined) return
    yield lost(unknown.path, unknown.from, `${unknown.to - unknown.from} bytes are no frame`, this.next, first)
    this.next = Math.max(this.next, first)
  }
}
