/**
 * What is in place, read back from names alone: the files of each bucket with their ranges, which must not overlap, and
 * what no bucket has of a stream. Nothing is changed or made by it. What is kept in memory: the names of one directory, and
 * the ranges of each stream, those that touch as one.
 */
import { FlumeError } from '../../errors.js'
import { refusal } from '../retry.js'
import type { Entry, FileSystem } from './filesystem.js'
import { compare, decodeName, streamOfTemporary } from './name.js'

/** Both included. */
interface Range {
  readonly first: number
  readonly last: number
}

interface Total {
  readonly files: number
  readonly buckets: number
  readonly size: number
  /** Pairs of files that overlap. */
  readonly overlaps: number
  /** Sequences that no bucket has. */
  readonly missing: number
}

type Listable = Pick<FileSystem, 'entries' | 'look'>

/** One thing that was found, as it is printed for scripts. Sizes are bytes of files. */
export type Finding =
  | (Range & { readonly kind: 'file'; readonly path: string; readonly prefix: string; readonly stream: string; readonly bucket: string; readonly size: number })
  /** Being written, or left over. */
  | { readonly kind: 'temporary'; readonly path: string; readonly stream: string; readonly size: number }
  /** The range is in two files of one bucket and stream. */
  | (Range & { readonly kind: 'overlap'; readonly path: string; readonly other: string; readonly stream: string })
  /** A directory that may not be read. */
  | { readonly kind: 'unreadable'; readonly path: string; readonly error: FlumeError }
  /** After all files: what there is of a stream, from its lowest to its highest sequence. */
  | (Range & { readonly kind: 'stream'; readonly stream: string } & Total)
  /** After its stream: no bucket has these. */
  | (Range & { readonly kind: 'missing'; readonly stream: string })

/**
 * The files below a path, directory by directory, in order; then the streams. `root`: what paths of the file system begin
 * with before the first slash. `levels`: the names on the way to its buckets, as levelsOf() gives them; it begins at the
 * directory that all of these have in common, and below them all directories count whose names are not hidden. Throws NO_INPUT where nothing is there.
 */
export async function* list(files: Listable, root: string, levels: readonly (string | RegExp)[]): AsyncGenerator<Finding> {
  const open = levels.findIndex((level) => typeof level !== 'string')
  const fixed = open < 0 ? levels : levels.slice(0, open)
  const base = `${root}/${fixed.join('/')}`
  const seen = await files.look(base).catch((cause: unknown) => {
    throw unlisted(`cannot look at ${base}`, cause)
  })
  if (seen === undefined) {
    throw new FlumeError('NO_INPUT', `cannot list ${base}: there is no such directory`)
  }
  const sums = new Map<string, Sum>()
  yield* walk({ files, levels: levels.slice(fixed.length), sums }, base, 0)
  for (const [stream, { ranges, files, buckets, size, overlaps }] of [...sums].sort(byKey)) {
    let missing = 0
    for (const { first, last } of ranges.between()) missing += last - first + 1
    yield { kind: 'stream', stream, ...ranges.whole, files, buckets, size, overlaps, missing }
    for (const range of ranges.between()) yield { kind: 'missing', stream, ...range }
  }
}

interface Walk {
  readonly files: Listable
  readonly levels: readonly (string | RegExp)[]
  readonly sums: Map<string, Sum>
}

type File = Extract<Finding, { kind: 'file' }>

const NOT_HIDDEN = /^[^._]/

async function* walk(around: Walk, directory: string, depth: number): AsyncGenerator<Finding> {
  const level = around.levels[depth] ?? NOT_HIDDEN
  const found: File[] = []
  const left: Finding[] = []
  const below: string[] = []
  try {
    for await (const entry of around.files.entries(directory)) {
      const path = join(directory, entry.name)
      if (entry.directory) {
        if (typeof level === 'string' ? level === entry.name : level.test(entry.name)) below.push(path)
        continue
      }
      const file = fileOf(entry, path)
      const stream = streamOfTemporary(entry.name)
      if (file !== undefined) found.push(file)
      else if (stream !== undefined) left.push({ kind: 'temporary', path, stream, size: entry.size })
    }
  } catch (cause) {
    const error = unlisted(`cannot list ${directory}`, cause)
    if (error.code !== 'PERMISSION') throw error
    yield { kind: 'unreadable', path: directory, error }
  }
  yield* check(found, around.sums)
  yield* left
  for (const path of below.sort()) yield* walk(around, path, depth + 1)
}

/** As refusal() has it, but a directory that is none is not to be made here. */
function unlisted(what: string, cause: unknown): FlumeError {
  const error = refusal(what, cause)
  return error.code === 'CANNOT_CREATE' ? new FlumeError('NO_INPUT', error.message, { cause: error.cause }) : error
}

/** The files of one directory in order, and which of them overlap. */
function* check(found: File[], sums: Map<string, Sum>): Generator<Finding> {
  let furthest: File | undefined
  for (const file of found.sort(byBucket)) {
    const { path, prefix, stream, bucket, first, last } = file
    const begins = furthest?.prefix !== prefix || furthest.stream !== stream || furthest.bucket !== bucket
    yield file
    const sum = addTo(sums, file, begins)
    if (!begins && furthest !== undefined && first <= furthest.last) {
      sum.overlaps++
      yield { kind: 'overlap', path, other: furthest.path, stream, first, last: Math.min(last, furthest.last) }
    }
    if (begins || furthest === undefined || last > furthest.last) furthest = file
  }
}

function addTo(sums: Map<string, Sum>, file: File, begins: boolean): Sum {
  const sum = sums.get(file.stream) ?? new Sum()
  sums.set(file.stream, sum)
  sum.files++
  sum.size += file.size
  if (begins) sum.buckets++
  sum.ranges.add(file)
  return sum
}

/** Of one stream. */
class Sum {
  files = 0
  buckets = 0
  size = 0
  overlaps = 0
  readonly ranges = new Ranges()
}

/** Sequences, as few ranges as can be, in order. */
class Ranges {
  #ranges: Range[] = []

  add({ first, last }: Range): void {
    const begin = this.#indexOf(first - 1)
    let end = begin
    let joined: Range = { first, last }
    for (let range = this.#ranges[end]; range !== undefined && range.first <= last + 1; range = this.#ranges[++end]) {
      joined = { first: Math.min(joined.first, range.first), last: Math.max(joined.last, range.last) }
    }
    this.#ranges.splice(begin, end - begin, joined)
  }

  /** From the lowest to the highest. */
  get whole(): Range {
    return { first: this.#ranges[0]?.first ?? 0, last: this.#ranges.at(-1)?.last ?? 0 }
  }

  *between(): Generator<Range> {
    for (const [index, { last }] of this.#ranges.entries()) {
      const next = this.#ranges[index + 1]
      if (next !== undefined) yield { first: last + 1, last: next.first - 1 }
    }
  }

  /** Of the first range that ends at `sequence` or after it. */
  #indexOf(sequence: number): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#ranges[middle] as Range).last < sequence) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Undefined: not a file of a sink. */
function fileOf({ name, size }: Entry, path: string): File | undefined {
  const decoded = decodeName(name)
  if (decoded === undefined || !NOT_HIDDEN.test(name)) return undefined // Hadoop's own `.<name>.crc`
  const { prefix, stream, bucket, first, last } = decoded
  if (first > last) return undefined
  return { kind: 'file', path, prefix, stream, bucket, first, last, size }
}

function join(directory: string, name: string): string {
  return directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`
}

function byBucket(one: File, other: File): number {
  const bucket = compare(one.prefix, other.prefix) || compare(one.stream, other.stream) || compare(one.bucket, other.bucket)
  return bucket || one.first - other.first || one.last - other.last || compare(one.path, other.path)
}

function byKey([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return compare(one, other)
}
