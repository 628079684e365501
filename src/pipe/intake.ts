/**
 * What has been read from stdin and not yet used: one run of bytes, always contiguous, in blocks that are used again.
 * Guards the bound on memory: without a free block there is no room, and reading stops.
 */
import { assert } from '../errors.js'
import { Blocks } from '../disk/blocks.js'
import type { Block } from '../disk/blocks.js'
import { FdReader } from '../disk/fd.js'
import type { FdStat } from '../disk/fd.js'
import { enlargePipe } from '../disk/pipe-size.js'

const BLOCK_BYTES = 2.5 * 1024 * 1024
const NOTHING = Buffer.alloc(0)
/** After this many bytes a pipe of the default size is worth enlarging; it costs 3 ms of another process. */
const LARGE_FLOW_BYTES = 4 * 1024 * 1024
const DEFAULT_PIPE_BYTES = 64 * 1024

/** What is read, is read into this. */
export interface Memory {
  /** Default: 2 blocks of 2.5 MiB, a batch and what comes while it is used, of Node's own. */
  readonly blocks?: number
  readonly blockBytes?: number
  allocate?(size: number): Buffer
  /** All of it is in use: give back what can be done without, until there is `enough`. */
  press?(enough: () => boolean): void
}

/** Less room than this is not worth a read. */
const ROOM_BYTES_MIN = 64 * 1024

export class Intake {
  /** stdin has ended. */
  ended = false
  error: Error | undefined
  /** Bytes came since this was last set to false, or none yet: whoever looks then does so once at the start, too. */
  fresh = true
  /** The pipe was seen empty since this was last set to false. */
  empty = false
  readonly #blocks: Blocks
  #block: Block | undefined
  #start = 0
  #end = 0
  #starved = false
  #paused = false
  /** What is held is not enough to go on with. */
  #hungry = false
  #reader: FdReader
  /** Bytes to come until the pipe is enlarged. */
  #small = LARGE_FLOW_BYTES

  constructor(
    readonly fd: number,
    readonly kind: FdStat['kind'],
    onChange: () => void,
    readonly memory: Memory,
  ) {
    this.#blocks = new Blocks(memory.blockBytes ?? BLOCK_BYTES, memory.blocks ?? 2, memory.allocate)
    this.#reader = new FdReader(fd, kind, {
      room: () => this.#room(),
      took: (count) => {
        this.#end += count
        this.fresh = true
        this.#hungry = false
        if (this.#small > 0) this.#enlarge(count)
        onChange()
      },
      emptied: () => {
        this.empty = true
        onChange()
      },
      ended: (error) => {
        this.ended = true
        this.error = error
        onChange()
      },
    })
  }

  /** What is held is not enough: reads on, in more room than a block has if need be. */
  more(): void {
    this.#hungry = true
    this.#reader.resume()
  }

  /** Reads nothing until this is settled. */
  async pausedFor<T>(work: Promise<T>): Promise<T> {
    this.#paused = true
    try {
      return await work
    } finally {
      this.#paused = false
      this.#reader.resume()
    }
  }

  /** Reads now what is in the pipe, or sees that it is empty. */
  poll(): void {
    this.#reader.poll()
  }

  close(): void {
    this.#reader.close()
  }

  /** What is held, valid until the next call of anything here. */
  get bytes(): Buffer {
    return this.#block ? this.#block.bytes.subarray(this.#start, this.#end) : NOTHING
  }

  get length(): number {
    return this.#end - this.#start
  }

  /** Hands out the first `count` bytes; they stay where they are until released. */
  take(count: number): { readonly bytes: Buffer; release(): void } {
    assert(count <= this.length)
    const block = this.#block!
    const bytes = block.bytes.subarray(this.#start, this.#start + count)
    block.share()
    this.drop(count)
    return {
      bytes,
      release: () => {
        block.release()
        if (this.#starved) this.#feed()
      },
    }
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    assert(count <= this.length)
    this.#start += count
    if (this.#starved) this.#feed()
  }

  /** Later than now, so that whoever released a batch is done with it. */
  #feed(): void {
    this.#starved = false
    setImmediate(() => this.#reader.resume())
  }

  #enlarge(count: number): void {
    this.#small -= count
    if (count > DEFAULT_PIPE_BYTES) this.#small = 0 // it is larger
    else if (this.#small <= 0 && this.kind === 'pipe') void enlargePipe(this.fd)
  }

  #room(): Buffer {
    if (this.#paused) return NOTHING
    if (this.#start === this.#end && this.#block?.sole) this.#start = this.#end = 0
    if (!this.#block || this.#block.bytes.length - this.#end < ROOM_BYTES_MIN || this.#isOversized) this.#move()
    if (!this.#block || this.#end === this.#block.bytes.length) {
      this.#starved = true
      this.memory.press?.(() => this.#blocks.available || this.#block?.sole === true)
      return NOTHING
    }
    return this.#block.bytes.subarray(this.#end)
  }

  /** A block larger than those of the pool, made for a long line or what came before a handshake, is needed no more. */
  get #isOversized(): boolean {
    return this.#block !== undefined && this.#block.bytes.length > this.#blocks.size && this.length < this.#blocks.size / 2 && this.#blocks.available
  }

  /** Takes what is held to where there is room: little of it in a block of the pool, much of it only when it must be. */
  #move(): void {
    const held = this.length
    const large = held >= this.#blocks.size / 2
    if (large && !this.#hungry) return
    if (this.#block?.sole && held < this.#block.bytes.length / 2 && !this.#isOversized) {
      this.#block.bytes.copyWithin(0, this.#start, this.#end)
    } else {
      const block = this.#blocks.tryTake(large ? held * 2 + this.#blocks.size : undefined)
      if (!block) return
      this.bytes.copy(block.bytes)
      this.#block?.release()
      this.#block = block
    }
    this.#start = 0
    this.#end = held
  }
}
