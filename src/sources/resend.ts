/**
 * Source: the lines of a rejects file, once more, as the events that they are or were to be. It ends at the end of what
 * was there at the start, so that what is refused again, into the same file, does not go round for ever. The file is a
 * partition as long as its beginning stays what it is, whatever its name.
 */
import { batchOf, BATCH_BYTES_MAX, type Batch, type Mark, type Position } from '../events/batch.js'
import { GAP, type Event } from '../events/event.js'
import type { Clock, Reader, Source } from '../events/flow.js'
import { formatEvent, parseEvent } from '../events/json.js'
import type { Disk, DiskFile } from '../disk/disk.js'
import { errnoOf, FlumeError } from '../errors.js'
import type { Headers } from './lines.js'
import { Memory } from './memory.js'
import { bodyOf } from './multiline.js'
import { printOf } from './position.js'
import { refusedLines, type NoEntry, type RefusedLine, type TornLine } from './refused.js'

export interface ResendOptions {
  /** Absolute. */
  readonly path: string
  /** Events get these, whatever they have. */
  readonly fixed: Headers
  /** Longest event line in bytes. */
  readonly eventBytesMax: number
  /** Most bytes of a batch, unless one event is longer; absent: as many as a batch may have. */
  readonly batchBytesMax?: number
  /** A line that cannot be sent ends it: BAD_EVENT. */
  readonly strict: boolean
  /** Where positions are kept for a reader that keeps none. */
  readonly statePath: string
}

export interface ResendSurroundings {
  readonly disk: Disk
  readonly clock: Clock
  say(message: string): void
}

/** A place in the file: `chain` is that of all lines before it. */
interface Place extends Position {
  readonly path: string
  readonly chain: string
}

/** A file that was looked through. */
interface Survey {
  /** Chain of the first line alone; undefined: there is none. */
  readonly first: string | undefined
  /** Of the places that were asked for. */
  readonly chains: ReadonlyMap<number, string>
  /** What may not be sent. */
  readonly faults: readonly Fault[]
}

interface Fault {
  readonly end: number
  readonly error: FlumeError
}

const PREFIX = 'rejects.'
const NEWLINE = Buffer.from('\n')

export class Resend implements Source {
  readonly asks = PREFIX
  readonly #memory: Memory<Place>
  #file: DiskFile | undefined
  /** As of the start. */
  #size = 0
  #done = 0
  #sent = 0
  #gaps = 0
  /** The last reader was given all. */
  #whole = false
  #kept: { readonly count: number; readonly number: number; readonly why: string } | undefined

  constructor(
    readonly options: ResendOptions,
    readonly around: ResendSurroundings,
  ) {
    this.#memory = new Memory(PREFIX, options.statePath, around.disk, placeOf, (place) => ({ ...place, offset: 0 }))
  }

  /** Bytes that were not looked at yet. */
  get unread(): number {
    return this.#size - this.#done
  }

  /** Some lines are no events still. */
  get keeps(): boolean {
    return this.#kept !== undefined
  }

  /** Throws NO_INPUT; and BAD_EVENT, before anything is sent, where it is no rejects file or holds what may not be sent. */
  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch> {
    try {
      const places = await this.#memory.places(reader)
      const file = (this.#file ??= await this.#open())
      const { partition, stops } = await this.#stand(file, places)
      this.#sent = this.#gaps = 0
      this.#kept = undefined
      this.#whole = false
      yield* this.#batches(file, partition, stops, stop)
      this.#whole = !stop.aborted
    } finally {
      await this.#memory.flush()
    }
  }

  async settle(mark: Mark): Promise<void> {
    this.#memory.settle(mark)
  }

  /** What became of it, once the last reader is served: there may have been another before, who kept nothing. */
  tell(): void {
    if (!this.#whole) return
    const { path } = this.options
    this.around.say(this.#sent > 0 ? `${lines(this.#sent)} of ${path} sent again` : `nothing to send in ${path} that was not sent before`)
    if (this.#gaps > 0) this.around.say(`${lines(this.#gaps)} of it not sent, as they say what is missing for good`)
    if (this.#kept === undefined) return
    const { count, number, why } = this.#kept
    this.around.say(`${lines(count)} of it not sent, and still no event; in line ${number} of the file ${why}`)
  }

  async close(): Promise<void> {
    await this.#memory.flushAll()
    await this.#file?.close()
    await this.#memory.close()
  }

  async #open(): Promise<DiskFile> {
    const { path } = this.options
    const cannot = `cannot send again what is in ${path}`
    try {
      const file = await this.around.disk.open(path, 'read')
      const { kind, size } = await file.stat()
      if (kind === 'file') this.#size = size
      if (kind === 'file') return file
      await file.close()
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') throw new FlumeError('NO_INPUT', `${cannot}: there is no such file`)
      throw new FlumeError(errnoOf(cause) === 'EACCES' ? 'PERMISSION' : 'NO_INPUT', cannot, { cause })
    }
    throw new FlumeError('NO_INPUT', `${cannot}: it is no regular file`)
  }

  /** Where the reader stands in it, lowest first, as this file has a place there. */
  async #stand(file: DiskFile, places: ReadonlyMap<string, readonly Place[]>): Promise<{ partition: string; stops: Place[] }> {
    const { first, chains, faults } = await this.#survey(file, new Set([...places.values()].flat().map(({ offset }) => offset)))
    let id = first ?? 'empty'
    let stops = places.get(PREFIX + id) ?? []
    while (!stops.every(({ offset, chain }) => offset === 0 || chains.get(offset) === chain)) {
      id = printOf(Buffer.from(id + stops[0]!.chain)).hash // it was changed since
      stops = places.get(PREFIX + id) ?? []
    }
    const fault = faults.find(({ end }) => end > (stops[0]?.offset ?? 0))
    if (fault !== undefined) throw fault.error
    return { partition: PREFIX + id, stops: [...stops] }
  }

  async #survey(file: DiskFile, offsets: ReadonlySet<number>): Promise<Survey> {
    let first: string | undefined
    const chains = new Map<number, string>()
    const faults: Fault[] = []
    for await (const one of this.#lines(file)) {
      if (one.number === 1 && 'noEntry' in one) throw this.#cannot(`line 1 is no entry of a rejects file: ${one.noEntry}`)
      if (!('torn' in one)) first ??= one.chain
      if (offsets.has(one.end)) chains.set(one.end, one.chain)
      const error = this.#faultOf(one)
      if (error !== undefined) faults.push({ end: one.end, error })
    }
    return { first, chains, faults }
  }

  #lines(file: DiskFile): AsyncGenerator<RefusedLine | NoEntry | TornLine> {
    return refusedLines(file, this.#size, this.options.eventBytesMax)
  }

  /** Too long: nothing may go out before somebody has allowed it, as its turn would not come again. */
  #faultOf(one: RefusedLine | NoEntry | TornLine): FlumeError | undefined {
    const { eventBytesMax, strict } = this.options
    const event = this.#eventOf(one)
    const size = Buffer.isBuffer(event) ? event.length : 'size' in one ? one.size : 0
    const mend = 'allow that with --event-bytes-max, or take the line out'
    if (size > eventBytesMax) return this.#cannot(`line ${one.number} makes an event of at least ${size} bytes: ${mend}`)
    return strict && typeof event === 'string' ? this.#cannot(`line ${one.number}: ${event}`) : undefined
  }

  #cannot(why: string): FlumeError {
    return new FlumeError('BAD_EVENT', `cannot send again what is in ${this.options.path}: ${why}`)
  }

  async *#batches(file: DiskFile, partition: string, stops: Place[], stop: AbortSignal): AsyncGenerator<Batch> {
    const begin = stops[0]?.offset ?? 0
    const most = this.options.batchBytesMax ?? BATCH_BYTES_MAX
    let from: Place | null = stops.shift() ?? null
    let events: Buffer[] = []
    let size = 0
    let to = from
    const cut = (): Batch => {
      const mark = { partition, from, to: to!, time: this.around.clock.now(), replayable: true }
      const batch = batchOf(Buffer.concat(events), events.length, mark)
      this.#sent += events.length
      events = []
      size = 0
      from = to
      return batch
    }
    for await (const one of this.#lines(file)) {
      if (stop.aborted) return
      this.#done = one.end
      if ('line' in one && one.line === undefined) continue // it went when more was allowed
      const event = this.#eventOf(one)
      if (!Buffer.isBuffer(event)) this.#keep(one, event)
      if (!Buffer.isBuffer(event) || one.end <= begin) continue
      if (events.length > 0 && size + event.length > most) yield cut()
      events.push(event)
      size += event.length
      to = { offset: one.end, path: this.options.path, chain: one.chain }
      if (one.end === stops[0]?.offset) {
        stops.shift()
        yield cut()
      }
    }
    if (events.length > 0) yield cut()
    this.#done = this.#size
  }

  /** The event line; undefined: a gap event, which says what is lost; a text: why it is none. */
  #eventOf(one: RefusedLine | NoEntry | TornLine): Buffer | string | undefined {
    if ('noEntry' in one) return `it is no entry of a rejects file: ${one.noEntry}`
    if ('torn' in one) return 'not all parts of the line are there'
    const { line, headers } = one
    const { fixed } = this.options
    if (line === undefined) return 'the line is too long'
    const whole = Buffer.concat([line, NEWLINE])
    if (headers !== undefined) return formatEvent({ headers: new Map([...headers, ...fixed]), body: bodyOf(whole, 0, whole.length) })
    try {
      const event: Event = parseEvent(line)
      if (event.headers.has(GAP)) return undefined
      const asItCame = fixed.size === 0 && !line.includes(NEWLINE)
      return asItCame ? whole : formatEvent({ ...event, headers: new Map([...event.headers, ...fixed]) })
    } catch (error) {
      if (error instanceof FlumeError && error.code === 'BAD_EVENT') return error.message
      throw error
    }
  }

  #keep({ number }: { readonly number: number }, why: string | undefined): void {
    if (why === undefined) this.#gaps++
    else this.#kept = { count: (this.#kept?.count ?? 0) + 1, number: this.#kept?.number ?? number, why: this.#kept?.why ?? why }
  }
}

const lines = (count: number): string => (count === 1 ? '1 line' : `${count} lines`)

function placeOf({ offset, path, chain }: Position): Place | undefined {
  if (!Number.isSafeInteger(offset) || offset < 0 || typeof path !== 'string' || typeof chain !== 'string') return undefined
  return { offset, path, chain }
}
