/** A segment written new: all frames that verify, in order and under their numbers, and in place of the others what is lost. */
import type { DiskFile } from '../../disk/disk.js'
import { openSegment } from '../compressed.js'
import {
  encodeFrameHeader, encodeSegmentStart, FRAME_EVENTS_MAX, FRAME_HEADER_SIZE, placeFrame, SEGMENT_HEADER_SIZE, type FrameStart, type Table,
} from '../format.js'
import { gapLine, reasonOf, type Gap } from '../gap.js'
import { afterLines } from '../range.js'
import { readFrames, readHeader, type Frame } from '../segment.js'
import { firstFrame, readTable } from '../segment-start.js'
import { listSegments } from '../surroundings.js'
import type { QueueView } from '../view.js'
import type { Originals } from './originals.js'
import type { Rewrite } from './plan.js'

export interface Rewriting extends QueueView {
  readonly originals: Originals
}

/** Bytes that are written at once, about. */
const WRITE_BYTES = 1024 * 1024

/** On return the new file is in place and on disk, and the old one with the originals. */
export async function rewriteSegment(rewriting: Rewriting, first: number, { sources, gaps }: Rewrite): Promise<void> {
  const { paths, around, originals } = rewriting
  const path = paths.segment(first)
  const temporary = `${path}.tmp`
  const file = await around.disk.open(temporary, 'any')
  try {
    await file.truncate(0)
    const writer = new Writer(rewriting, file, first, [...gaps].sort((a, b) => a.first - b.first))
    await writer.begin(sources[0])
    for (const source of sources) await writer.copy(source)
    await writer.end()
    await file.sync()
  } finally {
    await file.close()
  }
  await originals.keep(path)
  await around.disk.rename(temporary, path)
  await around.disk.syncDirectory(paths.segments)
}

class Writer {
  #at = 0
  #start = 0
  #pieces: Buffer[] = []
  #waiting = 0

  constructor(
    readonly rewriting: Rewriting,
    readonly file: DiskFile,
    /** Sequence of the event that comes next. */
    public next: number,
    readonly gaps: Gap[],
  ) {}

  /** The header, and the table of positions, of the file as it was. */
  async begin(source: string | undefined): Promise<void> {
    const { identity, around } = this.rewriting
    const old = source === undefined ? undefined : await openSegment(around.disk, source)
    try {
      const header = old && (await readHeader(old))
      const table = old && header && (await readTable(old, header))
      const created = header?.created ?? (source === undefined ? (this.gaps[0]?.time ?? 0) : 0)
      const start = encodeSegmentStart(identity.queue, this.next, created, table ?? (await this.#tableAfter()))
      this.#at = this.#start = await this.file.write([start], 0)
    } finally {
      await old?.close()
    }
  }

  /** With the table of the next segment what the frames of this one say leads to the same. */
  async #tableAfter(): Promise<Table> {
    const { paths, around } = this.rewriting
    for (const first of (await listSegments(around.disk, paths)).filter((each) => each > this.next)) {
      const file = await openSegment(around.disk, paths.segment(first))
      try {
        const header = await readHeader(file)
        const table = header && (await readTable(file, header))
        if (table !== undefined) return table
      } finally {
        await file.close()
      }
    }
    return new Map()
  }

  async copy(path: string): Promise<void> {
    const { around, blocks } = this.rewriting
    const file = await openSegment(around.disk, path)
    try {
      const header = await readHeader(file)
      const from = header === undefined ? await firstFrame(file, blocks) : SEGMENT_HEADER_SIZE + header.tableSize
      for await (const found of readFrames(file, from, Infinity, blocks)) {
        if (found.kind === 'damage') continue
        try {
          await this.#frame(found)
        } finally {
          found.release()
        }
      }
    } finally {
      await file.close()
    }
  }

  async end(): Promise<void> {
    await this.#gapsTo(Infinity)
    await this.#flush()
  }

  /** What of it is new; of events that stand twice the second ones go, and what they say of positions. */
  async #frame({ header, lines, positions = NOTHING }: Frame): Promise<void> {
    const { first, count, time, continues } = header
    const end = first + count
    if (end < this.next || (end === this.next && (count > 0 || positions.length === 0))) return
    await this.#gapsTo(first)
    const start = Math.max(first, this.next)
    if (lines === undefined) {
      if (this.gaps[0]?.first === start) this.gaps.shift()
      await this.#lost({ first: start, end, reason: 'damaged', time }, positions)
    } else if (header.lost) await this.#lost({ first: start, end, reason: reasonOf(lines), time }, positions)
    else await this.#write({ first: start, count: end - start, time, continues, lost: false }, positions, lines.subarray(afterLines(lines, 0, start - first)))
    this.next = end
  }

  /** What is lost before event `end`. */
  async #gapsTo(end: number): Promise<void> {
    for (let gap = this.gaps[0]; gap !== undefined && gap.end <= end; gap = this.gaps[0]) {
      this.gaps.shift()
      await this.#lost(gap, NOTHING)
      this.next = gap.end
    }
  }

  /** In as many frames as it takes to count the events; the positions are of the last. */
  async #lost({ end, ...gap }: Gap, positions: Buffer): Promise<void> {
    let { first } = gap
    do {
      const part = { ...gap, first, end: Math.min(end, first + FRAME_EVENTS_MAX) }
      const frame = { first, count: part.end - first, time: gap.time, continues: false, lost: true }
      await this.#write(frame, part.end === end ? positions : NOTHING, gapLine(part, this.rewriting.identity.queue))
      first = part.end
    } while (first < end)
  }

  async #write(frame: FrameStart, positions: Buffer, lines: Buffer): Promise<void> {
    const header = encodeFrameHeader(frame, positions, lines)
    placeFrame(header, this.#at + this.#waiting, this.#start)
    // the memory of a frame is used again
    for (const piece of [header, Buffer.from(positions), Buffer.from(lines)]) if (piece.length > 0) this.#pieces.push(piece)
    this.#waiting += FRAME_HEADER_SIZE + positions.length + lines.length
    if (this.#waiting >= WRITE_BYTES) await this.#flush()
  }

  async #flush(): Promise<void> {
    if (this.#pieces.length > 0) this.#at += await this.file.write(this.#pieces, this.#at)
    this.#pieces = []
    this.#waiting = 0
  }
}

const NOTHING = Buffer.alloc(0)
