/** flume-spool: the lines, or records, of finished files in a directory as events on stdout; each file is set aside once all of it is acked. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { notice } from '../../disk/notice.js'
import { NOT_UTF8 } from '../../disk/path.js'
import { isSame } from '../../disk/same.js'
import { errnoOf, FlumeError } from '../../errors.js'
import { deliver } from '../../pipe/output.js'
import { checkStderr } from '../../pipe/stderr.js'
import { isQueue } from '../../sources/flume-files.js'
import type { Done } from '../../sources/spool/aside.js'
import { ORDERS, type Order } from '../../sources/spool/backlog.js'
import type { Format } from '../../sources/spool/records.js'
import { Spool } from '../../sources/spool/spool.js'
import { stateName } from '../../sources/state.js'
import { Meter } from '../../stat/meter.js'
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
  once: { ...ONCE.once, describe: 'end when all is read that was finished at the start' },
  done: {
    type: 'text', default: '.COMPLETED', placeholder: 'WHERE',
    describe: 'what becomes of a file that is read and acked: renamed with this .SUFFIX, moved to this DIR, delete, or none',
  },
  recursive: { type: 'flag', alias: 'r', describe: 'files of sub-directories, too' },
  include: { type: 'texts', placeholder: 'PATTERN', describe: 'only files that match; with a slash, their path in DIR must' },
  ignore: { type: 'texts', placeholder: 'PATTERN', describe: 'no files that match, and nothing below directories that do' },
  order: { type: 'text', default: 'oldest', choices: ORDERS, placeholder: 'ORDER', describe: 'which file comes first: oldest, youngest, name' },
  settle: { type: 'duration', default: '2s', placeholder: 'TIME', describe: 'a file is finished when it was not written to for so long' },
  marker: { type: 'text', placeholder: 'NAME', describe: 'a file is finished once this one is there; * in it is its own name' },
  whole: { type: 'flag', describe: 'each file is one event' },
  json: { type: 'flag', describe: 'each element of a JSON array is an event' },
  csv: { type: 'flag', describe: 'each record of CSV is an event, a JSON object with the names of the first record' },
  'csv-delimiter': { type: 'text', placeholder: 'TEXT', describe: 'what stands between two values of CSV: a comma; tab: \\t' },
  avro: { type: 'flag', describe: 'each record of an Avro container file is an event, as JSON' },
  poll: { type: 'duration', default: '1s', placeholder: 'TIME', describe: 'look so often for new files where nothing gives notice of them' },
  retry: { type: 'duration', default: '1m', placeholder: 'TIME', describe: 'try a file again that could not be read, or set aside' },
  ...HEADERS,
  state: { type: 'text', placeholder: 'FILE', describe: 'where positions are kept for a reader that keeps none; beside it is a lock' },
  ...RATE,
  ...OUTPUT,
  ...REJECTS,
  rejects: { ...REJECTS.rejects, describe: 'append what is no event here (default: in the state directory)' },
  strict: { ...REJECTS.strict, describe: 'exit 65 at the first of these' },
  ...EVENTS,
} as const

export const command = defineCommand({
  name: 'flume-spool',
  summary: 'send the finished files of a directory as events, each exactly once',
  usage: '[OPTION]... DIR',
  options,
  exclusive: [['quiet', 'progress'], ['whole', 'json'], ['whole', 'csv'], ['whole', 'avro'], ['json', 'csv'], ['json', 'avro'], ['csv', 'avro']],
  examples: [
    ['flume-spool /srv/incoming | flume-buffer ./q', 'each file that is dropped there; read files are renamed to *.COMPLETED'],
    ["flume-spool --once -r --include '*.log' --done ./read ./in | flume-buffer --put ./q", 'what is there now, for cron; read files move to ./read'],
    ['flume-spool ./in | head -3', 'what its events look like; nothing is set aside'],
  ],
  async run(values, operands, given) {
    checkStderr(1) // before anything is said
    checkProgress(values)
    checkPatterns(values)
    let progress: Progress | undefined
    const context: Context = { ...given, say: (message) => (progress?.clear(), given.say(message)) }
    const { disk, clock, say, stop } = context
    const directory = await directoryOf(operands, context)
    const rejects = rejectsOf('flume-spool', values, context)
    const source = new Spool(await spoolOptions(values, directory, context), {
      disk, clock, say, host: hostname(), refused: values.strict ? STRICT : rejects, notice, randomId: () => randomBytes(12).toString('hex'),
    })
    const meter = new Meter(clock)
    const flow = () => ({ ...meter.read('source', 'finished files', 'the stage behind'), lagBytes: source.unread })
    context.show({ about: [directory], rejects, flows: () => [flow()] })
    if (values.once && isDrawn(values)) progress = progressOf('flume-spool', source, meter, clock)
    try {
      const ended = await deliver(meter.source(paced(source, values, clock)), stdoutOf('flume-spool', values, context), stop)
      await source.settled()
      return ended === 0 && values.once ? statusOf(source) : ended
    } finally {
      progress?.close()
      await source.close()
      await rejects.close()
    }
  },
})

function checkPatterns({ marker, include, ignore, csv, 'csv-delimiter': delimiter }: Values<typeof options>): void {
  if (marker?.includes('/') || marker === '') throw new FlumeError('BAD_OPTION', '--marker is a name in the directory of the file: *.done')
  if (delimiter !== undefined && !csv) throw new FlumeError('BAD_OPTION', '--csv-delimiter is for --csv')
  if (marker === '*') throw new FlumeError('BAD_OPTION', '--marker *: that is the name of every file, and markers are not read; *.done is one of its own')
  for (const [name, patterns] of Object.entries({ include, ignore })) {
    if (patterns.includes('')) throw new FlumeError('BAD_OPTION', `--${name}: a pattern is empty`)
  }
}

async function spoolOptions(values: Values<typeof options>, directory: string, context: Context) {
  const real = await context.disk.realPath(directory).catch(() => directory)
  return {
    directory,
    once: values.once,
    done: await doneOf(values.done, directory, context),
    ...(values.marker !== undefined && { marker: values.marker }),
    recursive: values.recursive,
    include: values.include,
    ignore: values.ignore,
    order: values.order as Order,
    ...(await formatOf(values)),
    sourceId: await sourceId(values, context),
    headers: headerOptions(values),
    eventBytesMax: values['event-bytes-max'],
    ...batchBytes(values),
    statePath: statePath(values, stateName([real], 'spool'), context),
    times: { settle: values.settle, poll: Math.max(values.poll, 1), retry: Math.max(values.retry, 1) },
  }
}

/** Loaded when it is needed: most files are of lines. */
async function formatOf(values: Values<typeof options>): Promise<{ format?: Format }> {
  switch ((['whole', 'json', 'csv', 'avro'] as const).find((format) => values[format])) {
    case 'whole':
      return { format: (await import('../../sources/spool/formats/whole.js')).whole }
    case 'json':
      return { format: (await import('../../sources/spool/formats/json.js')).jsonValues }
    case 'csv':
      return { format: (await import('../../sources/spool/formats/csv.js')).csv(delimiterOf(values['csv-delimiter'] ?? ',')) }
    case 'avro':
      return { format: (await import('../../sources/spool/formats/avro.js')).avroRecords }
    default:
      return {}
  }
}

function delimiterOf(text: string): string {
  if (/^$|["\r\n]/.test(text)) throw new FlumeError('BAD_OPTION', `--csv-delimiter is text without quotes and line ends, not ${JSON.stringify(text)}`)
  return text.replace('\\t', '\t')
}

/** The one operand, absolute. What is there but no directory is refused; what is missing is waited for. */
async function directoryOf(operands: readonly string[], { disk, directory }: Context): Promise<string> {
  const [name, another] = operands
  if (name === undefined || name === '') throw new FlumeError('BAD_OPTION', 'cannot read: no directory is named')
  if (another !== undefined) {
    const instead = 'choose files with --include, and merge several with flume-route --input'
    throw new FlumeError('BAD_OPTION', `cannot read ${another} beside ${name}: a directory each; ${instead}`)
  }
  const path = resolve(directory, name)
  const stat = await disk.stat(path).catch(() => undefined)
  if (stat === undefined && name.includes('\ufffd')) {
    throw new FlumeError('NO_INPUT', `cannot read ${name}: ${NOT_UTF8}`)
  }
  if (stat !== undefined && stat.kind !== 'directory') {
    throw new FlumeError('NO_INPUT', `cannot read ${name}: it is no directory; the lines of a file are for flume-tail --once`)
  }
  if ([path, dirname(path)].some((at) => isQueue(disk, at))) {
    throw new FlumeError('BAD_OPTION', `cannot read ${name}: it is a queue, which setting files aside would destroy; flume-buffer gives out what is in it`)
  }
  return path
}

async function doneOf(text: string, directory: string, { disk, directory: here, say }: Context): Promise<Done> {
  if (text === 'delete' || text === 'none') return { how: text }
  if (/^\.[^./]/.test(text) && !text.includes('/')) return { how: 'suffix', suffix: text }
  const path = resolve(here, text)
  try {
    if (path === directory || (await isSame(disk, path, directory))) throw new FlumeError('BAD_OPTION', `--done ${text}: that is where the files come from`)
    const made = await disk.makeDirectory(path)
    if (made !== undefined) say(`made the directory ${path}: read files move there (a suffix for them begins with a dot)`)
  } catch (cause) {
    if (cause instanceof FlumeError) throw cause
    throw new FlumeError(errnoOf(cause) === 'EACCES' ? 'PERMISSION' : 'CANNOT_CREATE', `cannot make the directory of --done ${text}`, { cause })
  }
  return { how: 'move', directory: path }
}

/** At the end of --once: what could not be read, or set aside. */
function statusOf({ trouble, failures }: Spool): number {
  if (trouble.unreadable.size > 0) return STATUS.PERMISSION
  if (trouble.incomplete.size > 0) return STATUS.BAD_EVENT
  if (failures.length === 0) return 0
  return failures.every((error) => ['EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) ? STATUS.PERMISSION : STATUS.IO
}
