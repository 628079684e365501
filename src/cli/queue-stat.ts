/** flume-buffer --stat: how a queue and its readers stand, for people and for scripts. */
import type { Compressed, Queue, QueueStat } from '../channel/channel.js'
import type { Meter } from '../stat/meter.js'
import type { FlowStat } from '../stat/report.js'
import { counted, sizeText } from './amounts.js'
import { retainText } from './queue-retain.js'

export function statText(stat: QueueStat, directory: string, json: boolean): string {
  if (json) return `${JSON.stringify({ directory, ...stat })}\n`
  const { id, first, next, segments, bytes, pid, readers, slowest, compress, retain, passed } = stat
  const size = `${next - first} events (${first} to ${next - 1}), ${sizeText(bytes)} in ${counted(segments, 'segment')}`
  const kept = `${sizeText(passed.bytes)} in ${counted(passed.segments, 'segment')}`
  const lines = [
    `queue   ${directory}  ${id}`,
    `holds   ${next === first ? 'no events' : size}`,
    ...(retain === undefined ? [] : [`retains ${retainText(retain)}: ${kept} that all readers have acked`]),
    ...(compress ? ['compresses its segments once they are full'] : []),
    `put by  ${pid === undefined ? 'nobody now' : `pid ${pid}`}`,
  ]
  if (readers.length === 0) return [...lines, 'reader  none: nothing goes until one has taken and acked it', ''].join('\n')
  const width = Math.max(...readers.map(({ reader }) => reader.length))
  const rows = readers.map(
    (one) =>
      `reader  ${one.reader.padEnd(width)}  at ${one.next}, ${one.lag} behind` +
      `${one.reader === slowest && one.lag > 0 ? ' (slowest)' : ''}${one.pid === undefined ? ', not running' : `, pid ${one.pid}`}`,
  )
  return [...lines, ...rows, ''].join('\n')
}

/** What --compress has done at once, and what is left to whom. */
export function compressedText({ segments, before, after, room, pid }: Compressed): string {
  const done = segments === 0 ? 'nothing was left to compress' : `compressed ${counted(segments, 'segment')}: ${sizeText(before)} are ${sizeText(after)} now`
  if (pid !== undefined) return segments === 0 ? `process ${pid} puts, and compresses beside it` : `${done}; process ${pid} puts now, and does the rest`
  return room ? done : `${done}; there is no room for the next one`
}

/** What flume-stat(1) shows of a queue at work: how far its reader is behind comes from its cursor. */
export async function queueFlows(
  queue: Queue, reader: string, meters: { readonly put: Meter | undefined; readonly take: Meter | undefined },
): Promise<FlowStat[]> {
  const flows: FlowStat[] = []
  if (meters.put !== undefined) flows.push(meters.put.read('put', 'events', 'the disk'))
  if (meters.take !== undefined) {
    const stat = await queue.stat()
    const lag = stat.readers.find((one) => one.reader === reader)?.lag ?? stat.next - stat.first
    flows.push({ ...meters.take.read('take', 'events', 'the stage behind'), lagEvents: lag })
  }
  return flows
}
