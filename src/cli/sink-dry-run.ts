/** flume-sink-hdfs --dry-run: where events would land, for people and for scripts. */
import { randomUUID } from 'node:crypto'
import type { Host } from '../events/host.js'
import type { Refusal, Refused } from '../events/rejects.js'
import { Input } from '../pipe/input.js'
import type { InputOptions } from '../pipe/input-options.js'
import type { End } from '../pipe/output-options.js'
import { dryRun, type Landing } from '../sinks/hdfs/dry-run.js'
import type { FillOptions } from '../sinks/hdfs/fill.js'
import type { PlaceOptions } from '../sinks/hdfs/path.js'
import { Meter } from '../stat/meter.js'
import { counted } from './amounts.js'
import type { Context } from './command.js'
import { exportTo } from './queue-export.js'
import { visible } from './report.js'
import { row } from './sink-list.js'

interface DryRunOptions extends PlaceOptions, FillOptions {
  readonly host: Host
  readonly binding: string
  /** Where the rejects would go. */
  readonly rejects: string
  /** One JSON object a line. */
  readonly json: boolean
}

interface Lines {
  readonly lines: Buffer
}

/** Reads to the end of stdin, or until a signal, and gives no acks; then prints where all that came would land. */
export async function printDryRun(fd: number, options: DryRunOptions, stdin: (refusals: Refusals) => InputOptions, context: Context): Promise<End> {
  const { clock, say, stop } = context
  const rejects = new Refusals()
  const meter = new Meter(clock)
  const input = new Input(stdin(rejects))
  say('dry run: nothing is written or remembered; where it would go is printed at the end of the input, or with Ctrl-C')
  context.show({ about: [options.path, '(dry run)'], rejects, flows: () => [meter.read('sink', 'events', 'nothing')] })
  const around = { clock, say, rejects, host: options.host, uuid: randomUUID }
  const landings = await dryRun(meter.through(input.batches(stop)), options, around)
  await input.close()
  return exportTo(fd, options.json ? jsonOf(landings, rejects, options) : textOf(landings, rejects, options))
}

/** What would go to the rejects: counted, and the first of it. */
export class Refusals implements Refused {
  count = 0
  reason = ''

  add(_line: Uint8Array, { reason }: Refusal): void {
    if (this.count++ === 0) this.reason = reason
  }

  addPart(piece: Uint8Array, last: boolean, refusal: Refusal): void {
    if (last) this.add(piece, refusal)
  }

  async flush(): Promise<void> {
    return undefined
  }
}

async function* textOf(landings: readonly Landing[], { count: refused, reason }: Refusals, { binding, rejects }: DryRunOptions): AsyncGenerator<Lines> {
  const line = (text: string): Lines => ({ lines: Buffer.from(`${visible(text)}\n`) })
  if (landings.length > 0) yield { lines: row(['FIRST', 'LAST', 'EVENTS', 'SIZE'], 'BUCKET') }
  for (const { place, stream, first, last, count, size } of landings) {
    const bucket = place === undefined ? `(further buckets of ${stream})` : `${place.directory}/${place.prefix}.${stream}`
    yield { lines: row([first, last, count, size], bucket) }
  }
  if (landings.length > 0) yield line('')
  for (const { stream, first, last, buckets, count, size } of streamsOf(landings)) {
    yield line(`${stream}: ${first} to ${last}, ${counted(count, 'event')} in ${counted(buckets, 'bucket')}, ${counted(size, 'byte')}`)
  }
  if (landings.length === 0) yield line('no events')
  if (refused > 0) yield line(`${counted(refused, 'line')} to the rejects, ${rejects}; the first: ${reason}`)
  yield line(`binding: ${binding}`)
}

async function* jsonOf(landings: readonly Landing[], { count, reason }: Refusals, { binding, rejects }: DryRunOptions): AsyncGenerator<Lines> {
  const line = (kind: string, fields: object): Lines => ({ lines: Buffer.from(`${JSON.stringify({ kind, ...fields })}\n`) })
  for (const { place, ...rest } of landings) yield line('bucket', { ...place, ...rest })
  for (const stream of streamsOf(landings)) yield line('stream', stream)
  if (count > 0) yield line('rejects', { path: rejects, count, reason })
  yield line('binding', { binding })
}

interface StreamTotal {
  stream: string
  first: number
  last: number
  buckets: number
  count: number
  size: number
}

function streamsOf(landings: readonly Landing[]): StreamTotal[] {
  const totals = new Map<string, StreamTotal>()
  for (const { stream, first, last, count, size } of landings) {
    const total = totals.get(stream) ?? { stream, first, last, buckets: 0, count: 0, size: 0 }
    totals.set(stream, total)
    total.first = Math.min(total.first, first)
    total.last = Math.max(total.last, last)
    total.buckets++
    total.count += count
    total.size += size
  }
  return [...totals.values()]
}
