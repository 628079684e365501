/** flume-intercept: events from stdin through interceptors to stdout. */
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { writeAll } from '../../disk/descriptor.js'
import { readWhole } from '../../disk/replace.js'
import { errnoOf, FlumeError } from '../../errors.js'
import type { Bound, Follows } from '../../events/binding.js'
import { allocate } from '../../events/json.js'
import { isOfQueue } from '../../events/partition.js'
import type { Around } from '../../interceptors/around.js'
import { Chain, type Link } from '../../interceptors/chain.js'
import { INTERCEPTOR_OPTIONS, linksOf, rulesOf, type Typed } from '../../interceptors/table.js'
import { Input } from '../../pipe/input.js'
import { deliver } from '../../pipe/output.js'
import type { End } from '../../pipe/output-options.js'
import { Relay, type Change } from '../../pipe/relay.js'
import { Meter } from '../../stat/meter.js'
import { defineCommand, type Context } from '../command.js'
import { FOUND_WRONG } from '../exit.js'
import { thisHost } from '../host.js'
import { localZone } from '../local-zone.js'
import { EVENTS, OUTPUT, REJECTS } from '../options.js'
import { exportTo } from '../queue-export.js'
import { longLinesTo, rejectsOf, stdinOf, stdoutOf } from '../stdio.js'

const options = {
  ...INTERCEPTOR_OPTIONS,
  explain: { type: 'count', placeholder: 'N', describe: 'print what each interceptor makes of the first N events, and end' },
  test: { type: 'text', placeholder: 'FILE', describe: 'run the pairs of input and output in this file, and end; 1 where any differs' },
  ...OUTPUT,
  ...REJECTS,
  ...EVENTS,
} as const

export const command = defineCommand({
  name: 'flume-intercept',
  summary: 'change events on their way, each once, in the order of the options',
  usage: '[OPTION]...',
  options,
  examples: [
    ["flume-tail access.log | flume-intercept --parse apache --time time | flume-buffer ./q", 'what it consists of, and when it was'],
    ['flume-tail --once access.log | flume-intercept --parse apache --explain 3', 'what each rule does to the first events'],
    ['flume-tail access.log | flume-intercept --static env=prod --remove file | flume-buffer ./q', 'headers come and go'],
    ["flume-tail app.log | flume-intercept --filter '(?i)error' --extract 'code=(?<code>.*)' | flume-buffer ./q", 'errors alone, with a header'],
  ],
  async run(values, operands, context, typed) {
    if (operands.length > 0) throw new FlumeError('BAD_OPTION', `what is ${JSON.stringify(operands[0])} for? events come from stdin`)
    const { clock, stop } = context
    const around = await aroundOf(typed, context)
    const links = await linksOf(typed, around)
    if (links.length === 0) throw new FlumeError('BAD_OPTION', 'there is nothing to do: no interceptor is given')
    if (values.test !== undefined) return test(values.test, links, around)
    const rejects = rejectsOf('flume-intercept', values, context)
    const chain = new Chain(links, rejects, values.strict)
    const input = new Input(stdinOf('flume-intercept', values, context, { tooLong: longLinesTo(rejects, values), allocate }))
    if (values.explain !== undefined) return explained(input, values.explain, links, context)
    const partition = `pipe.${randomBytes(12).toString('hex')}`
    const change = warnBehindQueue(chain, context)
    const bind = boundBy((follows) => rulesOf(typed, links, follows))
    const forget = (acked: number): void => chain.forget(acked)
    const relay = new Relay(input, change, { partition, replayable: chain.replayable, bind, forget, now: () => clock.now() })
    const meter = new Meter(clock)
    context.show({ about: links.map(({ title }) => title), rejects, flows: () => [meter.read('stage', 'events', 'the stage behind')] })
    const ended = await deliver(meter.source(relay), { ...stdoutOf('flume-intercept', values, context), patient: true, relays: true }, stop)
    if (ended !== 'SIGPIPE') await input.close()
    chain.close()
    await rejects.close()
    return ended
  },
})

async function explained(input: Input, count: number, links: readonly Link[], { clock, stop }: Context): Promise<End> {
  const { explain } = await import('../explain.js')
  const ended = await exportTo(1, explain(input, count, links, clock.now(), stop))
  await input.close()
  return ended
}

async function test(file: string, links: readonly Link[], around: Around): Promise<End> {
  const { runRuleTests } = await import('../rule-tests.js')
  const content = await around.readFile(file)
  if (content === undefined) throw new FlumeError('NO_INPUT', `cannot read ${file}: there is no such file`)
  const { failed, text } = await runRuleTests(file, content.toString(), links, around)
  writeAll(1, text, Infinity)
  return failed > 0 ? FOUND_WRONG : 0
}

/** A place that follows from headers, or from all of an event, follows from the rules. */
function boundBy(rulesOf: (follows: Follows) => string): (bound: Bound) => Bound {
  return (bound) => {
    const rules = bound.follows === undefined ? '' : rulesOf(bound.follows)
    return rules === '' ? bound : { binding: `${bound.binding} behind flume-intercept ${rules}`, follows: 'events' }
  }
}

/** What an event becomes behind a queue must be the same each time it is given out. */
function warnBehindQueue(chain: Chain, { say }: Context): Change {
  const others = chain.links.filter(({ interceptor }) => interceptor.replayable === false).map(({ title }) => title)
  let told = others.length === 0
  return (batch, number) => {
    if (!told && batch.mark && isOfQueue(batch.mark.partition)) {
      say(`${others.join(', ')} behind a queue: what is sent again may differ, so a sink may have it twice; put that before the queue`)
      told = true
    }
    return chain.change(batch, number)
  }
}

/** Undefined: there is none. Throws NO_INPUT, PERMISSION. */
async function contentOf(file: string, { disk, directory }: Context): Promise<Buffer | undefined> {
  try {
    return await readWhole(disk, resolve(directory, file))
  } catch (cause) {
    throw new FlumeError(errnoOf(cause) === 'EACCES' ? 'PERMISSION' : 'NO_INPUT', `cannot read ${file}`, { cause })
  }
}

async function aroundOf(typed: readonly Typed[], context: Context): Promise<Around> {
  const { env, clock, say } = context
  const asks = (...words: string[]): boolean => typed.some(({ name, text }) => name === 'host' && words.includes(text))
  return {
    host: await thisHost({ address: asks('ip', 'fqdn'), qualified: asks('fqdn') }),
    env,
    localZone: () => localZone(env, '--time-zone'),
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    readFile: (path) => contentOf(path, context),
    say,
  }
}
