/** An entry of a rejects file, flume-event(5), as one line of JSON and back; and what tells that two entries are of one line. */
import { hash } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { FlumeError } from '../errors.js'
import { isPosition, type Position } from './batch.js'

export interface Refusal {
  readonly reason: string
  readonly partition: string
  /**
   * Just after the line, its own: a line that comes again has the same, and no other line has. Null: that cannot be told. Of a line
   * without a place behind it: that before it, and `nth`, which line after that it is, from 1.
   */
  readonly position: Position | null
  /** Which line of its input it is, from 1; of one that came without marks, where that is known. */
  readonly nth?: number | undefined
  /** The line is no event line, but the body of an event that would have had these. */
  readonly headers?: ReadonlyMap<string, string>
}

export interface Rejected extends Refusal {
  /** ms since the epoch */
  readonly time: number
  readonly line: Buffer
  /** `line` is this part of a line, from 0, and more of it follows. */
  readonly part: number
  readonly more: boolean
}

/** What is read back of one. */
export interface Entry extends Pick<Rejected, 'line' | 'partition' | 'headers' | 'part' | 'more'> {
  /** Undefined: nobody can tell whether it is another one with the same line. */
  readonly position: Position | undefined
}

/** `plain`: a program that is no flume stage, as the partition of its lines. */
export const PLAIN = 'plain'

/** What a command that is strict does with it. Throws BAD_EVENT. */
export function refuse({ reason, partition, position, nth }: Refusal): never {
  const where = position === null ? '' : `, before ${position.offset}`
  const line = nth !== undefined ? `line ${nth}` : partition === PLAIN ? 'a line' : `a line of ${partition}${where}`
  throw new FlumeError('BAD_EVENT', `cannot take ${line}: ${reason}`)
}

/** Equal for two entries of one line, and for no others; `chain` stands for its bytes. */
export function identityOf(partition: string, { offset, nth }: Position, chain: Uint8Array | string): string {
  const place = typeof nth === 'number' ? `${offset}+${nth}` : offset
  return digestOf(`${partition} ${place} ${typeof chain === 'string' ? chain : digestOf(chain)}`)
}

function digestOf(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'base64url')
}

/** With its \n. */
export function encodeEntry({ time, reason, partition, position, headers, line, part, more }: Rejected): Buffer {
  const encoding = isUtf8(line) ? 'utf8' : 'base64'
  const entry = {
    time: new Date(time).toISOString(),
    reason,
    partition,
    position,
    ...(headers !== undefined && part === 0 ? { headers: Object.fromEntries(headers) } : {}),
    ...(part > 0 || more ? { part, more } : {}),
    ...(encoding === 'base64' ? { encoding } : {}),
    line: line.toString(encoding),
  }
  return Buffer.from(`${JSON.stringify(entry)}\n`)
}

/** Why it is none, where it is none. Of what a person wrote, `line` is enough. */
export function decodeEntry(bytes: Buffer): Entry | string {
  const entry = objectOf(bytes)
  if (entry === undefined) return 'it is no JSON object'
  const { line, encoding, headers, partition = '', position, part = 0, more = false } = entry
  if (typeof line !== 'string') return 'it has no line'
  if (typeof partition !== 'string' || typeof part !== 'number' || typeof more !== 'boolean') return 'partition, part or more is no such thing'
  if (headers !== undefined && !isTexts(headers)) return 'its headers are no texts'
  return {
    line: Buffer.from(line, encoding === 'base64' ? 'base64' : 'utf8'),
    position: isPosition(position) ? position : undefined,
    partition,
    part,
    more,
    ...(headers !== undefined && { headers: new Map(Object.entries(headers)) }),
  }
}

function objectOf(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((one) => typeof one === 'string')
}
