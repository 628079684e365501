/**
 * Bodies to and from a DataNode, over node:http(s): it sends `100 Continue` unasked, on which undici closes the connection.
 */
import { request as httpRequest, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Body } from './bytes.js'
import { failureOf, HdfsFailure, lostAnswer } from './failure.js'
import { CONNECTING, silentFor, whenStopping } from './silence.js'

/** Where a NameNode has sent us: the path byte for byte as it came. */
export interface Location {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  readonly path: string
}

/** Throws where no connection can lead there. */
export function parseLocation(text: string): Location {
  const [, scheme, host = '', digits, path = ''] = /^(https?):\/\/(\[[\w:.%]+\]|[\w.-]+):(\d+)(\/.*)$/.exec(text) ?? []
  const port = Number(digits)
  if (!(port >= 1 && port <= PORT_MAX)) throw new Error(`what it gave as a location is none: ${JSON.stringify(text)}`)
  // the NameNode leaves what is not ASCII as it is, where node:http takes none
  const escaped = path.replace(/[^\x21-\x7e]+/g, encodeURIComponent)
  return { secure: scheme === 'https', host: host.replace(/[[\]]/g, ''), port, path: escaped }
}

const PORT_MAX = 65_535
/** Bytes of the line that a request begins with; a DataNode answers what is longer with a 400 that tells nothing. */
const LINE_SIZE_MAX = 4096
const CHUNK_SIZE = 1024 * 1024
/** More than the buffers on the way hold. */
const PROGRESS_EACH = 8 * 1024 * 1024

/** How long a request may be silent. */
export interface Patience {
  /** ms without progress */
  readonly timeout: number
  /** Aborted: the sink is to stop, and has less patience. */
  readonly stop: AbortSignal
  /** So much has been taken, and not only by the buffers on the way, that it will come to an end. */
  onProgress(): void
}

/**
 * Sends the bytes, in chunks where nobody knows yet how many there are; returns when they are written, closed and synced there
 * (201). After HdfsFailure or GivenUp a file may be there, or come to be there, with all of the bytes or some.
 */
export async function send(location: Location, body: Body, patience: Patience): Promise<void> {
  checkLine(location)
  const { size = Infinity } = body
  const length = size === Infinity ? {} : { 'content-length': size }
  const exchange = new Exchange(location, 'PUT', { ...length, 'content-type': 'application/octet-stream' }, patience)
  const blocks = [0, CHUNK_SIZE].map((at) => Buffer.allocUnsafe(Math.min(CHUNK_SIZE, Math.max(0, size - at))))
  try {
    let sent: Promise<void> = Promise.resolve()
    for (let at = 0, turn = 0; at < size && !exchange.isAnswered; turn ^= 1) {
      const block = blocks[turn]!
      const count = await body.fill(block, at)
      if (count === 0) break
      await sent
      sent = exchange.write(block.subarray(0, count))
      at += count
      if (at % PROGRESS_EACH < count && at >= PROGRESS_EACH) patience.onProgress()
    }
    await sent
    await exchange.end(201)
  } finally {
    exchange.close()
  }
}

function checkLine({ host, port, path }: Location): void {
  if (`PUT ${path} HTTP/1.1`.length <= LINE_SIZE_MAX) return
  const message = `${host}:${port}: the path and its parameters are longer than a DataNode takes over WebHDFS (${LINE_SIZE_MAX} bytes)`
  throw new HdfsFailure(message, { outcome: 'CANNOT_CREATE', isOver: true })
}

/** The JSON that a DataNode answers. Throws HdfsFailure. */
export async function fetchJson(location: Location, patience: Patience): Promise<unknown> {
  const exchange = new Exchange(location, 'GET', {}, patience)
  try {
    const body = await exchange.end(200)
    return JSON.parse(body) as unknown
  } catch (error) {
    throw error instanceof HdfsFailure ? error : lostAnswer(exchange.from, error)
  } finally {
    exchange.close()
  }
}

/** One request on a connection of its own. */
class Exchange {
  readonly from: string
  isAnswered = false
  /** False: nothing of the request has arrived. */
  #isConnected = false
  readonly #request: ClientRequest
  /** Never rejects: a connection that ends without an answer is one, too. */
  readonly #answer: Promise<Answer | Error>
  readonly #forget: () => void

  constructor({ secure, host, port, path }: Location, method: 'GET' | 'PUT', headers: OutgoingHttpHeaders, { timeout, stop }: Patience) {
    this.from = `${host}:${port}`
    const begin = secure ? httpsRequest : httpRequest
    const request = begin({ host, port, path, method, headers: { ...headers, 'x-xsrf-header': '""' }, agent: false })
    this.#request = request
    let limit = Math.min(timeout, CONNECTING)
    const allow = (ms: number): void => {
      limit = ms
      request.socket?.setTimeout(ms)
    }
    request.on('socket', (socket) => {
      socket.setTimeout(limit, () => request.destroy(silentFor(limit)))
      socket.once('connect', () => {
        this.#isConnected = true
        if (!stop.aborted) allow(timeout)
      })
    })
    this.#forget = whenStopping(stop, timeout, allow)
    this.#answer = new Promise((resolve) => {
      request.on('error', resolve)
      request.on('response', (response) => {
        textOf(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), resolve)
      })
      request.on('close', () => resolve(new Error('the connection was closed without an answer')))
    })
    void this.#answer.then(() => (this.isAnswered = true))
  }

  /** Resolves when the bytes may be used again; what becomes of them, the answer tells. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      void this.#answer.then(() => resolve())
      this.#request.write(bytes, () => resolve())
    })
  }

  /** The body of the answer, which has this status. Throws HdfsFailure. */
  async end(status: number): Promise<string> {
    this.#request.end()
    const answer = await this.#answer
    if (answer instanceof Error) throw lostAnswer(this.from, answer, this.#isConnected)
    if (answer.status !== status) throw failureOf(answer.status, answer.body, this.from)
    return answer.body
  }

  close(): void {
    this.#forget()
    this.#request.destroy()
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}
