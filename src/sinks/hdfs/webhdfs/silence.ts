/**
 * How long a request may be silent. Once the sink is to stop that is short: what is under way may come to its end, but
 * nobody waits then for an HDFS that does not answer.
 */

/** ms without a byte, where nobody has the patience for more: an HDFS that works has answered */
const SHORTEST = 5000
/** ms without a connection: a machine that is off takes no longer to be told from a slow one */
export const CONNECTING = 20_000

export function silentFor(ms: number): Error {
  return new Error(`silent for ${ms / 1000} s`)
}

/** ms without a byte of a request that is given up, with all its attempts, after `retryFor`. */
export function patienceFor(timeout: number, retryFor = Infinity): number {
  return Math.min(timeout, Math.max(retryFor, SHORTEST))
}

/** Calls `shorten`, with the ms that a request may be silent from then on, when `stop` is aborted. Returns how to forget it. */
export function whenStopping(stop: AbortSignal, timeout: number, shorten: (ms: number) => void): () => void {
  const begin = (): void => shorten(Math.min(timeout, SHORTEST))
  if (stop.aborted) begin()
  else stop.addEventListener('abort', begin, { once: true })
  return () => stop.removeEventListener('abort', begin)
}
