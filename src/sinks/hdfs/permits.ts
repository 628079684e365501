/** At most N at once, first come, first served. Work started with tryTake() is asked to stop when somebody else waits. */
export class Permits {
  #free: number
  #waiting: (() => void)[] = []
  /** How those are told that give way, the one that began first before others. */
  readonly #yielding = new Set<() => void>()

  constructor(count: number) {
    this.#free = count
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await this.#next()
    else this.#free--
    return await this.#spend(work)
  }

  /** Undefined: no permit is free. `giveWay` is called when somebody waits for it; the work should end soon then. */
  tryTake<T>(work: () => Promise<T>, giveWay: () => void): Promise<T> | undefined {
    if (this.#free === 0) return undefined
    this.#free--
    this.#yielding.add(giveWay)
    return this.#spend(work).finally(() => this.#yielding.delete(giveWay))
  }

  async #next(): Promise<void> {
    const turn = new Promise<void>((resolve) => this.#waiting.push(resolve))
    const [giveWay] = this.#yielding
    if (giveWay !== undefined) {
      this.#yielding.delete(giveWay)
      giveWay()
    }
    await turn
  }

  async #spend<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
