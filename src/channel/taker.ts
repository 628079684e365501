/**
 * Take: the events of the queue for one named reader, from where it stands. Its cursor moves with the acks and never
 * further; without acks nothing is registered and nothing moves.
 */
import { Blocks } from '../disk/blocks.js'
import type { Batch, Mark } from '../events/batch.js'
import { assert, FlumeError } from '../errors.js'
import type { Held, Reader, Source } from '../events/flow.js'
import { bindingText } from '../events/binding.js'
import { queuePartition } from '../events/partition.js'
import { Cursor, readCursor, type State } from './cursor.js'
import { FRAME_BYTES_MAX } from './format.js'
import type { Identity } from './identity.js'
import { Lock } from './lock.js'
import type { Published } from './published.js'
import { oldestEvent } from './range.js'
import { LogReader } from './reading.js'
import type { Recent } from './recent.js'
import { removePassedUnlessHeld } from './retention.js'
import type { Paths, Surroundings } from './surroundings.js'
import type { Wake } from '../events/wake.js'

/** Memory for what was read and not yet given on: two large frames a block, and BLOCK_COUNT blocks. */
const BLOCK_SIZE = 2 * FRAME_BYTES_MAX + 64 * 1024
const BLOCK_COUNT = 4
/** How often, and after how many ms each, to look whether the putter has come as far as the reader. */
const TRIES = 30
const AGAIN = 100
const AFRESH = 'flume-sink-hdfs --rebind means the new ones, as where nothing can be written to the former'

export interface Taking {
  readonly paths: Paths
  readonly around: Surroundings
  readonly identity: Identity
  readonly published: Published
  readonly recent: Recent
  readonly reader: string
  /** Of the reader's name. */
  readonly lock: Lock
  readonly once: boolean
  /** Wakes the putter of this process when segments may go. */
  readonly moved: Wake
  /** Recovers and publishes where nobody holds the log. */
  refresh(): Promise<void>
}

export class Taker implements Source {
  readonly asks: string
  readonly #blocks = new Blocks(BLOCK_SIZE, BLOCK_COUNT)
  #cursor: Cursor | undefined
  #off: Cursor | undefined
  /** The cursor that settle() moves. */
  #moving: Cursor | undefined
  /** Sequence just after the last event that may have been given out to a reader that acks; undefined: none has come yet. */
  #given: number | undefined
  #log: LogReader | undefined
  /** First events of the segments that were begun and not yet passed. */
  #segments: number[] = []
  #finishing: boolean

  constructor(readonly taking: Taking) {
    this.asks = queuePartition(taking.identity.queue, taking.reader)
    this.#finishing = taking.once
    taking.recent.enter(this)
  }

  get name(): string {
    return this.taking.reader
  }

  /** Sequence of the event that it reads next. */
  get next(): number {
    return this.#log?.next ?? 0
  }

  /** Throws BINDING_CHANGED; OTHER_HISTORY for a reader that stands after the end of the log. */
  async *open(reader: Reader, stop: AbortSignal): AsyncGenerator<Batch, void, undefined> {
    const { taking } = this
    await taking.refresh()
    this.#moving = undefined
    this.#segments = []
    const { from, stops } = await this.#start(reader, stop)
    const log = (this.#log = new LogReader({
      ...taking,
      blocks: this.#blocks,
      partition: this.asks,
      from,
      stops,
      stop,
      ends: () => this.#finishing,
      began: (first) => this.#segments.push(first),
    }))
    for await (const batch of log.batches()) {
      await this.#give(batch, reader)
      yield batch
    }
  }

  /** On return the cursor has moved, as other processes see it; it is on disk about a second later, or after close(). */
  async settle(mark: Mark): Promise<void> {
    assert(mark.partition === this.asks)
    const cursor = this.#moving
    if (cursor === undefined || mark.to.offset <= cursor.state.next) return
    await cursor.move(mark.to.offset)
    const begun = this.#segments.length
    this.#segments = this.#segments.filter((first) => first > mark.to.offset || first === this.#segments.at(-1))
    if (this.#segments.length === begun || cursor !== this.#cursor) return
    await cursor.sync()
    await this.#trim()
  }

  /** What is put from now on is not waited for: open() ends at the end of the log. */
  finish(): void {
    this.#finishing = true
    this.taking.published.nudge()
  }

  async close(): Promise<void> {
    this.taking.recent.leave(this)
    try {
      const cursor = this.#cursor
      if (cursor !== undefined && this.#given !== undefined && cursor.state.next >= this.#given) await cursor.bind('')
      await cursor?.close()
      await this.#off?.close()
    } finally {
      this.#cursor = this.#off = this.#moving = undefined
      await this.taking.lock.release()
    }
  }

  /** On return the binding is on disk, and what is given out now is known. */
  async #give({ mark }: Batch, reader: Reader): Promise<void> {
    const cursor = this.#moving
    if (cursor === undefined || cursor !== this.#cursor) return
    if (reader.kind === 'acks' && reader.binding !== undefined) await cursor.bind(bindingText(reader.binding))
    if (mark !== null) this.#given = Math.max(this.#given ?? 0, mark.to.offset)
  }

  async #start(reader: Reader, stop: AbortSignal): Promise<{ from: number; stops: readonly number[] }> {
    const { around, paths, reader: name } = this.taking
    switch (reader.kind) {
      case 'plain': {
        const state = this.#cursor?.state ?? (await readCursor(paths, name, around.disk))
        if (state !== undefined && reader.binding !== undefined) await this.#sayOther(state, bindingText(reader.binding))
        return { from: await this.#reachable(state?.next ?? (await this.#oldest()), stop), stops: [] }
      }
      case 'off':
        this.#moving = this.#off ??= await this.#registered(`${name}.off`)
        return { from: await this.#reachable(this.#off.state.next, stop, this.#off.name), stops: [] }
      case 'acks':
        this.#cursor ??= await this.#registered(name)
        await this.#reachable(this.#cursor.state.next, stop)
        this.#given ??= await this.#givenEnd(this.#cursor.state)
        if (reader.binding !== undefined) await this.#checkBinding(this.#cursor.state, bindingText(reader.binding), reader.rebind === true)
        this.#moving = this.#cursor
        return { from: this.#cursor.state.next, stops: [] }
      case 'keeps':
        this.#moving = this.#cursor ??= await this.#registered(name)
        return this.#resume(this.#cursor, reader.held, stop)
    }
  }

  /** The reader's own positions are the truth: the cursor follows them, back too. */
  async #resume(cursor: Cursor, held: Held, stop: AbortSignal): Promise<{ from: number; stops: readonly number[] }> {
    const offsets = (held.get(this.asks) ?? []).map(({ offset }) => offset).sort((a, b) => a - b)
    const from = await this.#reachable(offsets[0] ?? cursor.state.next, stop)
    for (const offset of offsets) await this.#reachable(offset, stop)
    this.#given ??= await this.#givenEnd(cursor.state)
    const back = from < cursor.state.next
    await cursor.move(from)
    if (back) await cursor.sync()
    return { from, stops: offsets }
  }

  /** Returns `next`, where the cursor `reader` stands. Throws OTHER_HISTORY where the log ends before it, and does not come to it soon either. */
  async #reachable(next: number, stop: AbortSignal, reader = this.taking.reader): Promise<number> {
    const { published, around, paths } = this.taking
    for (let tries = 0; ; tries++) {
      const end = (await published.read())?.next ?? 0
      if (next <= end || stop.aborted) return next
      if (tries === TRIES) {
        throw new FlumeError(
          'OTHER_HISTORY',
          `cannot read queue ${paths.directory} as ${reader}: the reader stands before event ${next}, but the queue ends before ${end}; ` +
            `if it was restored from a backup, --forget ${reader} begins again at the oldest event`,
        )
      }
      await around.clock.sleep(AGAIN, stop) // a putter that has just started may still be recovering
    }
  }

  /** Throws BINDING_CHANGED where events were given out that the former binding has not acked. */
  async #checkBinding(state: State, binding: string, rebind: boolean): Promise<void> {
    const end = await this.#unackedEnd(state, binding)
    if (end === undefined) return
    const { reader, around } = this.taking
    const { next, binding: former } = state
    if (!rebind) {
      const what = `cannot give events to reader ${reader}: ${began(former)}; now it would write to ${binding}`
      throw new FlumeError('BINDING_CHANGED', `${what}; with the former options it goes on, ${AFRESH}`)
    }
    around.say(`reader ${reader} writes to ${binding} now, no longer to ${former}: of the events ${next} to ${end - 1} some may lie in both`)
  }

  /** To one that only looks: what it could not do without --rebind. */
  async #sayOther(state: State, binding: string): Promise<void> {
    if ((await this.#unackedEnd(state, binding)) === undefined) return
    const { reader, around } = this.taking
    around.say(`reader ${reader}: ${began(state.binding)}; to write to ${binding} instead it would need flume-sink-hdfs --rebind`)
  }

  /** Up to where events that the former binding has not acked may lie; undefined: there are none, or it is the same one. */
  async #unackedEnd(state: State, binding: string): Promise<number | undefined> {
    const end = this.#given ?? (await this.#givenEnd(state))
    return state.binding !== '' && state.binding !== binding && state.next < end ? end : undefined
  }

  /** Whoever has a binding was given more than it has acked: how much an earlier process gave out is not known, but not more than there is. */
  async #givenEnd({ next, binding }: State): Promise<number> {
    return binding === '' ? next : ((await this.taking.published.read())?.next ?? 0)
  }

  async #registered(name: string): Promise<Cursor> {
    const { paths, around } = this.taking
    return (await Cursor.open(paths, name, around)) ?? this.#register(name)
  }

  /** No segment goes between the look for the oldest event and its being held. */
  async #register(name: string): Promise<Cursor> {
    const { paths, around } = this.taking
    const lock = await Lock.takeMoment(paths.readersLock, `the readers of queue ${paths.directory}`, around)
    try {
      return await Cursor.register(paths, name, await this.#oldest(), around)
    } finally {
      await lock.release()
    }
  }

  async #oldest(): Promise<number> {
    return (await oldestEvent({ ...this.taking, blocks: this.#blocks })) ?? (await this.taking.published.read())?.next ?? 0
  }

  /** Segments may go: the putter sees to it, where there is one. */
  async #trim(): Promise<void> {
    const { published, moved, paths, around } = this.taking
    if (published.writerHere) return moved.wake()
    await removePassedUnlessHeld(around, paths)
  }
}

function began(former: string): string {
  return `it began to write to ${former} and has not acked all of it`
}
