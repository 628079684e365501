/**
 * Names of the files in a target directory, and what a listing of them proves. A file is
 * `<prefix>.<stream>.<bucket>.<first>-<last><suffix>`: the events of the marks that cover the sequences first to last, both
 * included, that belong to this bucket, as path.ts calls it. While it is written it is `_<stream>.<uuid>.tmp`; Hadoop's readers
 * pass over a leading `_`. All of it is from [A-Za-z0-9._=-], and can be read back from the right: a stream has no dot,
 * and a suffix never looks like a range.
 */
import { createHash } from 'node:crypto'

export interface FileName {
  readonly prefix: string
  readonly stream: string
  readonly bucket: string
  readonly first: number
  /** Included. */
  readonly last: number
  /** Empty, or begins with a dot. */
  readonly suffix: string
}

/** Bytes of a name, on every file system we know. */
export const NAME_SIZE_MAX = 255
/** Longest suffix; the rest of a name is sized so that it always fits. */
export const SUFFIX_SIZE_MAX = 32
const STREAM_SIZE_MAX = 111
/** Hexadecimal digits of a bucket. */
export const BUCKET_SIZE = 8
const RANGE_SIZE = '.00000000000000000000-00000000000000000000'.length
/** Longest prefix. */
export const PREFIX_SIZE_MAX = NAME_SIZE_MAX - SUFFIX_SIZE_MAX - STREAM_SIZE_MAX - BUCKET_SIZE - RANGE_SIZE - '..'.length

const NAME = /^([A-Za-z0-9._=-]+)\.([A-Za-z0-9_=-]+)\.([0-9a-f]{8})\.(\d{20})-(\d{20})((?:\.[A-Za-z0-9._=-]*)?)$/
const TEMPORARY = /^_([A-Za-z0-9_=-]+)\.[0-9A-Za-z-]+(?:_\d+)?\.tmp$/
const SUFFIX = /^(?:\.[A-Za-z0-9._=-]*)?$/
const RANGE = /\.\d{20}-\d{20}(?:\.|$)/

export function encodeName({ prefix, stream, bucket, first, last, suffix }: FileName): string {
  return `${prefix}.${stream}.${bucket}.${sequence(first)}-${sequence(last)}${suffix}`
}

/** A bucket among those of its directory. */
export function bucketKey({ prefix, bucket }: Pick<FileName, 'prefix' | 'bucket'>): string {
  return `${prefix}.${bucket}`
}

/** What a name says; undefined: it is none of ours. */
export function decodeName(name: string): FileName | undefined {
  const match = NAME.exec(name)
  if (match === null) return undefined
  const [, prefix = '', stream = '', bucket = '', ...rest] = match
  const [first, last] = [Number(rest[0]), Number(rest[1])]
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) return undefined // no event has that number
  return { prefix, stream, bucket, first, last, suffix: rest[2] ?? '' }
}

/** True: a name that ends so can be read back. */
export function isSuffix(text: string): boolean {
  return SUFFIX.test(text) && !RANGE.test(text) && text.length <= SUFFIX_SIZE_MAX
}

/** A partition as it stands in a name: without dots, and bounded. */
export function streamOf(partition: string): string {
  return fitted(partition.replaceAll('.', '=').replace(/[^A-Za-z0-9_=-]/g, '_'), STREAM_SIZE_MAX)
}

export function temporaryName(stream: string, uuid: string): string {
  return `_${stream}.${uuid}.tmp`
}

/** The name for another attempt at the same file, where the first name may have been used. */
export function nextAttempt(path: string): string {
  const [, base = '', count = '1'] = /^(.*?)(?:_(\d+))?\.tmp$/.exec(path) ?? []
  return `${base}_${Number(count) + 1}.tmp`
}

/** The name of the first attempt. */
export function firstAttempt(name: string): string {
  return name.replace(/(\.[0-9A-Za-z-]+)_\d+\.tmp$/, '$1.tmp')
}

export function isTemporaryOf(name: string, stream: string): boolean {
  return streamOfTemporary(name) === stream
}

/** Undefined: it is no name of a temporary file. */
export function streamOfTemporary(name: string): string | undefined {
  return TEMPORARY.exec(name)?.[1]
}

/** Notes what a name says of a stream: by prefix and bucket, the sequence just after the last one in place. */
export function noteEnd(ends: Map<string, number>, text: string, stream: string): void {
  const name = decodeName(text)
  if (name?.stream !== stream) return
  const key = bucketKey(name)
  ends.set(key, Math.max(ends.get(key) ?? 0, name.last + 1))
}

/** A text of at most `size` bytes; a longer one is cut between characters and ends in the hash of the whole. */
export function fitted(text: string, size: number): string {
  if (Buffer.byteLength(text) <= size) return text
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  let head = ''
  let room = size - 1 - hash.length
  for (const character of text) {
    room -= Buffer.byteLength(character)
    if (room < 0) break
    head += character
  }
  return `${head}-${hash}`
}

function sequence(value: number): string {
  return String(value).padStart(20, '0')
}

/** The order of two names, by their code units. */
export function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
