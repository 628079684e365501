/** One input of a router: its batches in, its acks back, and where it is to begin again. What it holds is bounded. */
import type { Batch, Mark } from '../events/batch.js'
import type { Held } from '../events/flow.js'
import { Copies } from './spare-memory.js'
import { Passages, type Passage } from './passages.js'
import type { Router } from './router.js'
import { LOAD_SIZE, type Portions } from './selector.js'

export interface InletOptions {
  /** Most bytes that are held, unless one batch is longer. */
  readonly holdBytesMax: number
  /** Partition of what came without marks: `[A-Za-z0-9._-]+`, never the same twice. */
  readonly partition: string
}

/** ms between two looks whether an output takes something again. */
const LOOK = 1000

export class Inlet {
  readonly #passages = new Passages()
  readonly #copies = new Copies()
  /** Lines that came without marks. */
  #offset = 0

  constructor(
    readonly router: Router,
    readonly options: InletOptions,
  ) {}

  /** `ack` is called with each mark, in order. Returns when all went to the outputs, or at `stop`. */
  async take(batches: AsyncIterable<Batch>, ack: (mark: Mark) => void, stop: AbortSignal): Promise<void> {
    const { router } = this
    const { selector, aside } = router.options
    for await (const batch of batches) {
      if (batch.flush === true) {
        router.flush()
        continue
      }
      await this.#until(() => selector.ready?.() !== false, stop)
      if (stop.aborted) return
      const place = batch.mark ?? this.#own(batch.count)
      router.claim(place.partition, this)
      const selection = selector.select(batch, place)
      const { portions, kept } = this.#keep(selection.portions, batch.lines)
      await aside()
      const passage: Passage = { mark: place, size: sizeOf(portions), done: false, ack: () => batch.mark && ack(batch.mark) }
      this.#passages.add(passage)
      router.pass(place, { ...selection, portions }, () => {
        this.#passages.finish(passage)
        if (kept !== undefined) this.#copies.give(kept)
      })
      batch.release()
      await this.#until(() => this.#passages.size < this.options.holdBytesMax || selector.ready !== undefined, stop)
    }
    while (!router.flowing && !stop.aborted) await router.changed.wait(stop)
  }

  /** Where it is to begin in these partitions, once all that was taken is acked; undefined at `stop`. */
  async stands(prefix: string, stop: AbortSignal): Promise<Held | undefined> {
    await this.idle(stop)
    return stop.aborted ? undefined : this.router.stands(prefix)
  }

  /** All that was taken is acked. */
  async idle(stop: AbortSignal): Promise<void> {
    if (this.#passages.length > 0) this.router.flush()
    while (this.#passages.length > 0 && !stop.aborted) await this.router.changed.wait(stop)
    if (!stop.aborted) this.router.release(this)
  }

  /** Asks for acks, and waits. */
  async #until(holds: () => boolean, stop: AbortSignal): Promise<void> {
    if (holds()) return
    const { router } = this
    router.flush()
    while (!holds() && !stop.aborted) await router.changed.waitFor(router.options.clock, LOOK, stop)
  }

  /** Memory of our own for what shares that of the batch. `kept`: it is used again, once all have it. */
  #keep(portions: Portions, lines: Buffer): { readonly portions: Portions; readonly kept?: Buffer } {
    if (!portions.some((portion) => portion?.lines === lines)) return { portions }
    const kept = this.#copies.take(lines.length)
    lines.copy(kept)
    const copy = kept.subarray(0, lines.length)
    const ours = portions.map((portion) => (portion?.lines === lines ? { ...portion, lines: copy } : portion))
    return this.router.options.outlets.some(({ options }) => options.optional) ? { portions: ours } : { portions: ours, kept }
  }

  /** A place of our own for what came without one. */
  #own(count: number): Mark {
    const from = this.#offset === 0 ? null : { offset: this.#offset }
    this.#offset += count
    return { partition: this.options.partition, from, to: { offset: this.#offset }, time: this.router.options.clock.now(), replayable: true }
  }
}

function sizeOf(portions: Portions): number {
  let size = LOAD_SIZE
  for (const lines of new Set(portions.map((portion) => portion?.lines))) size += lines?.length ?? 0
  return size
}
