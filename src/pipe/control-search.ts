/**
 * Where the next control line stands in what has been read. Batches of a large flow come in a few sizes, so it looks
 * where the last ones ended before it searches all bytes, which is most of the work of who only passes batches on.
 */
interface Found {
  readonly at: number
  /** Of its \n. */
  readonly end: number
}

/** Batches that are smaller are searched. */
const LARGE = 64 * 1024
/** So many sizes are remembered, and so far from each one it looks: about a long line. */
const SIZES = 4
const NEAR = 4096
const NEWLINE = 10

export class ControlSearch {
  /** All before it has been searched. */
  #scanned = 0
  /** Of the last large batches, the last one first. */
  #sizes: number[] = []

  /** The bytes are others now: what is held begins anew. */
  reset(): void {
    this.#scanned = 0
  }

  /** The first control line, whole; undefined: not yet. */
  first(held: Buffer, tag: Buffer): Found | undefined {
    const at = held.indexOf(tag, this.#scanned)
    this.#scanned = at < 0 ? Math.max(0, held.length - tag.length) : at
    return whole(held, at)
  }

  /** The mark that ends a batch at the beginning of what is held. `all`: no more will come, so that no look is left out. */
  mark(held: Buffer, tag: Buffer, all: boolean): Found | undefined {
    if (this.#sizes.length === 0) return this.#keep(this.first(held, tag))
    const last = lastLine(held, tag)
    const found = last !== undefined && endsBatch(held, last.at, last.end) ? last : this.#near(held, tag)
    if (found !== undefined) return this.#keep(found)
    // a writer ends what it writes with a mark, so where the last line is none the rest is on its way
    const search = all || last !== undefined || held.length >= Math.max(...this.#sizes) + NEAR
    return search ? this.#keep(this.first(held, tag)) : undefined
  }

  #near(held: Buffer, tag: Buffer): Found | undefined {
    for (const size of this.#sizes) {
      const from = size - NEAR
      const at = held.subarray(from, size + NEAR + tag.length).indexOf(tag)
      const found = at < 0 ? undefined : whole(held, from + at)
      if (found !== undefined && endsBatch(held, found.at, found.end)) return found
    }
    return undefined
  }

  #keep(found: Found | undefined): Found | undefined {
    if (found === undefined) return undefined
    this.#scanned = 0
    const { at } = found
    const others = this.#sizes.filter((size) => Math.abs(size - at) > NEAR / 2)
    if (at >= LARGE) this.#sizes = [at, ...others].slice(0, SIZES)
    else this.#sizes = others.slice(0, SIZES - 1) // small ones come: soon all are searched
    return found
  }
}

/** The last line, if it is whole and a control line. */
function lastLine(held: Buffer, tag: Buffer): Found | undefined {
  if (held.at(-1) !== NEWLINE) return undefined
  const at = held.lastIndexOf(NEWLINE, held.length - 2) + 1
  return held.subarray(at, at + tag.length).equals(tag) ? { at, end: held.length - 1 } : undefined
}

function whole(held: Buffer, at: number): Found | undefined {
  const end = at < 0 ? -1 : held.indexOf(NEWLINE, at)
  return end < 0 ? undefined : { at, end }
}

/** Whether the mark says that its batch is as long as what stands before it. */
function endsBatch(held: Buffer, at: number, end: number): boolean {
  return held.toString('latin1', at, end).includes(`"bytes":${at},`)
}
