/**
 * CRC-32 of flume-segment(5). @node-rs/crc32 does 6 to 8 GB/s where Node's zlib does 2.1 to 3.2, on Node 20, 22 and 24, but
 * takes 5 to 30 ms to load: worth it for a flow, not for a start.
 */
import { createRequire } from 'node:module'
import * as zlib from 'node:zlib'

type Checksum = (bytes: Uint8Array, before?: number) => number

/** After this many bytes the faster one is loaded. */
const LARGE_FLOW_BYTES = 8 * 1024 * 1024

let compute: Checksum = zlib.crc32
/** Bytes until then; Infinity: what can be had is there. */
let small = LARGE_FLOW_BYTES

/** `before`: the checksum of what stands before the bytes. */
export function crc32(bytes: Uint8Array, before = 0): number {
  small -= bytes.length
  if (small <= 0) {
    small = Infinity
    compute = faster() ?? compute
  }
  return compute(bytes, before)
}

function faster(): Checksum | undefined {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { readonly crc32: Checksum }).crc32
  } catch {
    return undefined // no binary of it for this machine
  }
}
