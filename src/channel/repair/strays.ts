/** Segments that are not where they belong: of another queue, or under a name that is not theirs; and the queue without them. */
import { basename } from 'node:path'
import type { Disk, ReadableFile } from '../../disk/disk.js'
import { unlessMissing } from '../../disk/gone.js'
import { openSegment } from '../compressed.js'
import { SEGMENT_HEADER_SIZE } from '../format.js'
import { isOf, type Identity } from '../identity.js'
import { readFrames, readHeader } from '../segment.js'
import type { Paths, Surroundings } from '../surroundings.js'
import { readingBlocks } from '../view.js'
import type { Originals } from './originals.js'

export interface Stray {
  readonly path: string
  /** UUID in its header, where that is of another queue. */
  readonly queue: string | undefined
  /** Its own name, where nobody has that; undefined: it is moved away. */
  readonly to: string | undefined
}

interface Said {
  /** UUID; undefined: the header does not verify, and the first frame has a number that is too small for the name. */
  readonly queue: string | undefined
  readonly first: number
}

/** What segments say of themselves, by the sequences in their names. */
export type Headers = ReadonlyMap<number, Said>

export async function readHeaders(paths: Paths, { disk }: Surroundings, segments: readonly number[]): Promise<Headers> {
  const headers = new Map<number, Said>()
  for (const first of segments) {
    const file = await openSegment(disk, paths.segment(first)).catch(unlessMissing)
    if (file === undefined) continue // it was removed since it was listed
    try {
      const header = await readHeader(file)
      const frame = header === undefined ? await firstEvent(file) : undefined
      if (header !== undefined) headers.set(first, { queue: header.queue, first: header.first })
      else if (frame !== undefined && frame < first) headers.set(first, { queue: undefined, first: frame })
    } finally {
      await file.close()
    }
  }
  return headers
}

/** Sequence of the first frame that has a header; undefined: none has. */
async function firstEvent(file: ReadableFile): Promise<number | undefined> {
  for await (const found of readFrames(file, SEGMENT_HEADER_SIZE, Infinity, readingBlocks())) {
    if (found.kind === 'damage') continue
    found.release()
    return found.header.first
  }
  return undefined
}

export function findStrays(paths: Paths, segments: readonly number[], identity: Identity, headers: Headers): Stray[] {
  const isForeign = (said: Said): boolean => said.queue !== undefined && !isOf(identity, said.queue)
  const astray = [...headers].filter(([name, header]) => isForeign(header) || header.first !== name)
  const taken = new Set(segments)
  for (const [name] of astray) taken.delete(name)
  return astray.map(([name, header]) => {
    const free = !isForeign(header) && !taken.has(header.first)
    if (free) taken.add(header.first)
    return { path: paths.segment(name), queue: isForeign(header) ? header.queue : undefined, to: free ? paths.segment(header.first) : undefined }
  })
}

/** Each gets its own name, where it has one to get; those that have each other's name go by way of one that nobody has. Killed, it is done again. */
export async function putStraysRight(paths: Paths, { disk }: Surroundings, strays: readonly Stray[], originals: Originals): Promise<void> {
  for (const { path, to } of strays) if (to === undefined) await originals.take(path)
  const left = new Map(strays.flatMap(({ path, to }) => (to === undefined ? [] : [[path, to]])))
  const rename = async (path: string, to: string): Promise<void> => {
    await disk.link(path, to)
    await disk.syncDirectory(paths.segments)
    await disk.unlink(path)
    await disk.syncDirectory(paths.segments)
  }
  for (let [next] = left; next !== undefined; [next] = left) {
    const [path, to] = [...left].find(([, each]) => !left.has(each)) ?? next
    left.delete(path)
    if (!left.has(to)) await rename(path, to)
    else {
      await rename(path, paths.segment(Number.MAX_SAFE_INTEGER))
      left.set(paths.segment(Number.MAX_SAFE_INTEGER), to)
    }
  }
}

/** The disk as it will be when the strays are where they belong. To be read only. */
export function withoutStrays(disk: Disk, paths: Paths, strays: readonly Stray[]): Disk {
  const gone = new Set(strays.map(({ path }) => basename(path)))
  const from = new Map(strays.flatMap(({ path, to }) => (to === undefined ? [] : [[to, path]])))
  const seen = (path: string): string => from.get(path) ?? (gone.has(basename(path)) ? `${path}.gone` : path)
  return {
    open: (path, mode) => disk.open(seen(path), mode),
    stat: (path) => disk.stat(seen(path)),
    statNow: (path) => disk.statNow(seen(path)),
    list: async (directory) => {
      const names = await disk.list(directory)
      return directory === paths.segments ? [...names.filter((name) => !gone.has(name)), ...[...from.keys()].map((path) => basename(path))] : names
    },
    sizes: (directory) => disk.sizes(directory),
    lstat: (path) => disk.lstat(path),
    realPath: (path) => disk.realPath(path),
    readLink: (path) => disk.readLink(path),
    space: (path) => disk.space(path),
    entries: unused, rename: unused, link: unused, unlink: unused, unlinkNow: unused, touch: unused, resemble: unused, makeDirectory: unused,
    syncDirectory: unused,
  }
}

function unused(): never {
  throw new Error('a plan changes nothing')
}
