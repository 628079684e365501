/**
 * The two loops of the hot path: raw lines to event lines and back, on bytes, with no object and no string per line.
 * They know nothing of UTF-8, of base64 or of the meaning of a head; json.ts does. A faster twin of either may take its
 * place: same arguments, same bytes, same stop.
 */

/** What a loop did: input consumed, output written, in bytes; whole lines. */
export interface Run {
  readonly consumed: number
  readonly written: number
  readonly count: number
}

/** `"}\n`: what follows a body. */
export const CLOSE = Buffer.from('"}\n')
/** One byte takes at most `\u001f`. */
export const ESCAPE_SIZE_MAX = 6

/** By byte: 0 stands for itself, else the size of its escape; ESCAPES has it at 8 × byte. As JSON.stringify writes it. */
const ESCAPE_SIZES = new Uint8Array(256)
const ESCAPES = new Uint8Array(256 * 8)
for (const byte of [...Array(32).keys(), 0x22, 0x5c]) {
  const escape = Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1))
  ESCAPE_SIZES[byte] = escape.length
  ESCAPES.set(escape, byte * 8)
}

/**
 * Raw lines raw[from..to), the last byte is \n, into out[at..limit): each as head, escaped body, `"}\n`; one \r before
 * the \n goes. Stops before the first line for which there might be no room.
 */
export function escapeLines(raw: Buffer, from: number, to: number, out: Buffer, at: number, limit: number, head: Buffer): Run {
  const headSize = head.length
  const room = limit - CLOSE.length
  let count = 0
  let done = from // all before it is encoded, up to `end` of out
  let end = at
  while (done < to && end + headSize <= room) {
    let i = done
    let o = end
    for (let k = 0; k < headSize; k++) out[o++] = head[k]!
    let open = true
    while (open) {
      // so far may i go, whatever the bytes are
      const stop = Math.min(to, i + Math.floor((room - o) / ESCAPE_SIZE_MAX))
      if (i >= stop) return { consumed: done - from, written: end - at, count }
      while (i < stop) {
        const byte = raw[i++]!
        const size = ESCAPE_SIZES[byte]!
        if (size === 0) {
          out[o++] = byte
        } else if (byte === 10) {
          open = false
          break
        } else if (byte !== 13 || raw[i] !== 10) {
          for (let k = 0; k < size; k++) out[o++] = ESCAPES[byte * 8 + k]!
        }
      }
    }
    out[o] = 0x22
    out[o + 1] = 0x7d
    out[o + 2] = 0x0a
    end = o + 3
    done = i
    count++
  }
  return { consumed: done - from, written: end - at, count }
}

/** By the byte after a backslash: the byte it stands for; 0: none, or \u. */
const UNESCAPED = new Uint8Array(256)
for (const letter of ['"', '\\', '/', 'b', 'f', 'n', 'r', 't']) {
  UNESCAPED[letter.charCodeAt(0)] = (JSON.parse(`"\\${letter}"`) as string).charCodeAt(0)
}
/** By byte: 1 ends a run of bytes that stand for themselves. */
const SPECIAL = Uint8Array.from(ESCAPE_SIZES, (size) => (size === 0 ? 0 : 1))

/**
 * Event lines lines[from..to) into `out` from `at` on: the body and \n of each. Stops before the first line that does
 * not begin with `head`, has a \u or an unknown escape or a control character in its body, does not end just after
 * the body, or might not fit.
 */
export function unescapeLines(lines: Buffer, from: number, to: number, out: Buffer, at: number, head: Buffer): Run {
  const headSize = head.length
  let count = 0
  let done = from
  let end = at
  for (;;) {
    let i = done + headSize
    let o = end
    const stop = Math.min(to - CLOSE.length + 1, i + out.length - o) // a body never grows
    if (i >= stop || !startsWith(lines, done, head)) break
    let byte = 0
    while (i < stop) {
      byte = lines[i++]!
      if (SPECIAL[byte] === 0) {
        out[o++] = byte
      } else if (byte === 0x5c) {
        byte = UNESCAPED[lines[i++]!]!
        if (byte === 0) break
        out[o++] = byte
        byte = 0
      } else {
        break
      }
    }
    if (byte !== 0x22 || lines[i] !== 0x7d || lines[i + 1] !== 0x0a || o >= out.length) break
    out[o] = 0x0a
    end = o + 1
    done = i + 2
    count++
  }
  return { consumed: done - from, written: end - at, count }
}

function startsWith(lines: Buffer, at: number, head: Buffer): boolean {
  const size = head.length
  for (let k = 0; k < size; k++) if (lines[at + k] !== head[k]) return false
  return true
}
