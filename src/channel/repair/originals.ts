/** What a repair replaces stays beside it: DIR/originals/<time>/, of which nothing else knows. */
import { dirname, join, relative } from 'node:path'
import { errnoOf } from '../../errors.js'
import type { Paths, Surroundings } from '../surroundings.js'

export class Originals {
  #directory: string | undefined

  constructor(
    readonly paths: Paths,
    readonly around: Surroundings,
  ) {}

  /** Where they are; undefined: nothing was replaced. */
  get directory(): string | undefined {
    return this.#directory
  }

  /** On return the file has a second name there, durably, and its first one may be given to another. Fine where there is no file. */
  async keep(path: string): Promise<void> {
    const { disk } = this.around
    if ((await disk.stat(path)) === undefined) return
    this.#directory ??= await this.#make()
    const kept = join(this.#directory, relative(this.paths.directory, path))
    await disk.makeDirectory(dirname(kept), 0o700)
    await disk.link(path, kept).catch(orThere)
    for (let at = dirname(kept); at.length >= this.paths.directory.length; at = dirname(at)) await disk.syncDirectory(at)
  }

  /** On return the file is there and no longer where it was. */
  async take(path: string): Promise<void> {
    const { disk } = this.around
    await this.keep(path)
    await disk.unlink(path)
    await disk.syncDirectory(dirname(path))
  }

  /** A directory that no earlier repair has used. */
  async #make(): Promise<string> {
    const { disk, clock } = this.around
    const time = new Date(clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')
    for (let n = 0; ; n++) {
      const directory = join(this.paths.originals, n === 0 ? time : `${time}.${n}`)
      if ((await disk.stat(directory)) === undefined) return directory
    }
  }
}

/** The same file under two steps: it is there already. */
function orThere(error: unknown): void {
  if (errnoOf(error) !== 'EEXIST') throw error
}
