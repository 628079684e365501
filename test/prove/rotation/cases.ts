/**
 * A log that is written to, rotated and followed, step by step: each kind of rotation × each sequence of steps × how much of the log flume-tail has acked
 * where it is killed. What was written stands in generations, one for each content that had a place of its own on the disk; from
 * these follows what must arrive, and what may be missing.
 */
import * as fs from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Position } from '../../../src/events/batch.js'
import * as tail from '../../../src/sources/rounds.js'
import { FakeClock } from '../../support/clock.js'
import { APART, KINDS, LOSSY, Rotating, SAME, VARIANTS, type Kind } from '../../support/rotating.js'
import { Tailing, type Sent } from '../../support/tailing.js'

export const ALL_KINDS: readonly Kind[] = [...KINDS, ...VARIANTS, APART, SAME, ...LOSSY]

/** append lines, append half a line, rotate, look, kill (what was sent last is not acked), start again. */
export const STEPS = ['append', 'half', 'rotate', 'look', 'kill', 'start'] as const
export type Step = (typeof STEPS)[number]

export interface Case {
  readonly kind: Kind
  readonly steps: readonly Step[]
  /** It matches the rotated files, too. */
  readonly all: boolean
  /** Lines that make the file longer than what tells one short file from another. */
  readonly long: boolean
  /** One file may be open at a time, and after each look another log is written to: all others are closed then. */
  readonly few: boolean
}

/** Every sequence of up to `most` steps that changes anything: who runs is not started, who does not is not killed and does not look. */
export function* sequences(most: number, up = true): Generator<readonly Step[]> {
  if (most === 0) return
  for (const step of STEPS) {
    if (up ? step === 'start' : step === 'kill' || step === 'look') continue
    yield [step]
    const next = step === 'kill' ? false : step === 'start' ? true : up
    for (const rest of sequences(most - 1, next)) yield [step, ...rest]
  }
}

/**
 * A short file that stands in the place of another one, with the same bytes, is another one: of these only the long ones are known again. So
 * are the copies of those whose truncation comes later; and of a line that was half written when the copy was made, nobody can know.
 */
export function* cases(most: number): Generator<Case> {
  for (const steps of sequences(most)) {
    for (const kind of ALL_KINDS) {
      if (kind === APART && steps.includes('half')) continue
      for (const [all, few] of [[false, false], [true, false], [false, true]] as const) {
        for (const long of kind === SAME || (kind === APART && all) ? [true] : [false, true]) yield { kind, steps, all, long, few }
      }
    }
  }
}

export function nameOf({ kind, steps, all, long, few }: Case): string {
  return `${kind}, ${all ? 'app*' : 'app.log'}, ${long ? 'long' : 'short'} lines${few ? ', one open file' : ''}: ${steps.join(', ')}`
}

/** Undefined where all is well. `directory` and `elsewhere` are empty, the second on another file system. */
export async function faultOf(one: Case, directory: string, elsewhere: string): Promise<string | undefined> {
  const followed = new Followed(one, directory, elsewhere)
  await followed.run()
  return followed.fault()
}

const TIMES = { ...tail.TIMES, settle: 4000 }
/** Of 2 s each, after which all that can arrive has done so. */
const PASSES = 5
const OTHER = 'of the other log'

class Followed {
  readonly #log: string
  readonly #other: string
  readonly #clock = new FakeClock()
  readonly #rotating: Rotating
  readonly #generations: string[] = ['']
  /** Indices of those that were destroyed, if there was anything in them. */
  readonly #destroyed = new Set<number>()
  /** Of the last generation, what is in the copy that was made of it; and lines that came after such a copy, and may be missing. */
  #copied = 0
  #between = ''
  readonly #sent: Sent[] = []
  #numbers = 0
  #tailing: Tailing | undefined

  constructor(
    readonly one: Case,
    readonly directory: string,
    readonly elsewhere: string,
  ) {
    this.#log = `${directory}/app.log`
    this.#other = `${directory}/other.log`
    this.#rotating = new Rotating(this.#log, one.kind, elsewhere)
  }

  async run(): Promise<void> {
    this.#append(true)
    await this.#start()
    for (const step of this.one.steps) await this.#step(step)
    if (this.#tailing === undefined) await this.#start()
    this.#append(true)
    for (let pass = 0; pass < PASSES; pass++) await this.#tailing?.pass(2000)
    this.#sent.push(...this.#tailing!.sent)
    await this.#tailing?.close()
  }

  async #step(step: Step): Promise<void> {
    switch (step) {
      case 'append':
      case 'half':
        return this.#append(step === 'append')
      case 'rotate':
        return this.#rotate()
      case 'look':
        await this.#tailing?.pass(1500)
        if (this.one.few) fs.appendFileSync(this.#other, `${OTHER}\n`)
        return this.one.few ? this.#tailing?.pass(500) : undefined
      case 'kill': {
        await this.#tailing?.close()
        const sent = this.#tailing?.sent ?? []
        this.#sent.push(...sent.slice(0, Math.max(this.#sent.length === 0 ? 1 : 0, sent.length - 1))) // something of the log is known
        this.#tailing = undefined
        return
      }
      case 'start':
        return this.#start()
    }
  }

  async #start(): Promise<void> {
    const pattern = `${this.directory}/${this.one.all ? 'app*' : 'app.log'}`
    const { few } = this.one
    this.#tailing = new Tailing(few ? [pattern, this.#other] : [pattern], this.#clock, { eventBytesMax: 5000, olddirs: [this.elsewhere], times: TIMES, ...(few && { openFilesMax: 1 }) })
    await this.#tailing.start({ kind: 'keeps', held: new Map<string, readonly Position[]>(this.#sent.map(({ mark }) => [mark.partition, [mark.to]])) })
  }

  #append(whole: boolean): void {
    let text = ''
    for (let n = 0; n < (whole ? 3 : 1); n++) {
      this.#numbers++
      text += `${n > 0 ? '\n' : ''}line ${this.#numbers}${this.one.long ? ` of ${this.#numbers}`.repeat(100) : ''}`
    }
    if (whole) text += '\n'
    fs.appendFileSync(this.#log, text)
    this.#generations[this.#generations.length - 1] += text
  }

  async #rotate(): Promise<void> {
    await this.#tick()
    const became = this.#rotating.rotate()
    if (became === 'the same') return
    const last = this.#generations.length - 1
    if (became === 'copied') {
      this.#copied = this.#generations[last]!.length
      return
    }
    if (became === 'truncated') this.#between += this.#generations[last]!.slice(this.#copied)
    if (became === 'gone' && this.#generations[last] !== '') this.#destroyed.add(last)
    this.#generations.push('')
  }

  /** Until what is written gets another time: two rotations are not within the some ms in which a kernel counts. */
  async #tick(): Promise<void> {
    const { mtimeMs } = fs.statSync(this.#log, { throwIfNoEntry: false }) ?? { mtimeMs: 0 }
    const probe = `${this.directory}/.probe`
    for (;;) {
      fs.writeFileSync(probe, '')
      if (fs.statSync(probe).mtimeMs > mtimeMs) break
      await setTimeout(1)
    }
    fs.rmSync(probe)
  }

  fault(): string | undefined {
    const bodies = this.#sent.flatMap(({ bodies, headers }) => bodies.filter((body, index) => !headers[index]!.has('flume.gap') && body !== OTHER))
    const twice = bodies.find((body, index) => bodies.indexOf(body) !== index)
    if (twice !== undefined) return `twice: ${twice.slice(0, 40)}`
    const lines = this.#generations.map((text) => text.split('\n').filter((line, index, all) => index < all.length - 1 || line !== ''))
    const invented = bodies.find((body) => !lines.some((some) => some.includes(body)))
    if (invented !== undefined) return `nobody wrote ${JSON.stringify(invented.slice(0, 80))}`
    for (const [index, some] of lines.entries()) {
      const places = some.map((line) => bodies.indexOf(line))
      const missing = some.filter((line, at) => places[at]! < 0 && !this.#between.includes(`${line}\n`))
      if (missing.length > 0 && !this.#destroyed.has(index)) return `lost: ${missing.map((line) => line.slice(0, 10)).join('; ')}`
      const there = places.filter((place) => place >= 0)
      if (there.some((place, at) => at > 0 && place < there[at - 1]!)) return `out of order: ${there.join(' ')}`
      if (missing.length > 0 && there.length > 0 && !this.#said(some, missing)) return `missing without a gap event: ${missing.map((line) => line.slice(0, 10)).join('; ')}`
    }
    return undefined
  }

  /** Gap events of the partition of these lines cover, byte for byte, what is missing of them, as far as it was seen by a look whose marks are kept. */
  #said(lines: readonly string[], missing: readonly string[]): boolean {
    const partition = this.#sent.find(({ bodies }) => lines.some((line) => bodies.includes(line)))?.mark.partition
    const own = this.#sent.filter(({ mark }) => mark.partition === partition)
    const gaps = own.flatMap(({ headers }) => headers.filter((header) => header.has('flume.gap')))
    const ranges = gaps.map((header) => [Number(header.get('first')), Number(header.get('last'))] as const)
    const seen = Math.max(...own.filter(({ headers }) => !headers.some((header) => header.has('flume.gap'))).map(({ mark }) => Number(mark.to['size'])))
    let offset = 0
    return lines.every((line) => {
      const [first, last] = [offset, offset + Buffer.byteLength(line) - 1]
      offset = last + 2
      return !missing.includes(line) || first >= seen || ranges.some(([from, to]) => from <= first && Math.min(last, seen - 1) <= to)
    })
  }
}
