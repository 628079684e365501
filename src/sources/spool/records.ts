/**
 * The records of one opened file, from its place to its end, as batches: a file as a whole, elements of JSON, records of CSV
 * or Avro. What a record is follows from the bytes alone, and a place is always one between two records.
 */
import { batchOf, BATCH_BYTES_MAX, type Batch } from '../../events/batch.js'
import { formatEvent } from '../../events/json.js'
import type { ReadableFile } from '../../disk/disk.js'
import { assert, FlumeError } from '../../errors.js'
import { headersOf } from '../headers.js'
import { HEAD_SIZE, TAIL_SIZE, printOf, readAt } from '../position.js'
import type { Sending } from '../sending.js'
import type { SpoolFile } from './file.js'
import { SpoolLines, type Contents, type Ended } from './lines.js'
import { rawOf, type Opened } from './opening.js'

export interface SpoolRecord {
  /** Of the event; of what is none, the bytes as they stand. */
  readonly body: Buffer
  /** The byte after it, which is after that of each record before; undefined: there is no place behind it, it goes with the next one. */
  readonly end: number | undefined
  /** Why it is no event. */
  readonly refused?: string
}

/** The records from a place on that is between two of them, none longer than `most` bytes. Throws BAD_EVENT where nothing more can be had. */
export type Format = (log: ReadableFile, from: number, most: number) => AsyncIterable<SpoolRecord>

/** `cannot` is told of files of which not all can be had. */
export function contentsOf(
  { format, batchBytesMax = BATCH_BYTES_MAX }: { readonly format?: Format; readonly batchBytesMax?: number },
  sending: Sending,
  cannot: (path: string, error: unknown) => void,
): Contents {
  return format === undefined ? new SpoolLines(sending) : new SpoolRecords(sending, format, batchBytesMax, cannot)
}

class SpoolRecords implements Contents {
  constructor(
    readonly sending: Sending,
    readonly format: Format,
    readonly batchBytesMax: number,
    readonly cannot: (path: string, error: unknown) => void,
  ) {}

  async *batches(file: SpoolFile, { log, isWhole }: Opened, stop: AbortSignal): AsyncGenerator<Batch, Ended> {
    const { encoder } = this.sending
    const cutting = new Cutting(this.sending, file, log, await readAt(log, 0, HEAD_SIZE))
    for await (const { body, end, refused } of this.#understood(file, log)) {
      if (stop.aborted) return 'stopped'
      const event = refused === undefined ? formatEvent({ headers: cutting.headers, body }) : undefined
      if (event !== undefined && event.length <= encoder.eventBytesMax) cutting.add(event)
      else cutting.refuse(body, end, refused ?? `longer than ${encoder.eventBytesMax} bytes as an event`)
      if (end === undefined) continue
      if (cutting.exceeds(this.batchBytesMax)) yield await cutting.cut()
      cutting.place(end)
      if (end === file.stops[0]) yield await cutting.cut()
    }
    file.damaged ||= !isWhole()
    const ends = !file.damaged && file.isAs(await rawOf(log).stat())
    if (ends) file.ending = cutting.end
    if (cutting.owes) yield await cutting.cut()
    file.sent = ends || file.damaged
    return file.damaged ? 'damaged' : ends ? 'read' : 'changed'
  }

  /** Up to where nothing more can be had; what becomes of a record that is none is not decided here. */
  async *#understood(file: SpoolFile, log: ReadableFile): AsyncGenerator<SpoolRecord> {
    try {
      yield* this.format(log, file.offset, this.sending.encoder.eventBytesMax)
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'BAD_EVENT') throw error
      file.damaged = true
      this.cannot(file.at, error.message)
    }
  }
}

/** Events that are gathered into a batch, up to the last place and behind it. */
class Cutting {
  readonly headers: ReadonlyMap<string, string>
  readonly #now: number
  #events: Buffer[] = []
  /** Bytes of all of them. */
  #size = 0
  /** So many of them are before the last place, `end`. */
  #placed = 0
  end: number
  /** Records behind it. */
  #behind = 0

  constructor(
    readonly sending: Sending,
    readonly file: SpoolFile,
    readonly log: ReadableFile,
    /** The first bytes of the file. */
    readonly head: Buffer,
  ) {
    this.#now = sending.now()
    this.headers = headersOf(sending.headers, file.path, sending.host, this.#now)
    this.end = file.offset
  }

  add(event: Buffer): void {
    this.#behind++
    this.#events.push(event)
    this.#size += event.length
  }

  refuse(body: Buffer, end: number | undefined, reason: string): void {
    this.#behind++
    const place = end === undefined ? { offset: this.end, nth: this.#behind } : { offset: end }
    const position = { ...place, path: this.file.path }
    this.sending.encoder.refused.add(body, { reason, partition: this.file.id, position, headers: this.headers })
  }

  /** They are more than `most` bytes, and there is a place to cut at. */
  exceeds(most: number): boolean {
    return this.#placed > 0 && this.#size > most
  }

  /** There is one behind all of them. */
  place(end: number): void {
    this.#placed = this.#events.length
    this.#behind = 0
    this.end = end
  }

  /** Something was read that no mark has told. */
  get owes(): boolean {
    const { marked, ending } = this.file
    return this.#placed > 0 || (marked?.offset ?? 0) !== this.end || (marked !== null && ending !== undefined && !('last' in marked))
  }

  async cut(): Promise<Batch> {
    await this.sending.encoder.refused.flush()
    const { file, end, head } = this
    assert(this.#placed === 0 || end > (file.marked?.offset ?? 0)) // else who keeps places takes it for one that is there
    const tail = Math.min(end, TAIL_SIZE)
    const prints = { head: printOf(head.subarray(0, end)), tail: printOf(await readAt(this.log, end - tail, tail)) }
    file.stand({ offset: end, ...prints }, '')
    const mark = file.mark(file.position(this.#now), this.#now, this.sending.taken())
    const events = this.#events.splice(0, this.#placed)
    const lines = Buffer.concat(events)
    this.#size -= lines.length
    this.#placed = 0
    return batchOf(lines, events.length, mark)
  }
}
