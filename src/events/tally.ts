/** Events that go no further, counted: said once a minute and at the end. */
const SAY_EVERY = 60_000

export class Tally {
  count = 0
  #said = 0
  #saidAt = -Infinity

  constructor(
    /** The message about so many `events` so far, as in `3 events`. */
    readonly textOf: (events: string) => string,
    readonly around: {
      /** ms since some moment, which nobody sets */
      monotonic(): number
      say(message: string): void
    },
  ) {}

  add(count = 1): void {
    this.count += count
    const now = this.around.monotonic()
    if (count > 0 && now - this.#saidAt >= SAY_EVERY) this.#say(now)
  }

  close(): void {
    if (this.count > this.#said) this.#say(this.around.monotonic())
  }

  #say(now: number): void {
    this.around.say(this.textOf(`${this.count} ${this.count === 1 ? 'event' : 'events'}`))
    this.#said = this.count
    this.#saidAt = now
  }
}
