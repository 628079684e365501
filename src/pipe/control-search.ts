/**
 * Where the next control line stands in what has been read. In a large flow most batches are as long as they may be, so
 * it looks from there backwards before it searches all bytes, which is most of the work of who only passes batches on.
 */
import { BATCH_BYTES_MAX, NEWLINE } from '../events/batch.js'

interface Found {
  readonly at: number
  /** Of its \n. */
  readonly end: number
}

/** Batches that are smaller are searched. */
const LARGE = 64 * 1024
/** The longest of the last SIZES batches is what to expect; the next may be longer by LONGER. */
const SIZES = 4
const LONGER = 32 * 1024

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
    if (last !== undefined && endsBatch(held, last)) return this.#keep(last)
    // a writer ends what it writes with a mark, so where the last line is none the rest is on its way
    const search = all || last !== undefined || held.length > Math.max(...this.#sizes) + LONGER
    return search ? this.#keep((this.#scanned === 0 ? longest(held, tag) : undefined) ?? this.first(held, tag)) : undefined
  }

  #keep(found: Found | undefined): Found | undefined {
    if (found === undefined) return undefined
    this.#scanned = 0
    const { at } = found
    if (at >= LARGE) this.#sizes = [at, ...this.#sizes].slice(0, SIZES)
    else this.#sizes.pop() // small ones come: soon all are searched
    return found
  }
}

/** The last line, if it is whole and a control line. */
function lastLine(held: Buffer, tag: Buffer): Found | undefined {
  if (held.at(-1) !== NEWLINE) return undefined
  const at = held.lastIndexOf(NEWLINE, held.length - 2) + 1
  return held.subarray(at, at + tag.length).equals(tag) ? { at, end: held.length - 1 } : undefined
}

/** The mark that ends the batch at the beginning, if no other one follows it within the most that a batch may have. */
function longest(held: Buffer, tag: Buffer): Found | undefined {
  const found = whole(held, held.lastIndexOf(tag, BATCH_BYTES_MAX))
  return found !== undefined && endsBatch(held, found) ? found : undefined
}

function whole(held: Buffer, at: number): Found | undefined {
  const end = at < 0 ? -1 : held.indexOf(NEWLINE, at)
  return end < 0 ? undefined : { at, end }
}

/** Whether the mark says that its batch is as long as what stands before it. */
function endsBatch(held: Buffer, { at, end }: Found): boolean {
  return held.toString('latin1', at, end).includes(`"bytes":${at},`)
}
