/**
 * Which files were read to their end, where nothing may be done to them: a line of JSON for each in a file of its own, which
 * is only appended to. Of each as much is held in memory as tells it from others; its place is read when it has changed.
 */
import { dirname } from 'node:path'
import type { Position } from '../../events/batch.js'
import type { Disk, DiskFile, FileStat } from '../../disk/disk.js'
import { readWhole } from '../../disk/replace.js'
import { identityOf, SpoolFile, spoolPosition } from './file.js'

interface Tracked {
  /** Size and last change. */
  readonly as: string
  /** Of its line in the file. */
  readonly at: number
  readonly size: number
}

const NEWLINE = 0x0a

export class Tracker {
  readonly #tracked = new Map<string, Tracked>()
  #waiting: SpoolFile[] = []
  #file: DiskFile | undefined
  #end = 0

  constructor(
    readonly path: string,
    readonly disk: Disk,
  ) {}

  /** A line that a crash cut off is left out: its file is read again from where its reader stands. */
  async load(): Promise<void> {
    const bytes = (await readWhole(this.disk, this.path)) ?? Buffer.alloc(0)
    this.#tracked.clear()
    this.#end = 0
    for (let end = bytes.indexOf(NEWLINE) + 1; end > 0; end = bytes.indexOf(NEWLINE, end) + 1) {
      const place = placeOf(bytes.subarray(this.#end, end))
      if (place !== undefined) this.#tracked.set(identityOf(place), { as: `${place.bytes}:${place.modified}`, at: this.#end, size: end - this.#end })
      this.#end = end
    }
  }

  /** It was read to its end, and has not changed since. */
  has(stat: FileStat): boolean {
    return this.#tracked.size > 0 && this.#tracked.get(identityOf(stat))?.as === `${stat.size}:${stat.modified}`
  }

  /** The file that was read before it changed, as a partition with this id. */
  async standing(stat: FileStat, id: string): Promise<SpoolFile | undefined> {
    const tracked = this.#tracked.get(identityOf(stat))
    if (tracked === undefined) return undefined
    const line = Buffer.alloc(tracked.size)
    await (await this.#open()).read(line, tracked.at)
    const place = placeOf(line)
    return place && SpoolFile.standing(id, [place])
  }

  /** An empty file has no place, and is looked at again each time. */
  add(file: SpoolFile): void {
    if (file.marked !== null) this.#waiting.push(file)
  }

  /** On return all that was added is on disk. */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return
    const file = await this.#open()
    const lines = this.#waiting.map(({ marked }) => Buffer.from(`${JSON.stringify(marked)}\n`))
    await file.write(lines, this.#end)
    await file.sync()
    for (const [index, { key, bytes, changedAt }] of this.#waiting.entries()) {
      this.#tracked.set(key, { as: `${bytes}:${changedAt}`, at: this.#end, size: lines[index]!.length })
      this.#end += lines[index]!.length
    }
    this.#waiting = []
  }

  async close(): Promise<void> {
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
}

function placeOf(line: Buffer): ReturnType<typeof spoolPosition> {
  try {
    return spoolPosition(JSON.parse(line.toString()) as Position)
  } catch {
    return undefined
  }
}
