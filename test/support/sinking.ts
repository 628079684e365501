/** What a test of the sink needs around it: frames of a queue, a feed that a test fills, and a run to its end. */
import type { Disk } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'
import { batchOf, countLines, type Batch, type Mark, type Position } from '../../src/events/batch.js'
import { systemClock, type Clock } from '../../src/events/flow.js'
import { localFileSystem } from '../../src/sinks/hdfs/local.js'
import { Places } from '../../src/sinks/hdfs/path.js'
import { hdfsSink, type SinkAround, type SinkOptions } from '../../src/sinks/hdfs/sink.js'

export const PARTITION = 'queue.4f0c2a9e.default'
export const STREAM = 'queue=4f0c2a9e=default'
/** Tuesday 14 November 2023, 22:13:20 UTC */
export const TIME = 1_700_000_000_000
export const HOST = { name: 'web1', fqdn: 'web1.example.org', ip: '192.0.2.7' }

export interface Wanted {
  readonly headers?: Record<string, unknown>
  readonly body?: string
}

export function lineOf(event: Wanted | string): string {
  return `${typeof event === 'string' ? event : JSON.stringify(event)}\n`
}

/** One frame of a queue: events from sequence `first` on. A text is a line as it is. */
export function frame(first: number, events: readonly (Wanted | string)[], more: Partial<Mark> = {}): Batch {
  const lines = Buffer.from(events.map(lineOf).join(''))
  const mark: Mark = {
    partition: PARTITION, from: first === 0 ? null : { offset: first }, to: { offset: first + events.length }, time: TIME, replayable: true, ...more,
  }
  return batchOf(lines, countLines(lines), mark)
}

/** Batches as a test pushes them. */
export class Feed implements AsyncIterable<Batch> {
  #batches: Batch[] = []
  #ended = false
  #wake: () => void = () => undefined

  push(...batches: readonly Batch[]): void {
    this.#batches.push(...batches)
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    for (;;) {
      const batch = this.#batches.shift()
      if (batch !== undefined) yield batch
      else if (this.#ended) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

export function optionsOf(directory: string, more: Partial<SinkOptions> = {}): SinkOptions {
  return {
    path: `${directory}/out`, prefix: 'events', suffix: '.log', codec: 'none', format: 'text', rollBytes: 1e9, rollInterval: 1e9, rollCount: Infinity,
    idleTimeout: Infinity, openFilesMax: 100, spoolBytesMax: Infinity, round: 1, timeZone: 'UTC', localZone: () => 'UTC', useLocalTimestamp: false, strict: false, eventBytesMax: 1 << 24,
    spool: `${directory}/spool`, ...more,
  }
}

/** Of a path without escapes; in names also instead of what a sink writes there. */
export const BUCKET = new Places(optionsOf(''), HOST).of(new Map(), undefined, TIME).bucket

export interface Reject {
  readonly line: string
  readonly reason: string
  readonly partition: string
  readonly position: Position | null
}

/** A sink at work. */
export class Sinking {
  readonly acked: Mark[] = []
  readonly said: string[] = []
  readonly rejects: Reject[] = []
  #listening: (() => void)[] = []
  /** The end of the run: undefined, or the error. */
  readonly ended: Promise<unknown>
  released = 0
  taken = 0
  /** Signs that it gets on. */
  progress = 0
  #waiting: (() => void)[] = []

  constructor(
    options: SinkOptions,
    batches: Iterable<Batch> | AsyncIterable<Batch>,
    readonly disk: Disk = nodeDisk,
    clock: Clock = systemClock,
    readonly stop = new AbortController(),
    openFiles: SinkAround['openFiles'] = () => localFileSystem(disk),
  ) {
    let count = 0
    const run = `${process.pid}-${runs++}`
    const sink = hdfsSink(options, {
      openFiles, disk, clock, host: HOST, stop: stop.signal, progress: () => void this.progress++,
      say: (message) => {
        this.said.push(message)
        for (const wake of this.#listening.splice(0)) wake()
      },
      uuid: () => `${run}-${count++}`,
      rejects: {
        add: (line, refusal) => void this.rejects.push({ line: Buffer.from(line).toString(), ...refusal }),
        flush: async () => undefined,
      },
    })
    this.ended = this.#run(sink(this.#counted(batches)))
  }

  /** Offsets of the acks. */
  get offsets(): number[] {
    return this.acked.map(({ to }) => to.offset)
  }

  /** Resolves when so much is acked. */
  async untilAcked(offset: number): Promise<void> {
    while ((this.offsets.at(-1) ?? -1) < offset) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when that has been said, now or before. */
  async untilSaid(message: RegExp): Promise<void> {
    while (!this.said.some((said) => message.test(said))) await new Promise<void>((resolve) => this.#listening.push(resolve))
  }

  async #run(marks: AsyncIterable<Mark>): Promise<unknown> {
    try {
      for await (const mark of marks) {
        this.acked.push(mark)
        for (const wake of this.#waiting.splice(0)) wake()
      }
      return undefined
    } catch (error) {
      return error
    }
  }

  async *#counted(batches: Iterable<Batch> | AsyncIterable<Batch>): AsyncGenerator<Batch> {
    for await (const batch of batches) {
      this.taken++
      yield { ...batch, release: () => void this.released++ }
    }
  }
}

let runs = 0


/** Every file below a directory with its text, by path from there, see anyBucket(), in order. */
export async function filesBelow(directory: string, disk: Disk = nodeDisk): Promise<Record<string, string>> {
  const files: [string, string][] = []
  const walk = async (path: string, name: string): Promise<void> => {
    const stat = await disk.lstat(path)
    if (stat?.kind === 'directory') for (const child of (await disk.list(path)).sort()) await walk(`${path}/${child}`, name === '' ? child : `${name}/${child}`)
    if (stat?.kind !== 'file') return
    const file = await disk.open(path, 'read')
    const bytes = Buffer.alloc(stat.size)
    await file.read(bytes, 0)
    await file.close()
    files.push([anyBucket(name), bytes.toString('latin1')])
  }
  await walk(directory, '')
  return Object.fromEntries(files)
}

/** A path with that of named() in place of its bucket. */
export const anyBucket = (path: string): string => path.replace(/\.[0-9a-f]{8}(?=\.\d{20}-\d{20})/, `.${BUCKET}`)

/** `events.<STREAM>.<BUCKET>.<first>-<last>.log` */
export function named(first: number, last: number, prefix = 'events', suffix = '.log'): string {
  return `${prefix}.${STREAM}.${BUCKET}.${String(first).padStart(20, '0')}-${String(last).padStart(20, '0')}${suffix}`
}
