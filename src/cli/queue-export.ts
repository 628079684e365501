/** flume-buffer --export: batches to a descriptor, for whoever reads there. */
import { FdWriter } from '../disk/fd.js'
import { FlumeError, errnoOf } from '../errors.js'
import type { Batch } from '../events/batch.js'
import type { End } from '../pipe/output-options.js'

const WAITING_BYTES_MAX = 1024 * 1024

export async function exportTo(fd: number, batches: AsyncIterable<Batch>): Promise<End> {
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
  if (writer.error) throw new FlumeError('IO', 'cannot write the export', { cause: writer.error })
  return 0
}
