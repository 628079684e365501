/**
 * How long a request may be silent. Once the sink is to stop that is short: what is under way may come to its end, but
 * nobody waits then for an HDFS that does not answer.
 */

/** ms without a byte, once the sink is to stop */
const STOPPING = 5000
/** ms without a connection: a machine that is off takes no longer to be told from a slow one */
export const CONNECTING = 20_000

export function silentFor(ms: number): Error {
  return new Error(`silent for ${ms / 1000} s`)
}

/** Calls `shorten`, with the ms that a request may be silent from then on, when `stop` is aborted. Returns how to forget it. */
export function whenStopping(stop: AbortSignal, timeout: number, shorten: (ms: number) => void): () => void {
  const begin = (): void => shorten(Math.min(timeout, STOPPING))
  if (stop.aborted) begin()
  else stop.addEventListener('abort', begin, { once: true })
  return () => stop.removeEventListener('abort', begin)
}
