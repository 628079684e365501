/** flume-route: events from stdin to several outputs, each with acks of its own. */
import { randomBytes } from 'node:crypto'
import { statOfFd } from '../../disk/fd.js'
import { FlumeError } from '../../errors.js'
import { refuse, type Refused, type Rejects } from '../../events/rejects.js'
import { Tally } from '../../events/tally.js'
import type { End } from '../../pipe/output-options.js'
import { Balance, type Policy } from '../../routes/balance.js'
import { Choice } from '../../routes/choice.js'
import { Failover } from '../../routes/failover.js'
import { Inlet } from '../../routes/inlet.js'
import { Router } from '../../routes/router.js'
import type { Selector } from '../../routes/selector.js'
import { Meter } from '../../stat/meter.js'
import type { FlowStat } from '../../stat/report.js'
import { defineCommand, type Context, type Values } from '../command.js'
import { checkStdin, Feed } from '../feed.js'
import { EVENTS, OUTPUT, REJECTS } from '../options.js'
import { Outputs } from '../outputs.js'
import { routeList, type InputSpec, type OutputSpec, type RouteList } from '../route-list.js'
import { longLinesTo, rejectsOf, stdinOf } from '../stdio.js'

const options = {
  name: { type: 'texts', ordered: true, placeholder: 'NAME', describe: 'what the next output or input is called; else it is its number' },
  optional: { type: 'flag', ordered: true, describe: 'nobody waits for the next output: what it is too slow for, or down for, it misses' },
  input: { type: 'texts', ordered: true, placeholder: 'COMMAND', describe: 'an input: what this command of sh writes; default: stdin' },
  'input-file': { type: 'texts', ordered: true, placeholder: 'FILE', describe: 'an input: this file; - is stdin' },
  when: { type: 'texts', ordered: true, placeholder: 'RULE', describe: 'the next output gets only events for which this holds' },
  to: { type: 'texts', ordered: true, placeholder: 'COMMAND', describe: 'an output: this command of sh' },
  'to-file': { type: 'texts', ordered: true, placeholder: 'FILE', describe: 'an output: this file, opened for appending; - is stdout' },
  otherwise: { type: 'texts', ordered: true, placeholder: 'COMMAND', describe: 'an output that gets the events for which no --when held' },
  'otherwise-file': { type: 'texts', ordered: true, placeholder: 'FILE', describe: 'the same, a file' },
  balance: { type: 'text', placeholder: 'POLICY', describe: 'each event to one output: round-robin, random, or hash:HEADER' },
  failover: { type: 'flag', describe: 'all events to the first output that takes them' },
  'failover-after': { type: 'duration', placeholder: 'TIME', describe: 'what an output has not acked that is down for so long goes to another' },
  'failover-stalled': { type: 'duration', placeholder: 'TIME', describe: 'an output that is full of what it has not acked for so long is down (default: 10s)' },
  rebind: { type: 'flag', describe: 'other outputs than before are meant, though not all is acked' },
  hold: { type: 'size', default: '8M', placeholder: 'SIZE', describe: 'hold so many bytes of events that are not acked by all' },
  ...OUTPUT,
  ...REJECTS,
  strict: { type: 'flag', describe: 'exit 65 at the first line that is no event, or that no output takes' },
  ...EVENTS,
} as const

type RouteValues = Values<typeof options>

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
    const list = routeList(typed)
    check(list.outputs, values)
    checkStdin(statOfFd(0).kind, list.inputs)
    return new Route(list, values, context).run()
  },
})

/** Throws BAD_OPTION. */
function check(specs: readonly OutputSpec[], { balance, failover, 'failover-after': after, 'failover-stalled': stalled }: RouteValues): void {
  const bad = (why: string): never => {
    throw new FlumeError('BAD_OPTION', why)
  }
  if (balance !== undefined) policyOf(balance)
  if (after !== undefined && !failover) bad('--failover-after is for --failover')
  if (stalled !== undefined && !failover) bad('--failover-stalled is for --failover')
  const way = balance !== undefined ? '--balance' : failover ? '--failover' : undefined
  if (way === undefined) return
  if (balance !== undefined && failover) bad('--balance and --failover exclude each other: one may be the output of the other')
  if (specs.length < 2) bad(`${way} needs two outputs or more`)
  if (specs.some(({ wants }) => wants !== 'all')) bad(`${way} has no rules: let an output with a rule be a flume-route ${way}`)
  if (specs.some(({ optional }) => optional)) bad(`${way} has no --optional outputs`)
}

/** Throws BAD_OPTION. */
function policyOf(text: string): Policy {
  const [by, header] = text.startsWith('hash:') ? ['hash', text.slice(5)] : [text, '']
  if (by === 'round-robin' || by === 'random' || (by === 'hash' && header !== '')) return { by, header: header }
  throw new FlumeError('BAD_OPTION', `bad value ${JSON.stringify(text)} for --balance: expected round-robin, random or hash:HEADER`)
}

const STDIN: InputSpec = { name: 'stdin', from: { file: '-' } }

/** One run: the inputs, the outputs, and how the ones end with the others. */
class Route {
  readonly #failing = new AbortController()
  readonly #stop: AbortSignal
  readonly #outputs: Outputs
  readonly #meter: Meter
  readonly #untaken: Tally

  constructor(
    readonly list: RouteList,
    readonly values: RouteValues,
    readonly context: Context,
  ) {
    this.#stop = AbortSignal.any([context.stop, this.#failing.signal])
    this.#untaken = new Tally((events) => `${events} that no output takes`, { monotonic: () => context.clock.monotonic(), say: context.say })
    this.#outputs = new Outputs(list.outputs, values, context, this.#stop, () => this.#failing.abort())
    this.#meter = new Meter(context.clock)
  }

  async run(): Promise<End> {
    const { context, values } = this
    const { outlets } = this.#outputs
    const rejects = rejectsOf('flume-route', values, context)
    const selector = this.#selector(values.strict ? { add: (_line, refusal) => refuse(refusal) } : rejects)
    const router = new Router({ outlets, selector, clock: context.clock, aside: () => rejects.flush() })
    const feeds = this.#feeds(router, rejects)
    context.show({ about: outlets.map(({ name }) => name), rejects, flows: () => this.#flows(feeds) })
    this.#outputs.start(router)
    await this.#outputs.meeting()
    this.#outputs.onProgress = () => feeds.forEach((feed) => feed.progress())
    await this.#run(feeds)
    this.#outputs.finish()
    const ends = await this.#outputs.ended()
    this.#untaken.close()
    await rejects.close()
    await Promise.all(feeds.map((feed) => feed.close()))
    await this.#outputs.finishOptional()
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return ends.some((end) => end.status === 'fulfilled' && end.value === 'SIGPIPE') ? 'SIGPIPE' : 0
  }

  /** Each holds its share. */
  #feeds(router: Router, rejects: Rejects): Feed[] {
    const { values, context, list } = this
    const inputs = list.inputs.length === 0 ? [STDIN] : list.inputs
    return inputs.map((spec) => {
      const options = stdinOf('flume-route', values, context, { tooLong: longLinesTo(rejects, values) })
      const inlet = new Inlet(router, { holdBytesMax: Math.max(values.hold / inputs.length, 1), partition: `pipe.${randomBytes(12).toString('hex')}` })
      return new Feed(spec, inlet, options, context, this.#meter)
    })
  }

  /** All inputs, to their ends. */
  async #run(feeds: readonly Feed[]): Promise<void> {
    try {
      await Promise.all(feeds.map((feed) => feed.run((inlet) => this.#outputs.role((prefix) => inlet.stands(prefix, this.#stop)), this.#stop)))
    } catch (error) {
      this.#failing.abort()
      await this.#outputs.ended()
      throw error
    }
  }

  #flows(feeds: readonly Feed[]): FlowStat[] {
    const inputs = feeds.length === 1 ? [] : feeds.map(({ meter, spec }) => ({ ...meter.read('input', 'events', 'an output'), name: spec.name }))
    return [this.#meter.read('stage', 'events', 'an output'), ...inputs, ...this.#outputs.flows()]
  }

  #selector(refused: Pick<Refused, 'add'>): Selector {
    const { balance, failover, rebind } = this.values
    const { outlets } = this.#outputs
    const outputs = outlets.map(({ options: { name, identity } }) => ({ name, identity }))
    if (balance !== undefined) return new Balance({ policy: policyOf(balance), outputs, refused, rebind })
    if (failover) return new Failover(outlets, rebind)
    return new Choice(this.list.outputs.map(({ wants }) => wants), refused, (count) => this.#pass(count))
  }

  #pass(count: number): void {
    if (this.values.strict) throw new FlumeError('BAD_EVENT', 'cannot pass an event on: no output takes it')
    this.#untaken.add(count)
  }
}
