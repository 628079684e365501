/**
 * The steps of a commit, and what the next start makes of one that was cut short. A crash may come between any two of
 * these steps, and in any of them; nothing is lost, and nothing stands twice:
 *
 *  1. The file is filled under its temporary name, and synced.
 *     Until here a restart deletes it: nothing of it is acked, the events come again.
 *  2. `begin` is recorded, with the file's id and both names, and synced.
 *     From here on a restart does steps 3 to 6. When the temporary file is gone and the final one is not there, somebody
 *     has removed both: the commit is dropped and the events come again.
 *  3. The file gets its final name too, and its directory is synced. From here on readers see it.
 *     A restart finds it by its temporary name, and goes on.
 *  4. `done` is recorded and synced.
 *     From here on a restart passes over its events, wherever the file is: readers may do with it what they like.
 *  5. The temporary name is removed, and the directory synced.
 *  6. The marks that nothing else holds back are acked.
 *     An ack that gets lost does no harm: the events come again and are passed over.
 *
 * The commits of one bucket never overlap, and go in the order of their sequences. So all that a bucket gets of the
 * sequences before its *end* is in place, and its end is the furthest of: the names in its directory, the record. One
 * case is left: a reader that takes a file away between 3 and 4 while the sink is dead gets it again.
 */
import { join } from 'node:path'
import { told, type Retry } from '../retry.js'
import { Bucket } from './bucket.js'
import type { FileSystem } from './filesystem.js'
import { frontierOf, isTemporaryOf } from './name.js'
import type { Place } from './path.js'
import type { Commit, CommitRecord } from './record.js'

/** Steps 2 to 5, for a file that is durable. Without a record a commit cut short is not completed: its events come again. */
export async function commit(commit: Commit, files: FileSystem, retry: Retry, record: CommitRecord | undefined): Promise<void> {
  await record?.begin(commit)
  await publish(commit, files, retry, record)
}

/** Steps 3 to 5. */
async function publish(commit: Commit, files: FileSystem, retry: Retry, record: CommitRecord | undefined): Promise<void> {
  await retry.until(`cannot create ${commit.path}`, () => files.publish(commit.file, commit.path))
  await record?.done(commit)
  await told(`cannot remove ${commit.file.path}`, files.remove(commit.file.path))
}

/** Completes what was cut short, or drops it: once, before anything else is done for the stream. */
export async function complete(files: FileSystem, retry: Retry, record: CommitRecord): Promise<void> {
  for (const begun of record.begun) {
    const { file, path } = begun
    const [temporary, final] = await told(`cannot look at ${path}`, Promise.all([files.look(file.path), files.look(path)]))
    const whole = temporary?.id === file.id && temporary.size === file.size
    if (whole) await publish(begun, files, retry, record)
    else if (final?.id === file.id) await record.done(begun)
    else record.drop(begun)
  }
}

/** Opens a bucket: deletes what is left over of the stream in its directory, and finds its end. `own`: names in use. */
export async function openBucket(
  place: Place, stream: string, own: ReadonlySet<string>, files: FileSystem, record: CommitRecord | undefined,
): Promise<Bucket> {
  const { directory, prefix } = place
  const names = await told(`cannot list ${directory}`, files.list(directory))
  for (const name of names) {
    if (!isTemporaryOf(name, stream) || own.has(name)) continue
    await told(`cannot remove ${join(directory, name)}`, files.remove(join(directory, name)))
  }
  return new Bucket(place, stream, Math.max(frontierOf(names, prefix, stream), record?.endOf(place) ?? 0), record)
}
