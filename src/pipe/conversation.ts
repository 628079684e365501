/** One handshake with one reader, as the writer has it: from hello to bye, marks out and acks in. */
import type { Writer } from '../disk/fd.js'
import { FlumeError } from '../errors.js'
import type { Batch, Mark } from '../events/batch.js'
import { boundIn } from '../events/binding.js'
import type { Held, Reader } from '../events/flow.js'
import { partitionSuffix } from '../events/partition.js'
import { Acks } from './acks.js'
import { beginLine, markLine } from './control.js'
import type { Visitor } from './door.js'
import { PROTOCOL_VERSION, checkVersion } from './message.js'
import type { PipeStep } from './step.js'

export class Conversation {
  readonly #acks = new Acks()
  /** The reader has read the begin line, so that it knows what is void. */
  #begun = false
  /** Ends the partitions of all marks. */
  #suffix = ''

  /** `step`: called after each step at which the stage may die. */
  constructor(
    readonly visitor: Visitor,
    readonly nonce: string,
    readonly writer: Writer,
    readonly step: ((name: PipeStep) => void) | undefined,
  ) {}

  /** The reader said bye, or is gone. */
  get over(): boolean {
    return this.visitor.saidBye || this.visitor.gone
  }

  /** The reader gives acks. */
  get acks(): boolean {
    return this.visitor.hello?.acks !== false
  }

  /** All that was sent is acked, where there are acks. */
  get complete(): boolean {
    return this.#acks.complete || !this.acks
  }

  /** Nothing that is in the pipe must be told to be void to a reader that comes later. */
  get settled(): boolean {
    return this.complete && (this.#begun || !this.acks)
  }

  /** Batches that are not acked. */
  get open(): number {
    return this.#acks.open
  }

  /** hello, and the line that makes all before it void. Throws VERSION. */
  greet({ command, pid }: { readonly command: string; readonly pid: number }, voided: number | 'all'): void {
    this.visitor.link.send({ t: 'hello', version: PROTOCOL_VERSION, command, pid, nonce: this.nonce, void: voided })
    checkVersion(this.visitor.name, this.visitor.hello!.version)
    this.step?.('greeted')
    this.writer.push([beginLine(this.nonce, voided)], () => this.step?.('begun'))
  }

  /** Where this reader stands, once it has told; asks for the partitions with this prefix. `relays`: as OutputOptions has it. */
  async standing(prefix: string | undefined, relays: boolean, changed: () => Promise<void>, stop: AbortSignal): Promise<Reader> {
    const { keeps, binding, follows, rebind } = this.visitor.hello!
    const bound = binding === undefined ? {} : boundIn(binding, follows)
    if (binding !== undefined && !relays) this.#suffix = partitionSuffix(binding)
    if (!this.acks) return { kind: 'plain', ...bound }
    if (!keeps) return { kind: 'acks', ...bound, ...(rebind === true ? { rebind } : {}) }
    const ask = (asked: string, over: AbortSignal): Promise<Held | undefined> => this.#ask(asked, changed, over)
    const held = prefix === undefined ? undefined : await ask(prefix, stop)
    return { kind: 'keeps', held: held ?? new Map(), ask }
  }

  /** Not before all that was sent is acked: what the reader has yet to read would be missing from the answer. */
  async #ask(prefix: string, changed: () => Promise<void>, stop: AbortSignal): Promise<Held | undefined> {
    const { visitor } = this
    const over = (): boolean => this.over || stop.aborted
    if (!this.complete) this.flush()
    while (!this.complete && !over()) await changed()
    if (over()) return undefined
    visitor.ask(prefix)
    this.step?.('asked')
    while (!visitor.answered && !over()) await changed()
    return visitor.answered ? visitor.held : undefined
  }

  send({ lines, count, mark, release }: Pick<Batch, 'lines' | 'count' | 'mark'> & { release(): void }): void {
    if (mark === null) throw new FlumeError('BUG', 'cannot send a batch without a mark to a reader that acks')
    const line = markLine(this.nonce, this.#acks.send(mark), lines.length, count, this.#ended(mark))
    if (!this.step) return this.writer.push([lines, line], release)
    this.writer.push([lines], () => this.step?.('batch-written')) // a step between the two: they are written apart
    this.writer.push([line], () => (release(), this.step?.('mark-written')))
  }

  #ended(mark: Mark): Mark {
    const { partition, gone } = mark
    if (this.#suffix === '') return mark
    return { ...mark, partition: partition + this.#suffix, ...(gone && { gone: gone.map((one) => one + this.#suffix) }) }
  }

  /** It stops for want of acks. */
  flush(): void {
    this.visitor.link.send({ t: 'flush', mark: this.#acks.last })
  }

  /** What is to be settled of the marks that this ack covers. What was never sent cannot be acked: the connection ends. */
  ack(number: number): readonly Mark[] {
    if (number > 0) this.step?.('ack-read')
    this.#begun = true
    if (number <= this.#acks.last) return this.#acks.ack(number)
    this.visitor.link.destroy()
    return []
  }

  bye(): void {
    this.visitor.link.send({ t: 'bye', last: this.#acks.last })
    this.step?.('bye-sent')
  }
}
