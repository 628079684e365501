/**
 * The process around main(): its arguments, its signals, its end. With the files in bin the only place that ends it.
 * process.stdin, process.stdout and console are never touched: they make the descriptors non-blocking for everyone.
 */
import { isatty } from 'node:tty'
import { FlumeError, errnoOf } from '../errors.js'
import type { Command } from './command.js'
import { userOf } from './user.js'
import { setFlag } from './v8.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Numbers of the signals we may end by, signal(7): only for a process that cannot die of one, such as pid 1 of a container. */
const NUMBERS: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 }
/** ms for stderr when it is full: a log that nobody reads must not stop the flow for long */
const PATIENCE = 1000
/** ms after the last word until what still runs is ended */
const REST = 2000

/**
 * V8 11, of Node 20, counts how often a function has run 66 KB of bytecode, and optimizes it after a few times. A stage handles blocks of a
 * megabyte, so most of what it optimized within its first second cost more than it saved; where lines come one by one for longer, it saves
 * a third of all processor time. Loops over bytes are optimized in milliseconds all the same, and later V8s optimize at less cost.
 */
const LATE = ['--ticks-before-optimization=45', '--max-bytecode-size-for-early-opt=0']
const USUAL = ['--ticks-before-optimization=3', '--max-bytecode-size-for-early-opt=81']
const isV8Eleven = process.versions.v8.startsWith('11.')
/** ms for which it does so late: twice that, or a run of little more than a second takes 14 MB for what it hardly uses. */
const FIRST = 2000

/** Runs a command as this process, and ends it with its status or of its signal. */
export async function start(load: () => Promise<{ readonly command: Command }>): Promise<void> {
  const stop = new AbortController()
  const unhook = onSignals((signal) => (stop.signal.aborted ? die(signal, unhook) : stop.abort(signal)))
  const [{ command }, { main, report }, { nodeDisk }, { writeAll, writeToTerminal }, { isHeard }] = await Promise.all([
    load(),
    import('./main.js'),
    import('../disk/node.js'),
    import('../disk/descriptor.js'),
    import('../pipe/stderr.js'),
  ])
  const io = {
    env: process.env,
    get directory() {
      return currentDirectory()
    },
    home: process.env.HOME || (userOf()?.homedir ?? '/'), // unset in cron, and the user not known in a container
    pid: process.pid,
    uid: process.geteuid?.() ?? 0,
    disk: nodeDisk,
    isTerminal: isatty,
    print: (text: string) => writeAll(1, text, Infinity),
    complain: (text: string) => {
      try {
        writeAll(2, text, PATIENCE)
      } catch {
        return // there is nowhere left to say so
      }
    },
    complainApart: (text: string) => {
      if (!writeToTerminal(text, PATIENCE) && isHeard(io)) io.complain(text)
    },
    stop: stop.signal,
  }
  const crash = (error: unknown): void => {
    unhook() // process.exit() waits for a write that has stalled: let a signal end it meanwhile
    process.exit(report(command.name, error, 'text', io))
  }
  process.removeAllListeners('warning').on('warning', (warning) => io.complain(`${command.name}: ${warning.name}: ${warning.message}\n`))
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  if (isV8Eleven) optimizeLate()
  const ended = await main(command, process.argv.slice(2), io)
  if (typeof ended === 'string') return die(ended, unhook)
  process.exitCode = ended
  unhook()
  setTimeout(() => process.exit(ended), REST).unref()
}

function currentDirectory(): string {
  try {
    return process.cwd()
  } catch (cause) {
    const known = { ENOENT: ': it was removed', ERANGE: ': its name is too long' }[errnoOf(cause) ?? '']
    throw new FlumeError('NO_INPUT', `cannot find the current directory${known ?? ''}`, known === undefined ? { cause } : {})
  }
}

function optimizeLate(): void {
  LATE.forEach(setFlag)
  setTimeout(() => USUAL.forEach(setFlag), FIRST).unref()
}

/** Calls `stop` with each signal; returns how to give the signals their usual effect again. */
function onSignals(stop: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of SIGNALS) process.on(signal, stop)
  return () => {
    for (const signal of SIGNALS) process.off(signal, stop)
  }
}

/**
 * Ends this process by the signal, so that a shell sees what happened. Not process.exit(): that waits for reads and
 * writes in the thread pool, for ever where a reader has stalled.
 */
function die(signal: NodeJS.Signals, unhook: () => void): void {
  unhook()
  if (signal === 'SIGPIPE') process.once(signal, ignore).off(signal, ignore) // Node ignores it; this brings the default back
  process.kill(process.pid, signal)
  setTimeout(() => process.exit(128 + (NUMBERS[signal] ?? 0)), 100)
}

function ignore(): void {
  return undefined
}
