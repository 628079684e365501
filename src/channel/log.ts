/**
 * The segments of a directory, in order: recover the last, append, roll, remove. One process at a time, who holds the
 * lock. Nothing is published before it is on disk.
 */
import { Blocks } from '../disk/blocks.js'
import type { DiskFile } from '../disk/disk.js'
import type { Position } from '../events/batch.js'
import { assert, errnoOf, FlumeError } from '../errors.js'
import { CompressedSegment } from './compressed.js'
import { applyChanges, encodeSegmentStart } from './format.js'
import type { Entry } from './group.js'
import type { Identity } from './identity.js'
import type { End, Published } from './published.js'
import { recover, type Recovered } from './recover.js'
import { readerPlaces, removePassed, type Sizes } from './retention.js'
import { isNoSpace, SegmentWriter } from './segment.js'
import { NOTHING_MISSING, startOf, type Without } from './start.js'
import { segmentsAmong, segmentSizes, type Paths, type Surroundings } from './surroundings.js'

const COPY_SIZE = 1024 * 1024

export class Log {
  /** The byte just before which the event `next` will stand; follows `active.end`, together with `next`. */
  #end: number
  #trimming: Promise<boolean> | undefined
  /** Segments go, or get another file, one after the other. */
  #changing: Promise<unknown> = Promise.resolve()
  #sealedBytes = 0
  #measured = false

  private constructor(
    readonly paths: Paths,
    readonly around: Surroundings,
    readonly identity: Identity,
    readonly published: Published,
    public active: SegmentWriter,
    /** Sequence of the next event. */
    public next: number,
    /** Position stored of each partition. */
    readonly table: Map<string, Position>,
    /** The other segments by the sequences of their first events, in order: sizes in bytes, undefined until measure(). */
    readonly sealed: Map<number, number | undefined>,
  ) {
    this.#end = active.end
  }

  /** Recovers; on return all that is kept is on disk and published. The caller holds the lock. Throws SEGMENT_DAMAGED. */
  static async open(paths: Paths, around: Surroundings, identity: Identity, published: Published, without: Without = NOTHING_MISSING): Promise<Log> {
    const known = await published.adopt()
    await around.disk.syncDirectory(paths.segments) // whoever named the last segment may have died before it was
    const segments = await dropUnmade(paths, around)
    const last = segments.at(-1)
    const found = last === undefined ? undefined : await recoverLast(paths, around, identity, segments, known, without)
    const next = await nextSequence(paths, around, found?.recovered.next ?? last ?? 0, known)
    const sealed = new Map(segments.map((first) => [first, undefined]))
    const opened = new Log(paths, around, identity, published, NO_SEGMENT, next, found?.recovered.table ?? new Map<string, Position>(), sealed)
    if (found !== undefined && !found.recovered.tailDamaged && next === found.recovered.next) {
      opened.active = found.writer
      opened.#end = found.writer.end
    } else {
      await found?.writer.file.close()
      await opened.#begin()
    }
    sealed.delete(opened.active.first)
    await opened.#publish()
    return opened
  }

  /** Of all segments, after measure(). */
  get bytes(): number {
    return this.#sealedBytes + this.active.end
  }

  /** One look at each segment, the first time: whoever does not ask how many bytes there are starts as fast with ten thousand of them. */
  async measure(): Promise<void> {
    if (this.#measured) return
    const sizes = await segmentSizes(this.around.disk, this.paths)
    for (const [first, size] of this.sealed) this.sealed.set(first, size ?? sizes.get(first) ?? 0)
    this.#sealedBytes = [...this.sealed.values()].reduce<number>((bytes, size) => bytes + (size ?? 0), 0)
    this.#measured = true
  }

  /** Sequence of the oldest event. */
  get first(): number {
    const [first = this.active.first] = this.sealed.keys()
    return first
  }

  get isEmpty(): boolean {
    return this.next === this.active.first
  }

  /** Whole batches, to the page cache; in order, one call at a time. Throws as SegmentWriter.append does. */
  async append(entries: readonly Entry[]): Promise<void> {
    await this.active.append(entries.flatMap(({ frames }) => frames))
    for (const { count, size, changes } of entries) {
      this.next += count
      this.#end += size
      applyChanges(this.table, changes)
    }
  }

  /** All that was appended before the call is on disk, and readers know. Beside it more may be appended. Throws SEGMENT_WRITE. */
  async sync(): Promise<void> {
    const { next } = this
    await this.active.sync(this.#end)
    await this.#publish(next)
  }

  /** A new segment for what comes. All of the old one is on disk and published. */
  async roll(): Promise<void> {
    assert(this.active.durable === this.active.end && !this.isEmpty)
    const old = this.active
    await this.#begin()
    this.sealed.set(old.first, old.end)
    this.#sealedBytes += old.end
    await old.file.close()
    await this.#publish()
  }

  /** The last segment, which holds no event, is written new. */
  async renew(): Promise<void> {
    assert(this.isEmpty)
    const old = this.active
    await this.#begin()
    await old.file.close()
    await this.#publish()
  }

  /** Removes what all readers have passed and nothing retains. May run beside append, sync and roll. */
  async trim(): Promise<void> {
    await (this.#trimming ??= this.#trim(false).finally(() => (this.#trimming = undefined)))
  }

  /** The same; where nothing else goes, the oldest segment that all have passed. Whether one went that would have been retained. */
  async trimForRoom(): Promise<boolean> {
    await this.#trimming
    return this.#trim(true)
  }

  /** A sealed segment gets another file, of `size` bytes; false: it is gone. May run beside append, sync, roll and trim. */
  replace(first: number, temporary: string, size: number): Promise<boolean> {
    return this.#alone(async () => {
      if (!this.sealed.has(first)) return false
      await this.around.disk.rename(temporary, this.paths.segment(first))
      await this.around.disk.syncDirectory(this.paths.segments)
      this.#sealedBytes += size - (this.sealed.get(first) ?? 0)
      this.sealed.set(first, size)
      return true
    })
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(work)
    this.#changing = done.catch(() => undefined)
    return done
  }

  #trim(forRoom: boolean): Promise<boolean> {
    return this.#alone(() => this.#removePassed(forRoom))
  }

  async #removePassed(forRoom: boolean): Promise<boolean> {
    const known = { firsts: [...this.sealed.keys(), this.active.first], sizes: () => this.#sizes() }
    const { firsts, retained } = await removePassed(this.around, this.paths, known, forRoom)
    for (const first of firsts) this.#unseal(first)
    return retained
  }

  async #sizes(): Promise<Sizes> {
    await this.measure()
    return new Map([...[...this.sealed].map(([first, size]) => [first, size ?? 0] as const), [this.active.first, this.active.end]])
  }

  #unseal(first: number): void {
    this.#sealedBytes -= this.sealed.get(first) ?? 0
    this.sealed.delete(first)
  }

  async close(): Promise<void> {
    await this.active.file.close()
  }

  /** Named only when it is whole: a crash leaves no half segment. Throws the system's error where the disk is full, with nothing left behind. */
  async #begin(): Promise<void> {
    const { disk, clock } = this.around
    const path = this.paths.segment(this.next)
    const temporary = `${path}.tmp`
    const start = encodeSegmentStart(this.identity.queue, this.next, clock.now(), this.table)
    let file: DiskFile | undefined
    let named = false
    try {
      file = await disk.open(temporary, 'any')
      await file.truncate(0)
      await file.write([start], 0)
      await file.sync()
      named = true
      await disk.rename(temporary, path)
      await disk.syncDirectory(this.paths.segments)
    } catch (cause) {
      await file?.close()
      if (isNoSpace(cause) && !named) {
        await disk.unlink(temporary).catch(() => undefined)
        throw cause
      }
      throw new FlumeError('SEGMENT_WRITE', `cannot make segment ${path}`, { cause })
    }
    this.active = new SegmentWriter(this.next, file, start.length, start.length)
    this.#end = start.length
  }

  async #publish(next = this.next): Promise<void> {
    await this.published.write({ segment: this.active.first, end: this.active.durable, next })
  }
}

/** Stands where open() has not yet decided which segment to go on with. */
const NO_SEGMENT = new SegmentWriter(-1, undefined as unknown as DiskFile, 0, 0)

/** The segments there are. One is named when it is whole, so one without a header is an accident of the file system; it holds nothing. */
async function dropUnmade(paths: Paths, around: Surroundings): Promise<number[]> {
  const { disk } = around
  const names = await disk.list(paths.segments)
  for (const name of names) if (name.endsWith('.tmp')) await disk.unlink(`${paths.segments}/${name}`)
  const segments = segmentsAmong(names)
  for (let last = segments.at(-1); last !== undefined && (await disk.stat(paths.segment(last)))?.size === 0; last = segments.at(-1)) {
    around.say(`segment ${paths.segment(last)} is empty: removed`)
    await disk.unlink(paths.segment(last))
    await disk.syncDirectory(paths.segments)
    segments.pop()
  }
  return segments
}

/** Never less than what was published or what a reader has acked: a number once given out is not used again. */
async function nextSequence(paths: Paths, around: Surroundings, found: number, known: End | undefined): Promise<number> {
  const furthest = (await readerPlaces(around.disk, paths)).at(-1)
  const next = Math.max(found, known?.next ?? 0, furthest?.next ?? 0)
  if (next > found) {
    const who = furthest !== undefined && furthest.next === next ? `reader ${furthest.reader} stands` : 'it once went'
    around.say(`queue ${paths.directory} ends before event ${found}, but ${who} before ${next}: goes on at ${next}, the events between are lost`)
  }
  return next
}

async function recoverLast(
  paths: Paths,
  around: Surroundings,
  identity: Identity,
  segments: readonly number[],
  known: End | undefined,
  without: Without,
): Promise<{ writer: SegmentWriter; recovered: Recovered }> {
  const last = segments.at(-1)
  assert(last !== undefined)
  const path = paths.segment(last)
  const blocks = new Blocks(COPY_SIZE, 2)
  const file = await around.disk.open(path, 'update')
  try {
    const start = await startOf(paths, around, identity, segments, blocks, without)
    const compressed = await CompressedSegment.of(file)
    const published = known?.segment === last ? { end: known.end, next: known.next } : undefined
    const recovered = await recover(compressed ?? file, start.place, start.table, published, blocks)
    const { damaged } = recovered
    if (damaged > 0) around.say(`segment ${path} is damaged in ${damaged} place${damaged === 1 ? '' : 's'}: the events there are lost`)
    // the one after it has gone: nothing is ever appended to it
    if (compressed !== undefined) return { writer: new SegmentWriter(last, file, recovered.end, recovered.end), recovered: { ...recovered, tailDamaged: true } }
    await settle(file, path, Math.max(start.place.end, published?.end ?? 0), recovered.end, around)
    return { writer: new SegmentWriter(last, file, recovered.end, recovered.end), recovered }
  } catch (cause) {
    await file.close()
    if (cause instanceof FlumeError || errnoOf(cause) === undefined) throw cause
    throw new FlumeError('IO', `cannot recover segment ${path}`, { cause })
  }
}

/**
 * Cuts what is not kept, and writes what is kept but was not known to be on disk once more: a sync that failed in an
 * earlier process may have left pages that look clean and are not on disk.
 */
async function settle(file: DiskFile, path: string, from: number, end: number, around: Surroundings): Promise<void> {
  const { size } = await file.stat()
  if (size > end) {
    around.say(`segment ${path}: cut ${size - end} bytes after byte ${end} that were never acked`)
    await file.truncate(end)
  }
  const bytes = Buffer.allocUnsafe(Math.min(COPY_SIZE, Math.max(0, end - from)))
  for (let at = from; at < end; ) {
    const count = await file.read(bytes.subarray(0, Math.min(bytes.length, end - at)), at)
    assert(count > 0)
    at += await file.write([bytes.subarray(0, count)], at)
  }
  await file.sync()
}
