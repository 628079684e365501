/** Somebody else writes into the pipe of a flume writer. The reader breaks with that and begins again, but not for ever. */
import { FlumeError } from '../errors.js'
import type { WriterLink } from './writer-link.js'

/** So many connections in a row of which nothing was acked. */
const MIXED_MAX = 5

export class Mixed {
  #count = 0

  constructor(readonly say: (message: string) => void) {}

  /** Bytes do not add up: nothing of this connection is acked any more. Throws IO where it was so again and again. */
  breakWith(writer: WriterLink): void {
    this.say(`bytes do not add up after mark ${writer.lastMark}: somebody else writes to the pipe of ${writer.name}`)
    writer.destroy()
    this.#count = writer.acked > 0 ? 1 : this.#count + 1
    if (this.#count < MIXED_MAX) return
    throw new FlumeError('IO', `cannot read from ${writer.name}: ${MIXED_MAX} times in a row somebody else wrote to its pipe before anything was acked`)
  }
}
