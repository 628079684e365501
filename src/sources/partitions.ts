/**
 * The partitions of a source, and the files that match now: which is which. Inode and content must both agree; a file
 * that is no known one is a new partition, of which nothing is read before judge() has looked whether it is a copy.
 */
import { basename } from 'node:path'
import { abreast } from './abreast.js'
import type { FoundFile } from './found-file.js'
import { Listings } from './listing.js'
import { Logs, type Opened } from './logs.js'
import { OpenFile } from './open-files.js'
import { identityOf, type FilePosition } from './position.js'
import { Partition } from './partition.js'
import { Resting } from './resting.js'
import { between, inherit, isDone, search, type Known } from './search.js'
import { before, byIdentity, mayHaveStood, rewind, standing } from './standing.js'
import { rotatedFrom } from './turns.js'

/** Partition to the positions where readers stand in it, lowest first. */
export type Places = ReadonlyMap<string, readonly FilePosition[]>

/** New files that are met before those before them were read: there may be thousands, and a file that is read takes kilobytes. */
const MET_MAX = 256
/** Of these, this many are opened side by side. */
const ABREAST = 32

export class Partitions implements Known {
  readonly all = new Map<string, Partition>()
  /** Patterns that matched nothing at the last look(). */
  missing: readonly string[] = []
  /** Of the last look(), to find what matches, without what it took to meet what is new; ms. */
  lookTook = 0
  /** Between begin() and seek(): what the partitions are now is not known yet. */
  #beginning = false
  /** New files, found and not met yet. */
  #waiting: FoundFile[] = []
  readonly logs: Logs
  readonly #resting: Resting

  constructor(
    readonly disk: Known['disk'],
    readonly names: Known['names'],
    readonly young: number,
    readonly now: () => number,
    readonly monotonic: () => number,
    readonly newId: () => string,
    readonly olddirs: readonly string[],
    readonly openFilesMax: number,
    idPrefix: string,
  ) {
    this.logs = new Logs(disk, names, openFilesMax)
    this.#resting = new Resting(idPrefix, this.logs.files)
  }

  /** Files for which nothing is to be done leave `all`, until they change. Returns their names. */
  rest(acks: boolean): string[] {
    const resting = [...this.all.values()].filter((partition) => this.#resting.mayRest(partition, acks))
    for (const partition of resting) {
      this.#resting.add(partition)
      this.all.delete(partition.id)
      this.logs.files.paths.delete(partition.identity)
    }
    return resting.map(({ name }) => name!)
  }

  /** The file that rests under this name is one of `all` again. */
  wake(name: string): Partition | undefined {
    const partition = this.#resting.wake(name)
    if (partition !== undefined) this.all.set(partition.id, partition)
    return partition
  }

  rests(name: string): boolean {
    return this.#resting.has(name)
  }

  wakeAlike(head: Buffer): void {
    for (const name of this.#resting.alike(head)) this.wake(name)
  }

  isResting(identity: string): boolean {
    return this.#resting.owns(identity)
  }

  /** All that were acked, where that is. */
  stands(): Map<string, FilePosition[]> {
    const { all } = this
    return new Map([...all.values(), ...this.#resting.partitions()].flatMap(({ id, acked }) => (acked === null ? [] : [[id, [acked]]])))
  }

  listings(): Listings {
    this.names.mounts.look()
    return new Listings(this.disk, this.names, this.olddirs, this.all.values(), this.logs)
  }

  /**
   * Stands where these places say. A file that is open and has no place there begins anew, and may turn out to be one
   * that has; these are returned. The others are found by look().
   */
  async begin(places: Places): Promise<Partition[]> {
    const blank: Partition[] = []
    this.#beginning = true
    for (const name of this.#resting.names()) this.wake(name)
    for (const partition of [...this.all.values()]) {
      if (places.has(partition.id)) continue
      if (partition.file === undefined) this.all.delete(partition.id)
      else blank.push(partition)
      partition.judged = false
      await rewind(partition, [])
    }
    for (const [id, positions] of places) {
      const partition = this.all.get(id) ?? new Partition(id, positions[0]!.path)
      this.all.set(id, partition)
      await rewind(partition, positions)
    }
    const closed = byIdentity(this.#closed())
    for (const partition of blank) {
      if (partition.file === undefined) continue
      const known = await standing(closed.get(partition.identity) ?? [], partition.file)
      if (known !== undefined) await inherit(known, partition, this)
    }
    return blank.filter(({ id }) => this.all.has(id))
  }

  /** Files were found that were not met yet; their bytes. */
  get waits(): boolean {
    return this.#waiting.length > 0
  }

  get waitingBytes(): number {
    return this.#waiting.reduce((bytes, { stat }) => bytes + stat.size, 0)
  }

  /** Finds the files that match now; returns those that are new: the first of them, see more(), or all. */
  async look(all = false): Promise<Partition[]> {
    const begun = this.monotonic()
    const { matches, missing } = await this.#list()
    const listed = this.monotonic()
    this.missing = missing
    this.logs.files.paths = new Map(matches.map(({ path, stat }) => [identityOf(stat), path]))
    const open = new Map([...this.all.values()].filter(({ file }) => file !== undefined).map((one) => [one.identity, one]))
    const named = new Map<Partition, FoundFile>()
    const fresh = new Map<string, FoundFile>()
    for (const match of matches) {
      const identity = identityOf(match.stat)
      const partition = open.get(identity)
      if (partition === undefined && this.isResting(identity)) continue // under another name
      if (partition === undefined) fresh.set(identity, fresh.get(identity) ?? match)
      else if (named.get(partition)?.path !== partition.name) named.set(partition, match)
    }
    const unnamed = [...open.values()].filter((partition) => this.#rename(partition, named.get(partition)))
    this.#waiting = [...fresh.values()]
    const added = await this.more(all ? fresh.size : MET_MAX, unnamed)
    const met = this.monotonic()
    if (!this.#beginning) await this.#seekHidden()
    this.lookTook = listed - begun + this.monotonic() - met
    return added
  }

  /** Those that were not found where not all could be seen. */
  async #seekHidden(): Promise<void> {
    const hidden = [...this.all.values()].filter((one) => one.hidden && one.file === undefined && !this.logs.unreadable.has(one.path))
    if (hidden.length === 0) return
    const listings = this.listings()
    for (const partition of hidden) if (partition.marked !== null) await this.#find(partition, partition.marked, listings)
  }

  /** The next of the new files; `unnamed`: those that have lost their name since. */
  async more(most = MET_MAX, unnamed: readonly Partition[] = []): Promise<Partition[]> {
    const added = await this.#meet(this.#waiting.splice(0, most))
    const rotated = new Set([...unnamed, ...(this.#beginning ? [] : before(added, this.all.values()))])
    const grown = [...this.all.values()].filter(({ emptyUntil, knownSize }) => emptyUntil !== undefined && knownSize > 0)
    if (rotated.size + grown.length === 0) return added
    const listings = this.listings()
    await listings.begin([...rotated, ...grown])
    for (const partition of rotated) await between(partition, this, listings)
    for (const partition of grown) {
      if (partition.name === partition.path) await between(partition, this, listings, partition.emptyUntil)
      partition.emptyUntil = undefined
    }
    return added
  }

  /** What matches, without what rests and is as it was; what is not is woken. */
  async #list(): Promise<{ matches: FoundFile[]; missing: string[] }> {
    const still = new Set<string>()
    const { matches, missing } = await this.names.list((path, stat) => this.#resting.isStill(path, stat) && still.add(path) !== undefined)
    if (still.size < this.#resting.count) for (const name of this.#resting.names()) if (!still.has(name)) this.wake(name)
    this.logs.keep([...matches.map(({ path }) => path), ...still], this.all.values())
    return { matches, missing }
  }

  /**
   * After the first look(): finds those that were read before, and match no more; and what was the same log after them.
   * Returns how many are known to be gone.
   */
  async seek(): Promise<number> {
    const listings = this.listings()
    await listings.begin([...this.all.values()].filter(({ name, path }) => name !== path && this.names.owns(path)))
    const newest = new Map<string, Partition>()
    let gone = 0
    for (const partition of [...this.all.values()].sort((a, b) => (a.marked?.time ?? 0) - (b.marked?.time ?? 0))) {
      const { marked, path } = partition
      if (marked === null || !this.names.owns(path)) continue
      newest.set(path, partition)
      if (partition.file === undefined && marked.ended !== true && !(await this.#find(partition, marked, listings))) gone++
    }
    for (const partition of newest.values()) if (partition.name !== partition.path) await between(partition, this, listings)
    this.#beginning = false
    return gone
  }

  async #find(partition: Partition, place: FilePosition, listings: Listings): Promise<boolean> {
    const { path } = partition
    const wasTruncated = (await this.disk.stat(path).catch(() => undefined)) !== undefined
    if (await search(partition, place, wasTruncated, this, listings)) return true
    partition.hidden = this.logs.unreadable.has(path) || (await listings.mayHide(path, place))
    if (partition.size > place.offset && !partition.hidden) partition.lose(partition.size, 'removed')
    return partition.hidden
  }

  /** It begins at byte 0 after all: it is the successor of one that was read. */
  async anew(partition: Partition): Promise<void> {
    partition.began = null
    await rewind(partition, [])
  }

  /** Its file is needed no more. */
  async close(partition: Partition): Promise<void> {
    await partition.detach()?.close()
    if (partition.marked === null) this.all.delete(partition.id)
  }

  /** True: its name was taken away. */
  #rename(partition: Partition, match: FoundFile | undefined): boolean {
    const lost = match === undefined && partition.name !== undefined
    if (lost) {
      partition.since = this.now()
      partition.leftAt = partition.offset
      partition.due = true
    } else if (match !== undefined) {
      partition.due ||= match.stat.size !== partition.offset || match.stat.modified !== partition.modified
    }
    partition.name = match?.path
    return lost
  }

  async #meet(fresh: readonly FoundFile[]): Promise<Partition[]> {
    if (fresh.length === 0) return []
    const closed = byIdentity(this.#closed())
    const open = new Set([...this.all.values()].filter(({ file }) => file !== undefined).map(({ identity }) => identity))
    const added: Partition[] = []
    const stoodIn = ({ stat }: FoundFile): readonly Partition[] => mayHaveStood(closed, stat)
    const opening = abreast(fresh, Math.min(ABREAST, this.openFilesMax), async (match) => {
      return (await this.#isDone(stoodIn(match), match)) ? 'done' : this.logs.match(match.path, false)
    })
    for await (const [match, first] of opening) {
      const opened = first === 'later' ? await this.logs.match(match.path, true) : first
      if (opened === 'done' || opened === 'unreadable' || opened === 'later') continue
      const seen = identityOf(match.stat)
      const identity = opened === 'gone' ? undefined : identityOf(opened.stat)
      if (identity !== seen && stoodIn(match).length === 0 && !open.has(seen) && !this.isResting(seen)) {
        open.add(seen)
        added.push(this.#add(match.path, { file: this.logs.files.unopened(match.path, match.stat), stat: match.stat }))
      }
      if (identity === undefined || opened === 'gone') continue
      if (open.has(identity) || (identity !== seen && this.isResting(identity))) {
        await opened.file.close() // the name was given to another file just now
        continue
      }
      open.add(identity)
      const known = await standing(stoodIn(match), opened.file)
      const stat = identity === seen && opened.file instanceof OpenFile ? match.stat : opened.stat // it may have been truncated since
      if (known === undefined) added.push(this.#add(match.path, { ...opened, stat }))
      else known.attach(opened.file, opened.stat, match.path, this.now())
    }
    return added
  }

  /** It is compressed, and one of these has read all of it. */
  async #isDone(partitions: readonly Partition[], match: FoundFile): Promise<boolean> {
    for (const partition of partitions) {
      if (partition.marked === null || !(await isDone(partition, partition.marked, match, this))) continue
      partition.name = match.path
      return true
    }
    return false
  }

  #closed(): Partition[] {
    return [...this.all.values()].filter(({ file }) => file === undefined)
  }

  #add(path: string, { file, stat }: Opened): Partition {
    const partition = new Partition(this.newId(), path)
    partition.attach(file, stat, path, this.now())
    partition.unseen = rotatedFrom(basename(path)).length > 0
    this.all.set(partition.id, partition)
    return partition
  }
}
