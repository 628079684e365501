/**
 * Writes past the page cache, open(2) O_DIRECT: no pages are to be found, filled and written back, which a virtual machine may
 * first have to ask its host for, and none of what others read is pushed out. The sync it needs is a short one.
 */
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { PAGE_SIZE } from './disk.js'

const open = promisify<string, number, number>(fs.open)
const write = promisify(fs.write)
const close = promisify(fs.close)

/** Bytes at once from which on the time that a disk takes is for them, and not for the call. */
export const DIRECT_SIZE_MIN = 256 * 1024

/** It can be asked of a file system. */
export function isForDirect(pieces: readonly Uint8Array[], at: number): pieces is [Uint8Array] {
  const [bytes] = pieces
  return pieces.length === 1 && bytes !== undefined && bytes.length >= DIRECT_SIZE_MIN && bytes.length % PAGE_SIZE === 0 && at % PAGE_SIZE === 0
}

export class Direct {
  /** The same file once more. */
  #fd: number | undefined
  #cannot = false

  constructor(readonly file: number) {}

  /** The bytes written; 0 where it cannot be: not on this file system, or from this address, or anywhere, which the page cache will tell. */
  async write(bytes: Uint8Array, at: number): Promise<number> {
    if (this.#cannot) return 0
    try {
      this.#fd ??= await open(`/proc/self/fd/${this.file}`, fs.constants.O_WRONLY | fs.constants.O_DIRECT)
      return (await write(this.#fd, bytes, 0, bytes.length, at)).bytesWritten
    } catch {
      this.#cannot = true
      await this.close()
      return 0
    }
  }

  async close(): Promise<void> {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) await close(fd)
  }
}

/** In the library of TypeScript it belongs to browsers; a Node without it (--jitless) runs, too. */
declare const WebAssembly: undefined | { readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer } }
const WASM_PAGE_SIZE = 65536

/** Memory that begins with a page, as that of WebAssembly does; any, where there is none or no room for its guards. */
export function allocatePages(size: number): Buffer {
  if (typeof WebAssembly === 'undefined') return Buffer.allocUnsafeSlow(size)
  try {
    return Buffer.from(new WebAssembly.Memory({ initial: Math.ceil(size / WASM_PAGE_SIZE) }).buffer, 0, size)
  } catch {
    return Buffer.allocUnsafeSlow(size)
  }
}
