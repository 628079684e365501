/** Headers that many events came with, as text and as bytes: made once for all of them, and never changed. */
import { headOf, quoted } from '../events/json.js'

const HEAD_END_SIZE = '},"body":"'.length
/** Headers that are looked up one by one; of more there is an index. */
const SCANNED_MAX = 32

export class Given {
  static readonly NONE = new Given(new Map(), [])
  readonly names: readonly string[]
  readonly texts: readonly string[]
  /** Names of those whose text is JSON as it stands. */
  readonly json: ReadonlySet<string>
  /** The head of a line with these, up to the last of them. */
  readonly begun: Buffer
  /** Where the text of each ends in it, and its size there; bytes. */
  readonly textEnds: readonly number[]
  readonly textSizes: readonly number[]
  #index: Map<string, number> | undefined

  private constructor(readonly headers: ReadonlyMap<string, string>, json: readonly string[]) {
    this.names = [...headers.keys()]
    this.texts = [...headers.values()]
    this.json = new Set(json)
    this.begun = headers.size === 0 ? Buffer.from('{"headers":{') : headOf(headers).subarray(0, -HEAD_END_SIZE)
    this.textSizes = this.texts.map((text) => Buffer.byteLength(quoted(text)) - 2)
    let end = '{"headers":{'.length - 1 // each name has a comma before it, but for the first
    this.textEnds = this.names.map((name, n) => {
      end += keySize(name) + this.textSizes[n]! + 1
      return end - 1
    })
  }

  static of(headers: ReadonlyMap<string, string>, json: readonly string[] = []): Given {
    return headers.size === 0 ? Given.NONE : new Given(headers, json)
  }

  get size(): number {
    return this.names.length
  }

  /** -1: it is none of them. */
  indexOf(name: string): number {
    if (this.size <= SCANNED_MAX) return this.names.indexOf(name)
    this.#index ??= new Map(this.names.map((each, n) => [each, n]))
    return this.#index.get(name) ?? -1
  }

  get(name: string): string | undefined {
    return this.headers.get(name)
  }
}

const KEYS_MAX = 1000
const KEY_SIZE_MAX = 256
const keys = new Map<string, Buffer>()

function keySize(name: string): number {
  return Buffer.byteLength(quoted(name)) + ',:"'.length
}

/** `,"name":"` */
export function keyOf(name: string): Buffer {
  const known = keys.get(name)
  if (known !== undefined) return known
  const key = Buffer.from(`,${quoted(name)}:"`)
  if (name.length > KEY_SIZE_MAX) return key
  if (keys.size >= KEYS_MAX) keys.clear()
  keys.set(name, key)
  return key
}
