/**
 * Messages that name files: each is said once, and those that were not needed for an hour are forgotten, as there are new files
 * each day. Where there is something wrong with too many of them at a time, that is said in place of the rest.
 */
import type { Clock } from '../events/flow.js'

/** Of those of an hour. */
const SAID_MAX = 1000
const HOUR = 3_600_000

export class Said {
  /** When it was needed last, in ms of Clock.monotonic(); the oldest first. */
  readonly #needed = new Map<string, number>()
  /** It was said that others are not. */
  #full = false

  constructor(
    readonly clock: Pick<Clock, 'monotonic'>,
    readonly say: (message: string) => void,
  ) {}

  once(message: string): void {
    const now = this.clock.monotonic()
    const isNew = !this.#needed.delete(message)
    if (isNew && !this.#hasRoom(now)) return
    this.#needed.set(message, now)
    if (isNew) this.say(message)
  }

  #hasRoom(now: number): boolean {
    for (const [message, needed] of this.#needed) {
      if (now - needed < HOUR) break
      this.#needed.delete(message)
    }
    const full = this.#needed.size >= SAID_MAX
    if (full && !this.#full) this.say(`${SAID_MAX} messages as the last ones were said within the hour: there are more, which are not said`)
    this.#full = full
    return !full
  }
}
