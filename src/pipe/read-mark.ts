/** A mark as it came from a writer. */
import type { Mark, Position } from '../events/batch.js'
import type { MarkLine } from './control.js'
import type { WriterLink } from './writer-link.js'

/** It knows whom to tell. */
export class ReadMark implements Mark {
  readonly partition: string
  readonly from: Position | null
  readonly to: Position
  readonly time: number
  readonly replayable: boolean
  readonly gone?: readonly string[]
  readonly number: number
  constructor(
    line: MarkLine,
    readonly writer: WriterLink,
  ) {
    this.partition = line.partition
    this.from = line.from
    this.to = line.to
    this.time = line.time
    this.replayable = line.replayable
    if (line.gone) this.gone = line.gone
    this.number = line.mark
  }
}
