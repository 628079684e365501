/**
 * One input of flume-route at work: a command is started, and started again with growing pauses when it fails; what it had
 * given and was not acked it gives once more. Acks and positions are those of this input alone.
 */
import { resolve } from 'node:path'
import { startGiving, type Child } from '../disk/child.js'
import { openInput } from '../disk/open-path.js'
import { FlumeError } from '../errors.js'
import type { Mark } from '../events/batch.js'
import { Input } from '../pipe/input.js'
import type { InputOptions } from '../pipe/input-options.js'
import type { Role } from '../pipe/role.js'
import type { Inlet } from '../routes/inlet.js'
import { Meter } from '../stat/meter.js'
import type { Context } from './command.js'
import { blamedOn } from './report.js'
import { checkRuns, endedWithin, endOf, Restarts } from './restarts.js'
import type { InputSpec } from './route-list.js'

/** ms that a command has to end, once its output has ended and all of it is acked. */
const END_MS = 5000
/** The same, at the end of all. */
const SOON_MS = 1000

/** ms that the outputs have to ack what it has given, before it is said that they are waited for. */
const OWED_MS = 5000

export class Feed {
  readonly meter: Meter
  readonly #restarts: Restarts
  #input: Input | undefined
  #child: Child | undefined

  constructor(
    readonly spec: InputSpec,
    readonly inlet: Inlet,
    /** Of stdin; other descriptors are put in. */
    readonly options: InputOptions,
    readonly context: Context,
    /** Of all inputs. */
    readonly total: Meter,
  ) {
    this.meter = new Meter(context.clock)
    this.#restarts = new Restarts(context.clock, (message) => this.#say(message))
  }

  /** To its end, or soon after `stop`. `role`: what the outputs make of this stage. */
  async run(role: (inlet: Inlet) => Role, stop: AbortSignal): Promise<void> {
    const { from } = this.spec
    const given = { ...this.options, ...role(this.inlet) }
    if ('command' in from) return this.#keepRunning(from.command, given, stop)
    const fd = from.file === '-' ? 0 : await openInput(resolve(this.context.directory, from.file))
    await this.#take(given, fd, stop)
  }

  progress(): void {
    this.#input?.progress()
  }

  /** The last acks; then a command that still runs is ended. */
  async close(): Promise<void> {
    await this.#input?.close()
    if (this.#child !== undefined) await endOf(this.#child, this.context.clock, SOON_MS)
  }

  #say(message: string): void {
    this.context.say(`input ${this.spec.name}: ${message}`)
  }

  async #take(options: InputOptions, fd: number, stop: AbortSignal): Promise<void> {
    const input = (this.#input = new Input({ ...options, fd, say: (message) => (fd === 0 ? this.context.say(message) : this.#say(message)) }))
    const { meter, total } = this
    const acked = (mark: Mark): void => {
      meter.acked(mark)
      total.acked(mark)
      input.ack(mark)
    }
    await blamedOn(fd === 0 ? 'stdin' : `input ${this.spec.name}`, this.inlet.take(total.through(meter.through(input.batches(stop))), acked, stop))
  }

  async #keepRunning(command: string, options: InputOptions, stop: AbortSignal): Promise<void> {
    const { clock, uid } = this.context
    while (!stop.aborted) {
      this.#restarts.started()
      const child = (this.#child = await startGiving(command, uid))
      await this.#take(options, child.fd, stop)
      await this.#idle(stop)
      if (stop.aborted) return
      await this.#input?.close()
      const ended = await endedWithin(child, clock, END_MS)
      if (ended === undefined || ended.status === 0) return
      this.#child = undefined
      if (this.meter.events === 0) checkRuns(ended, command)
      await this.#restarts.wait(ended, stop)
    }
  }

  /** All it gave is acked: where it is to go on is known only then, as a place that an output does not hold is none (flume-pipe(7)). */
  async #idle(stop: AbortSignal): Promise<void> {
    const over = new AbortController()
    const late = this.context.clock.sleep(OWED_MS, over.signal).then(() => {
      if (!over.signal.aborted && !stop.aborted) this.#say('its command ended; an output that is down or slow has not acked all it gave, and is waited for')
    })
    await this.inlet.idle(stop)
    over.abort()
    await late
  }
}

/** A descriptor that is a pipe, and that no input names, may be a mistake. Throws BAD_OPTION. */
export function checkStdin(kind: string, inputs: readonly InputSpec[]): void {
  if (inputs.length === 0 || kind !== 'pipe' || inputs.some(({ from }) => 'file' in from && from.file === '-')) return
  throw new FlumeError('BAD_OPTION', 'standard input is a pipe, and there is --input: name it too, with --input-file -, or close it, with </dev/null')
}
