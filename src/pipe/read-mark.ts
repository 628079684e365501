/** A mark as it came from a writer. */
import type { Mark } from '../events/batch.js'
import type { MarkLine } from './control.js'
import type { WriterLink } from './writer-link.js'

/** It knows whom to tell, also as part of another mark. */
export interface ReadMark extends Mark {
  readonly writer: WriterLink
  readonly number: number
}

export function readMark({ partition, from, to, time, replayable, gone, mark }: MarkLine, writer: WriterLink): ReadMark {
  return { partition, from, to, time, replayable, ...(gone ? { gone } : {}), writer, number: mark }
}

export function isReadMark(mark: Mark): mark is ReadMark {
  return 'writer' in mark
}
