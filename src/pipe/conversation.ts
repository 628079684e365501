/** One handshake with one reader, as the writer has it: from hello to bye, marks out and acks in. */
import type { FdWriter } from '../disk/fd.js'
import { FlumeError } from '../errors.js'
import type { Batch, Mark } from '../events/batch.js'
import type { Reader } from '../events/flow.js'
import { Acks } from './acks.js'
import { beginLine, markLine } from './control.js'
import type { Visitor } from './door.js'
import { PROTOCOL_VERSION } from './message.js'
import type { PipeStep } from './step.js'

export class Conversation {
  readonly #acks = new Acks()

  /** `step`: called after each step at which the stage may die. */
  constructor(
    readonly visitor: Visitor,
    readonly nonce: string,
    readonly writer: FdWriter,
    readonly step: ((name: PipeStep) => void) | undefined,
  ) {}

  /** The reader said bye, or is gone. */
  get over(): boolean {
    return this.visitor.saidBye || this.visitor.gone
  }

  /** All that was sent is acked. */
  get complete(): boolean {
    return this.#acks.complete
  }

  /** Batches that are not acked. */
  get open(): number {
    return this.#acks.open
  }

  /** hello, and the line that makes all before it void. Throws VERSION. */
  greet({ command, pid }: { readonly command: string; readonly pid: number }, voided: number | 'all'): void {
    this.visitor.link.send({ t: 'hello', version: PROTOCOL_VERSION, command, pid, nonce: this.nonce, void: voided })
    this.visitor.check()
    this.step?.('greeted')
    this.writer.push([beginLine(this.nonce, voided)], () => this.step?.('begun'))
  }

  /** Where this reader stands, once it has told; asks for the partitions with this prefix. */
  async standing(prefix: string | undefined, changed: () => Promise<void>, stop: AbortSignal): Promise<Reader> {
    const { visitor } = this
    const { keeps, binding, rebind } = visitor.hello!
    if (!keeps || prefix === undefined) return { kind: 'acks', ...(binding === undefined ? {} : { binding }), ...(rebind === true ? { rebind } : {}) }
    visitor.link.send({ t: 'ask', prefix })
    this.step?.('asked')
    while (!visitor.answered && !visitor.gone && !stop.aborted) await changed()
    return { kind: 'keeps', held: visitor.held }
  }

  send({ lines, count, mark, release }: Pick<Batch, 'lines' | 'count' | 'mark'> & { release(): void }): void {
    if (mark === null) throw new FlumeError('BUG', 'cannot send a batch without a mark to a reader that acks')
    const line = markLine(this.nonce, this.#acks.send(mark), lines.length, count, mark)
    if (!this.step) return this.writer.push([lines, line], release)
    this.writer.push([lines], () => this.step?.('batch-written')) // a step between the two: they are written apart
    this.writer.push([line], () => (release(), this.step?.('mark-written')))
  }

  /** It stops for want of acks. */
  flush(): void {
    this.visitor.link.send({ t: 'flush', mark: this.#acks.last })
  }

  /** The last mark of each partition that this ack covers. What was never sent cannot be acked: the connection ends. */
  ack(number: number): readonly Mark[] {
    this.step?.('ack-read')
    if (number <= this.#acks.last) return this.#acks.ack(number)
    this.visitor.link.destroy()
    return []
  }

  bye(): void {
    this.visitor.link.send({ t: 'bye', last: this.#acks.last })
    this.step?.('bye-sent')
  }
}
