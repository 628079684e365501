/**
 * The loops of escape.ts in plain TypeScript: what they mean, and what runs where WebAssembly or its SIMD is missing,
 * or a line is too long for that.
 *
 * Both look at four bytes at a time, through a DataView (which the compiler turns into plain loads and stores; twice as
 * fast as byte by byte), store them unseen, and step back to the first byte that does not stand for itself.
 */
import { NEWLINE } from './batch.js'

/** What a loop did: input consumed, output written, in bytes; whole lines. */
export interface Run {
  readonly consumed: number
  readonly written: number
  readonly count: number
}

export interface Pass extends Run {
  /** All of it is ASCII; false: that is not known. */
  readonly ascii: boolean
}

/** All loops. Twins take the same arguments, write the same bytes and stop before the same line. */
export interface Escaping {
  /** Memory that the loops read and write without a copy, never given back. */
  allocate(size: number): Buffer
  /**
   * Raw lines raw[from..to), the last byte is \n, into out[at..limit): each as head, escaped body, `"}\n`; one \r before
   * the \n goes. Stops before the first line for which there might be no room; writes nothing at or past `limit`.
   */
  escapeLines(raw: Buffer, from: number, to: number, out: Buffer, at: number, limit: number, head: Buffer): Pass
  /**
   * Event lines lines[from..to) into `out` from `at` on: the body and \n of each. Stops before the first line that does
   * not begin with `head`, that escapeLines() would not have written so (a control character as it is, an escape that is
   * none or stands for more than ASCII, something after the body), or that might not fit.
   */
  unescapeLines(lines: Buffer, from: number, to: number, out: Buffer, at: number, head: Buffer): Pass
  /** How many event lines of lines[from..to) unescapeLines() would take, and how long they are, with room for each; nothing is written. */
  skipLines(lines: Buffer, from: number, to: number, head: Buffer): Pass
  /** source[from..to) as a text of JSON, without its quotes, into `out`; returns where it ends there. What is behind it may be written to, too. */
  escapeText(source: Buffer, from: number, to: number, out: Buffer, at: number): number
  /** The same of bytes that stay as they are. */
  copyText(source: Buffer, from: number, to: number, out: Buffer, at: number): number
  /** Where the first of two bytes stands in source[from..to); `to`: nowhere. */
  findEither(source: Buffer, from: number, to: number, one: number, other: number): number
}

/** `"}\n`: what follows a body. */
export const CLOSE = Buffer.from('"}\n')
/** One byte takes at most `\u001f`. */
export const ESCAPE_SIZE_MAX = 6

const RETURN = 0x0d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const BRACE = 0x7d

/** By byte: 0 stands for itself, else the size of its escape; ESCAPES has it at 8 × byte. As JSON.stringify writes it. */
export const ESCAPE_SIZES = new Uint8Array(256)
export const ESCAPES = new Uint8Array(256 * 8)
for (const byte of [...Array(0x20).keys(), QUOTE, BACKSLASH]) {
  const escape = Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1))
  ESCAPE_SIZES[byte] = escape.length
  ESCAPES.set(escape, byte * 8)
}

/** By the byte after a backslash: the byte that both stand for; 0: none, or \u. */
export const UNESCAPED = new Uint8Array(256)
for (const letter of '"\\/bfnrt') UNESCAPED[letter.charCodeAt(0)] = (JSON.parse(`"\\${letter}"`) as string).charCodeAt(0)
/** By byte: the value of a hexadecimal digit, 0x80 where it is none. */
export const HEX = new Uint8Array(256).fill(0x80)
for (const digit of '0123456789abcdefABCDEF') HEX[digit.charCodeAt(0)] = parseInt(digit, 16)

export const plainEscaping: Escaping = {
  allocate: (size) => Buffer.allocUnsafeSlow(size),
  escapeLines,
  unescapeLines,
  skipLines,
  escapeText,
  copyText,
  findEither,
}

function escapeLines(raw: Buffer, from: number, to: number, out: Buffer, at: number, limit: number, head: Buffer): Pass {
  const source = viewOf(raw)
  const target = viewOf(out)
  const room = limit - CLOSE.length
  let count = 0
  let done = from // all before it is encoded, up to `end` of out
  let end = at
  while (done < to && end + head.length <= room) {
    out.set(head, end)
    let i = done
    let o = end + head.length
    let stop = i // so far may i go, whatever the bytes are
    for (;;) {
      let specials = 0
      while (i <= stop - 4) {
        const word = source.getInt32(i, true)
        target.setInt32(o, word, true)
        specials = specialsOf(word)
        if (specials !== 0) break
        i += 4
        o += 4
      }
      if (specials !== 0) {
        const plain = firstOf(specials)
        i += plain
        o += plain
      } else {
        while (i < stop && ESCAPE_SIZES[raw[i]!] === 0) out[o++] = raw[i++]!
      }
      if (i >= stop) {
        stop = Math.min(to, i + Math.floor((room - o) / ESCAPE_SIZE_MAX))
        if (i >= stop) return { consumed: done - from, written: end - at, count, ascii: false }
        continue
      }
      const byte = raw[i++]!
      if (byte === QUOTE || byte === BACKSLASH) {
        out[o++] = BACKSLASH
        out[o++] = byte
      } else if (byte === NEWLINE) {
        break
      } else if (byte !== RETURN || raw[i] !== NEWLINE) {
        const size = ESCAPE_SIZES[byte]!
        for (let k = 0; k < size; k++) out[o++] = ESCAPES[byte * 8 + k]!
      }
    }
    out[o] = QUOTE
    out[o + 1] = BRACE
    out[o + 2] = NEWLINE
    done = i
    end = o + 3
    count++
  }
  return { consumed: done - from, written: end - at, count, ascii: false }
}

function unescapeLines(lines: Buffer, from: number, to: number, out: Buffer, at: number, head: Buffer): Pass {
  const source = viewOf(lines)
  const target = viewOf(out)
  const prefix = viewOf(head)
  let count = 0
  let done = from
  let end = at
  while (done + head.length < to && startsWith(source, done, prefix)) {
    let i = done + head.length
    let o = end
    const stop = Math.min(to - CLOSE.length + 1, i + out.length - o) // where the body must have ended; it never grows
    for (;;) {
      let specials = 0
      while (i <= stop - 4) {
        const word = source.getInt32(i, true)
        target.setInt32(o, word, true)
        specials = specialsOf(word)
        if (specials !== 0) break
        i += 4
        o += 4
      }
      if (specials !== 0) {
        const plain = firstOf(specials)
        i += plain
        o += plain
      } else {
        while (i < stop && ESCAPE_SIZES[lines[i]!] === 0) out[o++] = lines[i++]!
      }
      if (i >= stop || lines[i] !== BACKSLASH) break
      let byte = UNESCAPED[lines[i + 1]!]!
      i += 2
      if (byte === 0) {
        byte = i + 4 <= stop ? asciiAt(lines, i - 1) : -1
        if (byte < 0) return { consumed: done - from, written: end - at, count, ascii: false }
        i += 4
      }
      out[o++] = byte
    }
    if (i >= stop || lines[i] !== QUOTE || lines[i + 1] !== BRACE || lines[i + 2] !== NEWLINE) break
    out[o] = NEWLINE
    done = i + 3
    end = o + 1
    count++
  }
  return { consumed: done - from, written: end - at, count, ascii: false }
}

function skipLines(lines: Buffer, from: number, to: number, head: Buffer): Pass {
  const source = viewOf(lines)
  const prefix = viewOf(head)
  let count = 0
  let done = from
  while (done + head.length < to && startsWith(source, done, prefix)) {
    const stop = to - CLOSE.length + 1 // where the body must have ended
    let i = done + head.length
    while (i < stop) {
      if (ESCAPE_SIZES[lines[i]!] === 0) i++
      else if (lines[i] !== BACKSLASH) break
      else if (UNESCAPED[lines[i + 1]!] !== 0) i += 2
      else if (i + 6 <= stop && asciiAt(lines, i + 1) >= 0) i += 6
      else return { consumed: done - from, written: 0, count, ascii: false }
    }
    if (i >= stop || lines[i] !== QUOTE || lines[i + 1] !== BRACE || lines[i + 2] !== NEWLINE) break
    done = i + 3
    count++
  }
  return { consumed: done - from, written: 0, count, ascii: false }
}

function escapeText(source: Buffer, from: number, to: number, out: Buffer, at: number): number {
  let o = at
  for (let i = from; i < to; i++) {
    const byte = source[i]!
    const size = ESCAPE_SIZES[byte]!
    if (size === 0) out[o++] = byte
    for (let k = 0; k < size; k++) out[o++] = ESCAPES[byte * 8 + k]!
  }
  return o
}

function copyText(source: Buffer, from: number, to: number, out: Buffer, at: number): number {
  return at + source.copy(out, at, from, to)
}

function findEither(source: Buffer, from: number, to: number, one: number, other: number): number {
  for (let i = from; i < to; i++) if (source[i] === one || source[i] === other) return i
  return to
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/**
 * The top bit of each of the four bytes that is `"`, `\` or below 0x20; a byte above such a one may be marked
 * wrongly (the subtractions borrow), never the lowest. Hacker's Delight, 6-1.
 */
function specialsOf(word: number): number {
  const quote = word ^ 0x22222222
  const backslash = word ^ 0x5c5c5c5c
  const below = (word - 0x20202020) & ~word
  return (below | ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash)) & 0x80808080
}

/** The index of the lowest byte that is marked. */
function firstOf(specials: number): number {
  return (31 - Math.clz32(specials & -specials)) >> 3
}

function startsWith(source: DataView, at: number, prefix: DataView): boolean {
  const size = prefix.byteLength
  let k = 0
  for (; k <= size - 4; k += 4) if (source.getInt32(at + k, true) !== prefix.getInt32(k, true)) return false
  for (; k < size; k++) if (source.getInt8(at + k) !== prefix.getInt8(k)) return false
  return true
}

/** The ASCII character that `u00XX` at `at` stands for, else -1. */
function asciiAt(lines: Buffer, at: number): number {
  if (lines[at] !== 0x75 || lines[at + 1] !== 0x30 || lines[at + 2] !== 0x30) return -1
  const byte = HEX[lines[at + 3]!]! * 16 + HEX[lines[at + 4]!]!
  return byte < 0x80 ? byte : -1
}
