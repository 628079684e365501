/** What may happen to whole segments: gone, twice there, under another name, in each other's place, or as they were before. */
import { segmentsOn, spoil } from '../../support/checking.js'
import type { MemoryDisk } from '../../support/memory-disk.js'

export interface Listing {
  readonly what: string
  /** The segments that are not what they were. */
  readonly paths: readonly string[]
  /** All of it is there under another name: a repair brings it back. */
  readonly whole: boolean
  apply(disk: MemoryDisk): void
}

export function* listingsOf(disk: MemoryDisk, older: ReadonlyMap<string, readonly Buffer[]>): Generator<Listing> {
  const all = segmentsOn(disk)
  for (const path of all) {
    yield { what: 'removed', paths: [path], whole: false, apply: (to) => remove(to, path) }
    for (const other of strangers(all)) {
      const called = other.slice(-24)
      yield { what: `renamed to ${called}`, paths: [path, other], whole: true, apply: (to) => (copy(to, path, other), remove(to, path)) }
      yield { what: `duplicated as ${called}`, paths: [path, other], whole: true, apply: (to) => copy(to, path, other) }
    }
    yield { what: 'duplicated under a name that is none', paths: [path], whole: true, apply: (to) => copy(to, path, `${path}.bak`) }
    for (const [index, old] of (older.get(path) ?? []).entries()) {
      yield { what: `as it was ${index + 1} writes before`, paths: [path], whole: false, apply: (to) => spoil(to, path, () => old) }
    }
    for (const other of all.filter((each) => each !== path)) {
      yield { what: `replaced by ${other.slice(-24)}`, paths: [path], whole: false, apply: (to) => spoil(to, path, () => disk.find(other)!.bytes) }
      if (other > path) yield { what: `in the place of ${other.slice(-24)}, and that in its`, paths: [path, other], whole: true, apply: (to) => swap(disk, to, path, other) }
    }
  }
}

/** Names that no segment has: before, between and after them. */
function strangers(all: readonly string[]): string[] {
  const firsts = all.map((path) => Number(path.slice(-24, -4)))
  return [...new Set([...firsts.flatMap((first) => [first + 1, first + 7]), 1000])].filter((first) => !firsts.includes(first)).map(pathOf)
}

function pathOf(first: number): string {
  return `/q/segments/${String(first).padStart(20, '0')}.seg`
}

function remove(disk: MemoryDisk, path: string): void {
  disk.directory('/q/segments').entries.delete(path.slice('/q/segments/'.length))
  disk.settle()
}

function copy(disk: MemoryDisk, path: string, to: string): void {
  const bytes = disk.find(path)!.bytes
  disk.directory('/q/segments').entries.set(to.slice('/q/segments/'.length), Object.assign(disk.make('file'), { bytes }))
  disk.settle()
}

function swap(from: MemoryDisk, to: MemoryDisk, path: string, other: string): void {
  const [one, two] = [from.find(path)!.bytes, from.find(other)!.bytes]
  spoil(to, path, () => two)
  spoil(to, other, () => one)
}
