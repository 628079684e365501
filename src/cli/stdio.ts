/** stdin and stdout of a command as ends of pipes, flume-pipe(7), from its options and what is around it. */
import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { checkReadable, offsetOfFd, pathOfFd, statOfFd } from '../disk/fd.js'
import { fileOfFd } from '../disk/node.js'
import { refuse, Rejects, type Refusal } from '../events/rejects.js'
import type { InputOptions } from '../pipe/input-options.js'
import type { Memory } from '../pipe/intake.js'
import type { OutputOptions } from '../pipe/output-options.js'
import type { PipeStep } from '../pipe/step.js'
import { EventFile, type EventFileOptions, type LinePlace } from '../sources/event-file.js'
import type { Context } from './command.js'

export function stdoutOf(command: string, values: { readonly ack: string; readonly grace: number }, context: Context): OutputOptions {
  const { pid, uid, clock, say } = context
  const ack = values.ack as OutputOptions['ack']
  const nonce = (): string => randomBytes(12).toString('base64url')
  return { fd: 1, command, pid, uid, ack, grace: values.grace, clock, nonce, say, ...stepOf(command, context) }
}

/** `more`: what it keeps, its binding, where over-long lines go, and whether it takes lines of positions. */
export function stdinOf(
  command: string,
  values: { readonly 'event-bytes-max': number },
  context: Context,
  more: Pick<InputOptions, 'held' | 'binding' | 'follows' | 'rebind' | 'acks' | 'tooLong' | 'takesPositions' | keyof Memory>,
): InputOptions {
  const { pid, uid, say } = context
  return { fd: 0, command, pid, uid, eventBytesMax: values['event-bytes-max'], say, ...stepOf(command, context), ...more }
}

/** A file on stdin that is read from its beginning; undefined: stdin is something else. */
export function eventFileOf(
  fd: number,
  values: { readonly 'event-bytes-max': number },
  { clock, say }: Context,
  more: Pick<EventFileOptions, 'held' | 'tooLong'>,
): EventFile | undefined {
  if (statOfFd(fd).kind !== 'file') return undefined
  checkReadable(fd)
  if (offsetOfFd(fd) !== 0) return undefined
  const id = (): string => randomBytes(12).toString('base64url')
  return new EventFile({ file: fileOfFd(fd), path: pathOfFd(fd), clock, eventBytesMax: values['event-bytes-max'], id, say, ...more })
}

/** Where a command puts the lines that are no events: in its own file of the state directory, if it is not told another. */
export function rejectsOf(
  command: string,
  values: { readonly rejects: string | undefined; readonly 'rejects-bytes-max': number },
  { disk, clock, say, directory, stateDirectory }: Context,
): Rejects {
  const path = resolve(directory, values.rejects ?? join(stateDirectory, `${command.replace('flume-', '')}.rejects`))
  return new Rejects(disk, path, clock, say, values['rejects-bytes-max'])
}

/**
 * Where the lines of one input go that are longer than an event may be, as they come. Each run of it is a partition of its own, as
 * others may be in the middle of such a line, too; of a file it is that of the file.
 */
export function longLinesTo(
  rejects: Pick<Rejects, 'addPart' | 'flush'>, values: { readonly 'event-bytes-max': number; readonly strict: boolean },
): (piece: Buffer, last: boolean, at?: number | LinePlace) => Promise<void> {
  const reason = `the line is longer than ${values['event-bytes-max']} bytes`
  const partition = `stdin.${randomBytes(12).toString('hex')}`
  return async (piece, last, at) => {
    const refusal: Refusal = { reason, ...(typeof at === 'object' ? at : { partition, position: null, nth: at }) }
    if (values.strict) refuse(refusal)
    rejects.addPart(piece, last, refusal)
    await rejects.flush()
  }
}

/**
 * For tests: FLUME_KILL_AT=<command>:<step>[:<n>] makes the process kill itself at the n-th time of that step, see
 * src/pipe/step.ts. Without it the steps cost nothing.
 */
function stepOf(command: string, { env, pid }: Context): { step?: (name: PipeStep) => void } {
  const [target, step, nth = '1'] = (env.FLUME_KILL_AT ?? '').split(':')
  if (target !== command || step === undefined) return {}
  let left = Number(nth)
  return {
    step: (name) => {
      if (name === step && --left === 0) process.kill(pid, 'SIGKILL')
    },
  }
}
