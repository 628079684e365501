/** Waiting for something that changes in this process, or for a time, or for the end. */
import type { Clock } from './flow.js'

export class Wake {
  #waiting = new Set<() => void>()

  /** Everybody who waits now goes on. */
  wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const go of waiting) go()
  }

  /** Resolves at the next wake(), after `ms` where given, or when `stop` is aborted; never rejects. */
  async wait(clock?: Clock, ms?: number, stop?: AbortSignal): Promise<void> {
    if (stop?.aborted) return
    let go = (): void => undefined
    const woken = new Promise<void>((resolve) => {
      go = resolve
      this.#waiting.add(go)
      stop?.addEventListener('abort', go)
    })
    if (clock === undefined || ms === undefined) await woken
    else {
      const timer = new AbortController()
      await Promise.race([woken, clock.sleep(ms, timer.signal)])
      timer.abort('woken') // with a reason: the default one is an exception with a stack, made at each wait
    }
    this.#waiting.delete(go)
    stop?.removeEventListener('abort', go)
  }
}
