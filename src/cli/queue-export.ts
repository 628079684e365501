/** flume-buffer --export, flume-sink-hdfs --list: lines to a descriptor, for whoever reads there. */
import { FdWriter } from '../disk/fd.js'
import { FlumeError, errnoOf } from '../errors.js'
import type { End } from '../pipe/output-options.js'

const WAITING_BYTES_MAX = 1024 * 1024

/** As fast as they are read, and no faster. SIGPIPE: nobody reads any more. */
export async function exportTo(fd: number, batches: AsyncIterable<{ readonly lines: Buffer; release?(): void }>): Promise<End> {
  let wake = (): void => undefined
  const writer = new FdWriter(fd, () => wake())
  const below = async (bytes: number): Promise<void> => {
    while (writer.waiting >= bytes && !writer.settled) await new Promise<void>((resolve) => (wake = resolve))
  }
  for await (const { lines, release } of batches) {
    writer.push([lines], release)
    await below(WAITING_BYTES_MAX)
    if (writer.error) break
  }
  await below(1)
  if (errnoOf(writer.error) === 'EPIPE') return 'SIGPIPE'
  if (writer.error) throw new FlumeError('IO', 'cannot write to stdout', { cause: writer.error })
  return 0
}
