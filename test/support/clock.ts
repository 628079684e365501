/** A clock that stands still until a test moves it. */
import { stat } from 'node:fs/promises'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Clock } from '../../src/events/flow.js'

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

export class FakeClock implements Clock {
  #sleepers = new Set<Sleeper>()
  #idle: (() => void)[] = []
  /** ms that have passed, whatever it was set to. */
  #passed = 0

  /** `time`: ms since the epoch. */
  constructor(public time = Date.now()) {}

  now(): number {
    return this.time
  }

  monotonic(): number {
    return this.#passed
  }

  sleep(ms: number, stop?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (stop?.aborted) return resolve()
      const sleeper: Sleeper = {
        until: this.#passed + ms,
        wake: () => {
          this.#sleepers.delete(sleeper)
          stop?.removeEventListener('abort', sleeper.wake)
          resolve()
        },
      }
      if (ms <= 0) return setImmediate(resolve)
      this.#sleepers.add(sleeper)
      stop?.addEventListener('abort', sleeper.wake)
      for (const idle of this.#idle.splice(0)) idle()
    })
  }

  /** How many sleep now. */
  get sleeping(): number {
    return this.#sleepers.size
  }

  /** Resolves when somebody sleeps: what runs has done all it could without time passing. */
  async idle(): Promise<void> {
    if (this.#sleepers.size === 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Somebody sets the clock by so many ms, back or forward; whoever sleeps takes no notice. */
  set(ms: number): void {
    this.time += ms
  }

  /** Moves the time on and wakes those whose time has come, earliest first. */
  advance(ms: number): void {
    this.time += ms
    this.#passed += ms
    const due = [...this.#sleepers].filter(({ until }) => until <= this.#passed)
    for (const { wake } of due.sort((a, b) => a.until - b.until)) wake()
  }
}

/** Turns of the event loop after which a task that does not end is a failure. */
const TURNS_MAX = 20_000
/** Turns between two waits for a real thread: what is compressed takes as long as the machine likes. */
const TURNS_ALONE = 100

/** Runs a task for which time passes whenever nothing else does. */
export async function passing<Result>(task: (clock: FakeClock) => Promise<Result>): Promise<Result> {
  const clock = new FakeClock(1_700_000_000_000)
  let done = false
  const running = task(clock).finally(() => (done = true))
  running.catch(() => undefined)
  for (let turn = 0; !done; turn++) {
    if (turn > TURNS_MAX) throw new Error('it does not end')
    await immediate()
    if (turn % TURNS_ALONE === TURNS_ALONE - 1) await stat('/')
    clock.advance(300)
  }
  return running
}
