/**
 * Bodies to and from a DataNode, over node:http(s): it sends `100 Continue` unasked, on which undici closes the connection.
 */
import { request as httpRequest, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { DiskFile } from '../../../disk/disk.js'
import { FlumeError } from '../../../errors.js'
import { failureOf, HdfsFailure, lostAnswer } from './failure.js'

/** Where a NameNode has sent us: the path byte for byte as it came. */
export interface Location {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  readonly path: string
}

export function parseLocation(text: string): Location {
  const match = /^(https?):\/\/(\[[^\]]+\]|[^/:]+):(\d+)(\/.*)$/.exec(text)
  if (match === null) throw lostAnswer('the NameNode', new Error(`what it gave as a location is none: ${JSON.stringify(text)}`))
  const [, scheme, host = '', port, path = ''] = match
  // the NameNode leaves what is not ASCII as it is, where node:http takes none
  const escaped = path.replace(/[^\x21-\x7e]+/g, encodeURIComponent)
  return { secure: scheme === 'https', host: host.replace(/[[\]]/g, ''), port: Number(port), path: escaped }
}

const CHUNK_SIZE = 256 * 1024

/**
 * Sends bytes [0, size) of the file; returns when they are written, closed and synced there (201). After HdfsFailure a file
 * may be there, or come to be there, with all of the bytes or some. `timeout`: ms without progress
 */
export async function upload(location: Location, file: DiskFile, size: number, timeout: number): Promise<void> {
  const from = `${location.host}:${location.port}`
  const headers = { 'content-length': size, 'content-type': 'application/octet-stream', 'x-xsrf-header': '""' }
  const { request, answer } = begin(location, 'PUT', headers, timeout)
  let answered = false
  void answer.then(() => (answered = true), () => (answered = true))
  const blocks = [Buffer.allocUnsafeSlow(CHUNK_SIZE), Buffer.allocUnsafeSlow(CHUNK_SIZE)] as const
  try {
    let sent: Promise<void> = Promise.resolve()
    for (let at = 0, turn = 0; at < size && !answered; turn ^= 1) {
      const block = blocks[turn as 0 | 1]
      const count = await file.read(block.subarray(0, Math.min(block.length, size - at)), at)
      if (count === 0) throw new FlumeError('IO', `cannot read the spool: it ends at byte ${at} of ${size}`)
      await sent
      sent = send(request, block.subarray(0, count), answer)
      sent.catch(() => undefined)
      at += count
    }
    await sent
    request.end()
    const { status, body } = await answer
    if (status !== 201) throw failureOf(status, body, from)
  } catch (error) {
    throw error instanceof HdfsFailure || error instanceof FlumeError ? error : lostAnswer(from, error)
  } finally {
    request.destroy()
  }
}

/** The JSON that a DataNode answers. Throws HdfsFailure. `timeout`: ms without progress */
export async function fetchJson(location: Location, timeout: number): Promise<unknown> {
  const from = `${location.host}:${location.port}`
  const { request, answer } = begin(location, 'GET', {}, timeout)
  request.end()
  const { status, body } = await answer.catch((error: unknown) => {
    throw lostAnswer(from, error)
  })
  if (status !== 200) throw failureOf(status, body, from)
  try {
    return JSON.parse(body) as unknown
  } catch (error) {
    throw lostAnswer(from, error)
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

interface Exchange {
  readonly request: ClientRequest
  readonly answer: Promise<Answer>
}

function begin({ secure, host, port, path }: Location, method: 'GET' | 'PUT', headers: OutgoingHttpHeaders, timeout: number): Exchange {
  const request = (secure ? httpsRequest : httpRequest)({ host, port, path, method, headers, agent: false })
  request.setTimeout(timeout, () => request.destroy(new Error(`silent for ${timeout / 1000} s`)))
  const answer = new Promise<Answer>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      textOf(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    })
    request.on('close', () => reject(new Error('the connection was closed without an answer')))
  })
  answer.catch(() => undefined)
  return { request, answer }
}

/** Resolves when the bytes may be used again, or when an answer makes more of them pointless. */
function send(request: ClientRequest, bytes: Buffer, answer: Promise<Answer>): Promise<void> {
  return new Promise((resolve, reject) => {
    answer.then(() => resolve(), reject)
    request.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}
