/**
 * Heads of event lines, the bytes before the body, parsed once each: lines that share theirs, but for the digits of the
 * timestamp, share their headers too. So most lines cost a look-up.
 */
import { headAt, parseEvent, type LineHead } from './json.js'

/** Of one line. */
export interface Head extends LineHead {
  /** The same object for lines that differ in their timestamps alone: do not take that from here. */
  readonly headers: ReadonlyMap<string, string>
  readonly timestamp: string | undefined
}

const KEPT_MAX = 4096
/** Bytes of those that are kept, which take several times that; and of one of them: a longer one is parsed for each line. */
const KEPT_SIZE_MAX = 4 * 1024 * 1024
const HEAD_SIZE_MAX = 16 * 1024
const BODY_KEY = Buffer.from('"body":"')
const HEAD_CLOSE = Buffer.from('"}')
const TIMESTAMP = /[{,]"timestamp":"(\d{1,16})"/
const TIMESTAMP_KEY = /timestamp"\s*:/g

export class Heads {
  /** By the text of a head, without the digits of its timestamp where these are its only difference. */
  readonly #kept = new Map<string, Omit<Head, 'bytes' | 'timestamp'>>()
  #keptSize = 0
  #last: Head | undefined

  /** True: the head found last is that of the line before, too. */
  repeated = false

  /** `base64`: also of lines whose body is that; else they must be parsed as a whole. */
  constructor(readonly base64 = false) {}

  /** The head of the line [at, end); undefined: the line must be parsed as a whole. */
  find(lines: Buffer, at: number, end: number): Head | undefined {
    const size = this.#last?.bytes.length ?? Infinity
    this.repeated = end - at >= size && lines.compare(this.#last!.bytes, 0, size, at, at + size) === 0
    if (this.repeated) return this.#last
    const key = lines.subarray(at, end).indexOf(BODY_KEY) // not beyond the line, or a block without any would be searched for each
    if (key < 0) return undefined
    const headEnd = at + key + BODY_KEY.length
    const text = lines.toString('latin1', at, headEnd)
    const bytes = Buffer.from(lines.subarray(at, headEnd))
    this.#last = this.#look(text, bytes) ?? this.#parse(text, lines, at)
    return this.#last
  }

  #look(text: string, bytes: Buffer): Head | undefined {
    const own = digitsOf(text)
    const shared = own && this.#kept.get(own.others)
    if (shared !== undefined) return { bytes, ...shared, timestamp: own?.digits }
    const known = this.#kept.get(text)
    return known && { bytes, ...known, timestamp: known.headers.get('timestamp') }
  }

  #parse(text: string, lines: Buffer, at: number): Head | undefined {
    const head = headAt(lines, at)
    if (head === undefined || (head.base64 && !this.base64)) return undefined
    const { headers } = parseEvent(Buffer.concat([head.bytes, HEAD_CLOSE]))
    const timestamp = headers.get('timestamp')
    const own = digitsOf(text)
    this.#keep(own !== undefined && own.digits === timestamp ? own.others : text, { headers, base64: head.base64 })
    return { ...head, headers, timestamp }
  }

  #keep(text: string, head: Omit<Head, 'bytes' | 'timestamp'>): void {
    if (text.length > HEAD_SIZE_MAX) return
    if (this.#kept.size >= KEPT_MAX || this.#keptSize + text.length > KEPT_SIZE_MAX) {
      this.#kept.clear()
      this.#keptSize = 0
    }
    this.#kept.set(text, head)
    this.#keptSize += text.length
  }
}

/** Nothing but the body follows the head of the line [at, end): so its headers are those of the head. */
export function endsWithBody(lines: Buffer, at: number, end: number, { bytes }: Head): boolean {
  for (let index = at + bytes.length; index < end; index++) {
    const byte = lines[index]
    if (byte === 0x22) return index === end - 3 && lines[index + 1] === 0x7d
    if (byte === 0x5c) index++
  }
  return false
}

/**
 * The digits of the one timestamp in the text of a head, and what is around them; undefined: there is none, or there may be
 * more. That it is the one of the headers is seen when it is parsed: they have it too, and nothing else here can be it.
 */
function digitsOf(text: string): { readonly digits: string; readonly others: string } | undefined {
  const match = TIMESTAMP.exec(text)
  if (match === null || text.includes('\\u') || text.match(TIMESTAMP_KEY)?.length !== 1) return undefined
  const [whole, digits = ''] = match
  const at = match.index + whole.length - 1 - digits.length
  return { digits, others: `${text.slice(0, at)}\n${text.slice(at + digits.length)}` } // no head has a newline
}
