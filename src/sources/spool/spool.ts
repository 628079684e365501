/**
 * Source: the finished files of a directory, flume-spool(1), one after the other. Each file is a partition; a batch holds
 * events of one file. A file is set aside once its last event is acked, and only then may its place be forgotten.
 */
import { batchOf, FLUSH, type Batch, type Mark } from '../../events/batch.js'
import type { Clock, Held, Reader, Source } from '../../events/flow.js'
import type { Disk } from '../../disk/disk.js'
import { shownPath } from '../../disk/path.js'
import { errnoOf, FlumeError, wordsOf } from '../../errors.js'
import type { HeaderOptions } from '../headers.js'
import { LineEncoder, type Refused } from '../lines.js'
import { Memory } from '../memory.js'
import type { Notice } from '../watches.js'
import { Sending } from '../sending.js'
import { Aside, type Done } from './aside.js'
import { SpoolFile, spoolBeginning, spoolPosition, type SpoolPosition } from './file.js'
import { Known } from './known.js'
import { Lock } from './lock.js'
import { Looks, type SpoolTimes } from './looks.js'
import { Marker } from './marker.js'
import { Backlog, type Order, type Waiting } from './backlog.js'
import type { Contents, Ended } from './lines.js'
import { Opening } from './opening.js'
import { placesIn } from './owned.js'
import { contentsOf, type Format } from './records.js'
import { Tracker } from './tracker.js'
import { Tree, type TreeOptions } from './tree.js'

export interface SpoolOptions extends Omit<TreeOptions, 'suffix' | 'apart' | 'isMarker'> {
  /** End once all that was finished at the start is read. */
  readonly once: boolean
  readonly done: Done
  /** The name of the file that says that another one is finished, where `*` is that of the other, or that all of a directory are. */
  readonly marker?: string
  readonly order: Order
  /** What a record is; absent: a line. */
  readonly format?: Format
  /** `[A-Za-z0-9._-]+`: whose files these are, among all that feed one queue. */
  readonly sourceId: string
  readonly headers: HeaderOptions
  /** Longest event line in bytes. */
  readonly eventBytesMax: number
  /** Most bytes of a batch, unless one event is longer; absent: as many as a batch may have. */
  readonly batchBytesMax?: number
  /** Where positions are kept for a reader that keeps none; beside it is the lock. */
  readonly statePath: string
  readonly times: SpoolTimes
}

export interface SpoolSurroundings {
  readonly disk: Disk
  readonly clock: Clock
  readonly host: string
  /** Where lines go that are too long. */
  readonly refused: Refused
  /** Absent: by polling alone. */
  readonly notice?: Notice
  /** `[A-Za-z0-9]+`, never the same twice. */
  randomId(): string
  say(message: string): void
}

/** Files that were sent and not acked: more are not read before some of these are. */
const OPEN_MAX = 20_000

/** Of the files to be read, so many are known at a time. */
const BACKLOG_MAX = 50_000

export class Spool implements Source {
  readonly asks: string
  readonly #memory: Memory<SpoolPosition>
  readonly #known = new Known()
  readonly #backlog: Backlog
  readonly #tree: Tree
  readonly #looks: Looks
  readonly #opening: Opening
  readonly #aside: Aside
  readonly #sending: Sending
  readonly #contents: Contents
  readonly #lock: Lock
  readonly #tracker: Tracker
  /** The reader gives acks, or what counts as such. */
  #acks = false
  /** They are not there any more, with something that was not read. */
  #missing: SpoolFile[] = []
  /** The last one of those that are set aside, and may be forgotten by who holds a place in them. */
  #gone: SpoolFile | undefined
  #current: SpoolFile | undefined

  constructor(
    readonly options: SpoolOptions,
    readonly around: SpoolSurroundings,
  ) {
    const { disk, clock, say, refused, host } = around
    const { directory, done, eventBytesMax, times, once } = options
    this.asks = `spool.${options.sourceId}.`
    this.#memory = new Memory(this.asks, options.statePath, disk, spoolPosition, spoolBeginning)
    const beside = options.statePath.replace(/\.json$/, '')
    // that of the state file has the name of that with .lock behind it
    this.#lock = new Lock(beside === options.statePath ? `${beside}.dir.lock` : `${beside}.lock`, disk, directory)
    this.#tracker = new Tracker(`${beside}.done`, disk)
    const suffix = done.how === 'suffix' ? done.suffix : '.COMPLETED'
    const marker = options.marker === undefined ? undefined : new Marker(options.marker, disk)
    const apart = done.how === 'move' ? { apart: done.directory } : {}
    this.#tree = new Tree({ ...options, suffix, isMarker: (name) => marker?.matches(name) === true, ...apart }, disk, clock, say)
    this.#backlog = new Backlog(options.order, BACKLOG_MAX)
    this.#looks = new Looks(this.#tree, this.#known, this.#backlog, this.#tracker, marker, times, once, clock, around.notice)
    this.#opening = new Opening(disk, this.#tree, this.#looks, this.#known)
    this.#aside = new Aside(
      { done, directory, retry: times.retry },
      { disk, clock, marker, tracker: this.#tracker, ready: () => this.#memory.flush(), say: (text) => this.#tree.sayOnce(text) },
      (...told) => this.#told(...told),
    )
    const encoder = new LineEncoder(eventBytesMax, refused, options.batchBytesMax)
    this.#sending = new Sending(encoder, options.headers, host, () => clock.now())
    this.#contents = contentsOf(options, this.#sending, (path, error) => this.#tree.cannot('read all of', path, error))
  }

  /** Bytes of files that were finished, and not read, as of its last look. */
  get unread(): number {
    const current = this.#current === undefined ? 0 : Math.max(0, this.#current.bytes - this.#current.offset)
    return this.#backlog.bytes + current
  }

  /** What could not be read, and what was in part only. */
  get trouble(): Pick<Tree, 'unreadable' | 'incomplete'> {
    return this.#tree
  }

  /** Why files that were read could not be set aside. */
  get failures(): readonly unknown[] {
    return [...this.#aside.failed.values()]
  }

  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch> {
    const { clock } = this.around
    try {
      await this.#begin(reader)
      while (!stop.aborted) {
        if (this.#looks.due) await this.#look()
        for (const file of this.#missing.splice(0)) yield this.#lost(file, 'removed')
        if (this.#known.all.size >= OPEN_MAX) {
          yield FLUSH
          await this.#looks.rest(stop)
          continue
        }
        const waiting = this.#backlog.take()
        if (waiting !== undefined) {
          yield* this.#read(waiting, stop)
          continue
        }
        if (this.#sending.gone.length > 0) yield this.#farewell()
        if (this.#looks.over) return
        if (!this.#looks.due) await this.#looks.rest(stop, this.#aside.again - clock.monotonic())
        this.#aside.tryAgain()
      }
    } finally {
      await this.#memory.flush()
    }
  }

  async settle(mark: Mark): Promise<void> {
    this.#memory.settle(mark)
    const file = this.#known.all.get(mark.partition)
    if (file === undefined) return
    file.acked = spoolPosition(mark.to) ?? file.acked
    if (file.done && !file.aside) this.#aside.add(file)
    if (this.#known.all.size >= OPEN_MAX) this.#looks.wake()
  }

  /** Where its readers stand, by their acks. */
  ackedPlaces(): Held {
    return new Map([...this.#known.all].flatMap(([id, { acked }]) => (acked === null ? [] : [[id, [acked]]])))
  }

  /** All that was acked is set aside, or was tried to be. */
  settled(): Promise<void> {
    return this.#aside.idle()
  }

  /** open() may not be called again. */
  async close(): Promise<void> {
    await this.settled()
    await this.#memory.flushAll()
    this.#looks.close()
    await this.#memory.close()
    await this.#tracker.close()
    await this.#lock.close()
  }

  async #begin(reader: Reader): Promise<void> {
    this.#acks = reader.kind !== 'plain'
    if (this.#acks) await this.#lock.take()
    const places = await this.#memory.places(reader)
    await this.#aside.idle()
    if (this.options.done.how === 'none') await this.#tracker.load()
    this.#known.begin(await placesIn(this.options.directory, places, this.around.disk))
    this.#sending.gone = []
    this.#looks.begin()
    await this.#look()
    const begun = [...this.#known.all.values()].filter(({ sent, marked, leftOut }) => !sent && marked !== null && !leftOut)
    if (begun.length === 1) this.around.say(`going on with ${begun[0]!.path} at byte ${begun[0]!.marked!.offset}`)
    else if (begun.length > 1) this.around.say(`going on with ${begun.length} files where their reading stood`)
  }

  async #look(): Promise<void> {
    const { done, missing, whole } = await this.#looks.look()
    const failed = (error: unknown): void => this.#tree.sayOnce(`cannot write ${shownPath(this.#tracker.path)}: ${wordsOf(error)}`)
    if (this.#acks && whole) await this.#tracker.looked(this.around.clock.now()).catch(failed) // again at the next look
    if (this.#acks) for (const file of done) this.#aside.add(file)
    for (const file of missing) {
      if (file.sent) this.#forget(file)
      else this.#missing.push(file)
      this.#known.remove(file)
    }
  }

  async *#read(waiting: Waiting, stop: AbortSignal): AsyncGenerator<Batch> {
    const opened = await this.#opening.open(waiting)
    if (opened === undefined) return
    const id = this.#known.idOf(opened.stat, this.#acks, () => this.asks + this.around.randomId())
    const file = opened.known ?? (await this.#tracker.standing(opened.stat, id)) ?? new SpoolFile(id, waiting.path)
    const place = file.marked
    try {
      if (!(await file.place(opened.log, place))) {
        yield* this.#rewritten(file)
        return this.#looks.again(waiting.path)
      }
      file.judged = true
      this.#current = file
      file.open(opened.log, opened.stat, await opened.log.stat(), waiting.path, this.around.clock.now())
      this.#tree.mounts.look()
      file.mount = this.#tree.mounts.of(waiting.path)
      this.#known.add(file)
      yield* this.#after(file, yield* this.#contents.batches(file, opened, stop))
    } catch (error) {
      if (error instanceof FlumeError || errnoOf(error) === undefined) throw error
      this.#tree.cannot('read all of', waiting.path, error)
      this.#looks.refuse(waiting)
    } finally {
      this.#current = undefined
      file.detach()
      await opened.log.close()
    }
    if (this.#acks && file.done) this.#aside.add(file)
    if (this.#acks || !file.sent) return
    this.#looks.pass(file)
    this.#known.remove(file)
  }

  async *#after(file: SpoolFile, ended: Ended): AsyncGenerator<Batch> {
    if (ended === 'rewritten') yield* this.#rewritten(file)
    if (ended === 'changed') this.around.say(`${file.path} changed after its reading began: what was appended is read too`)
    if (ended === 'rewritten' || ended === 'changed') this.#looks.again(file.at)
  }

  /** It does not hold what was read of it any more. */
  async *#rewritten(file: SpoolFile): AsyncGenerator<Batch> {
    this.around.say(`${file.path} was rewritten after its reading began: it is read as another file`)
    file.detach()
    this.#known.remove(file)
    if (file.marked === null) return
    if (file.size > file.marked.offset) yield this.#lost(file, 'rewritten')
    else this.#forget(file)
  }

  #lost(file: SpoolFile, reason: 'removed' | 'rewritten'): Batch {
    if (reason === 'removed') this.around.say(`${file.path} was removed before all of it was read`)
    const offset = file.marked?.offset ?? 0
    const gap = this.#sending.gap(file, { to: Math.max(file.size, offset + 1), reason })
    this.#forget(file)
    return gap
  }

  #forget(file: SpoolFile): void {
    if (!this.#acks || file.marked === null) return
    this.#gone = file
    this.#sending.gone.push(file.id)
  }

  /** Nothing else is to be sent: a mark alone says which places may be forgotten, with one of these as its own. */
  #farewell(): Batch {
    const { id: partition, marked } = this.#gone!
    const gone = this.#sending.gone
    this.#sending.gone = []
    return batchOf(Buffer.alloc(0), 0, { partition, from: marked, to: marked!, time: this.around.clock.now(), replayable: true, gone })
  }

  #told(file: SpoolFile, outcome: 'done' | 'changed' | 'away'): void {
    if (outcome !== 'done') return outcome === 'changed' ? this.#looks.again(file.at) : this.#looks.soon()
    this.#known.remove(file)
    if (file.marked === null && this.options.done.how === 'none') this.#looks.pass(file)
    this.#forget(file)
    this.#looks.wake()
  }
}
