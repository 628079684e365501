/** flume-tail: the lines of growing files, or of stdin, as events on stdout. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { dirname, isAbsolute, resolve } from 'node:path'
import { notice } from '../../disk/notice.js'
import { FlumeError } from '../../errors.js'
import { regexOf } from '../../interceptors/regex.js'
import { deliver } from '../../pipe/output.js'
import { checkStderr } from '../../pipe/stderr.js'
import { Multiline } from '../../sources/multiline.js'
import { Resend } from '../../sources/resend.js'
import { stateName } from '../../sources/state.js'
import { stdin } from '../../sources/stdin.js'
import { tail, type Tail } from '../../sources/tail.js'
import { absolute, isDynamic } from '../../sources/pattern.js'
import { Meter } from '../../stat/meter.js'
import { collect, staySmall } from '../collect.js'
import { defineCommand, type Context, type Values } from '../command.js'
import { STATUS } from '../exit.js'
import { EVENTS, OUTPUT, REJECTS } from '../options.js'
import type { Progress } from '../progress.js'
import {
  HEADERS, ONCE, RATE, STRICT, batchBytes, checkProgress, headerOptions, isDrawn, paced, progressOf, sourceId, statePath,
} from '../source-options.js'
import { rejectsOf, stdoutOf } from '../stdio.js'

const options = {
  ...ONCE,
  from: {
    type: 'text', default: 'beginning', choices: ['beginning', 'end'], placeholder: 'WHERE',
    describe: 'where a file begins that was never read',
  },
  ...HEADERS,
  state: { type: 'text', placeholder: 'FILE', describe: 'where positions are kept for a reader that keeps none' },
  olddir: { type: 'texts', placeholder: 'DIR', describe: 'look for rotated files there too, as logrotate puts them' },
  ...RATE,
  'open-files-max': { type: 'count', default: '500', describe: 'of all files that are read, so many are open at a time' },
  poll: { type: 'duration', default: '1s', placeholder: 'TIME', describe: 'look so often for new files, and at files written to lately' },
  'poll-idle': { type: 'duration', default: '1m', placeholder: 'TIME', describe: 'look so often at the other files' },
  settle: { type: 'duration', default: '10s', placeholder: 'TIME', describe: 'send the unfinished last line of a rotated file after so long' },
  'settle-once': { type: 'duration', default: '2s', placeholder: 'TIME', describe: 'with --once, send an unfinished last line after so long' },
  'multiline-start': { type: 'text', placeholder: 'REGEX', describe: 'a line that matches begins an event; the others belong to the one before' },
  'multiline-timeout': { type: 'duration', default: '5s', placeholder: 'TIME', describe: 'send the last event of several lines after so long without growth' },
  hold: { type: 'duration', default: '1h', placeholder: 'TIME', describe: 'keep a rotated file open for so long after it was last written to' },
  forget: { type: 'duration', default: '30d', placeholder: 'TIME', describe: 'forget the position in a file that is gone after so long' },
  ...OUTPUT,
  ...REJECTS,
  rejects: { ...REJECTS.rejects, describe: 'append lines that are no events here; without another FILE: send again what is in it' },
  ...EVENTS,
} as const

const FOLLOWED = 'files are followed, also across rotation, unless --once is given'
const NO_COUNT = 'reading goes on where it stood, at first from the beginning; --from end takes only what comes new, and | head -5 the first lines'

export const command = defineCommand({
  name: 'flume-tail',
  summary: 'send the lines of growing files as events, each exactly once',
  usage: '[OPTION]... FILE|PATTERN...',
  options,
  exclusive: [['quiet', 'progress']],
  foreign: { f: FOLLOWED, F: FOLLOWED, follow: FOLLOWED, retry: FOLLOWED, n: NO_COUNT, lines: NO_COUNT, c: NO_COUNT, bytes: NO_COUNT },
  examples: [
    ['flume-tail access.log | flume-buffer ./q', 'follow a file into a queue; typed again, it goes on where it stood'],
    ["flume-tail --once '/var/log/app/*.log' | flume-buffer --put ./q", 'what is there now, for cron'],
    ['flume-tail --rejects FILE | flume-buffer ./q', 'what was refused, again, once the reason is mended'],
    ['journalctl -f -o cat | flume-tail - | flume-buffer ./q', 'the lines of another program'],
  ],
  async run(values, operands, given) {
    checkStderr(1) // before anything is said
    if (operands.length === 0 && values.rejects !== undefined) return sendAgain(values, values.rejects, given)
    checkNames(operands)
    if (operands.includes('-') && values['multiline-start'] !== undefined) {
      throw new FlumeError('BAD_OPTION', 'cannot use --multiline-start with standard input: put the lines into a file first')
    }
    checkProgress(values)
    staySmall()
    let progress: Progress | undefined
    const context: Context = { ...given, say: (message) => (progress?.clear(), given.say(message)) }
    const { disk, clock, say, directory, stop } = context
    const rejects = rejectsOf('flume-tail', values, context)
    const refused = values.strict ? STRICT : rejects
    for (const name of values.olddir) sayMissing(name, operands, context)
    const around = { disk, clock, say, host: hostname(), refused, notice, collect, randomId: () => randomBytes(12).toString('hex') }
    const eventBytesMax = values['event-bytes-max']
    const common = { sourceId: await sourceId(values, context), headers: headerOptions(values), eventBytesMax, ...batchBytes(values) }
    const source = operands.includes('-')
      ? stdin({ ...common, fd: 0, grace: values.grace }, around)
      : tail({ ...common, ...tailOptions(values, operands, context) }, around)
    const meter = new Meter(clock)
    const flow = () => ({ ...meter.read('source', 'new lines', 'the stage behind'), ...('unread' in source ? { lagBytes: source.unread } : {}) })
    context.show({ about: operands.map((name) => (name === '-' ? name : absolute(name, directory))), rejects, flows: () => [flow()] })
    if ('unread' in source && values.once && isDrawn(values)) progress = progressOf('flume-tail', source, meter, clock)
    try {
      const ended = await deliver(meter.source(paced(source, values, clock)), stdoutOf('flume-tail', values, context), stop)
      return ended === 0 && 'missing' in source && values.once ? report(source, say) : ended
    } finally {
      progress?.close()
      await source.close()
      await rejects.close()
    }
  },
})

/** --rejects FILE without another one: what is in it, once. */
async function sendAgain(values: Values<typeof options>, file: string, given: Context): Promise<number | NodeJS.Signals> {
  let progress: Progress | undefined
  const context: Context = { ...given, say: (message) => (progress?.clear(), given.say(message)) }
  const { clock, directory, stop } = context
  const path = resolve(directory, file)
  const { fixed } = headerOptions(values)
  const bounds = { eventBytesMax: values['event-bytes-max'], ...batchBytes(values) }
  const kept = statePath(values, stateName([path], 'rejects'), context)
  const source = new Resend({ path, fixed, strict: values.strict, ...bounds, statePath: kept }, context)
  const meter = new Meter(clock)
  context.show({ about: [path], flows: () => [{ ...meter.read('source', 'the disk', 'the stage behind'), lagBytes: source.unread }] })
  if (isDrawn(values)) progress = progressOf('flume-tail', source, meter, clock)
  try {
    const ended = await deliver(meter.source(paced(source, values, clock)), stdoutOf('flume-tail', values, context), stop)
    source.tell()
    return ended === 0 && source.keeps ? STATUS.BAD_EVENT : ended
  } finally {
    progress?.close()
    await source.close()
  }
}

function checkNames(operands: readonly string[]): void {
  if (operands.length === 0) throw new FlumeError('BAD_OPTION', 'cannot read: no file is named')
  if (operands.includes('')) throw new FlumeError('BAD_OPTION', 'cannot read "": a name is empty')
  if (operands.length > 1 && operands.includes('-')) {
    throw new FlumeError('BAD_OPTION', 'cannot read standard input beside files: - stands alone (a file of that name is ./-)')
  }
}

/** Where a directory of rotated files would be, for none of the logs one is there. */
function sayMissing(olddir: string, operands: readonly string[], { disk, directory, say }: Context): void {
  const logs = operands.map((pattern) => dirname(absolute(pattern, directory))).filter((log) => !isDynamic(log) || isAbsolute(olddir))
  const isThere = (log: string): boolean => {
    try {
      return disk.statNow(resolve(log, olddir))?.kind === 'directory'
    } catch {
      return true // it is looked into later, and said then
    }
  }
  if (logs.length > 0 && !logs.some(isThere)) say(`no directory --olddir ${olddir} is there: it is relative to that of the log`)
}

function tailOptions(values: Values<typeof options>, operands: readonly string[], context: Context) {
  const patterns = operands.map((pattern) => absolute(pattern, context.directory))
  const start = values['multiline-start']
  return {
    patterns,
    once: values.once,
    fromEnd: values.from === 'end',
    olddirs: values.olddir,
    openFilesMax: Math.max(values['open-files-max'], 1),
    ...(start !== undefined && { multiline: new Multiline(startOf(start), context.say) }),
    statePath: statePath(values, stateName(patterns), context),
    times: {
      poll: Math.max(values.poll, 1),
      pollIdle: Math.max(values['poll-idle'], 1),
      settle: values.settle,
      young: values['settle-once'],
      multiline: values['multiline-timeout'],
      hold: values.hold,
      forget: values.forget,
    },
  }
}

function startOf(text: string): RegExp {
  try {
    return regexOf(text)
  } catch (error) {
    throw new FlumeError('BAD_OPTION', `bad value ${JSON.stringify(text)} for --multiline-start: ${(error as FlumeError).message}`)
  }
}

/** At the end of --once: what was not there to be read, or could not be. */
function report(source: Tail, say: (message: string) => void): number {
  const { missing, absent, unreadable, damaged } = source
  for (const pattern of absent) say(`cannot read ${pattern}: ${source.why(pattern)}`)
  return missing.length > 0 ? STATUS.NO_INPUT : unreadable.length > 0 ? STATUS.PERMISSION : damaged.length > 0 ? STATUS.BAD_EVENT : 0
}
