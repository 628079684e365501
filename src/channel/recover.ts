/**
 * How far the last segment goes: the last whole batch that verifies. What follows it was never acked and is cut;
 * what does not verify but was on disk once stays, since cutting it would take acked frames with it.
 */
import type { Blocks } from '../disk/blocks.js'
import type { ReadableFile } from '../disk/disk.js'
import type { Position } from '../events/batch.js'
import { applyChanges, decodeChanges, type Changes, type Table } from './format.js'
import { readFrames, type Damage, type Frame } from './segment.js'

/** A place in the log: the byte just past a batch, and the sequence of the event that comes next. */
export interface Place {
  readonly end: number
  readonly next: number
}

export interface Recovered extends Place {
  readonly table: Map<string, Position>
  /** Bytes at its end that were on disk and do not verify: nothing is to be appended after them. */
  readonly tailDamaged: boolean
  /** Number of damaged places that stay. */
  readonly damaged: number
  /** What some of them said of positions is lost: the table may be behind. */
  readonly behind: boolean
}

/** A frame or a damaged place, as far as recovery must remember it. */
interface Step extends Place {
  readonly place: number
  /** Of its first event; -1: not known. */
  readonly first: number
  readonly damaged: boolean
  readonly continues: boolean
  readonly changes: Changes | undefined
}

/**
 * Reads the frames from `start.end` on. `known`: a place that is known to be on disk, if any. `table` is that of the
 * beginning of the segment.
 */
export async function recover(file: ReadableFile, start: Place, table: Table, known: Place | undefined, blocks: Blocks): Promise<Recovered> {
  const recovery = new Recovery(start, table, known?.end ?? start.end)
  for await (const found of readFrames(file, start.end, Infinity, blocks)) {
    if (found.kind === 'damage') recovery.step(damageStep(found))
    else {
      recovery.step(frameStep(found))
      if (found.positions !== undefined && found.lines !== undefined) recovery.confirm(found.header.durable)
      found.release()
    }
  }
  const { good, table: positions, damaged, behind, endsDamaged } = recovery
  const { size } = await file.stat()
  if (good.end <= size && good.end >= (known?.end ?? 0)) return { ...good, table: positions, tailDamaged: false, damaged, behind }
  const end = Math.min(size, Math.max(good.end, known?.end ?? 0))
  return { end, next: Math.max(good.next, known?.next ?? 0), table: positions, tailDamaged: true, damaged: damaged + (endsDamaged ? 0 : 1), behind: true }
}

function damageStep({ from, to }: Damage): Step {
  return { place: from, first: -1, end: to, next: -1, damaged: true, continues: true, changes: undefined }
}

function frameStep({ header, size, positions, lines }: Frame): Step {
  return {
    place: header.place,
    first: header.first,
    end: header.place + size,
    next: header.first + header.count,
    damaged: positions === undefined || lines === undefined,
    continues: header.continues,
    changes: positions === undefined ? undefined : decodeChanges(positions),
  }
}

/** Goes on at damage without believing what follows it, until a later frame says that it was on disk. */
class Recovery {
  readonly table: Map<string, Position>
  damaged = 0
  behind = false
  endsDamaged = false
  #isFirst = true
  #unsure: Step[] = []

  constructor(
    public good: Place,
    table: Table,
    public durable: number,
  ) {
    this.table = new Map(table)
  }

  step(step: Step): void {
    if (this.#unsure.length > 0 || this.#doubtful(step)) this.#unsure.push(step)
    else this.#apply(step)
  }

  confirm(durable: number): void {
    this.durable = Math.max(this.durable, durable)
    const stop = this.#unsure.findIndex((step) => this.#doubtful(step))
    for (const step of this.#unsure.splice(0, stop < 0 ? this.#unsure.length : stop)) this.#apply(step)
  }

  #doubtful(step: Step): boolean {
    return step.damaged && step.place >= this.durable
  }

  #apply(step: Step): void {
    if (step.damaged) this.damaged++
    this.endsDamaged = step.damaged
    if (this.#isFirst && step.first > this.good.next) {
      this.damaged++ // where the beginning of a segment is damaged its first frames may be gone, too
      this.behind = true
    }
    this.#isFirst = false
    if (step.changes === undefined) this.behind = true
    else applyChanges(this.table, step.changes)
    if (!step.continues) this.good = { end: step.end, next: step.next }
  }
}
