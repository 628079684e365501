/**
 * The elements of a JSON array, or values one behind the other, each as it stands but on one line. Only where a value ends is
 * found here, a byte at a time; whether it is JSON is for JSON.parse().
 */
import { isUtf8 } from 'node:buffer'
import type { ReadableFile } from '../../../disk/disk.js'
import { FlumeError } from '../../../errors.js'
import type { SpoolRecord } from '../records.js'
import { chunksOf, textStart } from './chunks.js'

const [SPACE, QUOTE, COMMA, OPEN, BACKSLASH, CLOSE, OPEN_OBJECT, CLOSE_OBJECT] = [0x20, 0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d]

export async function* jsonValues(log: ReadableFile, from: number, most: number): AsyncGenerator<SpoolRecord> {
  const scan = new Scan()
  let pieces: Buffer[] = []
  let held = 0
  let base = from === 0 ? await textStart(log) : from
  for await (const chunk of chunksOf(log, base)) {
    for (let at = 0; at < chunk.length; ) {
      if (!scan.within) {
        at = scan.start(chunk, at)
        if (!scan.within) break
      }
      const end = scan.end(chunk, at)
      pieces.push(chunk.subarray(at, end))
      held += end - at
      at = end
      if (held > most) throw new FlumeError('BAD_EVENT', `the value before byte ${base + end} is longer than ${most} bytes (--event-bytes-max)`)
      if (scan.within) continue
      yield recordOf(Buffer.concat(pieces), base + end)
      pieces = []
      held = 0
    }
    base += chunk.length
  }
  const cut = scan.within && !scan.isScalar
  if (scan.within && scan.isScalar) yield recordOf(Buffer.concat(pieces), base)
  if (cut || scan.inArray) throw new FlumeError('BAD_EVENT', `it ends in the middle of ${cut ? 'a value' : 'an array'}, at byte ${base}`)
}

class Scan {
  /** In a value. */
  within = false
  inArray = false
  #first = true
  #depth = 0
  /** At the first byte of a value, which is part of it whatever it is. */
  #fresh = false
  #inText = false
  #escaped = false
  /** A number, a word, or what is none. */
  isScalar = false

  /** The index of the first byte of the next value, where there is one. */
  start(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]!
      if (byte <= SPACE) continue
      // from a place behind an element only these two can follow
      if (this.#first && (byte === COMMA || byte === CLOSE)) this.inArray = true
      this.#first = false
      if (byte === COMMA && this.inArray) continue
      if (byte === CLOSE && this.inArray) this.inArray = false
      else if (byte === OPEN && !this.inArray) this.inArray = true
      else return this.#begin(byte, at)
    }
    return bytes.length
  }

  /** The index behind the value, or the end of these bytes. */
  end(bytes: Buffer, from: number): number {
    let at = from
    for (; at < bytes.length && this.within; at++) {
      const byte = bytes[at]!
      if (this.isScalar) {
        if (!this.#fresh && (byte <= SPACE || byte === COMMA || byte === CLOSE)) {
          this.within = false
          return at
        }
      } else if (this.#inText) this.#text(byte)
      else if (byte === QUOTE) this.#inText = true
      else if (byte === OPEN || byte === OPEN_OBJECT) this.#depth++
      else if (byte === CLOSE || byte === CLOSE_OBJECT) this.#depth--
      this.#fresh = false
      if (!this.isScalar && !this.#inText && this.#depth <= 0) this.within = false
    }
    return at
  }

  #begin(byte: number, at: number): number {
    this.within = this.#fresh = true
    this.#depth = 0
    this.#inText = this.#escaped = false
    this.isScalar = byte !== QUOTE && byte !== OPEN && byte !== OPEN_OBJECT
    return at
  }

  #text(byte: number): void {
    if (this.#escaped) this.#escaped = false
    else if (byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) this.#inText = false
  }
}

function recordOf(bytes: Buffer, end: number): SpoolRecord {
  if (!isUtf8(bytes)) return { body: bytes, end, refused: 'the value is not UTF-8' }
  const text = bytes.toString()
  try {
    JSON.parse(text)
  } catch (error) {
    return { body: bytes, end, refused: `the value is no JSON: ${(error as SyntaxError).message}` }
  }
  return { body: text.includes('\n') ? Buffer.from(onOneLine(text)) : bytes, end }
}

/** In a text of JSON no newline stands as it is: what is around one is between texts. */
function onOneLine(json: string): string {
  return json.split('\n').map((line) => line.trim()).join('')
}
