/** Waiting for something that changes in this process, or for a time, or for the end. */
import type { Clock, Stop } from './flow.js'

export class Wake {
  readonly #waiting = new Set<() => void>()

  /** Everybody who waits now goes on. */
  wake(): void {
    if (this.#waiting.size === 0) return
    for (const go of [...this.#waiting]) go()
  }

  /** Resolves at the next wake(), or when `stop` is aborted; never rejects. */
  wait(stop?: Stop): Promise<void> {
    return this.#wait(stop)
  }

  /** The same, or after `ms`. */
  waitFor(clock: Clock, ms: number, stop?: Stop): Promise<void> {
    return this.#wait(stop, (timer) => clock.sleep(ms, timer))
  }

  #wait(stop?: Stop, sleep?: (timer: Stop) => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      if (stop?.aborted) return resolve()
      const timer = sleep && new Alarm()
      const go = (): void => {
        this.#waiting.delete(go)
        stop?.removeEventListener('abort', go)
        timer?.ring()
        resolve()
      }
      this.#waiting.add(go)
      stop?.addEventListener('abort', go)
      if (timer !== undefined) void sleep!(timer).then(go)
    })
  }
}

/** Ends one wait. An AbortController for each of a thousand waits a second would be a tenth of all that a stage does. */
class Alarm implements Stop {
  aborted = false
  #call: (() => void) | undefined

  addEventListener(_type: 'abort', call: () => void): void {
    this.#call = call
  }

  removeEventListener(): void {
    this.#call = undefined
  }

  ring(): void {
    this.aborted = true
    this.#call?.()
  }
}
