/**
 * flume-sink-hdfs --dry-run: where events would land. Places, spans and rejects are found by what finds them for real; here
 * they are counted, and nothing is asked of the file system that they would land on.
 */
import { Blocks, type Block } from '../../disk/blocks.js'
import type { Batch } from '../../events/batch.js'
import type { Host } from '../../events/host.js'
import { Bucket, type Span } from './bucket.js'
import { Filler, type FillAround, type Filling, type FillOptions, type Targets } from './fill.js'
import { compare } from './name.js'
import { Places, type Place, type PlaceOptions } from './path.js'

/** What a bucket would get of one stream. */
export interface Landing {
  /** Absent: of all buckets beyond BUCKETS_MAX. */
  readonly place?: Place
  readonly stream: string
  readonly first: number
  /** Included. */
  readonly last: number
  /** Events, and their bytes in files, not compressed. */
  readonly count: number
  readonly size: number
}

/** Up to this many, each is told apart. */
export const BUCKETS_MAX = 100_000
const BLOCK_SIZE = 256 * 1024

/** By directory, prefix and range. Batches need no acks. Throws BAD_EVENT if strict, BAD_OPTION. */
export async function dryRun(
  batches: AsyncIterable<Batch>, options: PlaceOptions & FillOptions, around: FillAround & { readonly host: Host }, bucketsMax = BUCKETS_MAX,
): Promise<Landing[]> {
  const counts = new Counts(bucketsMax)
  const filler = new Filler(options, new Places(options, around.host), counts, around)
  for await (const batch of batches) {
    try {
      await filler.fill(batch, { order: 0, mark: undefined })
    } finally {
      batch.release()
    }
  }
  return counts.landings
}

class Counts implements Targets {
  readonly #buckets = new Map<string, Bucket>()
  readonly #counted = new Map<Bucket, Counted>()
  readonly #block = new Blocks(BLOCK_SIZE, 1).tryTake()

  constructor(readonly bucketsMax: number) {}

  async of(place: Place, { stream, last }: Span): Promise<Bucket> {
    const key = `${place.directory}/${place.prefix}/${stream}`
    const isFurther = this.#buckets.size >= this.bucketsMax && !this.#buckets.has(key)
    const bucket = this.#buckets.get(isFurther ? stream : key) ?? new Bucket(isFurther ? NOWHERE : place, stream, 0, undefined, last)
    this.#buckets.set(isFurther ? stream : key, bucket)
    return bucket
  }

  async fileOf(bucket: Bucket, { first, end }: Span): Promise<Filling> {
    const counted = this.#counted.get(bucket) ?? new Counted(first, this.#block)
    this.#counted.set(bucket, counted)
    counted.end = end
    return counted
  }

  /** The block is as good as empty at any time. */
  async reserve(): Promise<void> {
    return undefined
  }

  get landings(): Landing[] {
    const landings = [...this.#counted].map(([{ place, stream }, { first, end, count, size }]) => {
      return { ...(place === NOWHERE ? {} : { place }), stream, first, last: end - 1, count, size }
    })
    return landings.sort((one, other) => compare(keyOf(one), keyOf(other)) || one.first - other.first)
  }
}

const NOWHERE: Place = { directory: '', prefix: '', bucket: '' }

/** Bytes that are decoded only to be counted. */
class Counted implements Filling {
  readonly fill = 0
  readonly room: number
  count = 0
  size = 0
  lastEventAt = 0
  end = 0

  constructor(
    readonly first: number,
    readonly block: Block | undefined,
  ) {
    this.room = block?.bytes.length ?? 0
  }

  filled(size: number): void {
    this.size += size
  }
}

function keyOf({ place }: Landing): string {
  return place === undefined ? '\u{10ffff}' : `${place.directory}/${place.prefix}`
}
