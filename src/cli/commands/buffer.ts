/** flume-buffer: events from stdin into a durable queue, and from there to stdout. */
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { Queue } from '../../channel/channel.js'
import type { Putter, Taker } from '../../channel/channel.js'
import type { Replay } from '../../channel/replay.js'
import { Paths } from '../../channel/surroundings.js'
import { writeAll } from '../../disk/descriptor.js'
import { statOfFd } from '../../disk/fd.js'
import { FlumeError } from '../../errors.js'
import type { Held } from '../../events/flow.js'
import type { Rejects } from '../../events/rejects.js'
import { Input } from '../../pipe/input.js'
import { deliver } from '../../pipe/output.js'
import type { End } from '../../pipe/output-options.js'
import { lookAt } from '../../pipe/holders.js'
import { checkStderr, takesStderr } from '../../pipe/stderr.js'
import { withPositions } from '../../sources/event-file.js'
import { Meter } from '../../stat/meter.js'
import { defineCommand } from '../command.js'
import type { Context, Values } from '../command.js'
import { localZone } from '../local-zone.js'
import { EVENTS, OUTPUT, REJECTS } from '../options.js'
import { describe } from '../report.js'
import { eventFileOf, longLinesTo, rejectsOf, stdinOf, stdoutOf } from '../stdio.js'
import { printCheck } from '../queue-check.js'
import { exportTo } from '../queue-export.js'
import { rangeOf } from '../queue-range.js'
import { printRepair } from '../queue-repair.js'
import { retainOf, retainText } from '../queue-retain.js'
import { compressedText, queueFlows, statText } from '../queue-stat.js'

const options = {
  put: { type: 'flag', describe: 'only put, whatever stdout is' },
  take: { type: 'flag', describe: 'only take, whatever stdin is' },
  once: { type: 'flag', describe: 'with nothing to put: end at the last event' },
  reader: { type: 'text', default: 'default', placeholder: 'NAME', describe: 'take under this name' },
  stat: { type: 'flag', describe: 'print how the queue and its readers stand' },
  check: { type: 'flag', describe: 'read all of the queue, and print what is wrong with it' },
  repair: { type: 'flag', describe: 'print what there is to mend, and what it costs' },
  apply: { type: 'flag', describe: 'with --repair: do it' },
  json: { type: 'flag', describe: 'with --stat, --check, --repair: as JSON' },
  export: { type: 'flag', describe: 'write the events that are there to stdout' },
  positions: { type: 'flag', describe: 'with --export: also how far what sends into the queue has come' },
  from: { type: 'text', placeholder: 'WHERE', describe: 'give out once more from here: beginning, the number of an event, or a time' },
  to: { type: 'text', placeholder: 'WHERE', describe: 'up to here: the number of the last event, or a time' },
  forget: { type: 'text', placeholder: 'NAME', describe: 'give up this reader' },
  'size-max': { type: 'size', placeholder: 'SIZE', describe: 'stop reading when the segments hold so many bytes' },
  'free-min': { type: 'size', placeholder: 'SIZE', describe: 'leave so much of the disk free (default: the lesser of 512M and 5 %)' },
  retain: { type: 'text', placeholder: 'WHAT', describe: 'keep what all readers have acked: 7d, 20G, 7d,20G, all or 0' },
  compress: { type: 'flag', describe: 'keep segments that are full compressed, from now on' },
  'no-compress': { type: 'flag', describe: 'compress no more' },
  copied: { type: 'flag', describe: 'the directory is a copy: make it a queue of its own' },
  moved: { type: 'flag', describe: 'the directory takes the place of the one it was copied from' },
  ...OUTPUT,
  ...EVENTS,
  ...REJECTS,
} as const

type BufferValues = Values<typeof options>

export const command = defineCommand({
  name: 'flume-buffer',
  summary: 'durable queue of events between two stages of a pipe',
  usage: '[OPTION]... DIR',
  options,
  exclusive: [
    ['put', 'take'], ['put', 'once'], ['put', 'from'], ['put', 'to'], ['copied', 'moved'], ['compress', 'no-compress'], ['positions', 'to'],
    ['check', 'export'], ['stat', 'export'], ['stat', 'check'], ['repair', 'check'], ['repair', 'export'], ['repair', 'stat'],
  ],
  examples: [
    ['flume-tail access.log | flume-buffer ./q | flume-sink-hdfs', 'a queue between a source and a sink'],
    ['flume-buffer ./q </dev/null | less', 'look at what is in it, and consume nothing'],
    ['flume-buffer --stat ./q', 'who is behind, and by how much'],
  ],
  async run(values, operands, context) {
    const [directory, ...others] = operands
    if (directory === undefined || directory === '') throw new FlumeError('BAD_OPTION', 'the directory of the queue is missing')
    if (others.length > 0) throw new FlumeError('BAD_OPTION', `one directory is enough: what is ${others.join(' ')}?`)
    if (values.apply && !values.repair) throw new FlumeError('BAD_OPTION', '--apply is for --repair')
    if (values.json && !values.stat && !values.check && !values.repair) throw new FlumeError('BAD_OPTION', '--json is for --stat, --check and --repair')
    if (values.positions && !values.export) throw new FlumeError('BAD_OPTION', '--positions is for --export')
    const accept = values.copied ? 'copied' : values.moved ? 'moved' : undefined
    const { disk, clock, pid, say } = context
    const roles = rolesOf(values)
    if (roles.put && roles.take) checkStderr(1, 'use --put where nothing is to come out, as in cron, and else 2>FILE')
    if (values.put && feedsStage(context)) say('--put gives nothing out: the stage behind gets no events; without --put it gets them')
    const asked = rangeOf(values, () => localZone(context.env, 'a zone behind the time (2026-11-24T06:00Z)'))
    const retain = retainOf(values.retain ?? '0')
    const around = { disk, clock, pid, say, uuid: randomUUID }
    const path = resolve(context.directory, directory)
    if (values.check) return printCheck(1, new Paths(path), around, values.json, context.stop)
    if (values.repair) return printRepair(1, new Paths(path), around, { apply: values.apply, json: values.json, accept }, context.stop)
    const queue = await Queue.open(path, around, { create: roles.put, ...(accept ? { accept } : {}) })
    if (values.retain !== undefined && (await queue.retain(retain))) say(`queue ${directory} retains ${retainText(retain)} from now on`)
    if (values.compress || values['no-compress']) await compress(queue, directory, values.compress, roles, context)
    if (values.forget !== undefined) return queue.forget(values.forget)
    if (values.export) return exportTo(1, queue.export(asked, values.positions))
    if (isReplay(values)) return replay(await queue.openReplay(asked, values.reader), values, context)
    if (values.stat || (!roles.put && !roles.take)) return writeAll(1, statText(await queue.stat(), directory, values.json), Infinity)
    return new Line(queue, values, context).run(roles)
  },
})

/** From now on, and where this run puts nothing what is there at once. */
async function compress(queue: Queue, directory: string, on: boolean, roles: Roles, { say, stop }: Context): Promise<void> {
  if (await queue.compress(on)) say(`queue ${directory} ${on ? 'compresses its segments' : 'compresses no more'} from now on`)
  if (on && !roles.put) say(compressedText(await queue.compressNow(stop)))
}

function isReplay({ from, to }: BufferValues): boolean {
  return from !== undefined || to !== undefined
}

/** Until all of it is given out and acked. */
async function replay(source: Replay, values: BufferValues, context: Context): Promise<End> {
  const { from, end } = source.range
  context.say(from < end ? `replays events ${from} to ${end - 1} as ${source.asks}` : 'there is nothing to replay: no event was put then')
  try {
    return from < end ? await deliver(source, stdoutOf('flume-buffer', values, context), context.stop) : 0
  } finally {
    await source.close()
  }
}

/** stdout is a pipe that a flume stage reads, and messages do not go there. */
function feedsStage(context: Context): boolean {
  const stdout = statOfFd(1)
  return stdout.kind === 'pipe' && !takesStderr(1) && lookAt(stdout, context).is === 'flume'
}

interface Roles {
  readonly put: boolean
  readonly take: boolean
}

function rolesOf(values: BufferValues): Roles {
  const asks = values.stat || values.check || values.repair || values.export || values.forget !== undefined || isReplay(values)
  const silent = ['terminal', 'null', 'closed']
  return {
    put: !asks && !values.take && (values.put || !silent.includes(statOfFd(0).kind)),
    take: !asks && !values.put && (values.take || !silent.includes(statOfFd(1).kind)),
  }
}

/** What is on its way in, on its way to disk, and on its way out. */
const INTAKE = { blocks: 4, blockBytes: 3 * 1024 * 1024 }

/** One run: what is put and what is taken, and how the one ends with the other. */
class Line {
  /** Ends the putting, the taking: the one of them has ended before the other. */
  readonly #endPut = new AbortController()
  readonly #endTake = new AbortController()
  readonly #stopPut: AbortSignal
  readonly #rejects: Rejects
  readonly #putMeter: Meter
  readonly #takeMeter: Meter

  constructor(
    readonly queue: Queue,
    readonly values: BufferValues,
    readonly context: Context,
  ) {
    this.#stopPut = AbortSignal.any([context.stop, this.#endPut.signal])
    this.#rejects = rejectsOf('flume-buffer', values, context)
    this.#putMeter = new Meter(context.clock)
    this.#takeMeter = new Meter(context.clock)
  }

  async run({ put, take }: Roles): Promise<End> {
    const { queue, values } = this
    const meters = { put: put ? this.#putMeter : undefined, take: take ? this.#takeMeter : undefined }
    this.context.show({ about: [queue.paths.directory], rejects: this.#rejects, flows: () => queueFlows(queue, values.reader, meters) })
    const putter = put ? await this.#openPut() : undefined
    let taker: Taker | undefined
    let refused: FlumeError | undefined
    try {
      if (take) taker = await this.queue.openTake(this.values.reader, { once: this.values.once && !put })
    } catch (error) {
      if (!putter || !(error instanceof FlumeError) || error.code !== 'BUSY') throw error
      refused = error // it can still put, to the end of its input
    }
    try {
      const putting = putter && this.#put(putter, taker)
      const taking = taker ? this.#take(taker) : 0
      await Promise.allSettled([putting, taking]) // the one that has failed ends the other, which still has acks to settle
      await putting
      const end = await taking
      if (refused !== undefined) throw refused
      return end
    } finally {
      await taker?.close()
      await putter?.close()
    }
  }

  #openPut(): Promise<Putter> {
    const { 'size-max': sizeMax, 'free-min': freeMin } = this.values
    return this.queue.openPut({ stop: this.#stopPut, ...(sizeMax === undefined ? {} : { sizeMax }), ...(freeMin === undefined ? {} : { freeMin }) })
  }

  /** Until stdin has ended; then the taking ends at the last event. */
  async #put(putter: Putter, taker: Taker | undefined): Promise<void> {
    const rejects = this.#rejects
    const held = (prefix: string): Promise<Held> => putter.held(prefix)
    const memory = { ...INTAKE, press: (enough: () => boolean): void => putter.press(enough) }
    const tooLong = longLinesTo(rejects, this.values)
    const input = new Input(stdinOf('flume-buffer', this.values, this.context, { held, ...memory, tooLong, takesPositions: true }))
    const file = eventFileOf(0, this.values, this.context, { held, tooLong })
    const batches = file?.batches(this.#stopPut) ?? withPositions(input.batches(this.#stopPut), held, this.context.clock)
    try {
      for await (const mark of putter.put(this.#putMeter.through(batches))) {
        this.#putMeter.acked(mark)
        input.ack(mark)
      }
      await input.close()
      await rejects.close()
      taker?.finish()
      if (file?.fault !== undefined) throw file.fault
    } catch (error) {
      if (taker !== undefined && !this.context.stop.aborted) {
        this.context.say(`puts no more: ${describe(error)}`)
      }
      this.#endTake.abort()
      throw error
    }
  }

  /** Until the reader has gone, or all is given out and acked. What has arrived on stdin by then is still put. */
  async #take(taker: Taker): Promise<End> {
    try {
      const stop = AbortSignal.any([this.context.stop, this.#endTake.signal])
      return await deliver(this.#takeMeter.source(taker), stdoutOf('flume-buffer', this.values, this.context), stop)
    } finally {
      this.#endPut.abort()
    }
  }
}
