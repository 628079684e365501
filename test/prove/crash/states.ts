/** The states that a crash may leave of a disk: all of them where they are few, else a seeded sample. */
import { chooser, type Choose, type MemoryDisk } from '../../support/memory-disk.js'

/** Choices in the order in which they are asked for: where the path ends, the first way is taken. */
export class Way {
  readonly taken: number[] = []
  readonly #counts: number[] = []

  constructor(readonly path: readonly number[] = []) {}

  readonly choose: Choose = (count) => {
    const choice = Math.min(this.path[this.taken.length] ?? 0, count - 1)
    this.taken.push(choice)
    this.#counts.push(count)
    return choice
  }

  /** The next way in the order of an odometer; undefined after the last. */
  next(): Way | undefined {
    for (let at = this.taken.length - 1; at >= 0; at--) {
      if (this.taken[at]! + 1 < this.#counts[at]!) return new Way([...this.taken.slice(0, at), this.taken[at]! + 1])
    }
    return undefined
  }
}

/** Each with the path that leads to it; `most` of them at most. The disk itself stays as it is. */
export function* crashes(disk: MemoryDisk, most: number, seed: number): Generator<{ disk: MemoryDisk; path: readonly number[] }> {
  const few = disk.ways <= most
  let way: Way | undefined = new Way()
  for (let made = 0; way !== undefined && made < most; made++) {
    const dark = disk.clone()
    if (few) {
      dark.losePower(way.choose)
      yield { disk: dark, path: way.taken }
      way = way.next()
    } else {
      const path: number[] = []
      const choose = chooser(seed * 1009 + made)
      dark.losePower((count) => (path[path.push(choose(count)) - 1]!))
      yield { disk: dark, path }
    }
  }
}

/** The state at the end of a path. */
export function crashAt(disk: MemoryDisk, path: readonly number[]): MemoryDisk {
  const dark = disk.clone()
  dark.losePower(new Way(path).choose)
  return dark
}
