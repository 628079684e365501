/** The messages on the socket of a pipe, flume-pipe(7): one JSON object a line. */
import { isPosition, type Position } from '../events/batch.js'
import type { Follows } from '../events/binding.js'
import type { Held } from '../events/flow.js'
import { FlumeError } from '../errors.js'

export const PROTOCOL_VERSION = 1
export const MESSAGE_BYTES_MAX = 1024 * 1024

export interface ReaderHello {
  readonly t: 'hello'
  readonly version: number
  readonly command: string
  readonly pid: number
  readonly keeps: boolean
  /** False: it gives no acks, as it only looks, or its own reader gives none. */
  readonly acks?: boolean
  readonly binding?: string
  readonly follows?: Follows
  /** The reader's binding has changed on purpose (--rebind). */
  readonly rebind?: boolean
}

export interface WriterHello {
  readonly t: 'hello'
  readonly version: number
  readonly command: string
  readonly pid: number
  readonly nonce: string
  readonly void: number | 'all'
}

export interface Have {
  readonly t: 'have'
  readonly positions: Readonly<Record<string, readonly Position[]>>
  readonly more?: true
}

export type UpMessage =
  | ReaderHello
  | Have
  | { readonly t: 'ack'; readonly mark: number }
  /** It gets on, though there is no ack yet. */
  | { readonly t: 'progress' }
  | { readonly t: 'bye' }

export type DownMessage =
  | WriterHello
  | { readonly t: 'ask'; readonly prefix: string }
  /** `mark`: the number of the last one sent, all up to which is to be made final. */
  | { readonly t: 'flush'; readonly mark: number }
  | { readonly t: 'bye'; readonly last: number }

/** Throws VERSION where the other end, which is called so, speaks another one. */
export function checkVersion(name: string, version: number): void {
  if (version === PROTOCOL_VERSION) return
  throw new FlumeError('VERSION', `cannot talk to ${name}: it speaks version ${version} of flume-pipe(7), this is version ${PROTOCOL_VERSION}`)
}

export function encode(message: UpMessage | DownMessage): string {
  return `${JSON.stringify(message)}\n`
}

type Shape = Readonly<Record<string, 'number' | 'string' | 'boolean' | 'positions'>>
const UP: Readonly<Record<UpMessage['t'], Shape>> = {
  hello: { version: 'number', command: 'string', pid: 'number', keeps: 'boolean' },
  have: { positions: 'positions' },
  ack: { mark: 'number' },
  progress: {},
  bye: {},
}
const DOWN: Readonly<Record<DownMessage['t'], Shape>> = {
  hello: { version: 'number', command: 'string', pid: 'number', nonce: 'string' },
  ask: { prefix: 'string' },
  flush: { mark: 'number' },
  bye: { last: 'number' },
}

/** One line that came up, from a reader; undefined for a kind of message this version does not know. Throws VERSION when it is malformed. */
export function decodeUp(line: string): UpMessage | undefined {
  return decode(line, UP) as UpMessage | undefined
}

/** One line that came down, from a writer. */
export function decodeDown(line: string): DownMessage | undefined {
  return decode(line, DOWN) as DownMessage | undefined
}

function decode(line: string, shapes: Readonly<Record<string, Shape>>): object | undefined {
  let message: Record<string, unknown>
  try {
    message = (JSON.parse(line) as Record<string, unknown> | null) ?? {}
  } catch (cause) {
    throw new FlumeError('VERSION', 'cannot understand the other end of the pipe', { cause })
  }
  const shape = typeof message.t === 'string' && Object.hasOwn(shapes, message.t) ? shapes[message.t] : undefined
  if (shape === undefined) return undefined
  for (const [key, type] of Object.entries(shape)) {
    if (type === 'positions' ? !arePositions(message[key]) : typeof message[key] !== type) {
      throw new FlumeError('VERSION', `cannot understand the other end of the pipe: ${String(message.t)} without ${key}`)
    }
  }
  return message
}

function arePositions(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).every((places) => Array.isArray(places) && places.every(isPosition))
}

/** A table of positions as messages, none longer than allowed. */
export function* haveMessages(held: Held): Generator<Have> {
  let positions: (readonly [string, readonly Position[]])[] = []
  let size = 0
  for (const [partition, places] of held) {
    const more = Buffer.byteLength(JSON.stringify(places)) + partition.length + 8
    if (size + more > MESSAGE_BYTES_MAX - 64) {
      yield { t: 'have', positions: Object.fromEntries(positions), more: true }
      positions = []
      size = 0
    }
    positions.push([partition, places]) // of an object it might be the prototype
    size += more
  }
  yield { t: 'have', positions: Object.fromEntries(positions) }
}
