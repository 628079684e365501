/**
 * One output of flume-route at work: a command is started, and started again with growing pauses whenever it ends before
 * all was acked; what it had not acked it gets once more.
 */
import { resolve } from 'node:path'
import { startTaking, type Child } from '../disk/child.js'
import { statOfFd } from '../disk/fd.js'
import { openOutput } from '../disk/open-path.js'
import { FlumeError } from '../errors.js'
import { deliver } from '../pipe/output.js'
import type { End, OutputOptions } from '../pipe/output-options.js'
import type { Outlet } from '../routes/outlet.js'
import { Meter } from '../stat/meter.js'
import type { Context } from './command.js'
import type { OutputSpec } from './route-list.js'
import { checkRuns, endedWithin, endOf, Restarts } from './restarts.js'

/** ms between two looks whether a FIFO has a reader. */
const LOOK = 200
/** ms that a command which reads no more has to end, before it is ended, and before it counts as hanging. */
const END_MS = { soon: 100, late: 5000 }
export class Branch {
  readonly meter: Meter
  #child: Child | undefined
  readonly #restarts: Restarts
  readonly #abandoned = new AbortController()

  constructor(
    readonly spec: OutputSpec,
    readonly outlet: Outlet,
    /** Of stdout; other descriptors are put in. */
    readonly options: OutputOptions,
    readonly context: Context,
    /** ms between two starts at which it is no longer tried, where it has not come yet and says to try again later. */
    readonly pauseMax: number,
  ) {
    this.meter = new Meter(context.clock)
    this.#restarts = new Restarts(context.clock, (message) => this.say(message))
  }

  /** Until the outlet has given all of it and it is acked, or soon after `stop`. */
  async run(until: AbortSignal): Promise<End> {
    const { target } = this.spec
    const stop = AbortSignal.any([until, this.#abandoned.signal])
    if ('command' in target) return this.#keepRunning(target.command, stop)
    if (target.file === '-') return this.#deliver({ fd: 1 }, stop)
    const fd = await this.#open(target.file, stop)
    if (fd === undefined) return 0
    const end = await this.#deliver({ fd, own: true }, stop)
    if (end === 'SIGPIPE') throw new FlumeError('PIPE_BROKEN', `the reader of ${target.file} went away`)
    return end
  }

  /** Its command has ended again and again. */
  get down(): boolean {
    return this.#restarts.down
  }

  /** Whatever it has not acked is missed. */
  abandon(): void {
    this.#abandoned.abort()
    this.outlet.giveUp()
    this.#child?.kill('SIGTERM')
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
    return deliver(this.meter.source(this.outlet), { ...this.options, ...where, relays: true, say: (message) => this.say(message) }, stop)
  }

  async #keepRunning(command: string, stop: AbortSignal): Promise<0> {
    const { clock, uid } = this.context
    const stdout = statOfFd(1).kind === 'terminal' ? 'inherit' : 'ignore'
    while (!stop.aborted) {
      this.#restarts.started()
      const child = (this.#child = await startTaking(command, stdout, uid))
      await this.#feed(child, stop)
      if (stop.aborted || this.outlet.done) return this.#finish(child, stop)
      const ended = await endOf(child, clock, END_MS.soon)
      this.#child = undefined
      if (this.outlet.kind === undefined && ended !== 'by us') checkRuns(ended, command, this.#restarts.pause < this.pauseMax)
      await this.#restarts.wait(ended, stop, () => this.#over)
      if (this.#over) return 0
    }
    return 0
  }

  /** One that gives acks ends by itself; another may have been started too late to hear of a signal to all of the line. */
  async #finish(child: Child, stop: AbortSignal): Promise<0> {
    const acks = this.outlet.kind === 'acks' || this.outlet.kind === 'keeps'
    if (stop.aborted && !acks) await endOf(child, this.context.clock, this.outlet.kind === undefined ? END_MS.soon : END_MS.late)
    else if (this.outlet.done) await child.ended
    this.#child = undefined
    return 0
  }

  /** There is nothing to start it again for. */
  get #over(): boolean {
    const { done, finished } = this.outlet
    return done || (finished && this.spec.optional && this.down)
  }

  /** Until the command takes no more. Throws PIPE_BROKEN where it still runs and has not acked. */
  async #feed(child: Child, stop: AbortSignal): Promise<void> {
    try {
      await this.#deliver({ fd: child.fd, own: true }, stop)
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'PIPE_BROKEN') throw error
      const gone = await endedWithin(child, this.context.clock, END_MS.late)
      if (gone === undefined && this.outlet.finished) throw error
    }
  }
}
