/** A log of numbered lines, and the count of how often each has arrived. */
import { appendFileSync, copyFileSync, renameSync, truncateSync } from 'node:fs'
import { join } from 'node:path'

/** xorshift32: the same numbers again from the same seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** A program that writes numbered lines to app.log in `directory` and has it rotated, in each of the usual ways. */
export class NumberedLog {
  count = 0
  #rotations = 0

  constructor(
    readonly directory: string,
    readonly pick: (below: number) => number,
    /** What each line begins with, in the file; tally() takes them without it. */
    readonly prefix = '',
  ) {}

  append(lines: number): void {
    let text = ''
    for (let n = 0; n < lines; n++) text += `${this.prefix}line ${this.count++} ${'x'.repeat(this.pick(120))}\n`
    appendFileSync(this.#path, text)
  }

  rotate(): void {
    const rotated = `${this.#path}.${++this.#rotations}`
    if (this.pick(2) === 0) return renameSync(this.#path, rotated)
    copyFileSync(this.#path, rotated)
    truncateSync(this.#path)
  }

  /** What is wrong with what arrived, `texts` of whole lines: nothing, when each line is there once. */
  tally(texts: Iterable<string>): Tally {
    return tally(texts, this.count)
  }

  get #path(): string {
    return join(this.directory, 'app.log')
  }
}

interface Tally {
  readonly missing: number[]
  readonly twice: number[]
  readonly others: string[]
}

/** What is wrong with `texts` of whole lines: nothing, when each line of `count` is there once. */
export function tally(texts: Iterable<string>, count: number): Tally {
  const times = new Uint32Array(count)
  const others: string[] = []
  for (const text of texts) {
    for (const line of text.split('\n').filter(Boolean)) {
      const number = Number(/^line (\d+) x*$/.exec(line)?.[1] ?? NaN)
      if (Number.isNaN(number) || number >= count) others.push(line)
      else times[number]!++
    }
  }
  const numbers = (matches: (n: number) => boolean): number[] => [...times.keys()].filter((n) => matches(times[n]!))
  return { missing: numbers((n) => n === 0), twice: numbers((n) => n > 1), others }
}

export const NOTHING_WRONG = { missing: [], twice: [], others: [] }
