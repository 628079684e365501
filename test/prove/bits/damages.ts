/** What a disk may do to one file: each bit flipped, cut at each byte, each sector zeroed, in another's place, or as it was before. */

const SECTOR = 512
/** Bytes around one that are zero where it is padding: more than any field has. */
const AMID = 32
const BITS = [0, 1, 2, 3, 4, 5, 6, 7]

export interface Damage {
  readonly what: string
  /** It was right once: nothing in the file tells that it is not now. */
  readonly stale?: true
  /** The file as it is then. */
  bytes(): Buffer
}

/** Bytes `from` to `to` - 1. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** `older`: what the file held before, newest first. Those that change nothing are left out, and of each byte amid zeros all bits but one. */
export function* damagesOf(bytes: Buffer, older: readonly Buffer[]): Generator<Damage> {
  for (let at = 0; at < bytes.length; at++) {
    for (const bit of isPadding(bytes, at) ? [at % 8] : BITS) yield { what: `bit ${bit} of byte ${at} flipped`, bytes: () => flipped(bytes, at, bit) }
  }
  for (let size = 0; size < bytes.length; size++) yield { what: `cut to ${size} bytes`, bytes: () => bytes.subarray(0, size) }
  for (let at = 0; at < bytes.length; at += SECTOR) yield* ofSector(bytes, at, older)
}

/** The bytes that are not what they were, in order. */
export function hitBy(before: Buffer, after: Buffer): Stretch[] {
  const all: Stretch[] = []
  for (let at = 0; at < before.length; at++) {
    if (before[at] === after[at]) continue
    const last = all.at(-1)
    if (last?.to === at) all[all.length - 1] = { from: last.from, to: at + 1 }
    else all.push({ from: at, to: at + 1 })
  }
  return all
}

/** Nothing was ever written there. */
function isPadding(bytes: Buffer, at: number): boolean {
  return bytes.subarray(Math.max(0, at - AMID), at + AMID).every((byte) => byte === 0)
}

function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const after = Buffer.from(bytes)
  after[at]! ^= 1 << bit
  return after
}

function* ofSector(bytes: Buffer, at: number, older: readonly Buffer[]): Generator<Damage> {
  const size = Math.min(SECTOR, bytes.length - at)
  const instead: (readonly [what: string, sector: Buffer, stale?: true])[] = [
    ['zeroed', Buffer.alloc(size)],
    ...older.map((old, index) => [`as it was ${index + 1} writes before`, sectorAt(old, at, size), true] as const),
  ]
  const places = Array.from({ length: Math.ceil(bytes.length / SECTOR) }, (_, n) => n * SECTOR)
  for (const other of places) instead.push([`as at ${other}`, sectorAt(bytes, other, size)])
  const seen = new Set([sectorAt(bytes, at, size).toString('latin1')])
  for (const [what, sector, stale] of instead) {
    if (seen.size === seen.add(sector.toString('latin1')).size) continue
    yield { what: `sector at ${at} ${what}`, bytes: () => withSector(bytes, at, sector), ...(stale && { stale }) }
  }
  for (const other of places.filter((each) => each > at)) {
    const [one, two] = [sectorAt(bytes, at, size), sectorAt(bytes, other, size)]
    if (!one.equals(two)) yield { what: `sectors at ${at} and ${other} swapped`, bytes: () => withSector(withSector(bytes, at, two), other, one) }
  }
}

/** Zeros where the file is shorter. */
function sectorAt(bytes: Buffer, at: number, size: number): Buffer {
  const sector = Buffer.alloc(size)
  bytes.subarray(at, at + size).copy(sector)
  return sector
}

function withSector(bytes: Buffer, at: number, sector: Buffer): Buffer {
  const after = Buffer.from(bytes)
  sector.copy(after, at)
  return after
}
