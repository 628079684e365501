/** What readers have acked, given back to the source in order, one at a time. */
import type { Mark, Position } from '../events/batch.js'
import type { Held, Source } from '../events/flow.js'
import type { PipeStep } from './step.js'

export class Settlement {
  /** Where the readers of this run stand, by their own word and by their acks; empty where the source itself can tell. */
  #acked = new Map<string, readonly Position[]>()
  /** Why the source could not remember. */
  failure: Error | undefined
  #last = Promise.resolve()

  /** `onFailure` is called once the first settle() has failed; nothing is settled after that. */
  constructor(
    readonly source: Source,
    readonly step: (name: PipeStep) => void,
    readonly onFailure: () => void,
  ) {}

  /** A reader has said where it stands. */
  begin(held: Held): void {
    if (this.source.ackedPlaces === undefined) this.#acked = new Map(held)
  }

  /** Where a reader begins that cannot say it. */
  stands(): Held {
    return this.source.ackedPlaces?.() ?? this.#acked
  }

  settle(marks: readonly Mark[]): void {
    for (const mark of marks) {
      if (this.source.ackedPlaces === undefined) this.#acked.set(mark.partition, [mark.to])
      this.#last = this.#last.then(() => this.#one(mark))
    }
  }

  /** Resolves when all that was acked is remembered, or cannot be. */
  done(): Promise<void> {
    return this.#last
  }

  async #one(mark: Mark): Promise<void> {
    if (this.failure) return
    try {
      await this.source.settle(mark)
      this.step('settled')
    } catch (error) {
      this.failure = error as Error
      this.onFailure()
    }
  }
}
