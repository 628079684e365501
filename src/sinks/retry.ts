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
/** ms without trouble, or of trouble, that make the next failure worth a line: not each hiccup of a connection is. */
const CALM = 10_000

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
  /** ms for which a thing may fail until that stops the sink after all */
  readonly retryFor?: number | undefined
  /** Aborted: the sink is ending, and nothing is begun any more. */
  readonly off?: AbortSignal
}

export class Retry {
  /** What has failed and is being tried again. */
  readonly #failing = new Set<object>()
  /** Since when there has always been something that failed, and whether that was said. */
  #since = 0
  #isSaid = false
  #saidAt = -Infinity
  #wentOnAt = -Infinity

  constructor(
    readonly clock: Clock,
    readonly say: (message: string) => void,
    /** Aborted: nobody waits any longer, and what fails next is given up. */
    readonly stop: AbortSignal,
    readonly options: RetryOptions = {},
  ) {}

  /** Something has failed, and is being tried again. */
  get isFailing(): boolean {
    return this.#failing.size > 0
  }

  /**
   * The result of `attempt`, as soon as it has one. `what`: `cannot write FILE`. `isBrief`: it takes long only to fail, so the
   * time of the first one counts, too. Throws FlumeError where waiting does not help, STOPPED where nobody waits.
   */
  async until<T>(what: string, attempt: () => Promise<T>, isBrief = false): Promise<T> {
    const turn = {}
    let failingSince = isBrief ? this.clock.monotonic() : undefined
    try {
      for (let wait = WAIT_MIN; ; wait = Math.min(wait * 2, WAIT_MAX)) {
        this.mayBegin(what)
        try {
          const result = await attempt()
          this.#works(turn)
          return result
        } catch (error) {
          const now = this.clock.monotonic()
          failingSince ??= now
          const enough = now - failingSince >= (this.options.retryFor ?? Infinity)
          if (enough || !passes(error)) throw refusal(what, error)
          if (this.stop.aborted) throw new FlumeError('STOPPED', what, { cause: error })
          this.#fails(turn, `${what}: ${reasonOf(error)}; trying again, nothing is lost`)
          await this.clock.sleep(wait, this.stop)
        }
      }
    } finally {
      this.#failing.delete(turn)
    }
  }

  /** Throws UNAVAILABLE once nothing is begun any more: for whoever has waited for something else. */
  mayBegin(what: string): void {
    if (this.options.off?.aborted === true) throw new FlumeError('UNAVAILABLE', `${what}: the sink is ending`)
  }

  /** Says it where it is news, and then each minute. */
  #fails(turn: object, message: string): void {
    const now = this.clock.monotonic()
    if (this.#failing.size === 0) {
      this.#since = now
      this.#isSaid = false
    }
    this.#failing.add(turn)
    const isNews = !this.#isSaid && (now - this.#wentOnAt >= CALM || now - this.#since >= CALM)
    if (!isNews && now - this.#saidAt < SAY_EACH) return
    this.#isSaid = true
    this.#saidAt = now
    this.say(message)
  }

  /** Says it when nothing fails any more. */
  #works(turn: object): void {
    if (!this.#failing.delete(turn) || this.#failing.size > 0 || !this.#isSaid) return
    this.#wentOnAt = this.clock.monotonic()
    const seconds = Math.round((this.#wentOnAt - this.#since) / 1000)
    this.say(seconds > 0 ? `it goes on, after ${seconds} s` : 'it goes on')
  }
}

function passes(error: unknown): boolean {
  return error instanceof Failure ? error.outcome === 'passes' : PASSING.has(errnoOf(error) ?? '')
}

/** The result, or a FlumeError where waiting would not be right. */
export async function orRefusal<T>(what: string, result: Promise<T>): Promise<T> {
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

/** What was behind an error, in words; undefined: it has told all. */
export function causeOf({ cause }: Error): string | undefined {
  return cause === undefined ? undefined : reasonOf(cause)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
