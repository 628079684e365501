/** Who reads what nobody acks: how long a writer waits for a reader to come, what it says where none does, and how much it writes meanwhile. */
import type { FdStat, Writer } from '../disk/fd.js'
import { stillHolds } from '../disk/proc.js'
import type { Holder } from '../disk/proc.js'
import { FlumeError } from '../errors.js'
import { BATCH_BYTES_MAX } from '../events/batch.js'
import type { Clock } from '../events/flow.js'
import { lookAt, nameOf } from './holders.js'
import type { Look } from './holders.js'
import type { OutputOptions } from './output-options.js'

/** ms between two looks at who reads, while plain events are written. */
export const LOOK_MS = 1000
/** ms a writer looks for a reader when it is unclear whether one will come. */
export const UNCLEAR_MS = 5000
/** So much waits to be written while the next batch is made: two batches, so that making and writing overlap. */
const WAITING_BYTES_MAX = 2 * BATCH_BYTES_MAX
/** The same, until so much is written, while a reader may say hello: with that all of it becomes void. */
const EARLY_WAITING_BYTES_MAX = 64 * 1024
const EARLY_BYTES = 4 * BATCH_BYTES_MAX
const NAMES: Partial<Record<FdStat['kind'], string>> = { file: 'a file', terminal: 'a terminal', null: '/dev/null', closed: 'a closed output' }

export class Audience {
  /** Whether there are acks has been said, or is plain to see. */
  told = false
  #waitingTold = false
  /** Bytes of lines that are void, whoever reads them. */
  #called = 0
  /** Bytes that were on their way, or had come, to a reader that could not find the socket. */
  #missed = 0
  /** ms */
  #probedAt = -Infinity
  #last: Holder | undefined

  constructor(
    readonly output: FdStat,
    readonly writer: Writer,
    readonly options: Pick<OutputOptions, 'pid' | 'uid' | 'own' | 'clock' | 'ack' | 'withoutAcks' | 'say'>,
  ) {}

  /** Bytes that may wait to be written. `door`: by which a reader may come yet that says hello. */
  waitingMax(door: object | undefined): number {
    return door !== undefined && this.writer.written < EARLY_BYTES ? EARLY_WAITING_BYTES_MAX : WAITING_BYTES_MAX
  }

  /** What stdout is, where it is no pipe. */
  get target(): string {
    return NAMES[this.output.kind] ?? 'this output'
  }

  /** Throws NO_ACKS where they are required. */
  noAcks(reader: string): void {
    const { ack, say, withoutAcks = 'nothing is remembered, the next run starts at the same place' } = this.options
    if (ack === 'require') throw new FlumeError('NO_ACKS', `cannot get acks from ${reader}`)
    if (!this.told) say(`no acks from ${reader}: ${withoutAcks}`)
    this.told = true
  }

  look(): Look {
    const look = lookAt(this.output, this.options)
    this.#last = 'holder' in look ? look.holder : undefined
    return look
  }

  /** A look before anything is written: a flume stage is called. Throws NO_ACKS where others read and acks are required. */
  lookAndCall(): Look['is'] {
    const look = this.look()
    if (look.is === 'flume') this.call()
    if (look.is === 'reading') this.noAcks(readerOf(look))
    return look.is
  }

  /** Looks now and then, until `stop` (false) or until nobody has the read end (true). Says once that nobody acks. */
  async left(clock: Clock, stop: AbortSignal, each: () => Promise<void>): Promise<boolean> {
    for (;;) {
      await clock.sleep(LOOK_MS, stop)
      if (stop.aborted) return false
      await each()
      if (!this.#isThere()) return true
    }
  }

  #isThere(): boolean {
    const look = this.told ? undefined : this.look()
    if (look?.is === 'flume') this.call()
    if (look?.is === 'reading') this.noAcks(readerOf(look))
    // cheap enough to ask each second: the whole of /proc is read only when the last known holder is gone
    if (this.#last && stillHolds(this.#last, this.output)) return true
    return this.look().is !== 'nobody'
  }

  /** Makes a flume stage look for its writer, as it does once it has read something. What stands before begin is void. */
  call(): void {
    if (this.#pushed === this.#missed) this.#pushVoid()
  }

  /** The socket was not there for a while: who looked for it then is to be called again. */
  missed(): void {
    this.#missed = this.#pushed
  }

  /** Writes a line now and then that is void: though nobody can tell who has the read end, that fails once nobody has it. */
  probe(waited: number): void {
    const now = this.options.clock.monotonic()
    if ((this.#last !== undefined && waited < UNCLEAR_MS) || now - this.#probedAt < UNCLEAR_MS || this.writer.waiting > 0) return
    this.#probedAt = now
    this.#pushVoid()
  }

  get #pushed(): number {
    return this.writer.written + this.writer.waiting
  }

  #pushVoid(): void {
    this.#called++
    this.writer.push([Buffer.from('\n')])
  }

  /**
   * For a writer at its end that has looked for `waited` ms. A reader that keeps positions may stand elsewhere than the
   * writer's own memory does, so it is waited for even where there was nothing to write. Throws NO_ACKS where it stays
   * unclear who reads what was written. `hidden`: whoever does, it cannot be seen.
   */
  verdict(waited: number): 'wait' | 'nobody' | 'reading' | 'hidden' {
    const owes = this.writer.written > this.#called
    const look = this.look()
    switch (look.is) {
      case 'nobody':
        return 'nobody'
      case 'reading':
        if (owes) this.noAcks(readerOf(look))
        return 'reading'
      case 'flume':
        if (waited >= UNCLEAR_MS && !this.#waitingTold) {
          this.#waitingTold = true
          this.options.say(`waiting for ${nameOf(look.holder)} to read`)
        }
        this.call()
        return 'wait'
      case 'unclear': {
        if (waited < UNCLEAR_MS) return 'wait'
        if (!owes) return 'reading'
        if (look.hidden !== undefined) {
          this.noAcks(`the reader (${look.hidden})`)
          return 'hidden'
        }
        const who = look.holder ? `what ${nameOf(look.holder)} does` : 'who reads'
        throw new FlumeError('NO_ACKS', `cannot tell ${who} with this pipe: nothing is remembered, the next run sends all again`)
      }
    }
  }
}

function readerOf({ holder, unseen }: Look & { readonly is: 'reading' }): string {
  return `the reader (${nameOf(holder)}${unseen === undefined ? '' : `, which does not see ${unseen}`})`
}
