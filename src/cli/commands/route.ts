/** flume-route: events from stdin to several outputs, each with acks of its own. */
import { randomBytes } from 'node:crypto'
import { FlumeError } from '../../errors.js'
import type { Refusal } from '../../events/rejects.js'
import { Wake } from '../../events/wake.js'
import { Input } from '../../pipe/input.js'
import type { End } from '../../pipe/output-options.js'
import type { Role } from '../../pipe/role.js'
import { chooseBy } from '../../routes/choice.js'
import { Outlet } from '../../routes/outlet.js'
import { Router } from '../../routes/router.js'
import { Meter } from '../../stat/meter.js'
import { Branch } from '../branch.js'
import { defineCommand, type Context, type Values } from '../command.js'
import { EVENTS, OUTPUT, REJECTS } from '../options.js'
import { outputList, type OutputSpec } from '../output-list.js'
import { longLinesTo, rejectsOf, stdinOf, stdoutOf } from '../stdio.js'

const options = {
  name: { type: 'texts', ordered: true, placeholder: 'NAME', describe: 'what the next output is called; else it is its number' },
  when: { type: 'texts', ordered: true, placeholder: 'RULE', describe: 'the next output gets only events for which this holds' },
  to: { type: 'texts', ordered: true, placeholder: 'COMMAND', describe: 'an output: this command of sh' },
  'to-file': { type: 'texts', ordered: true, placeholder: 'FILE', describe: 'an output: this file, opened for appending; - is stdout' },
  otherwise: { type: 'texts', ordered: true, placeholder: 'COMMAND', describe: 'an output that gets the events for which no --when held' },
  'otherwise-file': { type: 'texts', ordered: true, placeholder: 'FILE', describe: 'the same, a file' },
  hold: { type: 'size', default: '8M', placeholder: 'SIZE', describe: 'hold so many bytes of events that are not acked by all' },
  ...OUTPUT,
  ...REJECTS,
  strict: { type: 'flag', describe: 'exit 65 at the first line that is no event, or that no output takes' },
  ...EVENTS,
} as const

type RouteValues = Values<typeof options>

/** ms between two messages about events that no output took. */
const SAY_EVERY = 60_000

export const command = defineCommand({
  name: 'flume-route',
  summary: 'give events to several outputs: all of them, or those whose rule holds',
  usage: '[OPTION]... [--when RULE] --to COMMAND|--to-file FILE...',
  options,
  examples: [
    [
      "flume-tail app.log | flume-route --to 'flume-buffer ./all' --when 'level=ERROR' --to 'flume-buffer ./errors'",
      'errors into a queue of their own, beside all',
    ],
    [
      "flume-tail app.log | flume-route --when 'region=eu' --to 'flume-buffer ./eu' --otherwise 'flume-buffer ./rest'",
      'by a header, each into its own queue',
    ],
  ],
  async run(values, operands, context, typed) {
    if (operands.length > 0) throw new FlumeError('BAD_OPTION', `what is ${JSON.stringify(operands[0])} for? outputs are --to COMMAND, or --to-file FILE`)
    return new Route(outputList(typed), values, context).run()
  },
})

/** One run: an input, the outputs, and how the one ends with the other. */
class Route {
  readonly #met = new Wake()
  readonly #failing = new AbortController()
  readonly #stop: AbortSignal
  readonly #outlets: readonly Outlet[]
  readonly #branches: readonly Branch[]
  readonly #meter: Meter
  #untaken = { count: 0, said: 0, time: -Infinity }

  constructor(
    specs: readonly OutputSpec[],
    readonly values: RouteValues,
    readonly context: Context,
  ) {
    this.#stop = AbortSignal.any([context.stop, this.#failing.signal])
    this.#outlets = specs.map(({ name, suffix }) =>
      new Outlet(name, suffix, { met: () => this.#met.wake(), say: (message) => context.say(`output ${name}: ${message}`) }))
    const output = { ...stdoutOf('flume-route', values, context), patient: true, withoutAcks: 'it is written to, and not waited for' }
    this.#branches = specs.map((spec, index) => new Branch(spec, this.#outlets[index]!, output, context))
    this.#meter = new Meter(context.clock)
  }

  async run(): Promise<End> {
    const { context, values } = this
    const rejects = rejectsOf('flume-route', values, context)
    const refused = values.strict ? STRICT : rejects
    const { clock } = context
    const router = new Router({
      outlets: this.#outlets,
      choose: chooseBy(this.#branches.map(({ spec }) => spec.wants), refused, (count) => this.#pass(count)),
      holdBytesMax: Math.max(values.hold, 1),
      partition: `pipe.${randomBytes(12).toString('hex')}`,
      now: () => clock.now(),
      aside: () => rejects.flush(),
    })
    context.show({ about: this.#branches.map(({ outlet }) => outlet.name).join(' '), rejects, flows: () => [this.#meter.read('stage', 'events', 'an output')] })
    const ended = Promise.allSettled(this.#branches.map((branch) => this.#attend(branch)))
    await this.#meeting()
    const input = new Input(stdinOf('flume-route', values, context, { ...this.#role(router), tooLong: longLinesTo(rejects, values) }))
    try {
      await router.take(this.#meter.through(input.batches(this.#stop)), (mark) => (this.#meter.acked(mark), input.ack(mark)), this.#stop)
    } catch (error) {
      this.#failing.abort()
      await ended
      throw error
    }
    for (const outlet of this.#outlets) outlet.finish()
    const ends = await ended
    this.#sayUntaken()
    await rejects.close()
    await input.close()
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return ends.some((end) => end.status === 'fulfilled' && end.value === 'SIGPIPE') ? 'SIGPIPE' : 0
  }

  /** One output, to its end; that of one before all is done is the end of all. */
  async #attend(branch: Branch): Promise<End> {
    try {
      const end = await branch.run(this.#stop)
      if (!branch.outlet.done) this.#failing.abort()
      return end
    } catch (error) {
      this.#failing.abort()
      throw error
    }
  }

  /** Until it is known of each output what it is. */
  async #meeting(): Promise<void> {
    while (this.#outlets.some(({ kind }) => kind === undefined) && !this.#stop.aborted) await this.#met.wait(undefined, undefined, this.#stop)
  }

  #role(router: Router): Role {
    const kinds = this.#outlets.map(({ kind }) => kind)
    if (kinds.every((kind) => kind === 'plain')) return { acks: false }
    if (kinds.includes('acks')) return this.#binding()
    if (!kinds.includes('keeps')) return {}
    return { held: (prefix) => router.stands(prefix, this.#stop) }
  }

  /** What goes where follows from the rules, too. */
  #binding(): Role {
    const bound = this.#branches.filter(({ outlet }) => outlet.binding !== undefined)
    if (bound.length === 0) return {}
    const binding = bound.map(({ spec, outlet }) => `${spec.name} (${spec.rule}): ${outlet.binding}`).join('; ')
    return { binding, ...(bound.some(({ outlet }) => outlet.rebind) ? { rebind: true } : {}) }
  }

  #pass(count: number): void {
    if (this.values.strict) throw new FlumeError('BAD_EVENT', 'cannot pass an event on: no output takes it')
    this.#untaken.count += count
    if (this.context.clock.now() - this.#untaken.time >= SAY_EVERY) this.#sayUntaken()
  }

  #sayUntaken(): void {
    const count = this.#untaken.count - this.#untaken.said
    if (count === 0) return
    this.context.say(`${count} ${count === 1 ? 'event' : 'events'} that no output takes`)
    this.#untaken = { count: this.#untaken.count, said: this.#untaken.count, time: this.context.clock.now() }
  }
}

const STRICT = {
  add: (_line: Uint8Array, { reason }: Refusal): void => {
    throw new FlumeError('BAD_EVENT', `cannot take a line from stdin: ${reason}`)
  },
}
