/**
 * A flume-spool over real files in this process, before a reader that keeps positions as flume-buffer does. The source can
 * die at any call of the disk, or after any batch, and another one begin where the reader stands.
 */
import { setImmediate as immediate } from 'node:timers/promises'
import type { Batch, Position } from '../../src/events/batch.js'
import type { Reader } from '../../src/events/flow.js'
import { parseEvent } from '../../src/events/json.js'
import type { Disk } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'
import { notice } from '../../src/disk/notice.js'
import { Spool, type SpoolOptions, type SpoolSurroundings } from '../../src/sources/spool/spool.js'
import { isNew } from '../../src/channel/group.js'
import { FakeClock } from './clock.js'

let ids = 0

/** What a queue holds: events in their order, and a place for each partition that is not gone. */
export class Queue {
  readonly bodies: string[] = []
  readonly headers: ReadonlyMap<string, string>[] = []
  readonly held = new Map<string, Position>()
  batches = 0

  /** Takes it as flume-buffer does: what is there already is left out, and one that does not follow is a mistake. */
  take({ lines, count, mark }: Batch): void {
    if (mark === null) throw new Error('a batch without a mark')
    this.batches++
    const events = lines.length === 0 ? [] : lines.toString().slice(0, -1).split('\n').map((line) => parseEvent(Buffer.from(line)))
    if (events.length !== count) throw new Error(`${count} events are said to be in ${events.length} lines`)
    if (!isNew({ lines, count, mark, release: () => undefined }, this.held)) return
    for (const { body, headers } of events) {
      this.bodies.push(body.toString('latin1'))
      this.headers.push(headers)
    }
    this.held.set(mark.partition, JSON.parse(JSON.stringify(mark.to)) as Position)
    for (const gone of mark.gone ?? []) this.held.delete(gone)
  }

  get reader(): Reader {
    return { kind: 'keeps', held: new Map([...this.held].map(([partition, position]) => [partition, [position]])) }
  }
}

export interface SpoolRun {
  readonly options?: Partial<SpoolOptions>
  readonly around?: Partial<SpoolSurroundings>
  /** It is killed after so many batches were taken. */
  readonly batches?: number
  /** Those of the last ones are not acked before it is killed. */
  readonly acks?: boolean
  readonly reader?: Reader
  /** When it begins, ms since the epoch. */
  readonly now?: number
  /** Aborted: it is dead, and nothing of it arrives any more. */
  readonly death?: AbortSignal
  /** Called after each batch. */
  readonly between?: (queue: Queue) => void
}

export interface Spooled {
  readonly said: string[]
  readonly refused: string[]
  readonly source: Spool
}

/** A source that reads this directory. */
export function spoolOf(directory: string, run: SpoolRun, clock: FakeClock, said: string[], refused: string[]): Spool {
  return new Spool(
    {
      directory, once: true, done: { how: 'suffix', suffix: '.COMPLETED' }, recursive: false, include: [], ignore: [], order: 'oldest',
      sourceId: 'test', headers: { known: ['file'], fixed: new Map() }, eventBytesMax: 16 * 1024 * 1024,
      statePath: `${directory}.state/${++ids}.json`, times: { poll: 1000, retry: 60_000, settle: 2000 }, ...run.options,
    },
    {
      disk: nodeDisk, clock, host: 'here', randomId: () => `r${++ids}`, say: (message) => void said.push(message),
      refused: {
        add: (line) => void refused.push(Buffer.from(line).toString('latin1')),
        addPart: (piece) => void refused.push(Buffer.from(piece).toString('latin1')),
        flush: async () => undefined,
      },
      ...run.around,
    },
  )
}

export class Killed extends Error {}

/** Reads what is there with --once; time passes whenever it sleeps. */
export async function spooled(directory: string, queue: Queue, run: SpoolRun = {}): Promise<Spooled> {
  const clock = new FakeClock(run.now ?? Date.UTC(2023, 0, 1))
  let ended = false
  const running = spool(directory, queue, run, clock).finally(() => (ended = true))
  running.catch(() => undefined)
  while (!ended) {
    await Promise.race([clock.idle(), running])
    await immediate()
    clock.advance(300)
  }
  return running
}

async function spool(directory: string, queue: Queue, run: SpoolRun, clock: FakeClock): Promise<Spooled> {
  const said: string[] = []
  const refused: string[] = []
  const source = spoolOf(directory, run, clock, said, refused)
  let left = run.batches ?? Infinity
  for await (const batch of source.open(run.reader ?? queue.reader, new AbortController().signal)) {
    if (batch.flush === true) continue
    if (left-- === 0 || run.death?.aborted) throw new Killed()
    queue.take(batch)
    batch.release()
    if (run.acks !== false && run.reader?.kind !== 'plain') await source.settle(batch.mark!)
    run.between?.(queue)
  }
  await source.settled()
  await source.close()
  return { said, refused, source }
}

/**
 * What a reader without acks is sent of a directory that is watched, up to the first batch after `change`; no time passes. `looks`: how
 * often all that is in it was looked at.
 */
export async function watched(directory: string, change: () => void): Promise<{ bodies: string[]; looks: number }> {
  const clock = new FakeClock()
  const queue = new Queue()
  const stop = new AbortController()
  let looks = 0
  const disk: Disk = { ...nodeDisk, entries: (path) => (looks++, nodeDisk.entries(path)) }
  const source = spoolOf(directory, { options: { once: false, times: { poll: 1000, retry: 60_000, settle: 1e12 } }, around: { disk, notice } }, clock, [], [])
  const alive = setInterval(() => undefined, 1000) // the watch alone does not keep a process
  const reading = (async () => {
    for await (const batch of source.open({ kind: 'plain' }, stop.signal)) {
      queue.take(batch)
      batch.release()
      stop.abort('seen')
    }
  })()
  await Promise.race([clock.idle(), reading])
  change()
  await reading
  clearInterval(alive)
  await source.close()
  return { bodies: queue.bodies, looks }
}

/** The disk, until its `calls`-th call that changes something: that one is made or not, and none after it ever ends, or does anything. */
export function dying(calls: number, made: boolean, death: AbortController): Disk {
  let left = calls
  const changing = new Set(['link', 'rename', 'unlink', 'syncDirectory', 'makeDirectory', 'resemble'])
  return new Proxy(nodeDisk, {
    get(disk, name: keyof Disk) {
      const call = disk[name] as (...args: unknown[]) => unknown
      if (name === 'unlinkNow') return (path: string): void => {
        const dies = --left === 0
        if (left > 0 || (dies && made)) disk.unlinkNow(path)
        if (left <= 0) death.abort()
        if (left < 0 || (dies && !made)) throw new Error('it is dead')
      }
      if (!changing.has(name)) return call.bind(disk)
      return async (...args: unknown[]): Promise<unknown> => {
        if (--left > 0 && !death.signal.aborted) return call.apply(disk, args)
        if (left === 0 && made) await call.apply(disk, args)
        death.abort()
        return new Promise(() => undefined)
      }
    },
  })
}
