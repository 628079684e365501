/** Commands of sh(1) that run beside flume-route: when one is started again, when it is ended, and when it never will. */
import type { Child, Ended } from '../disk/child.js'
import { FlumeError } from '../errors.js'
import type { Clock } from '../events/flow.js'

/** ms before a command is started again: doubled each time, up to the last. One that ran for longer than that begins anew. */
const PAUSE = 100
const PAUSE_MAX = 30_000
/** A command that waits for as long as this to be started again is down. */
const DOWN_MS = 1000
/** ms between two looks whether there is still something to wait for. */
const LOOK = 500
/** ms that a command has to end by itself once it is of no use, and after SIGTERM. */
const END_MS = 5000
/** Of sh(1): it cannot be executed, it is not there. */
const CANNOT_RUN: readonly (number | null)[] = [126, 127]
const USAGE = 64
const TRY_AGAIN = 75

export class Restarts {
  #pause = PAUSE
  /** ms that it waits now. */
  #waits = 0
  #startedAt = 0

  constructor(
    readonly clock: Clock,
    readonly say: (message: string) => void,
  ) {}

  /** It has ended again and again. */
  get down(): boolean {
    return this.#waits >= DOWN_MS
  }

  /** ms before the next start. */
  get pause(): number {
    return this.#pause
  }

  started(): void {
    this.#waits = 0
    this.#startedAt = this.clock.monotonic()
  }

  /** Waits before the next start, or until it `isOver`. A signal to all of the line ends the commands too: then nothing is said. */
  async wait(ended: Ended | 'by us', stop: AbortSignal, isOver = (): boolean => false): Promise<void> {
    const { clock } = this
    if (clock.monotonic() - this.#startedAt > PAUSE_MAX) this.#pause = PAUSE
    await clock.sleep(PAUSE, stop)
    if (stop.aborted) return
    this.#waits = this.#pause
    const how = ended === 'by us' ? 'read no more, and was ended' : `ended (${describe(ended)})`
    this.say(`its command ${how}: starts it again in ${this.#pause / 1000} s`)
    for (const end = clock.monotonic() + this.#pause - PAUSE; clock.monotonic() < end && !stop.aborted && !isOver();) {
      await clock.sleep(Math.min(end - clock.monotonic(), LOOK), stop)
    }
    this.#pause = Math.min(this.#pause * 2, PAUSE_MAX)
  }
}

/** Undefined: it still runs after so many ms. */
export async function endedWithin(child: Pick<Child, 'ended'>, clock: Clock, ms: number): Promise<Ended | undefined> {
  const over = new AbortController()
  const ended = await Promise.race([child.ended, clock.sleep(ms, over.signal).then(() => undefined)])
  over.abort()
  return ended
}

/** Gives it some ms, then sends SIGTERM, then SIGKILL; `by us`: it has ended of that. */
export async function endOf(child: Child, clock: Clock, patience: number): Promise<Ended | 'by us'> {
  let sent: NodeJS.Signals | undefined
  const how = (ended: Ended): Ended | 'by us' => (sent !== undefined && ended.signal === sent ? 'by us' : ended)
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const ended = await endedWithin(child, clock, signal === 'SIGTERM' ? patience : END_MS)
    if (ended !== undefined) return how(ended)
    child.kill(signal)
    sent = signal
  }
  return how(await child.ended)
}

/** Throws BAD_OPTION for a command that has done nothing yet, and never will; BUSY for one that is no longer to be tried. */
export function checkRuns({ status }: Ended, command: string, isTried = true): void {
  if (status === TRY_AGAIN && !isTried) {
    throw new FlumeError('BUSY', `cannot go on without ${JSON.stringify(command)}: it says again and again that it is to be tried later (75)`)
  }
  if (CANNOT_RUN.includes(status)) throw new FlumeError('BAD_OPTION', `cannot run ${JSON.stringify(command)}: sh says ${status}`)
  if (status === USAGE) throw new FlumeError('BAD_OPTION', `the command ${JSON.stringify(command)} says that it cannot be understood (64)`)
}

function describe({ status, signal }: Ended): string {
  return status === null ? `killed by ${signal}` : `status ${status}`
}
