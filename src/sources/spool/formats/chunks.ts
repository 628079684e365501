/** The bytes of a file from a place on, in blocks. */
import type { ReadableFile } from '../../../disk/disk.js'
import { readAt } from '../../position.js'

const CHUNK_SIZE = 64 * 1024

export async function* chunksOf(log: ReadableFile, from: number): AsyncGenerator<Buffer> {
  for (let at = from; ; ) {
    const bytes = await readAt(log, at, CHUNK_SIZE)
    if (bytes.length === 0) return
    at += bytes.length
    yield bytes
  }
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** Where the text begins. */
export async function textStart(log: ReadableFile): Promise<number> {
  return (await readAt(log, 0, BYTE_ORDER_MARK.length)).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0
}
