/**
 * Again with backoff, where waiting may help: a full disk, an HDFS that is down. For ever unless told otherwise, since
 * what is not written is not acked and so is safe where it comes from. All else stops the sink, with what a person can
 * do about it.
 */
import { FlumeError, errnoOf, type Code } from '../errors.js'
import type { Clock } from '../events/flow.js'

const WAIT_MIN = 100
const WAIT_MAX = 5000
const SAY_EACH = 60_000

/** These may pass: somebody makes room, closes files, or comes back. */
const PASSING: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'EBUSY', 'ETIMEDOUT'])

const CODES: Readonly<Record<string, Code>> = {
  EACCES: 'PERMISSION',
  EPERM: 'PERMISSION',
  EROFS: 'CANNOT_CREATE',
  ENOTDIR: 'CANNOT_CREATE',
  EISDIR: 'CANNOT_CREATE',
  EEXIST: 'CANNOT_CREATE',
  ENAMETOOLONG: 'CANNOT_CREATE',
  ELOOP: 'CANNOT_CREATE',
}

/** A failure that a file system has already understood: it may pass by itself, or it stops the sink with this code. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly outcome: 'passes' | Code,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

export interface RetryOptions {
  /** ms without a success after which a failure stops the sink after all */
  readonly retryFor?: number | undefined
}

export class Retry {
  #saidAt = -Infinity
  /** When it began to fail without pause; undefined: it works. */
  #failingSince: number | undefined

  constructor(
    readonly clock: Clock,
    readonly say: (message: string) => void,
    readonly stop: AbortSignal,
    readonly options: RetryOptions = {},
  ) {}

  /** The result of `attempt`, as soon as it has one. `what`: `cannot write FILE`. Throws FlumeError where waiting does not help. */
  async until<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    for (let wait = WAIT_MIN; ; wait = Math.min(wait * 2, WAIT_MAX)) {
      try {
        const result = await attempt()
        this.#works()
        return result
      } catch (error) {
        const since = (this.#failingSince ??= this.clock.now())
        const enough = this.clock.now() - since >= (this.options.retryFor ?? Infinity)
        if (this.stop.aborted || enough || !passes(error)) throw refusal(what, error)
        this.#sayNowAndThen(`${what}: ${reasonOf(error)}; trying again, nothing is lost`)
        await this.clock.sleep(wait, this.stop)
      }
    }
  }

  #works(): void {
    if (this.#failingSince === undefined) return
    const seconds = Math.round((this.clock.now() - this.#failingSince) / 1000)
    this.#failingSince = undefined
    if (seconds > 0) this.say(`it goes on, after ${seconds} s`)
  }

  #sayNowAndThen(message: string): void {
    const now = this.clock.now()
    if (now - this.#saidAt < SAY_EACH && now >= this.#saidAt) return
    this.#saidAt = now
    this.say(message)
  }
}

function passes(error: unknown): boolean {
  return error instanceof Failure ? error.outcome === 'passes' : PASSING.has(errnoOf(error) ?? '')
}

/** The result, or a FlumeError where waiting would not be right. */
export async function told<T>(what: string, result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (error) {
    throw refusal(what, error)
  }
}

/** What a failed system call means to whoever started us. */
export function refusal(what: string, error: unknown): FlumeError {
  if (error instanceof FlumeError) return error
  if (error instanceof Failure) return new FlumeError(error.outcome === 'passes' ? 'UNAVAILABLE' : error.outcome, what, { cause: error })
  return new FlumeError(CODES[errnoOf(error) ?? ''] ?? 'IO', what, { cause: error })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
