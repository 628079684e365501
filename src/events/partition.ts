/**
 * The names of partitions, `[A-Za-z0-9._-]+`, and who writes each kind. flume-tail: `file.<source id>.<random>`, for standard input
 * `stdin.<source id>.<random>`, for a rejects file `rejects.<hash>`. flume-spool: `spool.<source id>.<random>`. flume-buffer gives out
 * `queue.<UUID>.<reader>`, in a replay `queue.<UUID>.replay-<from>-<to>`; a file of event lines that it puts is `events.<random>`.
 * flume-intercept and flume-route: `pipe.<random>` for what comes without marks. An output of flume-route adds `.<name>`, a sink its suffix.
 */
import { createHash } from 'node:crypto'

const QUEUE = 'queue.'

/** What a queue gives to one reader; the offsets are sequences of events. */
export function queuePartition(uuid: string, reader: string): string {
  return `${QUEUE}${uuid}.${reader}`
}

export function isOfQueue(partition: string): boolean {
  return partition.startsWith(QUEUE)
}

/** An event of a queue is the same for each reader, and in each replay; any event is wherever it goes. */
export function originOf(partition: string): string {
  return /^queue\.[^.]+/.exec(partition)?.[0] ?? withoutSuffix(partition)
}

/** Ends the partitions of what a sink with this binding gets: what it made of the same events with another one says nothing of these. No name ends so. */
export function partitionSuffix(binding: string): string {
  return `..${createHash('sha256').update(binding).digest('hex').slice(0, 8)}`
}

/** As its source calls it. */
function withoutSuffix(partition: string): string {
  return partition.replace(/\.\.[0-9a-f]{8}$/, '')
}
