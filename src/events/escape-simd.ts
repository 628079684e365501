/**
 * The two loops of escape.ts in WebAssembly SIMD: escape.wat, and around it the way in and out of its small memory, a
 * part of the input at a time. A line that it does not take, as it is too long for one part, ends beyond `to` or does
 * not fit, goes to the plain twin, which has the last word on where both stop.
 */
import { ESCAPES, ESCAPE_SIZES, HEX, UNESCAPED, plainEscaping, type Escaping, type Run } from './escape-plain.js'
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
  escape(size: number, room: number, headSize: number): void
  unescape(size: number, room: number, headSize: number): number
}

/** Node has it, its types have not; undefined with --jitless. */
declare const WebAssembly: undefined | {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

const NEWLINE = 0x0a

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
  /** Of the last call: input consumed, output written, lines. */
  readonly #done: Int32Array

  constructor(kernels: Kernels) {
    this.#kernels = kernels
    this.#memory = Buffer.from(kernels.memory.buffer)
    this.#done = new Int32Array(kernels.memory.buffer, kernels.DONE, 3)
    this.#memory.set(ESCAPES, kernels.ESCAPES)
    for (const [byte, size] of ESCAPE_SIZES.entries()) this.#memory[kernels.ESCAPES + byte * 8 + 7] = size
    this.#memory.set(UNESCAPED, kernels.UNESCAPED)
    this.#memory.set(HEX, kernels.HEX)
  }

  escapeLines(raw: Buffer, from: number, to: number, out: Buffer, at: number, limit: number, head: Buffer): Run {
    const { HEAD, HEAD_SIZE_MAX, IN_SIZE_MAX, OUT_SIZE_MAX } = this.#kernels
    if (head.length > HEAD_SIZE_MAX) return plainEscaping.escapeLines(raw, from, to, out, at, limit, head)
    head.copy(this.#memory, HEAD)
    const total = { consumed: 0, written: 0, count: 0 }
    while (from + total.consumed < to && at + total.written < limit) {
      const i = from + total.consumed
      const o = at + total.written
      const size = Math.min(to - i, IN_SIZE_MAX, limit - o) // lines only grow
      this.#give(raw, i, size, NEWLINE)
      this.#kernels.escape(size, Math.min(limit - o, OUT_SIZE_MAX), head.length)
      if (this.#take(total, out, o)) continue
      if (!add(total, plainEscaping.escapeLines(raw, i, lineEnd(raw, i, to), out, o, limit, head))) break
    }
    return total
  }

  unescapeLines(lines: Buffer, from: number, to: number, out: Buffer, at: number, head: Buffer): Run {
    const { HEAD, HEAD_SIZE_MAX, IN_SIZE_MAX } = this.#kernels
    if (head.length > HEAD_SIZE_MAX) return plainEscaping.unescapeLines(lines, from, to, out, at, head)
    head.copy(this.#memory, HEAD)
    const total = { consumed: 0, written: 0, count: 0 }
    while (from + total.consumed < to) {
      const i = from + total.consumed
      const o = at + total.written
      const size = Math.min(to - i, IN_SIZE_MAX)
      this.#give(lines, i, size, 0)
      const cut = this.#kernels.unescape(size, Math.min(out.length - o, IN_SIZE_MAX), head.length) !== 0 // lines only shrink
      const some = this.#take(total, out, o)
      if (!cut || i + size === to) break
      if (!some && !add(total, plainEscaping.unescapeLines(lines, i, lineEnd(lines, i, to), out, o, head))) break
    }
    return total
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
    const consumed = this.#done[0]!
    const written = this.#done[1]!
    this.#memory.copy(out, at, OUT, OUT + written)
    return add(total, { consumed, written, count: this.#done[2]! })
  }
}

interface Total {
  consumed: number
  written: number
  count: number
}

function add(total: Total, { consumed, written, count }: Run): boolean {
  total.consumed += consumed
  total.written += written
  total.count += count
  return consumed > 0
}

function lineEnd(lines: Buffer, from: number, to: number): number {
  const end = lines.indexOf(NEWLINE, from) + 1
  return end === 0 ? to : Math.min(end, to)
}
