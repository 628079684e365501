/**
 * Partitions that the stage before is done with, where some outputs are not waited for. What such an output lacks shows in the
 * next run by where the others stand. So they forget a partition only when it has, or is counted as missing, all that it was
 * given; and it forgets it after them, or it would seem to lack all of it.
 */
import { assert } from '../errors.js'
import type { Outlet } from './outlet.js'

export class Farewells {
  /** What an output that nobody waits for still owes: how much of each partition. */
  readonly #owed = new Map<string, number>()
  /** To be forgotten once nothing of them is owed. */
  readonly #waiting = new Set<string>()
  /** To be forgotten now. */
  #ready: string[] = []
  /** On their way to the outputs that are waited for. */
  #going = 0

  constructor(
    readonly outlets: readonly Outlet[],
    /** Nothing is on its way any more. */
    readonly idled: () => void,
  ) {
    assert(outlets.some(({ options }) => !options.optional), 'an output is waited for')
  }

  /** Nothing is on its way to the outputs that are waited for. */
  get idle(): boolean {
    return this.#ready.length === 0 && this.#going === 0
  }

  /** An output that nobody waits for owes something of each of these until what is returned is called. */
  owe(partitions: readonly string[]): () => void {
    for (const partition of partitions) this.#owed.set(partition, (this.#owed.get(partition) ?? 0) + 1)
    return () => partitions.forEach((partition) => this.#settle(partition))
  }

  /** Nothing more of these comes. */
  add(partitions: readonly string[]): void {
    for (const partition of partitions) {
      if (this.#owed.has(partition)) this.#waiting.add(partition)
      else this.#forget(partition)
    }
  }

  #settle(partition: string): void {
    const left = this.#owed.get(partition)! - 1
    if (left > 0) return void this.#owed.set(partition, left)
    this.#owed.delete(partition)
    if (this.#waiting.delete(partition)) this.#forget(partition)
  }

  /** With all others of this moment. */
  #forget(partition: string): void {
    if (this.#ready.push(partition) === 1) queueMicrotask(() => this.#send())
  }

  #send(): void {
    const gone = this.#ready
    this.#ready = []
    this.#going++
    const optional = this.outlets.filter(({ options }) => options.optional)
    const others = this.outlets.filter(({ options }) => !options.optional)
    let left = others.length
    const forgotten = (): void => {
      if (--left > 0) return
      for (const outlet of optional) outlet.forget(gone, () => undefined)
      this.#going--
      this.idled()
    }
    for (const outlet of others) outlet.forget(gone, forgotten)
  }
}
