/** flume-stat: how the stages that run on this machine stand, as a table, as JSON, or as metrics. */
import { writeAll } from '../../disk/descriptor.js'
import { statOfFd } from '../../disk/fd.js'
import { FlumeError, errnoOf } from '../../errors.js'
import { parseCount, parseDuration } from '../../events/units.js'
import { askAll, type Answers } from '../../stat/ask.js'
import { exposition } from '../../stat/exposition.js'
import { linesOf, only } from '../../stat/lines.js'
import { defineCommand, type Context, type Values } from '../command.js'
import { FOUND_WRONG } from '../exit.js'
import { table } from '../stat-table.js'

const options = {
  watch: { type: 'flag', alias: 'w', describe: 'again and again, until it is stopped' },
  interval: { type: 'duration', default: '2s', placeholder: 'TIME', describe: 'with --watch: so often' },
  json: { type: 'flag', describe: 'one JSON object a look' },
  prometheus: { type: 'flag', describe: 'as metrics, in the text format of Prometheus' },
  listen: { type: 'text', placeholder: 'ADDRESS:PORT', describe: 'give the metrics out over HTTP, at /metrics' },
  'lag-max': { type: 'text', placeholder: 'LAG', describe: 'exit 1 where a lag is over this: a number of events, or a time' },
  timeout: { type: 'duration', default: '1s', placeholder: 'TIME', describe: 'wait so long for the answer of a stage' },
} as const

type StatValues = Values<typeof options>

export const command = defineCommand({
  name: 'flume-stat',
  summary: 'show the stages that run on this machine, and how far each is behind',
  usage: '[OPTION]... [QUEUE|FILE]...',
  options,
  exclusive: [['json', 'prometheus'], ['listen', 'watch'], ['listen', 'json'], ['listen', 'lag-max'], ['watch', 'lag-max']],
  examples: [
    ['flume-stat --watch', 'a table of all lines, every two seconds'],
    ['flume-stat --lag-max 5m ./q >/dev/null || echo the line is behind', 'for monitoring: the lines with this queue'],
    ['flume-stat --listen 127.0.0.1:9464', 'for Prometheus'],
  ],
  async run(values, operands, context) {
    const bound = boundOf(values['lag-max'])
    const look = async (): Promise<Answers> =>
      only(await askAll(context.uid, values.timeout, context.clock), operands, context.directory)
    if (values.listen !== undefined) return listen(values.listen, look, context)
    if (values.watch) return watch(look, values, context)
    const answers = await look()
    const none = answers.stages.length + answers.silent.length === 0
    if (!none || values.json || values.prometheus) show(answers, values, context.clock.now())
    if (none) throw new FlumeError('UNAVAILABLE', noneText(operands, answers))
    return bound === undefined ? 0 : judge(answers, bound, context)
  },
})

function noneText(operands: readonly string[], { hidden, unknown = 0 }: Answers): string {
  const others = hidden === 0 ? '' : ` (${hidden} of other users, which root sees)`
  const mute = unknown === 0 ? '' : `; ${unknown} ${unknown === 1 ? 'stage does' : 'stages do'} not answer, flume-stat alone shows them`
  const what = operands.length === 0 ? 'is running' : `is ${unknown === 0 ? '' : 'known to be '}at work with ${operands.join(', ')}`
  return `there is nothing to show: no flume stage ${what}${others}${mute}`
}

/** Events, or seconds. */
interface Bound {
  readonly events: number
  readonly seconds: number
}

function boundOf(text: string | undefined): Bound | undefined {
  if (text === undefined) return undefined
  const events = parseCount(text)
  if (events !== undefined) return { events, seconds: Infinity }
  const time = parseDuration(text)
  if (time !== undefined) return { events: Infinity, seconds: time / 1000 }
  throw new FlumeError('BAD_OPTION', `bad value ${text === '' ? "''" : text} for --lag-max: expected a number of events, such as 10000, or a time, such as 5m`)
}

/** Whoever does not answer may be as far behind as can be. */
function judge({ stages, silent }: Answers, { events, seconds }: Bound, { say }: Context): number {
  let wrong = 0
  for (const { command, pid, flows } of stages) {
    for (const { lagEvents = 0, unacked, lagSeconds } of flows) {
      const behind = Math.max(lagEvents, unacked)
      if (behind <= events && lagSeconds <= seconds) continue
      say(`${command}, pid ${pid}, is behind by ${behind} events, and by ${Math.round(lagSeconds)} s`)
      wrong++
    }
  }
  for (const { command, pid } of silent) {
    say(`${command}, pid ${pid}, does not answer: it is not known how far it is behind`)
    wrong++
  }
  return wrong > 0 ? FOUND_WRONG : 0
}

function show(answers: Answers, { json, prometheus }: StatValues, now: number, before = ''): void {
  const text = json ? jsonText(answers, now) : prometheus ? exposition(answers) : table(answers, now)
  writeAll(1, before + text, Infinity)
}

function jsonText(answers: Answers, now: number): string {
  return `${JSON.stringify({ time: now, lines: linesOf(answers), hidden: answers.hidden })}\n`
}

/** On a terminal each look takes the place of the last. */
async function watch(look: () => Promise<Answers>, values: StatValues, context: Context): Promise<'SIGPIPE' | number> {
  const before = statOfFd(1).kind === 'terminal' && !values.json ? '\x1b[H\x1b[2J' : ''
  while (!context.stop.aborted) {
    const answers = await look()
    try {
      show(answers, values, context.clock.now(), before)
    } catch (cause) {
      if (errnoOf(cause) === 'EPIPE') return 'SIGPIPE'
      throw cause
    }
    await context.clock.sleep(Math.max(values.interval, 100), context.stop)
  }
  return 0
}

async function listen(text: string, look: () => Promise<Answers>, { say, stop }: Context): Promise<number> {
  const [, address, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)?.filter((part) => part !== undefined) ?? []
  if (address === undefined || Number(port) > 65535) {
    throw new FlumeError('BAD_OPTION', `bad value ${text === '' ? "''" : text} for --listen: expected an address and a port, such as 127.0.0.1:9464`)
  }
  const { listenForScrapes } = await import('../../stat/listen.js')
  await listenForScrapes(address, Number(port), async () => exposition(await look()), (url) => say(`listening on ${url}`), stop)
  return 0
}
