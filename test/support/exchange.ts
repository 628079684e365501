/** One request through a proxy, and its answer, with the fault that it is to meet. */
import type { Socket } from 'node:net'
import { setImmediate as immediate } from 'node:timers/promises'
import { answerOf, type Fault } from './faults.js'
import { CutError, Wire, type Head, type Piece } from './wire.js'

export interface Exchange {
  readonly client: Wire
  readonly head: Head
  /** A new connection to the server. */
  open(): Socket
  /** An address of a DataNode, http://host:port, to that of the proxy in front of it. */
  front(address: string): Promise<string>
  /** Bytes of the request's body that have come. */
  count(size: number): void
  /** What the server says. */
  answered(status: number): void
  /** The answer is there, or half of the request; ends when it may go. */
  hold(): Promise<void>
}

/** An answer, of which the head is here and the body comes. */
interface Answer {
  readonly head: Head
  readonly body: AsyncGenerator<Piece>
  readonly server: Wire
  /** Ends once all of the request was read. */
  readonly sent: Promise<void>
}

/** An answer as it is passed on. */
interface Message {
  readonly head: Buffer
  readonly body: Buffer
}

/** False: the connection to the client has come to its end. */
export async function exchange(turn: Exchange, fault: Fault | undefined): Promise<boolean> {
  try {
    return await perform(turn, fault)
  } catch (error) {
    if (!(error instanceof CutError)) throw error
    return drop(turn)
  }
}

async function perform(turn: Exchange, fault: Fault | undefined): Promise<boolean> {
  const { client } = turn
  if (fault === undefined) return relay(turn, await ask(turn, bodyOf(turn)))
  if (fault === 'drop-before') return drop(turn)
  if (fault === 'pause') return relay(turn, await ask(turn, paused(turn)))
  if (fault === 'drop-half') {
    await askHalf(turn)
    return drop(turn)
  }
  if (fault === 'duplicate') {
    const body: Piece[] = []
    await whole(turn, await ask(turn, kept(bodyOf(turn), body)))
    return relay(turn, await ask(turn, replayed(body), { interim: false }))
  }
  if (typeof fault === 'object' && !fault.after) {
    for await (const piece of bodyOf(turn)) void piece
    return client.write(answerOf(fault))
  }
  const answer = await ask(turn, bodyOf(turn))
  const { head, body } = await whole(turn, answer)
  if (fault === 'drop-after') return drop(turn)
  if (fault === 'truncate') {
    await client.write(body.length === 0 ? head.subarray(0, head.length >> 1) : Buffer.concat([head, body.subarray(0, body.length >> 1)]))
    return drop(turn)
  }
  if (typeof fault === 'object') return client.write(answerOf(fault))
  await turn.hold()
  await client.write(Buffer.concat([head, body]))
  return settle(turn, answer, false)
}

function drop({ client }: Exchange): boolean {
  client.socket.destroy()
  return false
}

/** Sends the request and passes on what comes before the answer: the 100 of a DataNode, which waits for no body. */
async function ask(turn: Exchange, body: AsyncIterable<Piece>, { head = turn.head.bytes, interim = true } = {}): Promise<Answer> {
  const server = new Wire(turn.open())
  const sent = send(server, head, body)
  sent.catch(() => {}) // told to whoever waits for it
  for (;;) {
    const answer = await server.head()
    if (answer === undefined) {
      server.socket.destroy()
      throw new CutError('no answer')
    }
    if (answer.start[1]!.startsWith('1')) {
      if (interim) await turn.client.write(answer.bytes)
      continue
    }
    turn.answered(Number(answer.start[1]))
    return { head: answer, body: server.answerBody(answer, turn.head.start[0]!), server, sent }
  }
}

/** Reads the request to its end also where the server takes no more of it. */
async function send(server: Wire, head: Buffer, body: AsyncIterable<Piece>): Promise<void> {
  try {
    await server.write(head)
    for await (const { bytes } of body) {
      // first what has come from there is taken: a write that fails closes the socket, with the answer that tells why still in it
      await immediate()
      await server.write(bytes)
    }
  } catch (error) {
    server.socket.end() // as the client has gone, so do we; what the server says to it is still read
    throw error
  }
}

/** The server sees half of it, and the end of the connection. */
async function askHalf(turn: Exchange): Promise<void> {
  const { bytes, headers } = turn.head
  const hasBody = headers.has('transfer-encoding') || Number(headers.get('content-length') ?? 0) > 0
  const answer = await ask(turn, halved(turn), hasBody ? {} : { head: bytes.subarray(0, bytes.length >> 1) })
  answer.server.socket.destroy()
}

/** Half of its content (of chunks: half of what came first), and then a cut. */
async function* halved(turn: Exchange): AsyncGenerator<Piece> {
  let left = Number(turn.head.headers.get('content-length') ?? 0) >> 1
  for await (const piece of bodyOf(turn)) {
    if (piece.isContent && turn.head.headers.has('transfer-encoding')) left = piece.bytes.length >> 1
    yield piece.isContent ? { bytes: piece.bytes.subarray(0, left), isContent: true } : piece
    left -= piece.isContent ? piece.bytes.length : 0
    if (piece.isContent && left <= 0) break
  }
  throw new CutError('half')
}

/** All of it, with a rest in the middle. */
async function* paused(turn: Exchange): AsyncGenerator<Piece> {
  let left = Number(turn.head.headers.get('content-length') ?? 0) >> 1
  for await (const { bytes, isContent } of bodyOf(turn)) {
    const first = Math.min(left, bytes.length)
    yield { bytes: bytes.subarray(0, first), isContent }
    left -= first
    if (first === bytes.length) continue
    if (left === 0) await turn.hold()
    yield { bytes: bytes.subarray(first), isContent }
  }
}

/** The whole request, and the whole answer. */
async function whole(turn: Exchange, answer: Answer): Promise<Message> {
  const message = await collect(turn, answer)
  await answer.sent
  return message
}

/** Passes the answer on, as it comes unless an address in it is to be replaced. */
async function relay(turn: Exchange, answer: Answer): Promise<boolean> {
  const { client } = turn
  const { head, body, server, sent } = answer
  let early = true
  void sent.then(() => (early = false)).catch(() => {})
  if (mayHoldAddress(head)) {
    const message = await collect(turn, answer)
    await client.write(Buffer.concat([message.head, message.body]))
  } else {
    await client.write(head.bytes)
    for await (const { bytes } of body) await client.write(bytes)
    server.socket.destroy()
  }
  return settle(turn, answer, early)
}

/** After the answer: ends the connection to the client where the server would. `early`: the request is still under way. */
async function settle({ client }: Exchange, { head: { headers }, sent }: Answer, early: boolean): Promise<boolean> {
  const isFramed = headers.has('content-length') || headers.has('transfer-encoding')
  if (isFramed && !early && headers.get('connection')?.toLowerCase() !== 'close') return true
  client.socket.end()
  await sent
  await client.finish()
  return false
}

/** Where the address of a DataNode was replaced, the body is no longer in chunks. */
async function collect(turn: Exchange, { head, body, server }: Answer): Promise<Message> {
  const pieces: Piece[] = []
  for await (const piece of body) pieces.push(piece)
  server.socket.destroy()
  const wire = Buffer.concat(pieces.map(({ bytes }) => bytes))
  const content = Buffer.concat(pieces.filter(({ isContent }) => isContent).map(({ bytes }) => bytes)).toString()
  const header = /^(location: *)(http:\/\/[^/\r]+)/im.exec(head.bytes.toString('latin1'))
  const field = /^(\{"Location":")(http:\/\/[^/"]+)/.exec(content)
  if (header !== null) return { head: replace(head.bytes.toString('latin1'), header[0], header[1]! + (await turn.front(header[2]!))), body: wire }
  if (field === null) return { head: head.bytes, body: wire }
  const text = replace(content, field[0], field[1]! + (await turn.front(field[2]!)), 'utf8')
  const others = head.bytes.toString('latin1').replace(/^(content-length|transfer-encoding):.*\r\n/gim, '')
  return { head: replace(others, '\r\n\r\n', `\r\ncontent-length: ${text.length}\r\n\r\n`), body: text }
}

function mayHoldAddress({ headers }: Head): boolean {
  return headers.has('location') || headers.get('content-type')?.startsWith('application/json') === true
}

function replace(text: string, part: string, by: string, encoding: BufferEncoding = 'latin1'): Buffer {
  return Buffer.from(text.replace(part, () => by), encoding)
}

async function* bodyOf({ client, head, count }: Exchange): AsyncGenerator<Piece> {
  for await (const piece of client.requestBody(head)) {
    if (piece.isContent) count(piece.bytes.length)
    yield piece
  }
}

async function* kept(body: AsyncIterable<Piece>, into: Piece[]): AsyncGenerator<Piece> {
  for await (const piece of body) {
    into.push(piece)
    yield piece
  }
}

async function* replayed(pieces: readonly Piece[]): AsyncGenerator<Piece> {
  yield* pieces
}
