/**
 * The steps of a commit, and what the next start makes of one that was cut short. A crash may come between any two of
 * these steps, and in any of them; nothing is lost, and nothing stands twice:
 *
 *  1. The file is filled, and made durable under a temporary name: on HDFS uploaded whole, its name recorded before.
 *     Until here a restart deletes it: nothing of it is acked, the events come again.
 *  2. `begin` is recorded, with the file's id and both names, and synced.
 *     From here on a restart does steps 3 to 5. When the file is there under neither name, and is not known to live under
 *     another, somebody has removed it: the commit is dropped and the events come again.
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
 * that deletes it, as a file can be asked for by its id.
 */
import { told, type Retry } from '../retry.js'
import type { FileSystem } from './filesystem.js'
import type { CommitRecord } from './record.js'
import type { Commit } from './record-line.js'

/** Steps 2 to 4, for a file that is durable. Without a record a commit cut short is not completed: its events come again. */
export async function commit(commit: Commit, files: FileSystem, retry: Retry, record: CommitRecord | undefined): Promise<void> {
  await record?.begin(commit)
  await publish(commit, files, retry, record)
}

/** Steps 3 and 4. */
async function publish(commit: Commit, files: FileSystem, retry: Retry, record: CommitRecord | undefined): Promise<void> {
  await retry.until(`cannot create ${commit.path}`, () => files.publish(commit.file, commit.path))
  await record?.done(commit)
}

/** Completes what was cut short, or drops it: once, before anything else is done for the stream. */
export async function complete(files: FileSystem, retry: Retry, record: CommitRecord): Promise<void> {
  for (const begun of record.begun) {
    const { file, path } = begun
    // In this order: a rename that the dead process asked for may happen just now.
    const temporary = await told(`cannot look at ${file.path}`, files.look(file.path))
    const final = await told(`cannot look at ${path}`, files.look(path))
    const whole = temporary?.id === file.id && temporary.size === file.size
    if (whole || final?.id === file.id) await publish(begun, files, retry, record)
    else if (await files.isTaken(file)) await record.done(begun)
    else record.drop(begun)
  }
}

/** ms after which nothing comes of an upload that failed: HDFS closes what a dead writer left open after 20 minutes. */
export const NAME_KEPT_FOR = 30 * 60_000

/** Removes what became of uploads that had failed by `before`, in ms; at `now` those are forgotten of which nothing can come any more. */
export async function sweep(files: FileSystem, record: CommitRecord, before: number, now: number): Promise<void> {
  for (const { path, time } of record.failures) {
    if (time > before) continue
    await told(`cannot remove ${path}`, files.remove(path))
    if (now - time >= NAME_KEPT_FOR) await record.gone(path)
  }
}
