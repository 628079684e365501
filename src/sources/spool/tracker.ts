/**
 * Which files were read to their end, where nothing may be done to them: a line of JSON for each in a file of its own. Of each
 * as much is held in memory as tells it from others; its place is read when it has changed. The file is only appended to, until
 * half of it says nothing any more: then it is written anew. A file is forgotten some time after it was seen last.
 */
import { dirname } from 'node:path'
import { NEWLINE, type Position } from '../../events/batch.js'
import type { Disk, DiskFile, FileStat } from '../../disk/disk.js'
import { readWhole, replace } from '../../disk/replace.js'
import { identityOf, SpoolFile, spoolPosition, type SpoolPosition } from './file.js'

interface Tracked {
  /** Size and last change. */
  readonly as: string
  /** Of its line in the file. */
  at: number
  readonly size: number
  /** The last look that has seen it. */
  seen: number
  /** Since when no look has; ms since the epoch. */
  gone?: number
}

/** A line that says of files that they were not seen any more, from then on: ms since the epoch. */
interface Gone {
  readonly gone: readonly string[]
  readonly at: number
}

/** ms after which a file that is not seen any more is forgotten: a disk may be away for a while. */
const FORGET_MS = 30 * 24 * 3_600_000
/** At most this many of them are remembered. */
const GONE_MAX = 100_000
/** The file is written anew only with more than SPARE lines that say nothing any more. */
const SPARE = 1000

export class Tracker {
  readonly #tracked = new Map<string, Tracked>()
  #waiting: SpoolFile[] = []
  #file: DiskFile | undefined
  #end = 0
  #lines = 0
  #looks = 0
  /** One after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(
    readonly path: string,
    readonly disk: Disk,
    readonly goneMax = GONE_MAX,
  ) {}

  /** A line that a crash cut off is left out: its file is read again from where its reader stands. */
  async load(): Promise<void> {
    const bytes = (await readWhole(this.disk, this.path)) ?? Buffer.alloc(0)
    this.#tracked.clear()
    this.#end = this.#lines = 0
    for (let end = bytes.indexOf(NEWLINE) + 1; end > 0; end = bytes.indexOf(NEWLINE, end) + 1) {
      this.#understand(lineOf(bytes.subarray(this.#end, end)), this.#end, end - this.#end)
      this.#end = end
    }
  }

  /** It was read to its end, and has not changed since. */
  has(stat: FileStat): boolean {
    const tracked = this.#tracked.size > 0 ? this.#tracked.get(identityOf(stat)) : undefined
    if (tracked !== undefined) tracked.seen = this.#looks
    return tracked?.as === `${stat.size}:${stat.modified}`
  }

  /** The file that was read before it changed, as a partition with this id. */
  async standing(stat: FileStat, id: string): Promise<SpoolFile | undefined> {
    const key = identityOf(stat)
    if (!this.#tracked.has(key)) return undefined // most files: they do not wait for a sync
    return this.#inTurn(async () => {
      const tracked = this.#tracked.get(key)
      const place = tracked && (await this.#placeOf(tracked))
      return place && SpoolFile.standing(id, [place])
    })
  }

  /** An empty file has no place, and is looked at again each time. */
  add(file: SpoolFile): void {
    if (file.marked !== null) this.#waiting.push(file)
  }

  /** On return all that was added is on disk. */
  flush(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#waiting.length === 0) return
      const files = this.#waiting
      const lines = files.map(({ marked }) => Buffer.from(`${JSON.stringify(marked)}\n`))
      await this.#append(lines)
      for (const [index, { marked }] of files.entries()) {
        this.#understand(marked as SpoolPosition, this.#end, lines[index]!.length)
        this.#end += lines[index]!.length
      }
      this.#waiting = this.#waiting.slice(files.length)
    })
  }

  /** A look at all files begins: has() is asked of each. */
  looking(): void {
    this.#looks++
  }

  /** It has ended: what it has not seen is gone, unless that is all. Forgets, and writes the file anew, where it is time. */
  looked(now: number): Promise<void> {
    return this.#inTurn(async () => {
      const missed = [...this.#tracked].filter(([, { seen }]) => seen < this.#looks)
      if (missed.length < this.#tracked.size) await this.#miss(missed, now)
      if (this.#lines > 2 * this.#tracked.size + SPARE) await this.#rewrite()
    })
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#closeFile())
  }

  #understand(line: SpoolPosition | Gone | undefined, at: number, size: number): void {
    this.#lines++
    if (line === undefined) return
    if (isGone(line)) return line.gone.forEach((key) => this.#goneSince(key, line.at))
    this.#tracked.set(identityOf(line), { as: `${line.bytes}:${line.modified}`, at, size, seen: this.#looks })
  }

  #goneSince(key: string, at: number): void {
    const tracked = this.#tracked.get(key)
    if (tracked !== undefined) tracked.gone = at
  }

  async #miss(missed: readonly (readonly [string, Tracked])[], now: number): Promise<void> {
    for (const tracked of this.#tracked.values()) if (tracked.seen === this.#looks) delete tracked.gone
    const gone = missed.filter(([, tracked]) => tracked.gone === undefined).map(([key]) => key)
    if (gone.length > 0) {
      const line = Buffer.from(`${JSON.stringify({ gone, at: now } satisfies Gone)}\n`)
      await this.#append([line])
      this.#understand({ gone, at: now }, this.#end, line.length)
      this.#end += line.length
    }
    const oldest = missed.toSorted(([, one], [, other]) => one.gone! - other.gone!)
    for (const [index, [key, tracked]] of oldest.entries()) {
      if (oldest.length - index <= this.goneMax && now - tracked.gone! < FORGET_MS) break
      if (await this.#isThere(key, tracked)) tracked.gone = now
      else this.#tracked.delete(key)
    }
  }

  /** It is there, but was not looked for in this run; or nobody can tell. */
  async #isThere(key: string, tracked: Tracked): Promise<boolean> {
    const place = await this.#placeOf(tracked)
    const stat = place && (await this.disk.stat(place.path).catch(() => 'hidden' as const))
    return stat === 'hidden' || (stat !== undefined && identityOf(stat) === key)
  }

  async #placeOf({ at, size }: Tracked): Promise<SpoolPosition | undefined> {
    const line = Buffer.alloc(size)
    await (await this.#open()).read(line, at)
    const found = lineOf(line)
    return found === undefined || isGone(found) ? undefined : found
  }

  async #append(lines: readonly Buffer[]): Promise<void> {
    const file = await this.#open()
    await file.write(lines, this.#end)
    await file.sync()
  }

  /** With one line for each file, and one for all that are gone since the same time. */
  async #rewrite(): Promise<void> {
    const bytes = (await readWhole(this.disk, this.path)) ?? Buffer.alloc(0)
    const kept = [...this.#tracked].toSorted(([, one], [, other]) => one.at - other.at)
    const gone = new Map<number, string[]>()
    const places: number[] = []
    let end = 0
    for (const [key, { at, size, gone: since }] of kept) {
      bytes.copyWithin(end, at, at + size)
      places.push(end)
      end += size
      if (since !== undefined) gone.set(since, gone.get(since) ?? []).get(since)!.push(key)
    }
    const rest = Buffer.from([...gone].map(([at, keys]) => `${JSON.stringify({ gone: keys, at } satisfies Gone)}\n`).join(''))
    await this.#closeFile()
    await replace(this.disk, this.path, Buffer.concat([bytes.subarray(0, end), rest]))
    for (const [index, [, tracked]] of kept.entries()) tracked.at = places[index]!
    this.#end = end + rest.length
    this.#lines = kept.length + gone.size
  }

  async #closeFile(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async #open(): Promise<DiskFile> {
    if (this.#file !== undefined) return this.#file
    await this.disk.makeDirectory(dirname(this.path), 0o700)
    const file = await this.disk.open(this.path, 'any')
    await this.disk.syncDirectory(dirname(this.path))
    return (this.#file = file)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

function lineOf(line: Buffer): SpoolPosition | Gone | undefined {
  try {
    const value = JSON.parse(line.toString()) as Position | Gone
    return isGone(value) ? value : spoolPosition(value)
  } catch {
    return undefined
  }
}

const isGone = (line: Position | Gone): line is Gone => Array.isArray(line.gone) && typeof line.at === 'number'
