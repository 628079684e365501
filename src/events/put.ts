/** Texts of JSON written into bytes, as quoted() of json.ts writes them, without their quotes: for who writes an event piece by piece. */
import { quoted } from './json.js'

/** Bytes that one byte, or one character, becomes at most. */
export const PUT_SIZE_MAX = 6

/** How a byte is written, where that is not as it is. */
const ESCAPES: readonly (Buffer | undefined)[] = Array.from({ length: 256 }, (_, byte) => {
  const text = String.fromCharCode(byte)
  const written = quoted(text).slice(1, -1)
  return byte < 0x80 && written !== text ? Buffer.from(written) : undefined
})

/** source[from..to), which is UTF-8; returns where it ends in `out`, which has room for it. */
export function putBytes(out: Buffer, at: number, source: Uint8Array, from: number, to: number): number {
  let o = at
  for (let i = from; i < to; i++) {
    const byte = source[i]!
    if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) out[o++] = byte
    else o = putRaw(out, o, ESCAPES[byte]!)
  }
  return o
}

export function putText(out: Buffer, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code >= 0x80 || code === 0x22 || code === 0x5c) return at + out.write(quoted(text).slice(1, -1), at)
    out[at + i] = code
  }
  return at + text.length
}

/** Bytes as they are: few, or copy() is quicker. */
export function putRaw(out: Buffer, at: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  let o = at
  for (let i = from; i < to; i++) out[o++] = bytes[i]!
  return o
}
