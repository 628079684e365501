/** The real disk, between whose calls somebody else does something, step by step. */
import type { Disk, DiskFile } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'

export type Step = () => void

export class SteppingDisk {
  #calls = -Infinity

  /** Before call `first` the first step is taken, and `every` calls later each of the others; 0: all at once. */
  constructor(
    readonly steps: Step[],
    readonly first: number,
    readonly every: number,
  ) {}

  readonly disk: Disk = {
    ...nodeDisk,
    open: async (...words) => this.#stepping(await this.#called(() => nodeDisk.open(...words))),
    list: (directory) => this.#called(() => nodeDisk.list(directory)),
    entries: (directory) => this.#entries(directory),
    stat: (path) => this.#called(() => nodeDisk.stat(path)),
    statNow: (path) => this.#called(() => nodeDisk.statNow(path)),
    link: (from, to) => this.#called(() => nodeDisk.link(from, to)),
    realPath: (path) => this.#called(() => nodeDisk.realPath(path)),
    readLink: (path) => this.#called(() => nodeDisk.readLink(path)),
    syncDirectory: (path) => this.#called(() => nodeDisk.syncDirectory(path)),
  }

  /** Calls count from here. */
  begin(): void {
    this.#calls = 0
  }

  /** Takes the steps that are left. */
  finish(): void {
    for (const step of this.steps.splice(0)) step()
  }

  #stepping(file: DiskFile): DiskFile {
    const { read, stat } = file
    return Object.assign(file, {
      read: (...words: Parameters<typeof read>) => this.#called(() => read.apply(file, words)),
      stat: () => this.#called(() => stat.apply(file)),
    })
  }

  async *#entries(directory: string): ReturnType<Disk['entries']> {
    for await (const entry of nodeDisk.entries(directory)) yield this.#called(() => entry)
  }

  #called<Result>(call: () => Result): Result {
    this.#calls++
    if (this.#calls >= this.first) {
      this.#calls -= this.every
      if (this.every === 0) this.finish()
      else this.steps.shift()?.()
    }
    return call()
  }
}
