/**
 * The one error class, and the list of its codes. Match on `code`; the text is for people: `cannot <verb> <object>`,
 * the reason is `cause`. Below `cli` errors are thrown, never printed. cli/exit.ts gives each code its exit status.
 */
import { getSystemErrorMap } from 'node:util'

export type Code =
  | 'BAD_OPTION' // the command line cannot be understood
  | 'STDERR_TAKEN' // messages would go between the events: this one, too
  | 'BAD_EVENT' // a line is no event, which ends it under --strict; a cut export, a file that is no rejects file, an event that no output takes
  | 'OTHER_HISTORY' // what is in place was written by another history of the queue
  | 'SEGMENT_DAMAGED' // bytes of a queue do not verify (segments, cursors, queue.json, retain, replays), and going on would lose acked data
  | 'STATE_DAMAGED' // what a source remembers is not what was written: going on without it would send all again
  | 'NO_INPUT' // a named input is not there
  | 'UNAVAILABLE' // what is needed is not there or not supported
  | 'STOPPED' // it could not be done at once, and nobody waits after a signal
  | 'VERSION' // a format or protocol version this program does not know
  | 'BUG' // our own mistake
  | 'CANNOT_CREATE' // an output cannot be made
  | 'IO' // reading or writing failed
  | 'SEGMENT_WRITE' // a write or sync of a segment failed; the file is not written again
  | 'PIPE_BROKEN' // the reader went away without bye
  | 'NO_ACKS' // nobody acknowledges: --ack=require, or bytes that nobody was seen to read
  | 'BUSY' // somebody else holds it
  | 'QUEUE_COPIED' // the directory is not where, or not what, its queue.json says
  | 'BINDING_CHANGED' // a sink would write elsewhere than it began to
  | 'PERMISSION' // not allowed

export class FlumeError extends Error {
  override readonly name = 'FlumeError'
  constructor(
    readonly code: Code,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** The errno name of a failed system call (`ENOENT`), else undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return undefined
}

/** Why it failed, in words: `permission denied`. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const name = error instanceof FlumeError ? undefined : errnoOf(error)
  if (name !== undefined) for (const [errno, words] of getSystemErrorMap().values()) if (errno === name) return words
  return error.message
}

/** For our own mistakes only. Not node:assert, which looks at process.stderr and so makes fd 2 non-blocking for everyone who shares it. */
export function assert(condition: unknown, what = 'an assumption does not hold'): asserts condition {
  if (!condition) throw new FlumeError('BUG', what)
}
