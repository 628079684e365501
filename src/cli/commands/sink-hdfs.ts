/** flume-sink-hdfs: events from stdin into files of a directory tree, each in its place exactly once. */
import { randomUUID } from 'node:crypto'
import { join, resolve } from 'node:path'
import { descriptorsMax } from '../../disk/proc.js'
import { Input } from '../../pipe/input.js'
import type { InputOptions } from '../../pipe/input-options.js'
import type { End } from '../../pipe/output-options.js'
import type { Host } from '../../events/host.js'
import { allocate } from '../../events/json.js'
import { FlumeError } from '../../errors.js'
import { CODECS } from '../../sinks/hdfs/codec.js'
import { hadoopConf } from '../../sinks/hdfs/conf.js'
import { list } from '../../sinks/hdfs/list.js'
import { localFileSystem } from '../../sinks/hdfs/local.js'
import { isSuffix } from '../../sinks/hdfs/name.js'
import { levelsOf } from '../../sinks/hdfs/path.js'
import { boundOf, hdfsSink, type SinkAround, type SinkOptions } from '../../sinks/hdfs/sink.js'
import { targetOf, type Target } from '../../sinks/hdfs/target.js'
import { checkReachable } from '../../sinks/hdfs/reachable.js'
import { Retry } from '../../sinks/retry.js'
import { Meter } from '../../stat/meter.js'
import { defineCommand, type Context, type Values } from '../command.js'
import { thisHost } from '../host.js'
import { localZone } from '../local-zone.js'
import { EVENTS, REJECTS } from '../options.js'
import type { Refusals } from '../sink-dry-run.js'
import { printList } from '../sink-list.js'
import { longLinesTo, rejectsOf, stdinOf } from '../stdio.js'
import { userOf } from '../user.js'

const options = {
  path: { type: 'text', placeholder: 'DIRECTORY', describe: 'where the files go, with escapes; default ./flume/%Y-%m-%d' },
  prefix: { type: 'text', default: 'events', placeholder: 'TEXT', describe: 'what names of files begin with, with escapes' },
  suffix: { type: 'text', placeholder: 'TEXT', describe: 'what names of files end with; default .log or .ndjson, and .gz' },
  format: { type: 'text', default: 'text', choices: ['text', 'ndjson'], placeholder: 'FORMAT', describe: 'text: the bodies as lines; ndjson: the events' },
  codec: { type: 'text', default: 'none', choices: ['none', 'gzip'], placeholder: 'CODEC', describe: 'compress files' },
  'roll-bytes': { type: 'size', default: '128M', placeholder: 'SIZE', describe: 'begin a new file after so many bytes, uncompressed; 0: never' },
  'roll-interval': { type: 'duration', default: '10m', placeholder: 'TIME', describe: 'begin a new file so long after the last began; 0: never' },
  'roll-count': { type: 'count', placeholder: 'COUNT', describe: 'begin a new file after at least so many events' },
  'idle-timeout': { type: 'duration', placeholder: 'TIME', describe: 'finish a file that got no event for so long' },
  'open-files-max': { type: 'count', default: '500', placeholder: 'COUNT', describe: 'at most so many files are being written' },
  round: { type: 'duration', placeholder: 'TIME', describe: 'round times in the path down to a multiple of this' },
  'time-zone': { type: 'text', placeholder: 'ZONE', describe: 'IANA time zone of times in the path; default: that of this machine' },
  'use-local-timestamp': { type: 'flag', describe: 'the time of an event is when the queue took it, not its header timestamp' },
  rebind: { type: 'flag', describe: 'other places than before, for events not acked yet, are meant' },
  uploads: { type: 'count', default: '2', placeholder: 'COUNT', describe: 'HDFS: at most so many uploads at once' },
  verify: { type: 'flag', describe: 'HDFS: compare the checksum of each file before it gets its name' },
  timeout: { type: 'duration', default: '2m', placeholder: 'TIME', describe: 'HDFS: a request has failed after so long without a byte' },
  'retry-for': { type: 'duration', placeholder: 'TIME', describe: 'give up what has failed for so long; default: never' },
  spool: { type: 'text', placeholder: 'DIRECTORY', describe: "the sink's record of what it has committed, and on the way to HDFS the files" },
  'spool-bytes-max': { type: 'size', default: '1G', placeholder: 'SIZE', describe: 'HDFS: bytes on the way there, at most' },
  ...REJECTS,
  strict: { ...REJECTS.strict, describe: `${REJECTS.strict.describe}; with --list: 1 where sequences are missing` },
  ...EVENTS,
  list: { type: 'flag', describe: 'print the files in place with their ranges; exit 1 where two overlap' },
  'dry-run': { type: 'flag', alias: 'n', describe: 'print where the events would land; write and remember nothing' },
  json: { type: 'flag', describe: 'with --list, --dry-run: one JSON object a line' },
} as const

export const command = defineCommand({
  name: 'flume-sink-hdfs',
  summary: 'write events from stdin into files of a directory tree, each exactly once',
  usage: '[OPTION]...',
  options,
  exclusive: [['list', 'dry-run']],
  examples: [
    ['flume-tail access.log | flume-buffer ./q | flume-sink-hdfs', 'into ./flume/<date>/, exactly once, whatever is killed'],
    ["flume-buffer ./q | flume-sink-hdfs --path '/logs/%{host}/%Y-%m-%d/%H' --roll-interval 1h", 'one directory per host and hour'],
    ["flume-tail --once access.log | flume-sink-hdfs --dry-run --path '/logs/%{host}/%Y-%m-%d/%H'", 'where each event would land'],
    ["flume-sink-hdfs --list --path '/logs/%{host}/%Y-%m-%d/%H'", 'what is there, and whether something is there twice'],
  ],
  async run(values, operands, context) {
    const instead = values.list ? '--path says where' : 'events come from stdin'
    if (operands.length > 0) throw new FlumeError('BAD_OPTION', `what is ${JSON.stringify(operands[0])} for? ${instead}`)
    if (values.json && !values.list && !values['dry-run']) throw new FlumeError('BAD_OPTION', '--json goes with --list and --dry-run')
    const target = await targetIn(values, context)
    const sinkOptions = optionsOf(values, target, context)
    if (values.list) return listed(target, await fileSystemOf(target, sinkOptions, values, context), values, context)
    const host = await hostOf(sinkOptions.path + sinkOptions.prefix)
    const bound = boundOf(sinkOptions, host)
    const rejects = rejectsOf('flume-sink-hdfs', values, context)
    if (values['dry-run']) {
      const { printDryRun } = await import('../sink-dry-run.js')
      const stdin = (refusals: Refusals): InputOptions =>
        stdinOf('flume-sink-hdfs', values, context, { ...bound, tooLong: longLinesTo(refusals, values), allocate, acks: false })
      return printDryRun(1, { ...sinkOptions, host, binding: bound.binding, rejects: rejects.path, json: values.json }, stdin, context)
    }
    const openFiles = await fileSystemOf(target, sinkOptions, values, context)
    const { disk, clock, say, stop } = context
    if (target.cluster === undefined) await checkReachable(disk, target.path)
    const more = { ...bound, rebind: values.rebind, tooLong: longLinesTo(rejects, values), allocate }
    const input = new Input(stdinOf('flume-sink-hdfs', values, context, more))
    let retry: Retry | undefined
    const opened: OpenFiles = (its, onProgress) => openFiles((retry = its), onProgress)
    const sink = hdfsSink(sinkOptions, { openFiles: opened, disk, clock, say, stop, host, rejects, progress: () => input.progress(), uuid: randomUUID })
    const meter = new Meter(clock)
    context.show({ about: [sinkOptions.path], rejects, flows: () => [meter.read('sink', retry?.isFailing === true ? 'its files' : 'events', 'its files')] })
    for await (const mark of sink(meter.through(input.batches(stop)))) {
      meter.acked(mark)
      input.ack(mark)
    }
    await input.close()
    await rejects.close()
    return 0
  },
})

type OpenFiles = SinkAround['openFiles']

/** Only what was typed waits long: a check that hangs is no answer. */
const LIST_RETRY_FOR = 60_000

async function listed({ path, cluster }: Target, openFiles: OpenFiles, values: Values<typeof options>, context: Context): Promise<End> {
  const root = cluster?.uri ?? ''
  const files = openFiles(new Retry(context.clock, context.say, context.stop, { retryFor: values['retry-for'] ?? LIST_RETRY_FOR }), () => undefined)
  try {
    return await printList(1, list(files, root, levelsOf(path.slice(root.length), await hostOf(path))), values, context)
  } finally {
    await files.close()
  }
}

async function targetIn(values: Values<typeof options>, { disk, env, directory, say }: Context): Promise<Target> {
  const conf = await hadoopConf(disk, env)
  const user = env['HADOOP_USER_NAME'] || userOf()?.username
  const target = targetOf(values.path, directory, { conf, user, say })
  const reason = conf.from === undefined ? ' on this machine: no Hadoop is configured here' : target.cluster === undefined ? ' on this machine' : ''
  if (values.path === undefined) say(`${values.list ? 'listing' : values['dry-run'] ? 'would write to' : 'writing to'} ${target.path}${reason}`)
  return target
}

/** Code for HDFS is loaded only where it is needed. */
async function fileSystemOf(
  { cluster }: Target, { spool }: SinkOptions, { uploads, timeout, verify }: Values<typeof options>, { disk }: Context,
): Promise<OpenFiles> {
  if (cluster === undefined) return () => localFileSystem(disk)
  const { webHdfs } = await import('../../sinks/hdfs/webhdfs/filesystem.js')
  return (retry, onProgress) => webHdfs({ cluster, spool, uploads: Math.max(uploads, 1), timeout: Math.max(timeout, 1), verify }, { disk, retry, onProgress })
}

function optionsOf(values: Values<typeof options>, { path, cluster }: Target, context: Context): SinkOptions {
  const format = values.format === 'ndjson' ? 'ndjson' : 'text'
  const codec = values.codec === 'gzip' ? 'gzip' : 'none'
  const suffix = values.suffix ?? `${format === 'text' ? '.log' : '.ndjson'}${CODECS[codec]?.suffix ?? ''}`
  if (!isSuffix(suffix)) throw new FlumeError('BAD_OPTION', `--suffix is empty, or a dot and at most 31 of A-Z a-z 0-9 . _ = -: ${JSON.stringify(suffix)}`)
  return {
    path, suffix, format, codec,
    prefix: values.prefix,
    rollBytes: unlessNone(values['roll-bytes']),
    rollInterval: unlessNone(values['roll-interval']),
    rollCount: unlessNone(values['roll-count']),
    idleTimeout: unlessNone(values['idle-timeout']),
    openFilesMax: openFilesMaxOf(values['open-files-max'], context),
    round: Math.max(values.round ?? 1, 1),
    timeZone: values['time-zone'],
    localZone: () => localZone(context.env, '--time-zone'),
    useLocalTimestamp: values['use-local-timestamp'],
    strict: values.strict,
    eventBytesMax: values['event-bytes-max'],
    retryFor: values['retry-for'],
    spoolBytesMax: cluster === undefined ? Infinity : values['spool-bytes-max'],
    spool: resolve(context.directory, values.spool ?? join(context.stateDirectory, 'sink-hdfs')),
  }
}

/** 0 is never, as in Apache Flume. */
const unlessNone = (most = 0): number => (most === 0 ? Infinity : most)

/** Descriptors beside those of files that are being filled: of files being finished and their directories, pipes, requests. */
const OTHER_DESCRIPTORS = 300

/** As many as asked for, if this process may have so many: a batch that waits for one that it can never have would wait for ever. */
function openFilesMaxOf(asked: number, { say }: Context): number {
  const limit = descriptorsMax()
  const most = Math.max(limit - OTHER_DESCRIPTORS, Math.floor(limit / 4), 1)
  if (asked > most) say(`at most ${most} files are open at once, not ${asked}: this process may have ${limit} descriptors (ulimit -n)`)
  return Math.min(Math.max(asked, 1), most)
}

/** Names of this machine; only those that the path asks for are looked up. */
function hostOf(template: string): Promise<Host> {
  return thisHost({ address: /%\[/.test(template), qualified: /%\[fqdn\]/i.test(template) })
}
