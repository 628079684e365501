/** Whether there is room for more: --size-max, --free-min, and a disk that has said ENOSPC. */
import type { Disk } from '../disk/disk.js'
import type { Clock } from '../events/flow.js'

export interface RoomOptions {
  /** Most bytes of all segments. */
  readonly sizeMax?: number
  /** Bytes of the file system that stay free; absent: the lesser of 512 MiB and 5 %. */
  readonly freeMin?: number
}

/** The file system is asked again after ASK_EVERY ms, or ASK_BYTES written, or ASK_SHARE of what may be written, whichever is more bytes. */
const ASK_EVERY = 1000
const ASK_BYTES = 8 * 1024 * 1024
const ASK_SHARE = 1 / 16

export class Room {
  #free = 0
  #freeMin = 0
  #askedAt = -Infinity
  #written = 0
  constructor(
    readonly directory: string,
    readonly disk: Disk,
    readonly clock: Clock,
    readonly options: RoomOptions,
  ) {}

  /**
   * Why `bytes` more, above `held` bytes in all segments, are too many now; undefined: they fit. `nothing`: the queue
   * holds no event, so that one larger than --size-max gets through.
   */
  async lacks(bytes: number, held: number, nothing: boolean): Promise<string | undefined> {
    const { sizeMax } = this.options
    if (sizeMax !== undefined && held + bytes > sizeMax && !nothing) return `its ${held} bytes reach --size-max ${sizeMax}`
    if (this.#mustAsk(bytes)) await this.#ask()
    if (this.#free - this.#written - bytes >= this.#freeMin) return undefined
    await this.#ask()
    if (this.#free - bytes >= this.#freeMin) return undefined
    return `${this.#free} bytes are free on its disk, --free-min is ${this.#freeMin}${this.#free < this.#freeMin ? '' : `, and the next batch has ${bytes}`}`
  }

  /** How many bytes fit, as of the last look at the disk. */
  left(held: number): number {
    return Math.min((this.options.sizeMax ?? Infinity) - held, this.#free - this.#written - this.#freeMin)
  }

  wrote(bytes: number): void {
    this.#written += bytes
  }

  #mustAsk(bytes: number): boolean {
    return this.clock.monotonic() - this.#askedAt >= ASK_EVERY || this.#written + bytes > Math.max(ASK_BYTES, (this.#free - this.#freeMin) * ASK_SHARE)
  }

  async #ask(): Promise<void> {
    const { free, total } = await this.disk.space(this.directory)
    this.#free = free
    this.#freeMin = this.options.freeMin ?? Math.min(512 * 1024 * 1024, Math.floor(total / 20))
    this.#askedAt = this.clock.monotonic()
    this.#written = 0
  }
}
