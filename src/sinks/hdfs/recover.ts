/**
 * The steps of a commit, and what the next start makes of one that was cut short. A crash may come between any two of
 * these steps, and in any of them; nothing is lost, and nothing stands twice:
 *
 *  1. The file is filled, and made durable under a temporary name: on HDFS uploaded whole, its name recorded before.
 *     Until here a restart deletes it: nothing of it is acked, the events come again.
 *  2. `begin` is recorded, with the file's id and both names, and synced.
 *     From here on a restart does steps 3 to 5. When the file is there under neither name, and is not known to live under
 *     another, somebody has removed it: the commit is dropped and the events come again. So it is dropped once its events
 *     are acked all the same: they were written elsewhere (--rebind).
 *  3. The file gets its final name in place of the temporary one, durably. From here on readers see it.
 *     A restart finds it by its id, whichever name it has.
 *  4. `done` is recorded and synced.
 *     From here on a restart passes over its events, wherever the file is: readers may do with it what they like.
 *  5. The marks that nothing else holds back are acked.
 *     An ack that gets lost does no harm: the events come again and are passed over.
 *
 * The commits of one bucket never overlap, and go in the order of their sequences. So all that a bucket gets of the
 * sequences before its *end* is in place, and its end is the furthest of: the names in its directory (listings.ts), the record. One
 * case is left: a reader that takes a file away between 3 and 4 while the sink is dead gets it again; on HDFS only one
 * that deletes it, or moves its whole directory to where nobody may look, as a file can be asked for by its id.
 */
import { FlumeError, type Code } from '../../errors.js'
import { orRefusal, type Retry } from '../retry.js'
import type { FileSystem, Finished } from './filesystem.js'
import type { CommitRecord } from './record.js'
import type { Commit } from './record-line.js'

/** Steps 2 to 4, for a file that is durable. Without a record a commit cut short is not completed: its events come again. */
export async function commit(commit: Commit, files: FileSystem, retry: Retry, record: CommitRecord | undefined): Promise<void> {
  await record?.begin(commit)
  try {
    await publish(commit.file, commit.path, files, retry)
  } catch (error) {
    const isRemoved = error instanceof FlumeError && error.code === 'IO' && !files.isInDoubt(commit.file)
    if (isRemoved) await record?.drop(commit) // or the next start may believe that it was taken
    throw error
  }
  await record?.done(commit)
}

/** Step 3. */
async function publish(file: Finished, path: string, files: FileSystem, retry: Retry, isAgain = false): Promise<void> {
  await retry.until(`cannot create ${path}`, () => files.publish(file, path, isAgain), true)
}

/** What could not be done for a file, and why. */
export interface Undone {
  readonly path: string
  readonly error: FlumeError
}

/**
 * Completes what was cut short, or drops it: once, before anything else is done for the stream. Returns what it could not
 * complete, since its place is elsewhere or in disorder: that stays in the record. Whoever writes to that place meets the
 * same trouble there, and nobody else needs it.
 */
export async function complete(files: FileSystem, retry: Retry, record: CommitRecord): Promise<readonly Undone[]> {
  const undone: Undone[] = []
  for (const begun of record.begun) {
    const placed = await attempted(begun.file.path, files, () => settle(begun, files, retry), undone)
    if (placed === true) await record.done(begun)
    else if (placed === false) await record.drop(begun)
  }
  return undone
}

/** False: the file is there under neither name, and is not known to live under another. */
async function settle({ file, path }: Commit, files: FileSystem, retry: Retry): Promise<boolean> {
  // In this order: a rename that the dead process asked for may happen just now.
  const temporary = await look(file.path, files)
  const final = await look(path, files)
  const whole = temporary?.id === file.id && temporary.size === file.size
  if (!whole && final?.id !== file.id) return await files.isTaken(file)
  await publish(file, path, files, retry, true)
  return true
}

/** Where even that fails, the place is in disorder, whatever the reason: a mount that is dead, say. */
async function look(path: string, files: FileSystem): Promise<Finished | undefined> {
  try {
    return await files.look(path)
  } catch (error) {
    throw error instanceof FlumeError ? error : new FlumeError('CANNOT_CREATE', `cannot look at ${path}`, { cause: error })
  }
}

/** ms after which nothing comes of an upload that failed: HDFS closes what a dead writer left open after 20 minutes. */
export const NAME_KEPT_FOR = 30 * 60_000

/**
 * Removes what became of uploads that had failed by `before`, in ms; at `now` those are forgotten of which nothing can come
 * any more. Returns what it could not remove: that is in nobody's way, and forgotten in its time, too.
 */
export async function sweep(files: FileSystem, record: CommitRecord, before: number, now: number): Promise<readonly Undone[]> {
  const undone: Undone[] = []
  for (const { path, time } of record.failures) {
    if (time > before) continue
    await attempted(path, files, () => orRefusal(`cannot remove ${path}`, files.remove(path)), undone)
    if (now - time >= NAME_KEPT_FOR) await record.gone(path)
  }
  return undone
}

/** Whether a path is one of this file system. */
export function isBelow({ root }: FileSystem, path: string): boolean {
  return path.startsWith(`${root}/`)
}

/** The place of this file alone is in disorder. */
const ITS_OWN: ReadonlySet<Code> = new Set(['PERMISSION', 'CANNOT_CREATE'])

/** The result; undefined: it could not be had, for a reason that concerns this file alone. */
async function attempted<T>(path: string, files: FileSystem, attempt: () => Promise<T>, undone: Undone[]): Promise<T | undefined> {
  try {
    if (!isBelow(files, path)) throw new FlumeError('CANNOT_CREATE', 'it is on another file system')
    return await attempt()
  } catch (error) {
    if (!(error instanceof FlumeError && ITS_OWN.has(error.code))) throw error
    undone.push({ path, error })
    return undefined
  }
}
