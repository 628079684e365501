/**
 * A disk in memory that loses what was not synced. Each write, truncation, creation, renaming and removal since the
 * last sync of its file or directory is, at a loss of power, kept, lost or torn on its own; a failed sync leaves pages
 * that look clean and are never written. `plan` ends the process, or fails the call, at a given step.
 */
import { dirname, basename, join } from 'node:path'
import { crc32 } from '@node-rs/crc32'
import type { DirectoryEntry, Disk, DiskFile, FileStat, OpenMode } from '../../src/disk/disk.js'

type Change = { readonly at: number; readonly bytes: Buffer } | { readonly size: number }
/** Entries of a directory that a call sets, or removes (undefined). */
type Renaming = readonly (readonly [name: string, inode: Inode | undefined])[]

/** Its bytes are never changed in place: copies of a disk share them. */
class Inode {
  bytes: Buffer = Buffer.alloc(0)
  durable: Buffer = Buffer.alloc(0)
  pending: Change[] = []
  entries = new Map<string, Inode>()
  durableEntries = new Map<string, Inode>()
  pendingEntries: Renaming[] = []
  locked: unknown
  modified = 0
  constructor(
    readonly id: number,
    readonly kind: 'file' | 'directory',
  ) {}
}

/** What a step does instead of what it should. `end`: the process dies in the middle of it. */
export type Failure = 'end' | 'EIO' | 'ENOSPC'
/** A whole number from 0 to below `count`. */
export type Choose = (count: number) => number

/** The same choices each time. `seed`: any whole number. */
export function chooser(seed: number): Choose {
  let state = (seed * 2654435761 + 12345) >>> 0
  return (count) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) >>> 0
    return (state >>> 8) % count
  }
}

export class MemoryDisk {
  #root = new Inode(1, 'directory')
  #inodes = 1
  #process = {}
  /** Calls so far that change the disk, and calls of any kind. */
  steps = 0
  calls = 0
  /** Names of the steps so far. */
  readonly log: string[] = []
  /** At which step, or at which call, what goes wrong; once. */
  plan: { readonly step?: number; readonly call?: number; readonly failure: Failure } | undefined
  /** The clock for what is written: ms. */
  now: () => number = () => 0
  /** Bytes of all files together before ENOSPC. */
  capacity = Infinity
  /** Nobody goes on beside a call. */
  quick = false
  /** Called just before each step, when what came before it is done. */
  watch: (() => void) | undefined
  /** Resolves when the plan has ended the process. */
  ended: Promise<void>
  #end: () => void = () => undefined

  constructor() {
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  get used(): number {
    let used = 0
    for (const inode of this.#all()) used += inode.bytes.length
    return used
  }

  /** The disk as a process sees it; when the process has ended, its calls never return. */
  boot(): Disk {
    return new View(this, this.#process)
  }

  /** kill -9: locks are gone, the page cache stays. */
  kill(): void {
    this.#process = {}
    this.plan = undefined
    for (const inode of this.#all()) inode.locked = undefined
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  /** Only what was synced is there for sure; of the rest `choose` says what. */
  losePower(choose: Choose): void {
    this.kill()
    for (const inode of this.#all()) {
      for (const renaming of inode.pendingEntries) if (choose(2) === 1) rename(inode.durableEntries, renaming)
      inode.pendingEntries = []
      inode.entries = new Map(inode.durableEntries)
      for (const change of inode.pending) inode.durable = changed(inode.durable, change, choose)
      inode.pending = []
      inode.bytes = inode.durable
    }
  }

  /** All is on disk as a process sees it now. */
  settle(): void {
    for (const inode of this.#all()) {
      inode.durable = inode.bytes
      inode.pending = []
      inode.durableEntries = new Map(inode.entries)
      inode.pendingEntries = []
    }
  }

  /** In how many ways losePower() may choose. */
  get ways(): number {
    let ways = 1
    for (const inode of this.#all()) {
      ways *= 2 ** inode.pendingEntries.length
      for (const change of inode.pending) ways *= waysOf(change)
    }
    return ways
  }

  /** A number that differs, but for chance, where the names or bytes below `path` do. */
  print(path = '/'): number {
    let [low, high] = [0, 1]
    const add = (inode: Inode | undefined, name: string): void => {
      if (inode === undefined) return
      const head = Buffer.from(`${name} ${inode.bytes.length} `)
      low = crc32(inode.bytes, crc32(head, low))
      high = crc32(inode.bytes, crc32(head, high ^ low))
      for (const [below, entry] of [...inode.entries].sort(([a], [b]) => (a < b ? -1 : 1))) add(entry, below)
    }
    add(this.find(path), '')
    return (high & 0x1fffff) * 2 ** 32 + low
  }

  /** The same disk once more, to go another way with it. */
  clone(): MemoryDisk {
    const copy = new MemoryDisk()
    const copies = new Map<Inode, Inode>()
    const copyOf = (inode: Inode): Inode => {
      const known = copies.get(inode)
      if (known !== undefined) return known
      const twin = new Inode(inode.id, inode.kind)
      copies.set(inode, twin)
      twin.bytes = inode.bytes
      twin.durable = inode.durable
      twin.pending = [...inode.pending]
      twin.modified = inode.modified
      for (const [name, entry] of inode.entries) twin.entries.set(name, copyOf(entry))
      for (const [name, entry] of inode.durableEntries) twin.durableEntries.set(name, copyOf(entry))
      twin.pendingEntries = inode.pendingEntries.map((renaming) => renaming.map(([name, entry]) => [name, entry && copyOf(entry)] as const))
      return twin
    }
    copy.#root = copyOf(this.#root)
    copy.#inodes = this.#inodes
    copy.capacity = this.capacity
    copy.now = this.now
    return copy
  }

  /** Before each call: counts it, and fails it where the plan says so. Returns whether the process ends in it. */
  async begin(process: unknown, name: string, changes: boolean): Promise<'end' | undefined> {
    for (let turn = 0; !this.quick && turn < (name.startsWith('sync') ? 12 : 3); turn++) await Promise.resolve() // a sync is slow: others go on beside it
    if (process !== this.#process) return new Promise(() => undefined)
    this.calls++
    if (changes) this.watch?.()
    if (changes) this.steps++
    if (changes) this.log.push(name)
    const { step, call, failure } = this.plan ?? {}
    if (failure === undefined || !((changes && step === this.steps) || call === this.calls)) return undefined
    this.plan = undefined
    if (failure !== 'end') throw failed(failure, name)
    return 'end'
  }

  /** The process is gone; whoever waits for this call waits for ever. */
  async end(): Promise<never> {
    this.#process = {}
    this.#end()
    return new Promise(() => undefined)
  }

  find(path: string): Inode | undefined {
    let inode: Inode | undefined = this.#root
    for (let at = 0; at < path.length && inode !== undefined; ) {
      const end = path.indexOf('/', at) < 0 ? path.length : path.indexOf('/', at)
      if (end > at) inode = inode.entries.get(path.slice(at, end))
      at = end + 1
    }
    return inode
  }

  directory(path: string): Inode {
    const inode = this.find(path)
    if (inode === undefined) throw failed('ENOENT', path)
    if (inode.kind !== 'directory') throw failed('ENOTDIR', path)
    return inode
  }

  make(kind: Inode['kind']): Inode {
    return new Inode(++this.#inodes, kind)
  }

  /** Every inode that is, or may after a loss of power be, in a directory. */
  #all(): Set<Inode> {
    const all = new Set<Inode>()
    const add = (inode: Inode | undefined): void => {
      if (inode === undefined || all.has(inode)) return
      all.add(inode)
      for (const entry of [...inode.entries.values(), ...inode.durableEntries.values()]) add(entry)
      for (const [, entry] of inode.pendingEntries.flat()) add(entry)
    }
    add(this.#root)
    return all
  }
}

/**
 * What is left of a change that was not synced: nothing, all, its head or its tail, or its head and its size, with zeros
 * or what lay on the disk before in the bytes that the file had not had yet. Bytes that it had are the old or the new ones.
 */
function changed(bytes: Buffer, change: Change, choose: Choose): Buffer {
  if ('size' in change) return choose(2) === 0 ? bytes : resized(bytes, change.size)
  const fate = choose(4)
  if (fate === 0) return bytes
  if (fate === 1) return written(bytes, change)
  const cuts = cutsOf(change)
  const cut = cuts[choose(cuts.length)] ?? 0
  if (fate === 3) return written(bytes, { at: change.at + cut, bytes: change.bytes.subarray(cut) })
  const head = written(bytes, { at: change.at, bytes: change.bytes.subarray(0, cut) })
  const size = choose(3)
  const grown = Math.max(0, change.at + change.bytes.length - head.length)
  return size === 0 ? head : written(head, { at: head.length, bytes: size === 1 ? Buffer.alloc(grown) : GARBAGE.subarray(0, grown) })
}

/** Lost, kept, and for each cut a tail and three sizes of a head. */
function waysOf(change: Change): number {
  return 'size' in change ? 2 : 2 + 4 * cutsOf(change).length
}

/** Where a write may be torn, in bytes from its beginning: between sectors of the disk, pages of the cache, in its middle and by one byte at either end. */
function cutsOf({ at, bytes }: { readonly at: number; readonly bytes: Buffer }): number[] {
  const cuts = [1, bytes.length - 1]
  for (const unit of [SECTOR, PAGE]) {
    const first = unit - (at % unit)
    cuts.push(first, first + unit, bytes.length - ((at + bytes.length) % unit))
  }
  return [...new Set([bytes.length >> 1, ...cuts.filter((cut) => cut > 0 && cut < bytes.length)])]
}

const SECTOR = 512
const PAGE = 4096
/** What a disk may show where nothing was written yet. */
const GARBAGE = Buffer.alloc(4 * 1024 * 1024, '\xffflf of an older file \x00\n', 'latin1')

function written(bytes: Buffer, { at, bytes: more }: { at: number; bytes: Buffer }): Buffer {
  const result = resized(bytes, Math.max(bytes.length, at + more.length))
  more.copy(result, at)
  return result
}

function resized(bytes: Buffer, size: number): Buffer {
  const result = Buffer.allocUnsafe(size)
  return result.fill(0, bytes.copy(result))
}

function rename(entries: Map<string, Inode>, renaming: Renaming): void {
  for (const [name, inode] of renaming) {
    if (inode === undefined) entries.delete(name)
    else entries.set(name, inode)
  }
}

function failed(errno: string, what: string): Error {
  return Object.assign(new Error(`${errno}: ${what}`), { code: errno })
}

class View implements Disk {
  constructor(
    readonly disk: MemoryDisk,
    readonly process: unknown,
  ) {}

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const there = this.disk.find(path) !== undefined
    const makes = !there && mode !== 'read' && mode !== 'update'
    const ending = await this.disk.begin(this.process, `open ${path}`, makes)
    const inode = this.disk.find(path)
    if (inode === undefined && !makes) throw failed('ENOENT', path)
    if (inode !== undefined && mode === 'create') throw failed('EEXIST', path)
    if (inode?.kind === 'directory') throw failed('EISDIR', path)
    const opened = inode ?? this.disk.make('file')
    if (inode === undefined) this.#enter(dirname(path), [[basename(path), opened]])
    if (ending) return this.disk.end()
    return new View.File(this, opened, path)
  }

  async list(directory: string): Promise<string[]> {
    if (await this.disk.begin(this.process, `list ${directory}`, false)) return this.disk.end()
    return [...this.disk.directory(directory).entries.keys()]
  }

  async *entries(directory: string): AsyncGenerator<DirectoryEntry> {
    for (const name of await this.list(directory)) {
      const kind = this.disk.find(`${directory}/${name}`)?.kind
      yield { name, kind: kind === 'file' || kind === 'directory' ? kind : 'other' }
    }
  }

  async sizes(directory: string): Promise<Map<string, number>> {
    const names = await this.list(directory)
    return new Map(names.map((name) => [name, Number(statOf(this.disk.find(`${directory}/${name}`)!).size)]))
  }

  async stat(path: string): Promise<FileStat | undefined> {
    if (await this.disk.begin(this.process, `stat ${path}`, false)) return this.disk.end()
    const inode = this.disk.find(path)
    return inode && statOf(inode)
  }

  statNow(path: string): FileStat | undefined {
    const inode = this.disk.find(path)
    return inode && statOf(inode)
  }

  lstat(path: string): Promise<FileStat | undefined> {
    return this.stat(path)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change(`rename ${to}`, () => this.#enter(dirname(from), [[basename(to), this.#at(from)], [basename(from), undefined]]))
  }

  link(from: string, to: string): Promise<void> {
    return this.#change(`link ${to}`, () => {
      if (this.disk.find(to) !== undefined) throw failed('EEXIST', to)
      this.#enter(dirname(to), [[basename(to), this.#at(from)]])
    })
  }

  unlink(path: string): Promise<void> {
    return this.#change(`unlink ${path}`, () => {
      this.#at(path)
      this.#enter(dirname(path), [[basename(path), undefined]])
    })
  }

  unlinkNow(): never {
    throw new Error('no rule has come to need it in memory')
  }

  touch(path: string, modified: number): Promise<void> {
    return this.#change(`touch ${path}`, () => (this.#at(path).modified = modified))
  }

  resemble(path: string, other: string): Promise<void> {
    return this.#change(`resemble ${path}`, () => (this.#at(path).modified = this.#at(other).modified))
  }

  async makeDirectory(path: string): Promise<string | undefined> {
    if (this.disk.find(path)?.kind === 'directory') return undefined
    const above = path === '/' ? undefined : await this.makeDirectory(dirname(path))
    await this.#change(`mkdir ${path}`, () => this.#enter(dirname(path), [[basename(path), this.disk.make('directory')]]))
    return above ?? path
  }

  syncDirectory(path: string): Promise<void> {
    return this.#change(`sync ${path}`, () => {
      const directory = this.disk.directory(path)
      for (const renaming of directory.pendingEntries.splice(0)) rename(directory.durableEntries, renaming)
    }, true)
  }

  async space(): Promise<{ free: number; total: number }> {
    if (await this.disk.begin(this.process, 'space', false)) return this.disk.end()
    return this.disk.capacity === Infinity ? { free: 1e12, total: 1e12 } : { free: this.disk.capacity - this.disk.used, total: this.disk.capacity }
  }

  async realPath(path: string): Promise<string> {
    return join('/', path)
  }

  async readLink(path: string): Promise<string> {
    throw failed('EINVAL', path) // it has none
  }

  /** `nothing`: where the process ends in it, nothing of it is done. */
  async #change(name: string, change: () => void, nothing = false): Promise<void> {
    const ending = await this.disk.begin(this.process, name, true)
    if (!ending || !nothing) change()
    if (ending) await this.disk.end()
  }

  #at(path: string): Inode {
    const inode = this.disk.find(path)
    if (inode === undefined) throw failed('ENOENT', path)
    return inode
  }

  #enter(directory: string, renaming: Renaming): void {
    const inode = this.disk.directory(directory)
    rename(inode.entries, renaming)
    inode.pendingEntries.push(renaming)
  }

  static File = class implements DiskFile {
    readonly #lock = {}
    constructor(
      readonly view: View,
      readonly inode: Inode,
      readonly path: string,
    ) {}

    async read(into: Uint8Array, at: number): Promise<number> {
      if (await this.#begin('read', false)) return this.view.disk.end()
      return this.inode.bytes.copy(into, 0, Math.min(at, this.inode.bytes.length))
    }

    async write(pieces: readonly Uint8Array[], at: number): Promise<number> {
      const bytes = Buffer.concat(pieces)
      const ending = await this.#begin('write', true)
      const { disk } = this.view
      const grows = Math.max(0, at + bytes.length - this.inode.bytes.length)
      const room = disk.capacity === Infinity ? Infinity : Math.max(0, disk.capacity - disk.used)
      const fits = grows > room ? bytes.subarray(0, bytes.length - grows + room) : bytes
      this.inode.bytes = written(this.inode.bytes, { at, bytes: ending ? fits.subarray(0, fits.length >> 1) : fits })
      this.inode.pending.push({ at, bytes: fits })
      this.inode.modified = disk.now()
      if (ending) return disk.end()
      if (grows > room) throw failed('ENOSPC', this.path)
      return bytes.length
    }

    async sync(): Promise<void> {
      const syncing = this.inode.pending.length
      let ending: 'end' | undefined
      try {
        ending = await this.#begin('sync', true)
      } catch (error) {
        this.inode.pending.splice(0, syncing) // the pages look clean now, and never reach the disk
        throw error
      }
      if (ending) return this.view.disk.end()
      const keep: Choose = () => 1
      for (const change of this.inode.pending.splice(0, syncing)) {
        this.inode.durable = 'size' in change ? resized(this.inode.durable, change.size) : changed(this.inode.durable, change, keep)
      }
    }

    async truncate(size: number): Promise<void> {
      const ending = await this.#begin('truncate', true)
      this.inode.bytes = resized(this.inode.bytes, size)
      this.inode.pending.push({ size })
      if (ending) await this.view.disk.end()
    }

    async stat(): Promise<FileStat> {
      if (await this.#begin('stat', false)) return this.view.disk.end()
      return statOf(this.inode)
    }

    tryLock(): boolean {
      this.inode.locked ??= this.#lock
      return this.inode.locked === this.#lock
    }

    async close(): Promise<void> {
      if (this.inode.locked === this.#lock) this.inode.locked = undefined
    }

    #begin(name: string, changes: boolean): Promise<'end' | undefined> {
      return this.view.disk.begin(this.view.process, `${name} ${this.path}`, changes)
    }
  }
}

function statOf(inode: Inode): FileStat {
  const { kind, id, modified } = inode
  return { kind, size: inode.bytes.length, device: 1n, inode: BigInt(id), modified, born: BigInt(id) * 1000n, links: 1, touched: false }
}
