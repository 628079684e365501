/**
 * One output of flume-route at work: a command is started, and started again with growing pauses whenever it ends before
 * all was acked; what it had not acked it gets once more.
 */
import { resolve } from 'node:path'
import { startTaking, type Child, type Ended } from '../disk/child.js'
import { statOfFd } from '../disk/fd.js'
import { openOutput } from '../disk/open-output.js'
import { FlumeError } from '../errors.js'
import { deliver } from '../pipe/output.js'
import type { End, OutputOptions } from '../pipe/output-options.js'
import type { Outlet } from '../routes/outlet.js'
import { Meter } from '../stat/meter.js'
import type { Context } from './command.js'
import type { OutputSpec } from './output-list.js'

/** ms before a command is started again: doubled each time, up to the last. One that ran for longer than that begins anew. */
const PAUSE = 100
const PAUSE_MAX = 30_000
/** ms between two looks whether a FIFO has a reader. */
const LOOK = 200
/** ms that a command which reads no more has to end, after SIGTERM. */
const END_MS = 5000
/** Of sh(1): it cannot be executed, it is not there. */
const CANNOT_RUN: readonly (number | null)[] = [126, 127]
const USAGE = 64

export class Branch {
  readonly meter: Meter

  constructor(
    readonly spec: OutputSpec,
    readonly outlet: Outlet,
    /** Of stdout; other descriptors are put in. */
    readonly options: OutputOptions,
    readonly context: Context,
  ) {
    this.meter = new Meter(context.clock)
  }

  /** Until the outlet has given all of it and it is acked, or soon after `stop`. */
  async run(stop: AbortSignal): Promise<End> {
    const { target } = this.spec
    if ('command' in target) return this.#keepRunning(target.command, stop)
    if (target.file === '-') return this.#deliver({ fd: 1 }, stop)
    const fd = await this.#open(target.file, stop)
    if (fd === undefined) return 0
    const end = await this.#deliver({ fd, own: true }, stop)
    if (end === 'SIGPIPE') throw new FlumeError('PIPE_BROKEN', `the reader of ${target.file} went away`)
    return end
  }

  say(message: string): void {
    this.context.say(`output ${this.outlet.name}: ${message}`)
  }

  /** Waits for the reader of a FIFO. */
  async #open(path: string, stop: AbortSignal): Promise<number | undefined> {
    for (let tries = 0; !stop.aborted; tries++) {
      const fd = openOutput(resolve(this.context.directory, path))
      if (fd !== undefined) return fd
      if (tries === 0) this.say(`waits for a reader of ${path}`)
      await this.context.clock.sleep(LOOK, stop)
    }
    return undefined
  }

  #deliver(where: { readonly fd: number; readonly own?: true }, stop: AbortSignal): Promise<End> {
    return deliver(this.meter.source(this.outlet), { ...this.options, ...where, say: (message) => this.say(message) }, stop)
  }

  async #keepRunning(command: string, stop: AbortSignal): Promise<0> {
    const { clock, pid, uid } = this.context
    const stdout = statOfFd(1).kind === 'terminal' ? 'inherit' : 'ignore'
    for (let pause = PAUSE; !stop.aborted; ) {
      const start = clock.now()
      const child = await startTaking(command, stdout, { pid, uid, now: start })
      await this.#feed(child, stop)
      if (this.outlet.done) {
        await child.ended
        return 0
      }
      if (stop.aborted) return 0
      const ended = await this.#ended(child)
      this.#check(ended, command)
      if (clock.now() - start > PAUSE_MAX) pause = PAUSE
      await clock.sleep(PAUSE, stop) // a signal to all of the line ends the commands too
      if (stop.aborted) return 0
      this.say(`its command ended (${describe(ended)}): starts it again in ${pause / 1000} s`)
      await clock.sleep(pause - PAUSE, stop)
      pause = Math.min(pause * 2, PAUSE_MAX)
    }
    return 0
  }

  /** Until the command takes no more. Throws PIPE_BROKEN where it still runs and has not acked. */
  async #feed(child: Child, stop: AbortSignal): Promise<void> {
    try {
      await this.#deliver({ fd: child.fd, own: true }, stop)
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'PIPE_BROKEN') throw error
      const { clock } = this.context
      const gone = await Promise.race([child.ended, clock.sleep(END_MS)])
      if (gone === undefined && this.outlet.finished) throw error
    }
  }

  async #ended(child: Child): Promise<Ended> {
    const { clock } = this.context
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const over = new AbortController()
      const ended = await Promise.race([child.ended, clock.sleep(signal === 'SIGTERM' ? 100 : END_MS, over.signal)])
      over.abort()
      if (ended !== undefined) return ended
      child.kill(signal)
    }
    return child.ended
  }

  /** Throws BAD_OPTION for a command that never will. */
  #check({ status }: Ended, command: string): void {
    if (this.outlet.kind !== undefined || status === null) return
    if (CANNOT_RUN.includes(status)) throw new FlumeError('BAD_OPTION', `cannot run ${JSON.stringify(command)}: sh says ${status}`)
    if (status === USAGE) throw new FlumeError('BAD_OPTION', `the command ${JSON.stringify(command)} says that it cannot be understood (64)`)
  }
}

function describe({ status, signal }: Ended): string {
  return status === null ? `killed by ${signal}` : `status ${status}`
}
