/** Batches of one input on their way, in order: what stands before an ack is acked. */
import type { Mark } from '../events/batch.js'

export interface Passage {
  readonly mark: Mark
  /** Bytes that are held for it. */
  readonly size: number
  /** Every output that is waited for has it. */
  done: boolean
  ack(): void
}

/** So many more than those that are not done are kept. */
const DONE_MAX = 1024

export class Passages {
  #all: Passage[] = []
  #open = 0
  /** Bytes of those that are not done. */
  size = 0

  get length(): number {
    return this.#all.length
  }

  add(passage: Passage): void {
    this.#all.push(passage)
    this.#open++
    this.size += passage.size
  }

  /** Acks what can be. */
  finish(passage: Passage): void {
    passage.done = true
    this.#open--
    this.size -= passage.size
    let count = 0
    while (this.#all[count]?.done === true) count++
    for (const first of this.#all.splice(0, count)) first.ack()
    if (this.#all.length > this.#open * 2 + DONE_MAX) this.#merge()
  }

  /** Of those one after the other that are done, but wait for one before them, the last ack says all. */
  #merge(): void {
    this.#all = this.#all.filter(({ done }, index) => !done || this.#all[index + 1]?.done !== true)
  }
}
