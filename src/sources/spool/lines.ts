/** The lines of one opened file, from its place to its end, as batches. */
import type { Batch } from '../../events/batch.js'
import { Reading } from '../reading.js'
import type { Sending } from '../sending.js'
import type { SpoolFile } from './file.js'
import { rawOf, type Opened } from './opening.js'

/** How it came to an end: all was read, or was not as the file is damaged, it changed, it is another one now, or somebody stopped it. */
export type Ended = 'read' | 'damaged' | 'changed' | 'rewritten' | 'stopped'

/** What is in a file, as batches. */
export interface Contents {
  batches(file: SpoolFile, opened: Opened, stop: AbortSignal): AsyncGenerator<Batch, Ended>
}

export class SpoolLines implements Contents {
  readonly #reading: Reading

  constructor(readonly sending: Sending) {
    const { encoder } = sending
    this.#reading = new Reading(encoder.eventBytesMax, (...piece) => sending.refuse(...piece), undefined, () => encoder.fullBytes)
  }

  async *batches(file: SpoolFile, { log, isWhole }: Opened, stop: AbortSignal): AsyncGenerator<Batch, Ended> {
    for (let more = true; more; ) {
      if (stop.aborted) return 'stopped'
      const block = await this.#reading.next(file)
      if (block === undefined) return 'rewritten'
      more = block.more
      file.damaged = !isWhole()
      const ends = !more && !file.damaged && file.isAs(await rawOf(log).stat())
      if (ends) file.ending = block.base + block.end
      yield* this.sending.lines(file, block, block.end > block.to && (block.cut || ends))
      if (ends) yield* this.#end(file)
    }
    file.sent ||= file.damaged
    return file.damaged ? 'damaged' : file.sent ? 'read' : 'changed'
  }

  async *#end(file: SpoolFile): AsyncGenerator<Batch> {
    if (file.skipping) await this.sending.refuse(Buffer.alloc(0), true, file, file.offset)
    file.skipping = false
    const told = file.marked === null ? file.offset === 0 : file.marked.offset === file.offset && 'last' in file.marked
    if (!told) yield await this.sending.place(file)
    file.sent = true
  }
}
