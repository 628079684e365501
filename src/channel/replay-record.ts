/** What a replay that is not yet acked was told to give out, and where its reader writes: replays/<name> in the queue. */
import { dirname } from 'node:path'
import { unlinkThere } from '../disk/gone.js'
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
    /** What an earlier run of it gave out, which was not acked to its end. */
    readonly range: Range | undefined,
  ) {}

  /** `name`: of the reader; `what`: as it was typed. Changes nothing. Throws SEGMENT_DAMAGED. */
  static async open(paths: Paths, around: Surroundings, name: string, what: string): Promise<ReplayRecord> {
    const path = paths.replay(`${name}.${what}`)
    return new ReplayRecord(path, paths.replay(`${name}.lock`), around, await read(around, path))
  }

  /** On return it is on disk, and ours. Throws BUSY naming the pid of who replays under this name, BINDING_CHANGED. */
  async begin(range: Range, binding: string): Promise<void> {
    const { around, path, lockPath } = this
    if (this.#lock !== undefined) return
    if ((await around.disk.makeDirectory(dirname(path), 0o700)) !== undefined) await around.disk.syncDirectory(dirname(dirname(path)))
    const lock = await Lock.take(lockPath, `a replay under the name of this reader (${lockPath})`, around)
    try {
      const written = await read(around, path) // another one may have begun it, or ended it, since it was opened
      if (written === undefined) await replace(around.disk, path, Buffer.from(`${JSON.stringify({ ...range, binding })}\n`))
      else check(written, range, binding, path)
      this.#lock = lock
    } finally {
      if (this.#lock === undefined) await lock.release()
    }
  }

  /** `done`: all is acked. */
  async close(done: boolean): Promise<void> {
    const { disk } = this.around
    const lock = this.#lock
    if (lock === undefined) return
    this.#lock = undefined
    try {
      if (!done) return
      await unlinkThere(disk, this.path) // what says that it is in the way advises to remove it
      await disk.syncDirectory(dirname(this.path))
    } finally {
      await lock.release()
    }
  }
}

async function read({ disk }: Surroundings, path: string): Promise<Written | undefined> {
  const bytes = await readWhole(disk, path)
  return bytes && decode(bytes, path)
}

/** Throws BINDING_CHANGED, BUSY. */
function check(written: Written, { from, end }: Range, binding: string, path: string): void {
  if (written.binding !== binding) {
    throw new FlumeError(
      'BINDING_CHANGED',
      `cannot go on with the replay of events ${written.from} to ${written.end - 1}: ` +
        `it began to write to ${written.binding || 'a reader that keeps its place'} ` +
        `and has not acked all of it; now it would write to ${binding || 'one that keeps its place'}; to give that one up, remove ${path}`,
    )
  }
  if (written.from === from && written.end === end) return
  const what = `cannot replay events ${from} to ${end - 1}: another process has just begun with ${written.from} to ${written.end - 1}`
  throw new FlumeError('BUSY', `${what}; typed again it goes on with these`)
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
