/**
 * --check: reads every segment, frame, reader and queue.json, and says what is wrong with each. Changes nothing and takes no
 * lock, so it may run beside a queue at work. What it calls lost is what reading.ts gives out gap events for.
 */
import type { ReadableFile } from '../disk/disk.js'
import { unlessMissing } from '../disk/gone.js'
import { FlumeError } from '../errors.js'
import { CompressedSegment, openSegment } from './compressed.js'
import { checkReaders } from './check-readers.js'
import { spoiledRecord, type Finding, type Summary } from './finding.js'
import { SEGMENT_HEADER_SIZE, type SegmentHeader, type Table } from './format.js'
import { isOf, lookAtIdentity, type Identity } from './identity.js'
import { isPadding } from './pages.js'
import { Published, type End } from './published.js'
import { recover, type Place } from './recover.js'
import { readRetain } from './retain.js'
import { readerPlaces } from './retention.js'
import { readHeader } from './segment.js'
import { checkFormat, firstFrame, readTable } from './segment-start.js'
import { listSegments, type Paths, type Surroundings } from './surroundings.js'
import { readingBlocks } from './view.js'
import { Walk } from './walk.js'

/** What is known of a segment before its frames are read. */
interface Opened {
  readonly first: number
  readonly path: string
  readonly file: ReadableFile
  readonly header: SegmentHeader | undefined
  readonly table: Table | undefined
  /** Byte of its first frame. */
  readonly at: number
}

/** Asked for after a reader's place was read: one at work moves on. */
async function nextOf(published: Published): Promise<number> {
  return (await published.read())?.next ?? 0
}

export class Check {
  readonly #blocks = readingBlocks()
  /** Whether the positions at the end of the segment before are known. */
  #positions = false
  /** Whoever would put is refused. */
  #refused = false
  #summary: Summary = { segments: 0, bytes: 0, first: 0, next: 0, readers: 0, wrong: 0, lost: 0 }

  #identity: Identity | undefined
  /** The oldest event, and when its segment was begun. */
  #oldest = { first: 0, created: 0 }

  /** `identity`: what queue.json will say, where that is not what it says now. */
  constructor(
    readonly paths: Paths,
    readonly around: Surroundings,
    readonly stop: AbortSignal,
    readonly identity?: Identity,
  ) {
    this.#identity = identity
  }

  /** Of what was read so far. */
  get summary(): Summary {
    return this.#summary
  }

  /** In the order of the files; ends early at `stop`. Throws NO_INPUT where there is no queue, VERSION. */
  async *findings(): AsyncGenerator<Finding> {
    for await (const finding of this.#all()) {
      if (this.stop.aborted) return
      this.#count(finding)
      yield finding
    }
  }

  #count({ kind, first, last }: Finding): void {
    const { wrong, lost } = this.#summary
    this.#set({
      wrong: wrong + (kind === 'note' ? 0 : 1),
      lost: lost + (first === undefined || last === undefined ? 0 : last - first + 1),
    })
  }

  #set(part: Partial<Summary>): void {
    this.#summary = { ...this.#summary, ...part }
  }

  async *#all(): AsyncGenerator<Finding> {
    if (this.identity === undefined) yield* this.#checkIdentity()
    yield* this.#checkRetain()
    const published = new Published(this.paths, this.around.disk)
    try {
      const known = await published.read()
      if (known !== undefined && published.spoiled !== undefined) yield spoiledRecord(this.paths.committed, published.spoiled, 'the next start begins')
      const segments = await listSegments(this.around.disk, this.paths).catch(() => [])
      yield* this.#empty(segments)
      if (segments.length === 0 && known !== undefined && known.next > 0) yield this.#withoutSegments(known.next)
      const walk = new Walk(segments[0] ?? known?.next ?? 0, this.#blocks)
      yield* this.#segments(segments, known, walk)
      if (this.stop.aborted) return
      const ends = Math.max(walk.next, known?.next ?? 0)
      const begins = this.#refused ? undefined : this.around.clock.now()
      yield* walk.end(Math.max(ends, await this.#furthest(published)), this.paths.segment(segments.at(-1) ?? walk.next), begins)
      this.#set({ next: walk.next })
      yield* checkReaders(this.paths, this.around, this.#oldest, async (at) => (at > ends && at > (await nextOf(published)) ? ends : undefined))
      this.#set({ readers: (await this.around.disk.list(this.paths.cursors).catch(() => [])).filter((name) => !name.includes('.')).length })
    } finally {
      await published.close()
    }
  }

  async *#checkIdentity(): AsyncGenerator<Finding> {
    const { paths, around } = this
    try {
      const seen = await lookAtIdentity(paths, around)
      this.#identity = seen.identity
      if (seen.itself) return
      const meaning = 'the queue is refused until --copied or --moved says what it is'
      yield { kind: 'copied', file: paths.identity, byte: null, reason: 'was copied or restored from a backup', meaning }
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'SEGMENT_DAMAGED') throw error
      yield { kind: 'identity', file: paths.identity, byte: 0, reason: 'does not say which queue this is', meaning: 'the queue is refused; no event is lost' }
    }
  }

  async *#checkRetain(): AsyncGenerator<Finding> {
    try {
      await readRetain(this.around, this.paths)
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'SEGMENT_DAMAGED') throw error
      const meaning = 'all is kept until --retain says it again; no event is lost'
      yield { kind: 'retain', file: this.paths.retain, byte: 0, reason: 'does not say what is to be kept', meaning }
    }
  }

  /** Last segments without a byte are none: takes them off the list. */
  async *#empty(segments: number[]): AsyncGenerator<Finding> {
    for (let last = segments.at(-1); last !== undefined; last = segments.at(-1)) {
      const file = this.paths.segment(last)
      if ((await this.around.disk.stat(file))?.size !== 0) return
      segments.pop()
      yield { kind: 'note', file, byte: 0, reason: 'is empty', meaning: 'the next start removes it; no event is lost' }
    }
  }

  #withoutSegments(next: number): Finding {
    this.#refused = true
    const reason = `there is none, and the queue once went before event ${next}`
    const meaning = 'nothing can be put: what sends into the queue would begin again'
    return { kind: 'positions', file: this.paths.segments, byte: null, reason, meaning }
  }

  async *#segments(segments: readonly number[], known: End | undefined, walk: Walk): AsyncGenerator<Finding> {
    const first = walk.next
    this.#set({ first, next: first })
    this.#oldest = { first, created: 0 }
    for (const [index, start] of segments.entries()) {
      const opened = await this.#open(start)
      if (opened === undefined) walk.next = Math.max(walk.next, segments[index + 1] ?? 0) // removed since it was listed
      else yield* this.#segment(opened, walk, index === segments.length - 1, known)
      if (this.stop.aborted) return
    }
  }

  /** Where a reader stands that is after the end, 0 where none is: what it has acked was there, and no number is used again. */
  async #furthest(published: Published): Promise<number> {
    const furthest = (await readerPlaces(this.around.disk, this.paths).catch(() => [])).at(-1)?.next ?? 0
    return furthest > (await nextOf(published)) ? furthest : 0
  }

  async *#segment(opened: Opened, walk: Walk, isLast: boolean, known: End | undefined): AsyncGenerator<Finding> {
    const { first, path, file, at } = opened
    try {
      const stray = this.#strayOf(opened)
      if (stray !== undefined) {
        yield stray
        return
      }
      const { size } = await file.stat()
      const bytes = (await this.around.disk.stat(path))?.size ?? 0
      this.#set({ segments: this.#summary.segments + 1, bytes: this.#summary.bytes + bytes })
      if (first === this.#oldest.first) this.#oldest = { first, created: opened.header?.created ?? 0 }
      yield* walk.begin({ first, missing: this.paths.segment(walk.next), created: opened.header?.created ?? 0 })
      yield* this.#beginning(opened, isLast)
      if (walk.next > first) {
        const reason = `begins with event ${first}, which the segment before it holds`
        yield { kind: 'double', file: path, byte: null, reason, meaning: 'those that stand twice are given out once' }
      }
      // one that is compressed is never cut: another one begins after it
      const end = isLast && !(file instanceof CompressedSegment) ? await this.#endOf(opened, known) : undefined
      yield* walk.frames({ path, file, at, limit: end?.end ?? Infinity })
      if (end === undefined) return
      if (size > end.end && known?.segment !== first && !(await isPadding(file, end.end, size))) {
        const reason = `${size - end.end} bytes were written and never acked`
        yield { kind: 'note', file: path, byte: end.end, reason, meaning: 'the next start cuts them; what sent them sends them again' }
      }
    } finally {
      await file.close()
    }
  }

  /** Undefined: it was removed. Throws VERSION. */
  async #open(first: number): Promise<Opened | undefined> {
    const path = this.paths.segment(first)
    const file = await openSegment(this.around.disk, path).catch(unlessMissing)
    if (file === undefined) return undefined
    try {
      const header = await readHeader(file)
      if (header !== undefined) checkFormat(header, path)
      const table = header === undefined ? undefined : await readTable(file, header)
      const at = header === undefined ? await firstFrame(file, this.#blocks) : SEGMENT_HEADER_SIZE + header.tableSize
      return { first, path, file, header, table, at }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  #strayOf({ first, path, header }: Opened): Finding | undefined {
    if (header === undefined) return undefined
    const identity = this.#identity
    const ours = identity === undefined || isOf(identity, header.queue)
    if (ours && header.first === first) return undefined
    const reason = ours ? `is segment ${header.first} under a wrong name` : `is segment ${header.first} of queue ${header.queue}`
    return { kind: 'stray', file: path, byte: 0, reason, meaning: 'whoever reads the queue stops before it' }
  }

  *#beginning({ path, header, table }: Opened, isLast: boolean): Generator<Finding> {
    const knewPositions = this.#positions
    this.#positions = table !== undefined || knewPositions
    if (table !== undefined) return
    const byte = header === undefined ? 0 : SEGMENT_HEADER_SIZE
    const what = header === undefined ? 'the segment header does not verify' : 'the table of positions does not verify'
    if (isLast && !knewPositions) {
      this.#refused = true
      const meaning = 'nothing can be put: what sends into the queue would begin again; no event is lost'
      yield { kind: 'positions', file: path, byte, reason: what, meaning }
    } else yield { kind: 'lost', file: path, byte, reason: what, meaning: 'no event is lost' }
  }

  /** Where the frames of the last segment end, as the next start would find it. */
  async #endOf({ first, file, at, table }: Opened, known: End | undefined): Promise<Place> {
    const published = known?.segment === first ? { end: known.end, next: known.next } : undefined
    const { end, next } = await recover(file, { end: at, next: first }, table ?? new Map(), published, this.#blocks)
    return { end, next }
  }
}
