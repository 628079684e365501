/** What a replay that is not yet acked was told to give out, and where its reader writes: replays/<name> in the queue. */
import { dirname } from 'node:path'
import { readWhole, replace } from '../disk/replace.js'
import { FlumeError } from '../errors.js'
import { Lock } from './lock.js'
import type { Range } from './range.js'
import type { Paths, Surroundings } from './surroundings.js'

interface Written extends Range {
  readonly binding: string
}

export class ReplayRecord {
  #lock: Lock | undefined

  private constructor(
    readonly path: string,
    readonly lockPath: string,
    readonly around: Surroundings,
    readonly written: Written | undefined,
  ) {}

  /** `name`: of the reader; `what`: as it was typed. Changes nothing. Throws SEGMENT_DAMAGED. */
  static async open(paths: Paths, around: Surroundings, name: string, what: string): Promise<ReplayRecord> {
    const path = paths.replay(`${name}.${what}`)
    const bytes = await readWhole(around.disk, path)
    return new ReplayRecord(path, paths.replay(`${name}.lock`), around, bytes === undefined ? undefined : decode(bytes, path))
  }

  /** What an earlier run of it gave out, which was not acked to its end. */
  get range(): Range | undefined {
    return this.written && { from: this.written.from, end: this.written.end }
  }

  /** On return it is on disk, and ours. Throws BUSY naming the pid of who replays under this name, BINDING_CHANGED. */
  async begin(range: Range, binding: string): Promise<void> {
    const { around, path, lockPath, written } = this
    if (this.#lock !== undefined) return
    if (written !== undefined && written.binding !== binding) {
      throw new FlumeError(
        'BINDING_CHANGED',
        `cannot go on with the replay of events ${written.from} to ${written.end - 1}: ` +
          `it began to write to ${written.binding || 'a reader that keeps its place'} ` +
          `and has not acked all of it; now it would write to ${binding || 'one that keeps its place'}; to give that one up, remove ${path}`,
      )
    }
    if ((await around.disk.makeDirectory(dirname(path), 0o700)) !== undefined) await around.disk.syncDirectory(dirname(dirname(path)))
    this.#lock = await Lock.take(lockPath, `a replay under the name of this reader (${lockPath})`, around)
    if (written === undefined) await replace(around.disk, path, Buffer.from(`${JSON.stringify({ ...range, binding })}\n`))
  }

  /** `done`: all is acked. */
  async close(done: boolean): Promise<void> {
    const { disk } = this.around
    const lock = this.#lock
    if (lock === undefined) return
    this.#lock = undefined
    try {
      if (!done) return
      await disk.unlink(this.path)
      await disk.syncDirectory(dirname(this.path))
    } finally {
      await lock.release()
    }
  }
}

function decode(bytes: Buffer, path: string): Written {
  try {
    const { from, end, binding } = JSON.parse(bytes.toString()) as Partial<Written>
    if (Number.isSafeInteger(from) && Number.isSafeInteger(end)) return { from: from ?? 0, end: end ?? 0, binding: binding ?? '' }
  } catch {
    // said below, as for anything else that is no record
  }
  throw new FlumeError('SEGMENT_DAMAGED', `cannot read ${path}: it does not say which events were to be replayed; remove it to begin again`)
}
