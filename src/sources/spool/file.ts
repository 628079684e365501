/**
 * A finished file as a partition, and a place in it: that of position.ts, with what tells this file from the next one
 * that gets its inode, and whether anything comes after the place.
 */
import type { Position } from '../../events/batch.js'
import type { FileStat, ReadableFile } from '../../disk/disk.js'
import { shownPath } from '../../disk/path.js'
import { Partition } from '../partition.js'
import { beginningOf, filePosition, type FilePosition } from '../position.js'

export interface SpoolPosition extends FilePosition {
  /** Birth of the file in ns since the epoch, as text; 0: the file system does not say. */
  readonly born: string
  /** When the file was opened: its last change in ms since the epoch, and its size in bytes, as it lies on the disk. */
  readonly modified: number
  readonly bytes: number
  /** All of it was sent. */
  readonly last?: true
}

/** What a reader or a state file gives back, if it is a place in such a file. */
export function spoolPosition(position: Position): SpoolPosition | undefined {
  const place = filePosition(position)
  if (place === undefined) return undefined
  const { born, modified, bytes, last } = position
  if (typeof born !== 'string' || typeof modified !== 'number' || typeof bytes !== 'number') return undefined
  return { ...place, born, modified, bytes, ...(last === true && { last }) }
}

export function spoolBeginning(place: SpoolPosition): SpoolPosition {
  const { born, modified, bytes } = place
  return { ...beginningOf(place), born, modified, bytes }
}

/** Which file this is, while it exists; no other one has the same, before or after it. */
export function identityOf({ inode, born }: { readonly inode: bigint | string; readonly born: bigint | string }): string {
  return `${inode}:${born}`
}

export class SpoolFile extends Partition {
  /** Where it was seen last. */
  at: string
  born = ''
  /** As of when it was opened. */
  bytes = 0
  changedAt = 0
  /** The byte after its last event, once that is known. */
  ending: number | undefined
  /** It was read to its end, and there is nothing to do before that is acked. */
  sent = false
  /** It is compressed, and not all that is in it could be had. */
  damaged = false
  /** It is being set aside, or could not be. */
  aside = false
  /** When all was looked at last it was none of those that are read; it is where it was, or nobody could tell. */
  leftOut = false

  constructor(id: string, at: string) {
    super(id, shownPath(at))
    this.at = at
  }

  /** As a reader holds it. */
  static standing(id: string, places: readonly SpoolPosition[]): SpoolFile {
    const lowest = places[0]!
    const file = new SpoolFile(id, lowest.path)
    file.stoodIn(lowest)
    file.born = lowest.born
    file.bytes = lowest.bytes
    file.changedAt = lowest.modified
    file.size = Math.max(...places.map(({ size }) => size))
    file.marked = file.acked = lowest
    file.stops = places.slice(1).map(({ offset }) => offset)
    file.sent = places.length === 1 && lowest.last === true
    if (file.sent) file.ending = lowest.offset
    return file
  }

  get key(): string {
    return identityOf(this)
  }

  open(file: ReadableFile, stat: FileStat, inside: FileStat, at: string, now: number): void {
    this.attach(file, inside, at, now)
    this.at = at
    this.born = String(stat.born)
    this.bytes = stat.size
    this.changedAt = stat.modified
    this.ending = undefined
    this.sent = false
  }

  /** It is still as it was when it was opened. */
  isAs(stat: FileStat): boolean {
    return stat.size === this.bytes && stat.modified === this.changedAt && identityOf(stat) === this.key
  }

  /** All that was sent of it is acked, and nothing comes after that. */
  get done(): boolean {
    return this.sent && !this.damaged && (this.acked?.offset ?? 0) >= this.offset
  }

  override positionAt(raw: Buffer, base: number, index: number, time: number): SpoolPosition {
    return this.#spooled(super.positionAt(raw, base, index, time))
  }

  override position(time: number): SpoolPosition {
    return this.#spooled(super.position(time))
  }

  #spooled(place: FilePosition): SpoolPosition {
    const { born, changedAt: modified, bytes } = this
    return { ...place, born, modified, bytes, ...(place.offset === this.ending && { last: true }) }
  }
}
