/** HTTP/1.1 as bytes on a socket, RFC 9112: where a head ends and where a body ends, and nothing else is touched. */
import type { Socket } from 'node:net'

export interface Head {
  /** With the empty line. */
  readonly bytes: Buffer
  /** The words of the first line: method, target and version, or version, status and its text. */
  readonly start: readonly string[]
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
}

/** Bytes of a body as they came; sizes and ends of chunks are no content. */
export interface Piece {
  readonly bytes: Buffer
  readonly isContent: boolean
}

/** Bytes, chunks, or all that comes until the connection ends. */
type Framing = number | 'chunked' | 'rest'

/** The other side has gone in the middle of a message. */
export class CutError extends Error {}

const CHUNKS_AHEAD = 4

export class Wire {
  #rest: Buffer = Buffer.alloc(0)
  #chunks: Buffer[] = []
  #ended = false
  #wake: () => void = () => {}

  constructor(readonly socket: Socket) {
    socket.setNoDelay(true)
    socket.on('error', () => {}) // each read and write tells it
    // read ahead: a write that fails closes the socket, and with it goes what nobody has taken yet, maybe the answer that tells why
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      if (this.#chunks.length >= CHUNKS_AHEAD) socket.pause()
      this.#wake()
    })
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#ended = true
        this.#wake()
      })
    }
  }

  /** Undefined where none comes whole. */
  async head(): Promise<Head | undefined> {
    let end: number
    while ((end = this.#rest.indexOf('\r\n\r\n')) < 0) if (!(await this.#more())) return undefined
    const bytes = this.#take(end + 4)
    const [start, ...lines] = bytes.toString('latin1').trimEnd().split('\r\n')
    const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const)
    return { bytes, start: start!.split(' '), headers: new Map(headers) }
  }

  /** The body of a request that began with `head`. Throws CutError. */
  requestBody(head: Head): AsyncGenerator<Piece> {
    return this.#body(framingOf(head) ?? 0)
  }

  /** The body of the answer to a request with `method`. Throws CutError. */
  answerBody(head: Head, method: string): AsyncGenerator<Piece> {
    const none = method === 'HEAD' || ['204', '304'].includes(head.start[1]!)
    return this.#body(none ? 0 : (framingOf(head) ?? 'rest'))
  }

  /** False where the other side has gone. */
  write(bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      this.socket.write(bytes, (error) => resolve(!error))
    })
  }

  /** Says that nothing more comes, reads on to the end of the other side, and lets go: no reset, which could overtake what is under way. */
  async finish(): Promise<void> {
    this.socket.end()
    while (await this.#more()) this.#rest = Buffer.alloc(0)
    this.socket.destroy()
  }

  async *#body(framing: Framing): AsyncGenerator<Piece> {
    if (framing === 'chunked') yield* this.#chunked()
    let left = framing === 'rest' ? Infinity : framing === 'chunked' ? 0 : framing
    while (left > 0) {
      if (this.#rest.length === 0 && !(await this.#more())) {
        if (left === Infinity) return
        throw new CutError(`${left} bytes before the end`)
      }
      const bytes = this.#take(Math.min(left, this.#rest.length))
      left -= bytes.length
      yield { bytes, isContent: true }
    }
  }

  async *#chunked(): AsyncGenerator<Piece> {
    for (;;) {
      const line = await this.#line()
      yield { bytes: line, isContent: false }
      const size = parseInt(line.toString('latin1'), 16)
      if (size === 0) break
      yield* this.#body(size)
      yield { bytes: await this.#line(), isContent: false }
    }
    for (;;) {
      const trailer = await this.#line()
      yield { bytes: trailer, isContent: false }
      if (trailer.length === 2) return
    }
  }

  /** With its end. */
  async #line(): Promise<Buffer> {
    let end: number
    while ((end = this.#rest.indexOf('\r\n')) < 0) if (!(await this.#more())) throw new CutError('within a chunk')
    return this.#take(end + 2)
  }

  #take(size: number): Buffer {
    const bytes = this.#rest.subarray(0, size)
    this.#rest = this.#rest.subarray(size)
    return bytes
  }

  async #more(): Promise<boolean> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return false
      const woken = new Promise<void>((resolve) => (this.#wake = resolve))
      this.socket.resume()
      await woken
    }
    this.#rest = Buffer.concat([this.#rest, ...this.#chunks])
    this.#chunks = []
    return true
  }
}

function framingOf({ headers }: Head): Framing | undefined {
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return 'chunked'
  const length = headers.get('content-length')
  return length === undefined ? undefined : Number(length)
}
