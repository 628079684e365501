/**
 * The files of the directories that a log may have been rotated into, each looked at once: by inode, by first KiB, and
 * by the name of the log they may have been. For one search, or for all of a start: a directory may hold many thousands.
 */
import { basename, join, resolve, dirname } from 'node:path'
import { errnoOf } from '../errors.js'
import type { Disk, FileStat } from '../disk/disk.js'
import { openLog } from './compressed.js'
import type { Partition } from './partition.js'
import { HEAD_SIZE, identityOf, printOf, readAt } from './position.js'
import { compareTurns, compressedFrom, rotatedFrom } from './turns.js'
import type { Names } from './watch.js'

/** A regular file there. */
export interface Candidate {
  readonly path: string
  readonly stat: FileStat
}

/** One that may have been a certain log before. */
export interface Earlier extends Candidate {
  readonly turn: string
}

interface Listing {
  readonly byIdentity: ReadonlyMap<string, Candidate>
  /** By the name of the log. */
  readonly byBase: ReadonlyMap<string, readonly Earlier[]>
  /** By the hash of the first KiB. */
  byHead?: Promise<ReadonlyMap<string, readonly Candidate[]>>
}

export class Listings {
  readonly #listings = new Map<string, Promise<Listing>>()
  #missed = false
  /** By identity: the partition that a file is open as. */
  readonly owners: Map<string, Partition>

  constructor(
    readonly disk: Disk,
    readonly names: Names,
    /** Beside its own directory, and relative to that. */
    readonly olddirs: readonly string[],
    partitions: Iterable<Partition>,
  ) {
    this.owners = new Map([...partitions].filter(({ file }) => file !== undefined).map((one) => [one.identity, one]))
  }

  /** The file with this identity, where the log of this path may be. */
  async withIdentity(path: string, identity: string): Promise<Candidate | undefined> {
    for (const listing of await this.#around(path)) {
      const found = listing.byIdentity.get(identity)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Files with this first KiB. */
  async withHead(path: string, hash: string): Promise<Candidate[]> {
    const found = (await this.#around(path)).map(async (listing) => (await (listing.byHead ??= this.#heads(listing))).get(hash) ?? [])
    return (await Promise.all(found)).flat()
  }

  /** Files that may have been this log, the oldest first. */
  async earlier(path: string): Promise<Earlier[]> {
    const found = (await this.#around(path)).flatMap(({ byBase }) => byBase.get(basename(path)) ?? [])
    return found.sort((a, b) => a.stat.modified - b.stat.modified || compareTurns(a.turn, b.turn))
  }

  /** To be told why a file could not be opened: it may be there under another name by now. */
  missed(error: unknown): undefined {
    this.#missed ||= errnoOf(error) === 'ENOENT'
  }

  /** Looks again, where a file was missed. False: none was. */
  renew(): boolean {
    const missed = this.#missed
    if (missed) this.#listings.clear()
    this.#missed = false
    return missed
  }

  /** All of them. */
  async all(path: string): Promise<Candidate[]> {
    return (await this.#around(path)).flatMap(({ byIdentity }) => [...byIdentity.values()])
  }

  #around(path: string): Promise<Listing[]> {
    const directory = dirname(path)
    const directories = new Set([directory, ...this.olddirs.map((olddir) => resolve(directory, olddir))])
    return Promise.all([...directories].map((one) => {
      const listing = this.#listings.get(one) ?? this.#list(one)
      this.#listings.set(one, listing)
      return listing
    }))
  }

  async #list(directory: string): Promise<Listing> {
    const byIdentity = new Map<string, Candidate>()
    const byBase = new Map<string, Earlier[]>()
    for (const name of await this.#names(directory)) {
      const path = join(directory, name)
      const stat = await this.disk.stat(path).catch(() => undefined)
      if (stat?.kind !== 'file') continue
      byIdentity.set(identityOf(stat), { path, stat })
      for (const { base, turn } of [...rotatedFrom(name), ...compressedFrom(name)]) {
        const same = byBase.get(base) ?? []
        same.push({ path, stat, turn })
        byBase.set(base, same)
      }
    }
    return { byIdentity, byBase }
  }

  async #names(directory: string): Promise<string[]> {
    try {
      return (await this.disk.list(directory)).sort()
    } catch (error) {
      this.names.sayOnce(`cannot look into ${directory}: ${errnoOf(error) ?? String(error)}`)
      return []
    }
  }

  async #heads({ byIdentity }: Listing): Promise<ReadonlyMap<string, readonly Candidate[]>> {
    const byHead = new Map<string, Candidate[]>()
    for (const candidate of byIdentity.values()) {
      const head = await this.#head(candidate)
      if (head.length < HEAD_SIZE) continue
      const { hash } = printOf(head)
      byHead.set(hash, [...(byHead.get(hash) ?? []), candidate])
    }
    return byHead
  }

  async #head({ path }: Candidate): Promise<Buffer> {
    const file = await openLog((path) => this.disk.open(path, 'read'), path, () => undefined).catch((error: unknown) => this.missed(error))
    try {
      return file === undefined ? Buffer.alloc(0) : await readAt(file, 0, HEAD_SIZE)
    } catch {
      return Buffer.alloc(0)
    } finally {
      await file?.close()
    }
  }
}
