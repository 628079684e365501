/**
 * What a run has left that was killed and whose events nobody sends again: files that were being filled. All whole lines
 * in them go to their places. It may be killed at each step, too: the file that was left is removed after its commit.
 */
import { Readable } from 'node:stream'
import type { DiskFile } from '../../disk/disk.js'
import { errnoOf, FlumeError } from '../../errors.js'
import { orRefusal, type Retry } from '../retry.js'
import { countLines, NEWLINE } from '../../events/batch.js'
import { CODECS, compressed, expanded } from './codec.js'
import type { Draft, FileSystem } from './filesystem.js'
import { encodeName, isTemporaryOf, temporaryName } from './name.js'
import { placeKey } from './path.js'
import { commit } from './recover.js'
import type { CommitRecord } from './record.js'
import type { Filling } from './record-line.js'

export interface LeftAround {
  readonly files: FileSystem
  readonly retry: Retry
  say(message: string): void
  uuid(): string
}

const READ_SIZE = 1024 * 1024

/** All that the record knows of, in order. Throws IO where something of it cannot be unpacked, once all other buckets have theirs. */
export async function finishLeft(stream: string, record: CommitRecord, around: LeftAround): Promise<void> {
  const fillings = [...record.fillings].sort((a, b) => a.first - b.first)
  await removeCopies(stream, fillings, record, around)
  const damaged: Filling[] = []
  let cause: unknown
  for (const [index, filling] of fillings.entries()) {
    const key = placeKey(filling)
    if (damaged.some((other) => placeKey(other) === key)) continue // its files go in order
    const next = fillings.slice(index + 1).find((other) => placeKey(other) === key)
    try {
      await finishOne(stream, filling, next?.first ?? Infinity, record, around)
    } catch (error) {
      if (errnoOf(error)?.startsWith('Z_') !== true) throw error
      cause ??= error
      damaged.push(filling)
    }
  }
  if (damaged.length > 0) throw new FlumeError('IO', `cannot unpack ${damaged.map(({ path }) => path).join(' and ')}`, { cause })
}

/** `most`: the sequence that it must end before. */
async function finishOne(stream: string, filling: Filling, most: number, record: CommitRecord, around: LeftAround): Promise<void> {
  const { files, retry, say } = around
  const { path, first } = filling
  const left = await retry.until(`cannot open what is left of ${path}`, () => files.left(path))
  try {
    if (left !== undefined && record.endOf(filling) <= first) {
      const placed = await place(stream, filling, most, left.file, record, around)
      const what = placed === undefined ? `of ${path} it has left not one whole line` : `what it has left is in ${placed} now`
      say(`an earlier run was killed, and nobody sends its events again: ${what}`)
    }
  } finally {
    await left?.file.close()
  }
  await retry.until(`cannot remove what is left of ${path}`, async () => left?.remove())
  await record.over(path)
}

/** Of an earlier start that was killed, too. */
async function removeCopies(stream: string, fillings: readonly Filling[], record: CommitRecord, { files, say }: LeftAround): Promise<void> {
  const paths = new Set(fillings.map(({ path }) => path))
  for (const directory of new Set(fillings.map(({ directory }) => directory))) {
    for (const name of await temporariesIn(directory, stream, files)) {
      const path = `${directory}/${name}`
      if (paths.has(path)) continue
      if (record.damaged) say(`${path} stays: the damaged record of commits may have told of it`)
      else await orRefusal(`cannot remove ${path}`, files.remove(path))
    }
  }
}

async function temporariesIn(directory: string, stream: string, files: FileSystem): Promise<readonly string[]> {
  const found: string[] = []
  const take = async (): Promise<void> => {
    for await (const name of files.names(directory)) if (isTemporaryOf(name, stream)) found.push(name)
  }
  await orRefusal(`cannot list ${directory}`, take())
  return found
}

/** Returns the name it has got; undefined: there is not one whole line. Throws what zlib does where it cannot be unpacked: nothing of it is in place then. */
async function place(
  stream: string, filling: Filling, most: number, left: DiskFile, record: CommitRecord, { files, retry, uuid }: LeftAround,
): Promise<string | undefined> {
  const { directory, prefix, bucket, suffix, codec, first } = filling
  await retry.until(`cannot make the directory ${directory}`, () => files.makeDirectory(directory))
  const path = `${directory}/${temporaryName(stream, uuid())}`
  const plain = await retry.until(`cannot create ${path}`, () => files.create(path, record))
  const draft = compressed(plain, CODECS[codec], retry)
  const { size, count } = await pour(expanded(Readable.from(piecesOf(left, filling.path)), codec), draft, retry).catch(async (error: unknown) => {
    await draft.discard().catch(() => undefined)
    throw error
  })
  if (size === 0) {
    await draft.discard()
    return undefined
  }
  const end = Math.max(first + 1, Math.min(first + count, most)) // a body may have several lines
  const name = `${directory}/${encodeName({ prefix, stream, bucket, first, last: end - 1, suffix })}`
  await commit({ directory, prefix, bucket, end, file: await draft.finish(size), path: name }, files, retry, record)
  return name
}

/** Up to the last newline. */
async function pour(pieces: AsyncIterable<Buffer>, draft: Draft, retry: Retry): Promise<{ size: number; count: number }> {
  let size = 0
  let count = 0
  let rest = Buffer.alloc(0)
  for await (const piece of pieces) {
    const bytes = Buffer.concat([rest, piece])
    const end = bytes.lastIndexOf(NEWLINE) + 1
    rest = bytes.subarray(end)
    if (end === 0) continue
    const lines = bytes.subarray(0, end)
    await retry.until(`cannot write ${draft.path}`, () => draft.write([lines], size))
    size += end
    count += countLines(lines)
  }
  return { size, count }
}

async function* piecesOf(file: DiskFile, path: string): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const piece = Buffer.allocUnsafeSlow(READ_SIZE)
    const size = await orRefusal(`cannot read what is left of ${path}`, file.read(piece, at))
    if (size === 0) return
    yield piece.subarray(0, size)
    at += size
  }
}
