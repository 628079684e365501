/** Texts of JSON written into bytes, as quoted() of json.ts writes them, without their quotes: for who writes an event piece by piece. */
import { quoted } from './json.js'

/** Bytes that one byte, or one character, becomes at most. */
export const PUT_SIZE_MAX = 6

export function putText(out: Buffer, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code >= 0x80 || code === 0x22 || code === 0x5c) return at + out.write(quoted(text).slice(1, -1), at)
    out[at + i] = code
  }
  return at + text.length
}

/** Bytes as they are: few, or set() is quicker. */
export function putRaw(out: Buffer, at: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  let o = at
  for (let i = from; i < to; i++) out[o++] = bytes[i]!
  return o
}
