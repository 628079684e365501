/** The selector of rules: each event goes to every output whose rule holds. What no rule must look at is not looked at. */
import { FlumeError } from '../errors.js'
import type { Batch, Mark, Position } from '../events/batch.js'
import { parseEvent } from '../events/json.js'
import type { Refused } from '../events/rejects.js'
import type { Rule } from './rule.js'
import { ascending, Part, type Selection, type Selector, type Stand } from './selector.js'
import { Subject } from './subject.js'

/** Which events an output gets: all, those for which this holds, or those for which no rule of another held. */
export type Wants = 'all' | Rule | 'otherwise'

const NEWLINE = 0x0a
/** Header of an event that says what is lost. */
const GAP = 'flume.gap'

export class Choice implements Selector {
  /** `untaken` is called with the number of events of a batch that no output gets. */
  constructor(
    readonly wants: readonly Wants[],
    readonly refused: Pick<Refused, 'add'>,
    readonly untaken: (count: number) => void,
  ) {}

  select({ lines, count, mark }: Pick<Batch, 'lines' | 'count' | 'mark'>): Selection {
    const { wants, refused, untaken } = this
    if (wants.every((one) => one === 'all')) return { portions: wants.map(() => ({ lines, count })) }
    const parts = wants.map(() => new Part(lines))
    let lost = 0
    for (let from = 0, index = 0; from < lines.length; index++) {
      const to = lines.indexOf(NEWLINE, from) + 1
      const line = lines.subarray(from, to)
      const taken = takers(line, wants, (reason) =>
        refused.add(line, { reason, partition: mark?.partition ?? 'stdin', position: positionOf(mark, count, index) }))
      for (const part of taken ?? []) parts[part]!.add(from, to)
      if (taken?.length === 0) lost++
      from = to
    }
    if (lost > 0) untaken(lost)
    return { portions: parts.map((part) => part.portion(count)) }
  }

  resume(_partition: string, stands: readonly Stand[]): readonly Position[] {
    return ascending(stands.map(({ position }) => position))
  }
}

/** Just after a line, where each line of the batch has a position of its own. */
export function positionOf(mark: Mark | null, count: number, index: number): { readonly offset: number } | null {
  const from = mark?.from?.offset ?? 0
  return mark !== null && mark.to.offset - from === count ? { offset: from + index + 1 } : null
}

/** Indexes of the outputs; undefined: it is no event. What is lost may have been anybody's: all are told. */
function takers(line: Buffer, wants: readonly Wants[], refuse: (reason: string) => void): number[] | undefined {
  let subject: Subject
  try {
    subject = new Subject(parseEvent(line))
  } catch (error) {
    if (!(error instanceof FlumeError) || error.code !== 'BAD_EVENT') throw error
    refuse(error.message)
    return undefined
  }
  const gap = subject.header(GAP) !== undefined
  const held = wants.map((one) => gap || one === 'all' || (one !== 'otherwise' && one(subject)))
  const ruled = wants.some((one, index) => typeof one === 'function' && held[index])
  return wants.flatMap((one, index) => (held[index] || (one === 'otherwise' && !ruled) ? [index] : []))
}
