/**
 * Source: batches of whole lines from stdin, plain or closed by marks, flume-pipe(7). Guards two rules: nothing that
 * was read is used before a look for its writer, and what a killed writer left without a mark is thrown away.
 */
import { FlumeError } from '../errors.js'
import { statOfFd, type FdStat } from '../disk/fd.js'
import { FLUSH, type Batch, type Mark, type Position } from '../events/batch.js'
import { withoutPositions } from '../events/positions-line.js'
import { parseControl } from './control.js'
import { ControlSearch } from './control-search.js'
import type { InputOptions } from './input-options.js'
import { Intake } from './intake.js'
import { Mixed } from './mixed.js'
import { PlainLines } from './plain-lines.js'
import { isReadMark, readMark } from './read-mark.js'
import { Remains, seekWriter, writerMayBe } from './rendezvous.js'
import { helloOf, type Role } from './role.js'
import type { PipeStep } from './step.js'
import { WriterLink } from './writer-link.js'

const BATCH_BYTES_LIMIT = 256 * 1024 * 1024 // no flume writer sends one as long: --event-bytes-max has a bound of half of it

export class Input {
  readonly #options: InputOptions
  readonly #stat: FdStat
  readonly #intake: Intake
  readonly #step: (name: PipeStep) => void
  #role: Role
  #writer: WriterLink | undefined
  /** Writers whose marks have all been read, and may not be acked yet. */
  #former = new Set<WriterLink>()
  /** What a killed writer left is being thrown away, so many bytes by now. */
  #voided: number | undefined
  #remains: Remains | undefined
  readonly #search = new ControlSearch()
  readonly #mixes: Mixed
  readonly #lines: PlainLines
  #waker: (() => void) | undefined
  /** Something has happened since the last look at what is held. */
  #news = false

  constructor(options: InputOptions) {
    this.#options = this.#role = options
    this.#stat = statOfFd(options.fd)
    this.#mixes = new Mixed(options.say)
    this.#lines = new PlainLines(options)
    this.#intake = new Intake(options.fd, this.#stat.kind, this.#wake, options)
    this.#step = options.step ?? (() => undefined)
  }

  /** Ends at the end of stdin, or soon after `stop`; what was complete by then has been yielded. Once. */
  async *batches(stop: AbortSignal): AsyncGenerator<Batch> {
    try {
      yield* this.open(this.#options, stop)
    } finally {
      this.#intake.close()
    }
  }

  /** As batches(), and may be called again, in another role: what is unacked comes once more, where its writer is still there. */
  async *open(role: Role, stop: AbortSignal): AsyncGenerator<Batch> {
    this.#leave()
    this.#role = role
    stop.addEventListener('abort', this.#wake)
    try {
      if (this.#stat.kind === 'null' || this.#stat.kind === 'closed') return
      this.#intake.more()
      while (!stop.aborted) {
        this.#news = false
        const next = await this.#next()
        if (next === 'end') return
        if (next === 'wait') await this.#change(stop)
        else if (next !== 'again' && (next.mark !== null || this.#options.takesPositions === true)) yield next
        else if (next !== 'again') yield* withoutPositions(next, this.#options.say)
      }
    } finally {
      stop.removeEventListener('abort', this.#wake)
    }
  }

  /** Tells the writer that everything up to this mark is durable, where it is owed acks: another one may be gone, and a write that fails loses its bye. */
  ack(mark: Mark): void {
    if (isReadMark(mark) && this.#role.acks !== false) mark.writer.ack(mark.number)
  }

  /** Tells whoever waits for acks that what they have sent gets on. */
  progress(): void {
    for (const writer of [...this.#former, ...(this.#writer ? [this.#writer] : [])]) writer.progress()
  }

  /** The last acks, and bye. */
  async close(): Promise<void> {
    this.#intake.close()
    const writers = [...this.#former, ...(this.#writer ? [this.#writer] : [])]
    await Promise.all(writers.filter((writer) => !writer.gone).map((writer) => writer.close()))
  }

  /** Breaks with all writers: they begin again. */
  #leave(): void {
    for (const former of this.#former) former.destroy()
    this.#former.clear()
    if (this.#writer === undefined) return
    this.#writer.destroy()
    this.#writer = undefined
    this.#intake.fresh = true
    this.#void()
  }

  readonly #wake = (): void => {
    this.#news = true
    this.#waker?.()
    this.#waker = undefined
  }

  /** Waits for bytes, the end, or news from the writer. */
  async #change(stop: AbortSignal): Promise<void> {
    if (stop.aborted || this.#news) return
    await new Promise<void>((resolve) => (this.#waker = resolve))
  }

  async #next(): Promise<Batch | 'again' | 'wait' | 'end'> {
    if (this.#lines.waits) return this.#lines.next()
    const writer = this.#writer
    const vanished = writer?.vanished(this.#role.acks !== false) === true
    if (this.#stat.kind === 'pipe' && this.#intake.fresh && (!writer || vanished)) return this.#look()
    if (!writer) return this.#plain()
    writer.check()
    if (vanished) return this.#lost(writer)
    if (!writer.begun) return this.#begin(writer)
    return this.#marked(writer)
  }

  /** Is there a writer that acks? Asked after each read, before what was read is used. */
  async #look(): Promise<'again'> {
    const { uid, command, pid } = this.#options
    this.#intake.fresh = false
    const came = this.#intake.length > 0
    // a hello makes void what is in the pipe
    const found = writerMayBe(this.#stat, uid, came) ? await this.#intake.pausedFor(seekWriter(this.#stat, uid, came)) : undefined
    if (found instanceof Remains) {
      this.#remains = found
      this.#startVoid('a writer that died or failed')
    }
    if (found === undefined || found instanceof Remains) return 'again'
    if (this.#writer?.begun === true) this.#startVoid(this.#writer.name)
    this.#step('connected')
    this.#writer = new WriterLink(found, helloOf(this.#role, command, pid), this.#wake, () => this.#step('ack-sent'))
    this.#search.reset()
    this.#step('hello-sent')
    return 'again'
  }

  /** From now on what is in the pipe counts as never sent. */
  #startVoid(who: string): void {
    if (this.#voided === undefined) this.#options.say(`${who} went away without a word: what it left in the pipe is void, its next run sends it again`)
    this.#void()
  }

  #void(): void {
    this.#discard()
    this.#intake.empty = false
  }

  #discard(): void {
    this.#voided = (this.#voided ?? 0) + this.#intake.length
    this.#intake.drop(this.#intake.length)
    this.#search.reset()
  }

  /** The writer vanished without bye: nothing after its last mark counts. Before it has begun, its socket tells. */
  #lost(writer: WriterLink, voids = writer.begun): 'again' {
    this.#writer = undefined
    this.#intake.fresh = true
    if (voids) this.#startVoid(writer.name)
    return 'again'
  }

  /** Bytes of programs that give no marks. */
  async #plain(): Promise<Batch | 'again' | 'wait' | 'end'> {
    const intake = this.#intake
    if (this.#voided !== undefined) return this.#drain()
    const held = intake.bytes
    const end = this.#lines.end(held)
    if (end < 0) return this.#longLine(held)
    if (end > 0) return this.#plainBatch(end)
    if (!intake.ended) return this.#idle()
    if (intake.error) throw new FlumeError('IO', 'cannot read the input', { cause: intake.error })
    if (held.length === 0) return 'end'
    const lines = Buffer.concat([held, Buffer.from('\n')])
    intake.drop(held.length)
    return { lines, count: 1, mark: null, release: () => undefined }
  }

  #plainBatch(end: number): Batch {
    const { bytes, release } = this.#intake.take(end)
    return { lines: bytes, count: this.#lines.count(bytes), mark: null, release }
  }

  /** Until the pipe has been empty once. */
  #drain(): 'again' | 'wait' {
    if (!this.#intake.empty) this.#intake.poll()
    this.#discard()
    if (!this.#intake.empty && !this.#intake.ended) return this.#idle()
    this.#voided = undefined
    this.#remains?.remove()
    return 'again'
  }

  #idle(): 'wait' {
    this.#intake.more()
    return 'wait'
  }

  async #longLine(held: Buffer): Promise<'again' | 'wait'> {
    const isOver = await this.#lines.refuse(held, this.#intake.ended, (size) => this.#intake.drop(size))
    return isOver ? 'again' : this.#idle()
  }

  /** Between our hello and the begin line everything is held: what stands before the void bytes came from others. */
  #begin(writer: WriterLink): 'again' | 'wait' {
    const held = this.#intake.bytes
    const found = writer.tag && this.#search.first(held, writer.tag)
    if (found === undefined) {
      if (held.length > BATCH_BYTES_LIMIT || (writer.tag && this.#intake.ended)) return this.#mixed(writer)
      return this.#idle()
    }
    const { at, end } = found
    const control = parseControl(held.toString('utf8', at, end))
    if (control === undefined || !('begin' in control)) return this.#mixed(writer)
    this.#step('hello-read')
    const before = Math.max(0, at - 1)
    const count = this.#voided !== undefined || control.begin === 'all' ? before : Math.min(before, control.begin)
    this.#lines.cut(held.subarray(0, before - count))
    this.#intake.drop(end + 1)
    this.#search.reset()
    this.#voided = undefined
    writer.begun = true
    if (this.#role.acks !== false) writer.ack(0)
    this.#step('begin-read')
    return 'again'
  }

  async #marked(writer: WriterLink): Promise<Batch | 'again' | 'wait'> {
    if (writer.asks.length > 0) return this.#answer(writer)
    if (writer.flush !== undefined && writer.lastMark >= writer.flush) {
      writer.flush = undefined // what it had sent by then was read: the message may have overtaken it
      return FLUSH
    }
    const batch = this.#batch(writer)
    if (batch !== undefined) return batch
    if (writer.done) {
      this.#step('bye-read')
      this.#former.add(writer)
      for (const former of this.#former) if (former.gone) this.#former.delete(former)
      if (writer.bye === 0) await writer.close()
      this.#writer = undefined
      this.#intake.fresh = true
      return FLUSH // it waits for its last acks
    }
    if ((this.#intake.ended && writer.bye !== undefined) || this.#intake.length > BATCH_BYTES_LIMIT) return this.#mixed(writer)
    return this.#idle()
  }

  async #answer(writer: WriterLink): Promise<'again'> {
    this.#step('ask-read')
    const prefix = writer.asks.shift()!
    const held = this.#role.held === undefined ? new Map<string, readonly Position[]>() : await this.#role.held(prefix)
    if (held === undefined) return 'again'
    writer.answer(held)
    this.#step('have-sent')
    return 'again'
  }

  /** One batch with its mark out of what is held; undefined: it is not all there. */
  #batch(writer: WriterLink): Batch | 'again' | undefined {
    const held = this.#intake.bytes
    const found = this.#search.mark(held, writer.tag!, this.#intake.ended || writer.bye !== undefined)
    if (found === undefined) return undefined
    const { at, end } = found
    const line = parseControl(held.toString('utf8', at, end))
    if (line === undefined || 'begin' in line || line.mark !== writer.lastMark + 1 || line.bytes !== at) return this.#mixed(writer)
    writer.lastMark = line.mark
    const taken = this.#intake.take(end + 1)
    this.#step('batch-read')
    return { lines: taken.bytes.subarray(0, at), count: line.events, mark: readMark(line, writer), release: taken.release }
  }

  #mixed(writer: WriterLink): 'again' {
    this.#mixes.breakWith(writer)
    return this.#lost(writer, true)
  }
}
