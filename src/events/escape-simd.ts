/**
 * The loops of escape.ts in WebAssembly SIMD: escape.wat, and around it the way in and out of its memory. What was
 * allocated there is worked on where it is, anything else by parts that are copied in and out. A line that the kernels
 * do not take, as it is too long for one part, ends beyond `to` or does not fit, goes to the plain twin, which has the
 * last word on where both stop.
 */
import { PAGE_SIZE } from '../disk/disk.js'
import { NEWLINE } from './batch.js'
import { CLOSE, ESCAPES, ESCAPE_SIZE_MAX, ESCAPE_SIZES, HEX, UNESCAPED, plainEscaping, type Escaping, type Pass } from './escape-plain.js'
import { MODULE } from './escape-wasm.js'

/** What escape.wat exports and says of it; the numbers are places in its memory, and sizes. */
interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly DONE: number
  readonly ESCAPES: number
  readonly UNESCAPED: number
  readonly HEX: number
  readonly HEAD: number
  readonly HEAD_SIZE_MAX: number
  readonly IN: number
  readonly IN_SIZE_MAX: number
  readonly OUT: number
  readonly OUT_SIZE_MAX: number
  readonly FREE: number
  escape(from: number, size: number, to: number, room: number, headSize: number): void
  unescape(from: number, size: number, to: number, room: number, headSize: number): number
  skip(from: number, size: number, headSize: number): void
  quote(from: number, size: number, to: number): number
  copy(from: number, size: number, to: number): number
  find(from: number, size: number, one: number, other: number): number
}

/** Node has it, its types have not; undefined with --jitless. */
declare const WebAssembly: undefined | {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

/** Loads and stores go so far beyond what they are for, or less. */
const OVERRUN = 16
/** What is allocated begins at multiples of this, at least so far from what is before it; a page or more at multiples of PAGE_SIZE. */
const CACHE_LINE = 64

/** Compiles the kernels, 1 to 2 ms; undefined where that cannot be. */
export function simdEscaping(): Escaping | undefined {
  if (typeof WebAssembly === 'undefined') return undefined
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(MODULE, 'base64')))
    const valued = Object.entries(exports).map(([name, value]) => [name, isGlobal(value) ? value.value : value])
    return new SimdEscaping(Object.fromEntries(valued) as Kernels)
  } catch {
    return undefined // no SIMD on this processor, or no memory that it may reserve
  }
}

function isGlobal(value: unknown): value is { readonly value: number } {
  return typeof value === 'object' && value !== null && 'value' in value
}

class SimdEscaping implements Escaping {
  readonly #kernels: Kernels
  readonly #memory: Buffer
  /** Of the last call: input consumed, output written, lines, 0 for ASCII alone. */
  readonly #done: Int32Array
  #free: number
  /** Of texts that are read, copied and written: many that are short come from one buffer, and go to one. */
  readonly #sources: Places
  readonly #copied: Places
  readonly #targets: Places

  constructor(kernels: Kernels) {
    this.#kernels = kernels
    this.#memory = Buffer.from(kernels.memory.buffer)
    this.#done = new Int32Array(kernels.memory.buffer, kernels.DONE, 4)
    this.#free = kernels.FREE
    this.#sources = new Places(kernels.memory.buffer)
    this.#copied = new Places(kernels.memory.buffer)
    this.#targets = new Places(kernels.memory.buffer)
    this.#memory.set(ESCAPES, kernels.ESCAPES)
    for (const [byte, size] of ESCAPE_SIZES.entries()) this.#memory[kernels.ESCAPES + byte * 8 + 7] = size
    this.#memory.set(UNESCAPED, kernels.UNESCAPED)
    this.#memory.set(HEX, kernels.HEX)
  }

  allocate(size: number): Buffer {
    const at = size < PAGE_SIZE ? this.#free : Math.ceil(this.#free / PAGE_SIZE) * PAGE_SIZE
    const next = at + Math.ceil(size / CACHE_LINE + 1) * CACHE_LINE
    if (next > this.#memory.length) return plainEscaping.allocate(size)
    this.#free = next
    return this.#memory.subarray(at, at + size)
  }

  escapeLines(raw: Buffer, from: number, to: number, out: Buffer, at: number, limit: number, head: Buffer): Pass {
    if (head.length > this.#kernels.HEAD_SIZE_MAX) return plainEscaping.escapeLines(raw, from, to, out, at, limit, head)
    head.copy(this.#memory, this.#kernels.HEAD)
    const inPlace = this.#has(raw) && this.#has(out) && raw[to - 1] === NEWLINE
    const total = { consumed: 0, written: 0, count: 0, ascii: true }
    while (from + total.consumed < to && at + total.written < limit) {
      const i = from + total.consumed
      const o = at + total.written
      if (inPlace && this.#escapeInPlace(raw, i, to, out, o, limit, head, total)) continue
      if (this.#escapePart(raw, i, to, out, o, limit, head, total)) continue
      if (!add(total, plainEscaping.escapeLines(raw, i, lineEnd(raw, i, to), out, o, limit, head))) break
    }
    return total
  }

  unescapeLines(lines: Buffer, from: number, to: number, out: Buffer, at: number, head: Buffer): Pass {
    if (head.length > this.#kernels.HEAD_SIZE_MAX) return plainEscaping.unescapeLines(lines, from, to, out, at, head)
    head.copy(this.#memory, this.#kernels.HEAD)
    const total = { consumed: 0, written: 0, count: 0, ascii: true }
    if (this.#has(lines) && this.#has(out)) this.#unescapeInPlace(lines, from, to, out, at, head, total)
    while (from + total.consumed < to) {
      const i = from + total.consumed
      const o = at + total.written
      const longest = head.length + out.length - o + CLOSE.length // longer than each line for which there is room
      const size = Math.min(to - i, this.#kernels.IN_SIZE_MAX, longest)
      const { cut, some } = this.#unescapePart(lines, i, size, out, o, head, total)
      if (!cut || i + size === to || (size === longest && !some)) break
      if (!some && !add(total, plainEscaping.unescapeLines(lines, i, lineEnd(lines, i, to), out, o, head))) break
    }
    return total
  }

  skipLines(lines: Buffer, from: number, to: number, head: Buffer): Pass {
    const whole = wholeLines(lines, from, to)
    if (whole <= from || !this.#has(lines) || head.length > this.#kernels.HEAD_SIZE_MAX) return plainEscaping.skipLines(lines, from, to, head)
    head.copy(this.#memory, this.#kernels.HEAD)
    this.#kernels.skip(lines.byteOffset + from, whole - from, head.length)
    return this.#run()
  }

  escapeText(source: Buffer, from: number, to: number, out: Buffer, at: number): number {
    const inPlace = this.#sources.has(source) && this.#targets.has(out) && at + ESCAPE_SIZE_MAX * (to - from) + OVERRUN <= out.length
    if (!inPlace) return plainEscaping.escapeText(source, from, to, out, at)
    return this.#kernels.quote(this.#sources.at + from, to - from, this.#targets.at + at) - this.#targets.at
  }

  copyText(source: Buffer, from: number, to: number, out: Buffer, at: number): number {
    const inPlace = this.#copied.has(source) && this.#targets.has(out) && at + to - from + OVERRUN <= out.length
    if (!inPlace) return plainEscaping.copyText(source, from, to, out, at)
    return this.#kernels.copy(this.#copied.at + from, to - from, this.#targets.at + at) - this.#targets.at
  }

  findEither(source: Buffer, from: number, to: number, one: number, other: number): number {
    if (from >= to || !this.#sources.has(source)) return plainEscaping.findEither(source, from, to, one, other)
    return from + this.#kernels.find(this.#sources.at + from, to - from, one, other)
  }

  /** Whether kernels reach it where it is. */
  #has(buffer: Buffer): boolean {
    return buffer.buffer === this.#memory.buffer
  }

  #escapeInPlace(raw: Buffer, i: number, to: number, out: Buffer, o: number, limit: number, head: Buffer, total: Total): boolean {
    this.#kernels.escape(raw.byteOffset + i, to - i, out.byteOffset + o, limit - o - OVERRUN, head.length)
    return add(total, this.#run())
  }

  #escapePart(raw: Buffer, i: number, to: number, out: Buffer, o: number, limit: number, head: Buffer, total: Total): boolean {
    const { IN, IN_SIZE_MAX, OUT, OUT_SIZE_MAX } = this.#kernels
    const size = Math.min(to - i, IN_SIZE_MAX, limit - o) // lines only grow
    this.#give(raw, i, size, NEWLINE)
    this.#kernels.escape(IN, size, OUT, Math.min(limit - o, OUT_SIZE_MAX), head.length)
    return this.#take(total, out, o)
  }

  /** All but what ends within the last few bytes of `out`. */
  #unescapeInPlace(lines: Buffer, from: number, to: number, out: Buffer, at: number, head: Buffer, total: Total): void {
    const whole = wholeLines(lines, from, to)
    const room = out.length - at - OVERRUN
    if (whole <= from || room < 0) return
    this.#kernels.unescape(lines.byteOffset + from, whole - from, out.byteOffset + at, room, head.length)
    add(total, this.#run())
  }

  #unescapePart(lines: Buffer, i: number, size: number, out: Buffer, o: number, head: Buffer, total: Total): { readonly cut: boolean; readonly some: boolean } {
    const { IN, OUT, IN_SIZE_MAX } = this.#kernels
    this.#give(lines, i, size, 0)
    const cut = this.#kernels.unescape(IN, size, OUT, Math.min(out.length - o, IN_SIZE_MAX), head.length) !== 0 // lines only shrink
    return { cut, some: this.#take(total, out, o) }
  }

  /** Input for a kernel: source[from..from+size), and the byte that ends it. */
  #give(source: Buffer, from: number, size: number, last: number): void {
    const { IN } = this.#kernels
    source.copy(this.#memory, IN, from, from + size)
    this.#memory[IN + size] = last
  }

  /** What a kernel has done goes to `total`, its output to `out`; false: it was nothing. */
  #take(total: Total, out: Buffer, at: number): boolean {
    const { OUT } = this.#kernels
    const run = this.#run()
    this.#memory.copy(out, at, OUT, OUT + run.written)
    return add(total, run)
  }

  #run(): Pass {
    const [consumed = 0, written = 0, count = 0, others = 0] = this.#done
    return { consumed, written, count, ascii: others === 0 }
  }
}

/** Where buffers are in the memory of the kernels: that of the one before is known. */
class Places {
  #last: Buffer | undefined
  /** Of the one that it was asked of last; -1: it is elsewhere. */
  at = -1

  constructor(readonly memory: ArrayBuffer) {}

  has(buffer: Buffer): boolean {
    if (buffer !== this.#last) {
      this.#last = buffer
      this.at = buffer.buffer === this.memory ? buffer.byteOffset : -1
    }
    return this.at >= 0
  }
}

interface Total {
  consumed: number
  written: number
  count: number
  ascii: boolean
}

function add(total: Total, { consumed, written, count, ascii }: Pass): boolean {
  total.consumed += consumed
  total.written += written
  total.count += count
  total.ascii &&= ascii
  return consumed > 0
}

function lineEnd(lines: Buffer, from: number, to: number): number {
  const end = lines.indexOf(NEWLINE, from) + 1
  return end === 0 ? to : Math.min(end, to)
}

/** The end of the last line that ends before `to`; `from` or less: none does. */
function wholeLines(lines: Buffer, from: number, to: number): number {
  return to <= from ? from : lines.lastIndexOf(NEWLINE, to - 1) + 1
}
