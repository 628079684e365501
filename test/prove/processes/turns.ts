/** Several processes on one disk, one call of one of them at a time, in an order that is chosen; each may be killed before any of its calls. */
import { stat } from 'node:fs/promises'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Disk, DiskFile } from '../../../src/disk/disk.js'
import { FakeClock } from '../../support/clock.js'
import type { Choose } from '../../support/memory-disk.js'

/** Turns of the event loop after which processes that do not end are a failure. */
const TURNS_MAX = 30_000
/** ms that pass when all wait for it. */
const STEP = 300

export interface Rules {
  /** Of so many calls one goes to another process than the one before. */
  readonly stay: number
  /** Of so many calls one kills its process; 0: none. */
  readonly deadly: number
}

/** One life of a process, from its start to its end or kill -9. */
export class Life {
  readonly died: Promise<'killed'>
  readonly disk: Disk
  readonly #files = new Set<DiskFile>()
  #isDead = false
  #die: () => void = () => undefined

  /** `turn`: waits until this life may make a call. */
  constructor(
    readonly process: string,
    disk: Disk,
    readonly turn: (life: Life) => Promise<void>,
  ) {
    this.died = new Promise((resolve) => (this.#die = () => resolve('killed')))
    this.disk = this.#seen(disk)
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** Its calls never return; its locks are free. */
  kill(): void {
    this.#isDead = true
    for (const file of this.#files) void file.close()
    this.#die()
  }

  async #called<Result>(call: () => Promise<Result>): Promise<Result> {
    await this.turn(this)
    const result = await call()
    return this.#isDead ? new Promise(() => undefined) : result
  }

  #seen(disk: Disk): Disk {
    const called = this.#called.bind(this)
    return {
      open: async (...words) => this.#file(await called(() => disk.open(...words))),
      list: (path) => called(() => disk.list(path)),
      entries: (path) => disk.entries(path),
      sizes: (path) => called(() => disk.sizes(path)),
      stat: (path) => called(() => disk.stat(path)),
      statNow: (path) => disk.statNow(path),
      lstat: (path) => called(() => disk.lstat(path)),
      rename: (from, to) => called(() => disk.rename(from, to)),
      link: (from, to) => called(() => disk.link(from, to)),
      unlink: (path) => called(() => disk.unlink(path)),
      unlinkNow: (path) => disk.unlinkNow(path),
      touch: (path, modified) => called(() => disk.touch(path, modified)),
      resemble: (path, other) => called(() => disk.resemble(path, other)),
      makeDirectory: (path, permissions) => called(() => disk.makeDirectory(path, permissions)),
      syncDirectory: (path) => called(() => disk.syncDirectory(path)),
      space: (path) => called(() => disk.space(path)),
      realPath: (path) => called(() => disk.realPath(path)),
      readLink: (path) => called(() => disk.readLink(path)),
    }
  }

  #file(file: DiskFile): DiskFile {
    this.#files.add(file)
    return {
      read: (into, at) => this.#called(() => file.read(into, at)),
      write: (pieces, at, direct) => this.#called(() => file.write(pieces, at, direct)),
      sync: () => this.#called(() => file.sync()),
      truncate: (size) => this.#called(() => file.truncate(size)),
      stat: () => this.#called(() => file.stat()),
      close: () => this.#called(() => file.close()),
      tryLock: () => !this.#isDead && file.tryLock(),
    }
  }
}

export class Turns {
  readonly clock = new FakeClock(1_700_000_000_000)
  #waiting: { readonly life: Life; readonly go: () => void }[] = []
  #last = ''

  constructor(
    readonly choose: Choose,
    public rules: Rules,
  ) {}

  live(process: string, disk: Disk): Life {
    return new Life(process, disk, (life) => new Promise((go) => this.#waiting.push({ life, go })))
  }

  /** Runs them to their ends; time passes when all of them wait for it. Rejects as the first that does. */
  async run(processes: readonly Promise<unknown>[]): Promise<void> {
    let done = false
    const all = Promise.all(processes).finally(() => (done = true))
    all.catch(() => undefined)
    for (let turn = 0; !done; turn++) {
      if (turn > TURNS_MAX) throw new Error('they do not end')
      await immediate()
      this.#waiting = this.#waiting.filter(({ life }) => !life.isDead)
      if (this.#waiting.length > 0) this.#next()
      else {
        await stat('/') // behind what is compressed, which takes as long as the machine likes: there is one thread, main.ts
        if (this.#waiting.length === 0) this.clock.advance(STEP)
      }
    }
    await all
  }

  #next(): void {
    const { stay, deadly } = this.rules
    const same = this.#waiting.filter(({ life }) => life.process === this.#last)
    const others = this.#waiting.filter(({ life }) => life.process !== this.#last)
    const among = same.length > 0 && (others.length === 0 || this.choose(stay) > 0) ? same : others
    const next = among[this.choose(among.length)]!
    this.#last = next.life.process
    this.#waiting.splice(this.#waiting.indexOf(next), 1)
    if (deadly > 0 && this.choose(deadly) === 0) next.life.kill()
    else next.go()
  }
}
