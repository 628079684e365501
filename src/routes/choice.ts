/** The selector of rules: each event goes to every output whose rule holds. What no rule must look at is not looked at. */
import { isUtf8 } from 'node:buffer'
import { FlumeError } from '../errors.js'
import { NEWLINE, type Batch, type Mark, type Position } from '../events/batch.js'
import { GAP } from '../events/event.js'
import { endsWithBody, Heads } from '../events/heads.js'
import { parseEvent } from '../events/json.js'
import { PLAIN, type Refused } from '../events/rejects.js'
import type { Rule } from './rule.js'
import { ascending, Part, type Selection, type Selector, type Stand } from './selector.js'
import { LineSubject, Subject } from './subject.js'

/** Which events an output gets: all, those for which this holds, or those for which no rule of another held. */
export type Wants = 'all' | Rule | 'otherwise'


export class Choice implements Selector {
  readonly #heads = new Heads()
  /** Of the line before: which outputs get it; and it has followed from the head alone. */
  #held: boolean[] = []
  #byHead = false

  /** `untaken` is called with the number of events of a batch that no output gets. */
  constructor(
    readonly wants: readonly Wants[],
    readonly refused: Pick<Refused, 'add'>,
    readonly untaken: (count: number) => void,
  ) {}

  select({ lines, count, mark }: Pick<Batch, 'lines' | 'count' | 'mark'>, place: Mark): Selection {
    const { wants, refused, untaken } = this
    if (wants.every((one) => one === 'all')) return { portions: wants.map(() => ({ lines, count })) }
    const parts = wants.map(() => new Part(lines))
    const clean = isUtf8(lines)
    let lost = 0
    for (let from = 0, index = 0; from < lines.length; index++) {
      const to = lines.indexOf(NEWLINE, from) + 1
      try {
        if (!this.#take(lines, from, to, clean)) lost++
        for (let one = 0; one < parts.length; one++) if (this.#held[one] === true) parts[one]!.add(from, to)
      } catch (error) {
        if (!(error instanceof FlumeError) || error.code !== 'BAD_EVENT') throw error
        const nth = mark === null ? positionOf(place, count, index)?.offset : undefined
        refused.add(lines.subarray(from, to), { reason: error.message, partition: mark?.partition ?? PLAIN, position: positionOf(mark, count, index), nth })
      }
      from = to
    }
    if (lost > 0) untaken(lost)
    return { portions: parts.map((part) => part.portion(count)) }
  }

  /** False: no output gets it. What is lost may have been anybody's: all are told. Throws BAD_EVENT. */
  #take(lines: Buffer, from: number, to: number, clean: boolean): boolean {
    const found = clean ? this.#heads.find(lines, from, to) : undefined
    const head = found !== undefined && endsWithBody(lines, from, to, found) ? found : undefined
    if (head !== undefined && this.#byHead && this.#heads.repeated) return this.#held.includes(true)
    this.#byHead = false
    const line = lines.subarray(from, to)
    const subject = head === undefined ? new Subject(parseEvent(line)) : new LineSubject(head, line)
    const gap = subject.header(GAP) !== undefined
    const held = this.wants.map((one) => gap || one === 'all' || (one !== 'otherwise' && one(subject)))
    const ruled = this.wants.some((one, index) => typeof one === 'function' && held[index])
    this.#held = held.map((holds, index) => holds || (this.wants[index] === 'otherwise' && !ruled))
    this.#byHead = head !== undefined && !subject.inside
    return this.#held.includes(true)
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
