/**
 * Compression of a file while it is written: a draft around the draft of the file system. The bytes of a file follow from
 * its events alone, however these came: nothing is flushed before the end, no bytes are compressed twice, and no time is
 * written into it.
 */
import { pipeline, type Readable, type Transform } from 'node:stream'
import { finished } from 'node:stream/promises'
import { constants, createGunzip, createGzip } from 'node:zlib'
import { assert } from '../../errors.js'
import type { Retry } from '../retry.js'
import type { Draft, Finished } from './filesystem.js'

/** A way to compress a whole file. */
export interface Codec {
  /** The end of names by which readers know it: `.gz` */
  readonly suffix: string
  /** Plain bytes in, those of the file out, which depend on nothing else, nor on how the plain ones are cut. */
  stream(): Transform
  /** The other way, of a file that ends anywhere. */
  expand(): Transform
}

export type CodecName = 'none' | 'gzip'

export const CODECS: Readonly<Record<CodecName, Codec | undefined>> = {
  none: undefined,
  // Logs, 5 kinds, one core: level 1 gives 8.2 : 1 at 250 MB/s, 3 8.5 at 228, 4 9.4 at 137, 6 10.2 at 92. memLevel 7 in
  // place of 8 changes neither, and takes 64 KiB less for each file.
  gzip: { suffix: '.gz', stream: () => createGzip({ level: 3, memLevel: 7 }), expand: () => createGunzip({ finishFlush: constants.Z_SYNC_FLUSH }) },
}

/** A draft that takes plain bytes. `retry`: for what is written at the end, since finish() is called once. */
export function compressed(draft: Draft, codec: Codec | undefined, retry: Retry): Draft {
  return codec === undefined ? draft : new CompressedDraft(draft, codec, retry)
}

/** The plain bytes of a file, of which the end may be missing. */
export function expanded(bytes: Readable, name: CodecName): AsyncIterable<Buffer> {
  const codec = CODECS[name]
  return codec === undefined ? bytes : pipeline(bytes, codec.expand(), () => undefined) // whoever reads it is told
}

class CompressedDraft implements Draft {
  /** Made when the first block is full: most of a file's memory is here. */
  #stream: Transform | undefined
  /** Plain bytes that the stream has. */
  #taken = 0
  /** What came out of it and is not in the draft yet. */
  #waiting: Buffer[] = []
  #written = 0

  constructor(
    readonly draft: Draft,
    readonly codec: Codec,
    readonly retry: Retry,
  ) {}

  get path(): string {
    return this.draft.path
  }

  /** After a failure it may be called with the same bytes again: they are compressed by then, and wait. */
  async write(pieces: readonly Uint8Array[], at: number): Promise<void> {
    const size = sizeOf(pieces)
    if (at === this.#taken) await this.#compress(Buffer.concat(pieces, size)) // one call for all: small ones halve the speed
    assert(at + size === this.#taken)
    await this.#writeWaiting()
  }

  sync(): Promise<void> {
    return this.draft.sync()
  }

  async finish(size: number): Promise<Finished> {
    assert(size === this.#taken)
    const stream = this.#opened()
    stream.end()
    await finished(stream)
    await this.retry.until(`cannot write ${this.path}`, () => this.#writeWaiting(true))
    return await this.draft.finish(this.#written)
  }

  async discard(): Promise<void> {
    this.#stream?.destroy()
    await this.draft.discard()
  }

  async leave(): Promise<void> {
    this.#stream?.destroy()
    await this.draft.leave()
  }

  async committed(): Promise<void> {
    await this.draft.committed()
  }

  #opened(): Transform {
    if (this.#stream !== undefined) return this.#stream
    const stream = this.codec.stream()
    stream.on('data', (bytes: Buffer) => this.#waiting.push(bytes))
    stream.on('error', () => undefined) // whoever writes or ends it is told
    this.#stream = stream
    return stream
  }

  async #compress(bytes: Buffer): Promise<void> {
    const stream = this.#opened()
    await new Promise<void>((resolve, reject) => stream.write(bytes, (error) => (error ? reject(error) : resolve())))
    this.#taken += bytes.length
  }

  async #writeWaiting(isLast = false): Promise<void> {
    const pieces = [...this.#waiting]
    if (pieces.length === 0) return
    await this.draft.write(pieces, this.#written, isLast)
    this.#written += sizeOf(pieces)
    this.#waiting.splice(0, pieces.length) // more may have come meanwhile
  }
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((size, { length }) => size + length, 0)
}
