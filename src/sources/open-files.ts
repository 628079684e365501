/**
 * Files that are read, of which a bounded number is open: who was not used for the longest time is closed as long as its
 * name leads to it, and opened again when it is needed. One whose name leads elsewhere by then is gone, until it is found
 * again as one is that was rotated while nobody looked.
 */
import type { Disk, FileStat, ReadableFile } from '../disk/disk.js'
import { errnoOf, wordsOf } from '../errors.js'
import { identityOf, wasBorn } from './position.js'

export class OpenFiles {
  /** The longest unused first. */
  readonly #open = new Set<OpenFile>()
  #making = 0
  /** By identity: the path under which a file was seen last. */
  paths = new Map<string, string>()

  constructor(
    readonly disk: Disk,
    public most: number,
    readonly say: (message: string) => void,
  ) {}

  static areTooMany(error: unknown): boolean {
    return ['EMFILE', 'ENFILE'].includes(errnoOf(error) ?? '')
  }

  /** `alone`: no others are being opened; where the process may open no more, fewer are open from now on. */
  async open(path: string, alone = true): Promise<OpenFile> {
    const raw = await this.take(path, alone)
    const file = new OpenFile(this, path, await raw.stat())
    this.keep(file, raw)
    return file
  }

  /** One that was seen under this path: opened when it is needed, if that still leads to it. */
  unopened(path: string, stat: FileStat): OpenFile {
    return new OpenFile(this, path, stat)
  }

  /** Opens it; makes room first. */
  async take(path: string, alone = true): Promise<ReadableFile> {
    this.#making++
    try {
      await this.#room()
      return alone ? await this.#try(path) : await this.disk.open(path, 'read')
    } finally {
      this.#making--
    }
  }

  /** It was opened, or used. */
  keep(file: OpenFile, raw?: ReadableFile): void {
    if (raw !== undefined) file.raw = raw
    this.#open.delete(file)
    this.#open.add(file)
  }

  release(file: OpenFile): void {
    this.#open.delete(file)
  }

  async #try(path: string): Promise<ReadableFile> {
    for (;;) {
      try {
        return await this.disk.open(path, 'read')
      } catch (error) {
        if (!OpenFiles.areTooMany(error) || this.#open.size < 2) throw error
        const most = this.most
        this.most = Math.max(1, this.#open.size - 1 - (this.#open.size >> 3))
        this.say(`cannot open more than ${this.#open.size} files (${wordsOf(error)}): from now on ${this.most} are open at a time`)
        await this.#room()
        if (this.#open.size > this.most && this.most < most) throw error
      }
    }
  }

  async #room(): Promise<void> {
    for (const file of [...this.#open]) {
      if (this.#open.size + this.#making <= this.most) return
      await file.closeForNow()
    }
  }
}

export class OpenFile implements ReadableFile {
  raw: ReadableFile | undefined
  #users = 0
  #gone = false

  constructor(
    readonly files: OpenFiles,
    public path: string,
    /** As of the last look. */
    public last: FileStat,
  ) {}

  read(into: Uint8Array, at: number): Promise<number> {
    return this.#use(async (raw) => raw.read(into, at), 0)
  }

  /** Of one that is closed by its name. One that is gone has no bytes and no names. */
  async stat(): Promise<FileStat> {
    if (this.raw !== undefined) return this.#use(async (raw) => (this.last = await raw.stat()), this.last)
    await this.#find()
    return this.#gone ? { ...this.last, size: 0, links: 0 } : this.last
  }

  /** Its name leads elsewhere, and it is not open. */
  async isGone(): Promise<boolean> {
    if (this.raw === undefined) await this.#find()
    return this.#gone
  }

  async close(): Promise<void> {
    const { raw } = this
    this.raw = undefined
    this.files.release(this)
    await raw?.close()
  }

  /** Unless it is being used, or could not be had again. */
  async closeForNow(): Promise<void> {
    if (this.#users > 0) return
    this.#users++
    const found = await this.#find()
    if (--this.#users === 0 && found !== undefined) await this.close()
    else this.#gone = false // it is open
  }

  async #use<T>(work: (raw: ReadableFile) => Promise<T>, missing: T): Promise<T> {
    this.#users++
    try {
      if (this.raw === undefined) await this.#openAgain()
      if (this.raw === undefined) return missing
      this.files.keep(this)
      return await work(this.raw)
    } finally {
      this.#users--
    }
  }

  async #openAgain(): Promise<void> {
    const path = await this.#find()
    if (path === undefined) return
    const raw = await this.files.take(path).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error
    })
    if (raw === undefined || !isSame(await raw.stat(), this.last)) {
      this.#gone = true
      await raw?.close()
    } else this.files.keep(this, raw)
  }

  /** The path that leads to it. */
  async #find(): Promise<string | undefined> {
    const identity = identityOf(this.last)
    for (const path of new Set([this.path, this.files.paths.get(identity) ?? this.path])) {
      const stat = await this.files.disk.stat(path).catch(() => undefined)
      if (stat === undefined || !isSame(stat, this.last)) continue
      this.path = path
      this.last = stat
      this.#gone = false
      return path
    }
    this.#gone = true
    return undefined
  }
}

const isSame = (one: FileStat, other: FileStat): boolean => identityOf(one) === identityOf(other) && wasBorn(one.born, other.born)
