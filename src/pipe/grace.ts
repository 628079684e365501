/** How long a writer waits for its reader: for as long as that gets on, and then for --grace. */
import type { Clock } from '../events/flow.js'

export class Grace {
  /** When the reader last acked something, or said that it gets on; ms. */
  #heardAt = -Infinity

  constructor(
    readonly clock: Clock,
    /** ms */
    readonly grace: number,
    /** Resolves when anything has happened, or after `ms`. */
    readonly changed: (ms: number) => Promise<void>,
  ) {}

  heard(): void {
    this.#heardAt = this.clock.monotonic()
  }

  /** Resolves when that has come, or when the reader has said nothing for too long. */
  async until(come: () => boolean): Promise<void> {
    this.heard()
    for (;;) {
      const left = this.#heardAt + this.grace - this.clock.monotonic()
      if (come() || left <= 0) return
      await this.changed(left)
    }
  }
}
