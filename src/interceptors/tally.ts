/** Events that were dropped on purpose: counted, and said once a minute and at the end. */
import type { Around } from './around.js'

const SAY_EVERY = 60_000

export class Tally {
  #count = 0
  #said = 0
  #saidAt = -Infinity

  constructor(
    readonly title: string,
    readonly around: Around,
  ) {}

  add(now: number): void {
    this.#count++
    if (now - this.#saidAt >= SAY_EVERY) this.#say(now)
  }

  close(): void {
    if (this.#count > this.#said) this.#say(this.around.now())
  }

  #say(now: number): void {
    this.around.say(`${this.title}: ${this.#count} ${this.#count === 1 ? 'event' : 'events'} dropped so far`)
    this.#said = this.#count
    this.#saidAt = now
  }
}
