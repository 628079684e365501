/** A file as one event. */
import type { ReadableFile } from '../../../disk/disk.js'
import { FlumeError } from '../../../errors.js'
import type { SpoolRecord } from '../records.js'
import { chunksOf } from './chunks.js'

export async function* whole(log: ReadableFile, from: number, most: number): AsyncGenerator<SpoolRecord> {
  const chunks: Buffer[] = []
  let end = from
  for await (const chunk of chunksOf(log, from)) {
    chunks.push(chunk)
    end += chunk.length
    if (end - from > most) throw new FlumeError('BAD_EVENT', `it is longer than ${most} bytes: allow more with --event-bytes-max`)
  }
  if (end > from) yield { body: Buffer.concat(chunks), end }
}
