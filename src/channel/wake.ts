/** Waiting for something that changes in this process, or for a time, or for the end. */
import type { Clock } from '../events/flow.js'

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
    const timer = new AbortController()
    let go: (() => void) | undefined
    const woken = new Promise<void>((resolve) => {
      go = resolve
      this.#waiting.add(resolve)
      stop?.addEventListener('abort', go)
    })
    const late = clock === undefined || ms === undefined ? undefined : clock.sleep(ms, timer.signal)
    await (late === undefined ? woken : Promise.race([woken, late]))
    timer.abort()
    if (go === undefined) return
    this.#waiting.delete(go)
    stop?.removeEventListener('abort', go)
  }
}
