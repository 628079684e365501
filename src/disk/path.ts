/**
 * Paths as text, also where their bytes are no UTF-8: each byte above 127 is half of a surrogate pair then, U+DC80 to
 * U+DCFF, which stands alone in no text (as PEP 383 has it for Python). node.ts gives the bytes back to the system.
 */
import { isUtf8 } from 'node:buffer'

/** Why a path that was typed cannot be read: of bytes that are no text Node has made U+FFFD before we see them. */
export const NOT_UTF8 = 'its name is not UTF-8; a link under another name can be read'

const BYTE = /[\udc80-\udcff]/u
const PARTS = /[\udc80-\udcff]|[^\udc80-\udcff]+/gu

export function pathOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString()
  return bytes.toString('latin1').replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)))
}

/** For a system call. */
export function systemPath(path: string): string | Buffer {
  if (!BYTE.test(path)) return path
  return Buffer.concat([...path.matchAll(PARTS)].map(([part]) => (BYTE.test(part) ? Buffer.of(byteOf(part)) : Buffer.from(part))))
}

/** For people and headers: such a byte as `\xff`. */
export function shownPath(path: string): string {
  return BYTE.test(path) ? path.replace(/[\udc80-\udcff]/gu, (half) => `\\x${byteOf(half).toString(16)}`) : path
}

const byteOf = (half: string): number => half.charCodeAt(0) - 0xdc00
