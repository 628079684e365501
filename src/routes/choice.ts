/** Which output gets which events of a batch: rules into portions, without looking at what no rule must look at. */
import { FlumeError } from '../errors.js'
import type { Batch, Mark } from '../events/batch.js'
import { parseEvent } from '../events/json.js'
import type { Refused } from '../events/rejects.js'
import type { Portion } from './outlet.js'
import type { Rule } from './rule.js'
import { Subject } from './subject.js'

/** Which events an output gets: all, those for which this holds, or those for which no rule of another held. */
export type Wants = 'all' | Rule | 'otherwise'

/** Portions of a batch, as many as there are outputs, in their order. */
export type Choose = (batch: Pick<Batch, 'lines' | 'count' | 'mark'>) => readonly Portion[]

const NOTHING: Portion = { lines: Buffer.alloc(0), count: 0 }
const NEWLINE = 0x0a
/** Header of an event that says what is lost. */
const GAP = 'flume.gap'

/** `untaken` is called with the number of events of a batch that no output gets. */
export function chooseBy(wants: readonly Wants[], refused: Pick<Refused, 'add'>, untaken: (count: number) => void): Choose {
  if (wants.every((one) => one === 'all')) return ({ lines, count }) => wants.map(() => ({ lines, count }))
  return ({ lines, count, mark }) => {
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
    return parts.map((part) => part.portion(count))
  }
}

/** Just after a line, where each line of the batch has a position of its own. */
function positionOf(mark: Mark | null, count: number, index: number): { readonly offset: number } | null {
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

/** Lines of a batch, as the runs of bytes that they are. */
class Part {
  #runs: { from: number; to: number }[] = []
  #count = 0

  constructor(readonly lines: Buffer) {}

  add(from: number, to: number): void {
    this.#count++
    const last = this.#runs.at(-1)
    if (last?.to === from) last.to = to
    else this.#runs.push({ from, to })
  }

  /** `count`: of the whole batch. */
  portion(count: number): Portion {
    if (this.#count === 0) return NOTHING
    if (this.#count === count) return { lines: this.lines, count }
    return { lines: Buffer.concat(this.#runs.map(({ from, to }) => this.lines.subarray(from, to))), count: this.#count }
  }
}
