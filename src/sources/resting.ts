/**
 * Files at rest: read and acked to their end, and closed as too many others are open. Of each only what it takes to go
 * on is kept, as one text: a file that is followed takes more than a kilobyte, and there may be ten thousand of them.
 * One is woken when its name, its size or its time is another than it was.
 */
import type { FileStat } from '../disk/disk.js'
import { OpenFile, type OpenFiles } from './open-files.js'
import { Partition, START_SIZE } from './partition.js'
import { identityOf, isPrintOf, type FilePosition } from './position.js'

/** In this order, as JSON; `full` says whether `start` has START_SIZE characters. */
type Kept = [
  start: `${'f' | 's'}${string}`, id: string, path: string, offset: number, head: [number, string], tail: [number, string], began: FilePosition | 0 | 1 | null,
  time: number | null, acked: boolean, stood: boolean, judged: boolean, changed: number,
  sum: number | null, mount: string, device: string, inode: string, size: number, modified: number,
]

export class Resting {
  /** By the name under which they match. */
  readonly #kept = new Map<string, string>()
  /** Made when somebody asks: nobody does while nothing new is found. */
  #identities: WeakRef<Set<string>> | undefined

  constructor(
    /** That most partitions have before their id. */
    readonly prefix: string,
    readonly files: OpenFiles,
  ) {}

  get count(): number {
    return this.#kept.size
  }

  /** Whether nothing is to be done for it until it changes. `acks`: its reader gives some. */
  mayRest(partition: Partition, acks: boolean): boolean {
    const { file, name, offset, size, marked, acked, stops, links, parts } = partition
    if (!(file instanceof OpenFile) || file.raw !== undefined || name === undefined || this.#kept.has(name)) return false
    if (partition.due || partition.skipping || partition.lost !== undefined || partition.since !== undefined) return false
    if (partition.emptyUntil !== undefined) return false
    if (partition.wakeAt !== undefined || partition.endSeen !== undefined || stops.length > 0 || links === 0 || parts > 0) return false
    if (size !== offset || (marked?.offset ?? 0) !== offset || marked?.ended === true) return false
    return acks ? (acked?.offset ?? 0) === offset : acked === null || acked === marked
  }

  add(partition: Partition): void {
    const { id, path, name, start, offset, head, tail, began, marked, acked, stood, judged, changed, sum, mount, device, inode, size, modified } = partition
    const kept: Kept = [
      `${start.length === START_SIZE ? 'f' : 's'}${start}`, id.startsWith(this.prefix) ? id.slice(this.prefix.length) : `/${id}`,
      path === name ? '' : path, offset, [head.size, head.hash], [tail.size, tail.hash], began === null ? 0 : began === marked ? 1 : began,
      marked?.time ?? null, acked !== null, stood, judged, changed, sum ?? null, mount, device, inode, size, modified,
    ]
    this.#kept.set(name!, Buffer.from(JSON.stringify(kept)).toString()) // in one piece: V8 leaves the text in pieces, which take half as much again
    this.#identities = undefined
  }

  /** The file of this name is one of them, and as it was. */
  isStill(name: string, { device, inode, size, modified }: FileStat): boolean {
    return this.#kept.get(name)?.endsWith(`,"${device}","${inode}",${size},${modified}]`) ?? false
  }

  has(name: string): boolean {
    return this.#kept.has(name)
  }

  names(): string[] {
    return [...this.#kept.keys()]
  }

  /** The file with this identity is one of them. */
  owns(identity: string): boolean {
    let identities = this.#identities?.deref()
    if (identities === undefined) {
      identities = new Set([...this.#kept.values()].map((text) => identityOf({ device: keptIn(text)[14], inode: keptIn(text)[15] })))
      this.#identities = new WeakRef(identities)
    }
    return identities.has(identity)
  }

  /** Names of those that a file with these first bytes may be a copy of, or that of it. */
  alike(head: Buffer): string[] {
    const start = head.toString('latin1', 0, START_SIZE)
    const same = JSON.stringify([`f${start}`]).slice(0, -1)
    const found: string[] = []
    for (const [name, text] of this.#kept) {
      if (text.startsWith('["f') && start.length === START_SIZE && !text.startsWith(same)) continue
      const [other, , , , [size, hash]] = keptIn(text)
      const common = Math.min(start.length, other.length - 1)
      if (size === 0 || other.slice(1, common + 1) !== start.slice(0, common)) continue
      if (size > head.length || isPrintOf({ size, hash }, head.subarray(0, size))) found.push(name)
    }
    return found
  }

  /** Undefined: it is none of them. */
  wake(name: string): Partition | undefined {
    const text = this.#kept.get(name)
    if (text === undefined) return undefined
    this.#kept.delete(name)
    this.#identities = undefined
    return this.#partitionOf(name, text)
  }

  /** As if they were woken. */
  *partitions(): Generator<Partition> {
    for (const [name, text] of this.#kept) yield this.#partitionOf(name, text)
  }

  #partitionOf(name: string, text: string): Partition {
    const [start, id, path, offset, [headSize, headHash], [tailSize, tailHash], ...times] = keptIn(text)
    const [began, time, acked, stood, judged, changed, sum, mount, device, inode, size, modified] = times
    const partition = new Partition(id.startsWith('/') ? id.slice(1) : this.prefix + id, path === '' ? name : path)
    const stat: FileStat = {
      kind: 'file', size, device: BigInt(device), inode: BigInt(inode), modified, born: 0n, links: 1, touched: false,
    }
    partition.attach(new OpenFile(this.files, name, stat), stat, name, changed)
    partition.mount = mount
    partition.stand({ offset, head: { size: headSize, hash: headHash }, tail: { size: tailSize, hash: tailHash }, sum: sum ?? undefined }, start.slice(1))
    partition.marked = time === null ? null : partition.position(time)
    partition.began = began === 0 ? null : began === 1 ? partition.marked : began
    partition.acked = acked ? partition.marked : null
    partition.stood = stood
    partition.judged = judged
    partition.due = false
    return partition
  }
}

const keptIn = (text: string): Kept => JSON.parse(text) as Kept
