/**
 * What every command has around its run: options, help, messages, signals, status. The only place that prints an
 * error. Nothing here knows a command; all that is of the process comes in as `io`.
 */
import { systemClock, type Clock } from '../events/flow.js'
import type { Disk } from '../disk/disk.js'
import { FlumeError, errnoOf } from '../errors.js'
import { BUG, statusOf } from './exit.js'
import { COMMON } from './options.js'
import { checkExclusive, parse, type Value } from './parse.js'
import { describe, line, type LogFormat } from './report.js'
import { Stage } from './stage.js'
import { stateDirectory } from './state-directory.js'
import { VERSION } from './version.js'
import type { Command, Options, Values } from './command.js'

/** The process, as far as main needs it. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. Throws NO_INPUT: it was removed, or its name is too long. */
  readonly directory: string
  readonly home: string
  readonly pid: number
  /** Effective user id. */
  readonly uid: number
  readonly disk: Disk
  /** May colours be used on this descriptor? */
  isTerminal(fd: number): boolean
  /** Writes all of it to stdout. Throws the errors of write(2). */
  print(text: string): void
  /** Writes all of it to stderr; that nobody reads there is no error. */
  complain(text: string): void
  /** The same, where stderr goes into the pipe of the events: never among these. */
  complainApart(text: string): void
  /** Aborted by the first signal, with its name as the reason. */
  readonly stop: AbortSignal
}

/** How to end: an exit status, or the signal to die of. Never throws. */
export async function main(command: Command, argv: readonly string[], io: Io): Promise<number | NodeJS.Signals> {
  const stage = new Stage(command.name, io.pid, io.uid, systemClock)
  let format = formatOf(argv, io.env[`${variable(command.name)}_LOG_FORMAT`])
  try {
    const options: Options = { ...command.options, ...COMMON }
    const { values, operands, typed, unknownVariables } = parse(command.name, options, argv, io.env, command.foreign)
    format = values['log-format'] as LogFormat
    if (values.help === true) {
      const { help } = await import('./help.js')
      return print(help(command, options), io)
    }
    if (values.completion !== undefined) {
      const { completion } = await import('./completion.js')
      return print(completion(command, options, String(values.completion)), io)
    }
    if (values.version === true) return print(`${command.name} ${VERSION}\n`, io)
    checkExclusive(command.exclusive ?? [], values)
    const context = contextOf(stage, io, format)
    for (const name of unknownVariables) context.say(`${name} in the environment is no option of ${command.name}, and is ignored`)
    const ended = await command.run(values as Values<Options> & Record<string, Value>, operands, context, typed)
    return io.stop.aborted ? signalOf(io.stop) : (ended ?? 0)
  } catch (error) {
    if (io.stop.aborted && isOf(io.stop, error)) return signalOf(io.stop)
    const status = report(command.name, error, format, io)
    return io.stop.aborted && error instanceof FlumeError && error.code === 'STOPPED' ? signalOf(io.stop) : status
  } finally {
    stage.close()
  }
}

/** As far as it can be told of a line that is not understood. */
function formatOf(argv: readonly string[], inEnvironment: string | undefined): LogFormat {
  const at = argv.findLastIndex((word) => /^--log-format(=|$)/.test(word))
  const text = at < 0 ? inEnvironment : (argv[at]!.split('=')[1] ?? argv[at + 1])
  return text === 'json' ? 'json' : 'text'
}

/** 0, or SIGPIPE where nobody reads it any more. Throws IO. */
function print(text: string, io: Io): number | NodeJS.Signals {
  try {
    io.print(text)
    return 0
  } catch (cause) {
    if (errnoOf(cause) === 'EPIPE') return 'SIGPIPE'
    throw new FlumeError('IO', 'cannot write to stdout', { cause })
  }
}

/** Says what went wrong, and returns the status for it. A stack is shown only for what nobody foresaw. */
export function report(command: string, error: unknown, format: LogFormat, io: Io): number {
  const status = statusOf(error)
  const bug = status === BUG
  const text = bug ? `bug: ${describe(error)} (please report it, with the lines below)` : describe(error)
  const code = error instanceof FlumeError ? error.code : undefined
  const hint = code === 'BAD_OPTION' || code === 'STDERR_TAKEN' ? ` (see ${command} --help)` : ''
  const stack = bug && error instanceof Error ? error.stack : undefined
  const message = { command, pid: io.pid, time: systemClock.now(), level: 'error', text: text + hint, stack, status } as const
  const said = line(message, format, colours(io))
  if (code === 'STDERR_TAKEN') io.complainApart(said)
  else io.complain(said)
  return status
}

function contextOf(stage: Stage, io: Io, format: LogFormat): Parameters<Command['run']>[2] {
  const clock: Clock = systemClock
  return {
    env: io.env,
    get directory() {
      return io.directory
    },
    pid: io.pid,
    uid: io.uid,
    disk: io.disk,
    clock,
    stop: io.stop,
    stateDirectory: stateDirectory(io.env, io.home),
    show: (shown) => stage.show(shown),
    say: (text) => {
      stage.heard(text)
      io.complain(line({ command: stage.command, pid: io.pid, time: clock.now(), level: 'info', text }, format, colours(io)))
    },
  }
}

/** no-color.org: any value but the empty one. */
function colours(io: Io): boolean {
  return io.isTerminal(2) && (io.env.NO_COLOR ?? '') === '' && io.env.TERM !== 'dumb'
}

function variable(command: string): string {
  return command.replaceAll('-', '_').toUpperCase()
}

function signalOf(stop: AbortSignal): NodeJS.Signals {
  return stop.reason as NodeJS.Signals
}

/** Whether this was thrown only because of the signal. */
function isOf(stop: AbortSignal, error: unknown): boolean {
  return error === stop.reason || (error instanceof Error && error.name === 'AbortError')
}
