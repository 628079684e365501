/** The marks sent and not yet acked, in order; bounded by merging old ones. */
import { assert } from '../errors.js'
import type { Mark } from '../events/batch.js'

/** More than this and every other mark is merged with the next of its partition: an ack then settles a little later. */
const MARKS_MAX = 8192

interface Sent {
  readonly number: number
  readonly mark: Mark
}

export class Acks {
  #sent: Sent[] = []
  #last = 0
  #acked = 0
  #mergeAt = MARKS_MAX

  /** Number of the last mark sent; 0 when none was. */
  get last(): number {
    return this.#last
  }

  /** All that was sent is acked. */
  get complete(): boolean {
    return this.#acked >= this.#last
  }

  get open(): number {
    return this.#last - this.#acked
  }

  /** The number of this mark in its handshake, from 1. */
  send(mark: Mark): number {
    this.#sent.push({ number: ++this.#last, mark })
    if (this.#sent.length >= this.#mergeAt) this.#merge()
    return this.#last
  }

  /** Everything up to this number is acked: of these the last mark of each partition, and all that say what is gone, in the order sent. */
  ack(number: number): Mark[] {
    assert(number <= this.#last, 'a mark is acked after it was sent')
    this.#acked = Math.max(this.#acked, number)
    const count = this.#sent.findIndex((sent) => sent.number > number)
    const acked = this.#sent.splice(0, count < 0 ? this.#sent.length : count).map(({ mark }) => mark)
    const last = new Map(acked.map((mark) => [mark.partition, mark]))
    return acked.filter((mark) => mark.gone !== undefined || last.get(mark.partition) === mark)
  }

  #merge(): void {
    const mayGo = new Set<string>() // partitions whose next mark stays
    this.#sent = this.#sent.toReversed().filter(({ mark: { partition, gone } }) => {
      const goes = mayGo.delete(partition) && gone === undefined
      if (!goes) mayGo.add(partition)
      return !goes
    }).reverse()
    this.#mergeAt = Math.max(MARKS_MAX, this.#sent.length * 2)
  }
}
