/**
 * How far the buckets of a directory have come, from one listing of it for all of them. It holds for as long as the sink
 * lives: nobody but this process gives names to files of the stream, which the lock of its record guards, and what a dead
 * one had begun is completed before. (A stream without a record is written at least once, whatever is seen here.)
 */
import { orRefusal } from '../retry.js'
import type { FileSystem } from './filesystem.js'
import { bucketKey, firstAttempt, isTemporaryOf, noteEnd } from './name.js'
import type { Place } from './path.js'

/** Directories and buckets remembered; beyond it directories are forgotten, those asked for longest ago first. */
const KNOWN_MAX = 20_000

export class Listings {
  /** By directory and stream, to prefix and bucket to the sequence just after the last one in place. */
  readonly #known = new Map<string, Map<string, number>>()
  #size = 0

  constructor(
    readonly files: FileSystem,
    /** Names of temporary files of this process. */
    readonly own: ReadonlySet<string>,
  ) {}

  /**
   * The sequence just after the last one in place; 0: there is none. The first time in a directory it deletes what is left
   * over there of the stream.
   */
  async endOf(place: Place, stream: string): Promise<number> {
    const { directory } = place
    const key = `${directory}/${stream}`
    const ends = this.#known.get(key) ?? (await this.#look(directory, stream))
    this.#known.delete(key)
    this.#known.set(key, ends)
    this.#forget()
    return ends.get(bucketKey(place)) ?? 0
  }

  /** A file of ours is in place. */
  reached(place: Place, stream: string, end: number): void {
    const ends = this.#known.get(`${place.directory}/${stream}`)
    if (ends === undefined) return
    const key = bucketKey(place)
    if (!ends.has(key)) this.#size++
    ends.set(key, Math.max(ends.get(key) ?? 0, end))
  }

  async #look(directory: string, stream: string): Promise<Map<string, number>> {
    const first = await this.#list(directory, stream)
    for (const name of first.left) await orRefusal(`cannot remove ${directory}/${name}`, this.files.remove(`${directory}/${name}`))
    const { ends } = first.left.length === 0 ? first : await this.#list(directory, stream) // one may just have got its final name
    this.#size += 1 + ends.size
    return ends
  }

  async #list(directory: string, stream: string): Promise<{ readonly ends: Map<string, number>; readonly left: readonly string[] }> {
    const ends = new Map<string, number>()
    const left: string[] = []
    const take = async (): Promise<void> => {
      for await (const text of this.files.names(directory)) {
        if (isTemporaryOf(text, stream) && !this.own.has(firstAttempt(text))) left.push(text)
        noteEnd(ends, text, stream)
      }
    }
    await orRefusal(`cannot list ${directory}`, take())
    return { ends, left }
  }

  #forget(): void {
    for (const [key, ends] of this.#known) {
      if (this.#size <= KNOWN_MAX || this.#known.size === 1) return
      this.#known.delete(key)
      this.#size -= 1 + ends.size
    }
  }
}
