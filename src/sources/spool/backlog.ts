/** The files that are read next, in their order. A bounded number of them is held: who looks again finds the others. */
import type { FoundFile } from '../found-file.js'

export const ORDERS = ['oldest', 'youngest', 'name'] as const
/** By their last change, or by their path. */
export type Order = (typeof ORDERS)[number]

export interface Waiting {
  /** Absolute. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** ms since the epoch */
  readonly modified: number
}

type Compare = (a: Waiting, b: Waiting) => number

const byPath: Compare = (a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)
const COMPARE: Readonly<Record<Order, Compare>> = {
  oldest: (a, b) => a.modified - b.modified || byPath(a, b),
  youngest: (a, b) => b.modified - a.modified || byPath(a, b),
  name: byPath,
}

export class Backlog {
  /** The next one last, once sorted. */
  #files: Waiting[] = []
  #sorted = true
  /** Bytes of all that were added, and not taken since. */
  bytes = 0
  /** Some were left out, as there were too many. */
  cut = false

  constructor(
    readonly order: Order,
    readonly most: number,
  ) {}

  clear(): void {
    this.#files = []
    this.bytes = 0
    this.cut = false
  }

  add({ path, stat: { size, modified } }: FoundFile): void {
    this.#files.push({ path, size, modified })
    this.#sorted = false
    this.bytes += size
    if (this.#files.length < 2 * this.most) return
    this.#sort()
    this.#files.splice(0, this.#files.length - this.most)
    this.cut = true
  }

  take(): Waiting | undefined {
    if (!this.#sorted) this.#sort()
    const next = this.#files.pop()
    if (next !== undefined) this.bytes -= next.size
    return next
  }

  get empty(): boolean {
    return this.#files.length === 0
  }

  #sort(): void {
    const compare = COMPARE[this.order]
    this.#files.sort((a, b) => compare(b, a))
    this.#sorted = true
  }
}
