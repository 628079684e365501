/**
 * The files of the directories that a log may have been rotated into, each looked at once: by inode, by first KiB, and
 * by the name of the log they may have been. For one search, or for all of a start: a directory may hold many thousands.
 */
import { basename, join, resolve, dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { errnoOf, FlumeError, wordsOf } from '../errors.js'
import type { Disk, FileStat, ReadableFile } from '../disk/disk.js'
import { openLog } from './compressed.js'
import type { FoundFile } from './found-file.js'
import type { Logs } from './logs.js'
import type { Partition } from './partition.js'
import { HEAD_SIZE, identityOf, printOf, readAt, type FilePosition } from './position.js'
import { compareTurns, compressedFrom, ledTo, logOf, rotatedFrom, type Rotated } from './turns.js'
import { AT_ONCE, type Names } from './watch.js'

/** A directory that changes while it is listed is listed again, at most TRIES times in all. */
const TRIES = 8

/** One that may have been a certain log before. */
export interface Earlier extends FoundFile, Rotated {}

interface Listing {
  /** One that was begun later has the higher number. */
  readonly turn: number
  readonly byIdentity: ReadonlyMap<string, FoundFile>
  /** By the name of the log. */
  readonly byBase: ReadonlyMap<string, readonly Earlier[]>
  /** Whatever they lead to, if anything. */
  readonly names: ReadonlySet<string>
  /** There may be more in it than could be seen. */
  readonly blind: boolean
  /** By the hash of the first KiB. */
  byHead?: Promise<ReadonlyMap<string, readonly FoundFile[]>>
}

export class Listings {
  readonly #listings = new Map<string, Listing>()
  #missed = false
  /** Directories that do not let all be seen that is in them, and identities of files that could not be opened. */
  readonly #hidden = new Set<string>()
  #turn = 0
  /** Of these logs it is known where they lead. */
  readonly #resolved = new Set<string>()
  /** By identity: the partition that a file is open as. */
  readonly owners: Map<string, Partition>

  constructor(
    readonly disk: Disk,
    readonly names: Names,
    /** Beside its own directory, and relative to that. */
    readonly olddirs: readonly string[],
    partitions: Iterable<Partition>,
    readonly logs: Pick<Logs, 'open' | 'resolve' | 'targets'>,
  ) {
    this.owners = new Map([...partitions].filter(({ file }) => file !== undefined).map((one) => [one.identity, one]))
  }

  /** To be called before others when several of these will be asked for: where their rotated files go is then listed once for all. */
  async begin(logs: Iterable<{ readonly path: string }>): Promise<void> {
    for (const { path } of logs) for (const name of this.namesOf(path)) await this.#listed(dirname(name), 0)
  }

  /** What it is called, was called before it was on its way from there, and where that leads. */
  namesOf(path: string): string[] {
    return [...new Set([path, logOf(path), this.logs.targets.get(path) ?? path])]
  }

  /** Undefined: it cannot be opened, or its name leads elsewhere by now, see renew(). */
  async open({ path, stat }: FoundFile): Promise<ReadableFile | undefined> {
    const file = await this.logs.open(path).catch((error: unknown) => this.#miss(error, stat))
    if (file === undefined || identityOf(await file.stat()) === identityOf(stat)) return file
    this.#missed = true
    await file.close()
    return undefined
  }

  /** The file with this identity, where the log of this path may be. */
  async withIdentity(path: string, identity: string): Promise<FoundFile | undefined> {
    for (const listing of await this.#around(path)) {
      const found = listing.byIdentity.get(identity)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Files with this first KiB. */
  async withHead(path: string, hash: string): Promise<FoundFile[]> {
    const found = (await this.#around(path)).map(async (listing) => (await (listing.byHead ??= this.#heads(listing))).get(hash) ?? [])
    return (await Promise.all(found)).flat()
  }

  /** Files that may have been this log, the oldest first. `found`: the path of one that was, where that is known. */
  async earlier(path: string, found?: string): Promise<Earlier[]> {
    const names = new Set(this.namesOf(path).map((name) => basename(name)))
    const around = await this.#around(path)
    const earlier = around.flatMap(({ byBase }) => [...names].flatMap((name) => byBase.get(name) ?? []))
    const others = (await this.#ledTo(path, found)).filter((other) => !earlier.some((one) => one.path === other.path))
    return [...earlier, ...others].sort((a, b) => a.stat.modified - b.stat.modified || compareTurns(a.turn, b.turn))
  }

  /** Files that it led to meanwhile, as a link, and what was made of them. */
  async #ledTo(path: string, found: string | undefined): Promise<Earlier[]> {
    const target = this.logs.targets.get(path)
    if (target === undefined) return []
    const { byIdentity, byBase } = await this.#listed(dirname(target), 0)
    const mayBe = ledTo(basename(target), found === undefined ? undefined : basename(found))
    const itself = [...byIdentity.values()].map((candidate) => ({ ...candidate, base: basename(candidate.path), turn: '' }))
    const rotated = [...byBase].flatMap(([base, files]) => (mayBe(base) ? files : []))
    return [...itself.filter((one) => mayBe(one.base)), ...rotated].filter((one) => one.path !== target)
  }

  /** The file in which this is a place may be where the log of this path may be, for all that could be seen. */
  async mayHide(path: string, place: FilePosition): Promise<boolean> {
    if (place.mount !== undefined && this.names.mounts.isMissing(place.mount)) return true
    return (await this.#around(path)).some(({ blind }) => blind) || this.#hidden.has(identityOf(place))
  }

  /** Looks again, where a file was missed. False: none was. */
  renew(): boolean {
    const missed = this.#missed
    if (missed) this.#listings.clear()
    this.#missed = false
    return missed
  }

  /** All of them. */
  async all(path: string): Promise<FoundFile[]> {
    return (await this.#around(path)).flatMap(({ byIdentity }) => [...byIdentity.values()])
  }

  /** Its own directories first: what is moved from there to another meanwhile is seen in one of them. */
  async #around(path: string): Promise<Listing[]> {
    const { names } = await this.#listed(dirname(path), 0)
    if (names.has(basename(path)) && !this.#resolved.has(path)) await this.logs.resolve(path)
    this.#resolved.add(path)
    const own = new Set(this.namesOf(path).map((name) => dirname(name)))
    const found: Listing[] = []
    for (const directory of own) found.push(await this.#listed(directory, 0))
    const last = Math.max(...found.map(({ turn }) => turn))
    for (const olddir of new Set([...own].flatMap((directory) => this.olddirs.map((olddir) => resolve(directory, olddir))))) {
      if (!own.has(olddir)) found.push(await this.#listed(olddir, last))
    }
    return found
  }

  /** A listing that is younger than the one with this number. */
  async #listed(directory: string, than: number): Promise<Listing> {
    const known = this.#listings.get(directory)
    if (known !== undefined && known.turn > than) return known
    const listing = await this.#list(directory)
    this.#listings.set(directory, listing)
    return listing
  }

  async #list(directory: string): Promise<Listing> {
    const turn = ++this.#turn
    this.#hidden.delete(directory)
    let files = await this.#files(directory)
    for (let tries = 2; tries <= TRIES; tries++) {
      const before = files
      files = await this.#files(directory)
      if (areSame(before, files)) break
    }
    const byIdentity = new Map<string, FoundFile>()
    const byBase = new Map<string, Earlier[]>()
    for (const [name, stat] of files) {
      if (stat?.kind !== 'file') continue
      const path = join(directory, name)
      byIdentity.set(identityOf(stat), { path, stat })
      for (const rotated of [...rotatedFrom(name), ...compressedFrom(name)]) {
        const same = byBase.get(rotated.base) ?? []
        same.push({ path, stat, ...rotated })
        byBase.set(rotated.base, same)
      }
    }
    return { turn, byIdentity, byBase, names: new Set(files.keys()), blind: this.#hidden.has(directory) }
  }

  /** The first of them in a thread, as its file system may hang; the others at once, which takes a tenth of the time. */
  async #files(directory: string): Promise<Map<string, FileStat | undefined>> {
    const files = new Map<string, FileStat | undefined>()
    for (const name of await this.#names(directory)) {
      if (files.size % AT_ONCE === AT_ONCE - 1) await setImmediate()
      files.set(name, await this.#stat(join(directory, name), files.size > 0))
    }
    return files
  }

  async #stat(path: string, now: boolean): Promise<FileStat | undefined> {
    try {
      return now ? this.disk.statNow(path) : await this.disk.stat(path)
    } catch {
      // it may also be a link that leads where nobody may look
      await this.disk.lstat(path).catch(() => this.#hidden.add(dirname(path)))
      return undefined
    }
  }

  async #names(directory: string): Promise<string[]> {
    try {
      return (await this.disk.list(directory)).sort()
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) this.#hidden.add(directory)
      const isSaid = [...this.names.hidden].some((path) => dirname(path) === directory)
      if (!isSaid) this.names.sayOnce(`cannot look into ${directory}: ${wordsOf(error)}`)
      return []
    }
  }

  async #heads({ byIdentity }: Listing): Promise<ReadonlyMap<string, readonly FoundFile[]>> {
    const byHead = new Map<string, FoundFile[]>()
    for (const candidate of byIdentity.values()) {
      const head = await this.#head(candidate)
      if (head.length < HEAD_SIZE) continue
      const { hash } = printOf(head)
      byHead.set(hash, [...(byHead.get(hash) ?? []), candidate])
    }
    return byHead
  }

  async #head({ path, stat }: FoundFile): Promise<Buffer> {
    const file = await openLog((path) => this.disk.open(path, 'read'), path, () => undefined).catch((error: unknown) => this.#miss(error))
    try {
      const isIt = file !== undefined && identityOf(await file.stat()) === identityOf(stat)
      this.#missed ||= file !== undefined && !isIt
      return isIt ? await readAt(file, 0, HEAD_SIZE) : Buffer.alloc(0)
    } catch {
      return Buffer.alloc(0)
    } finally {
      await file?.close()
    }
  }

  /** It may be there under another name by now. */
  #miss(error: unknown, stat?: FileStat): undefined {
    const isGone = errnoOf(error) === 'ENOENT'
    this.#missed ||= isGone
    if (!isGone && stat !== undefined && !(error instanceof FlumeError)) this.#hidden.add(identityOf(stat))
  }
}

/** The same names lead to the same files. */
function areSame(one: ReadonlyMap<string, FileStat | undefined>, other: ReadonlyMap<string, FileStat | undefined>): boolean {
  return one.size === other.size && [...one].every(([name, stat]) => {
    const same = other.get(name)
    return stat === undefined || same === undefined ? other.has(name) && stat === same : identityOf(same) === identityOf(stat)
  })
}
