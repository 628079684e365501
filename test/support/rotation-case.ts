/** A log of numbered lines that is rotated twice while flume-tail runs, is stopped, or was killed in the middle of reading. */
import * as fs from 'node:fs'
import type { Position } from '../../src/events/batch.js'
import { FakeClock } from './clock.js'
import { Tailing, type Sent } from './tailing.js'

export const STATES = ['running', 'stopped', 'killed'] as const
export type State = (typeof STATES)[number]

export class RotationCase {
  readonly #log: string
  readonly #clock = new FakeClock()
  readonly #sent: Sent[] = []
  #lines = 0
  #tailing: Tailing | undefined

  constructor(
    readonly directory: string,
    readonly state: State,
    /** Rotates app.log there. */
    readonly rotate: () => void,
    readonly size: number,
    readonly pattern: string,
    readonly olddirs: readonly string[] = [],
  ) {
    this.#log = `${directory}/app.log`
  }

  get expected(): string[] {
    return Array.from({ length: this.#lines }, (_, i) => `line ${i + 1}`)
  }

  get got(): string[] {
    return this.#sent.flatMap(({ bodies }) => bodies).sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))
  }

  /** In the order in which they came. */
  get order(): string[] {
    return this.#sent.flatMap(({ bodies }) => bodies)
  }

  /** Each rotation while nobody looks; with `apart` it is started in between. */
  async run(apart: boolean): Promise<void> {
    this.#append()
    await this.#start()
    await this.#down()
    this.#append()
    this.rotate()
    this.#append()
    if (apart) await this.#start()
    if (apart) await this.#down()
    this.#append()
    this.rotate()
    this.#append()
    await this.#start()
    for (let i = 0; i < 20; i++) await this.#tailing?.pass(1000)
    this.#collect()
    await this.#tailing?.close()
  }

  #append(): void {
    for (let i = 0; i < this.size; i++) fs.appendFileSync(this.#log, `line ${++this.#lines}\n`)
  }

  async #start(): Promise<void> {
    if (this.#tailing !== undefined) return this.#tailing.pass(3000)
    this.#tailing = new Tailing([`${this.directory}/${this.pattern}`], this.#clock, { eventBytesMax: 500, olddirs: this.olddirs })
    await this.#tailing.start({ kind: 'keeps', held: this.#held() })
  }

  async #down(): Promise<void> {
    if (this.state === 'running') return
    await this.#tailing?.close()
    this.#collect()
    if (this.state === 'killed') this.#sent.splice(Math.max(1, this.#sent.length - 2)) // something of the log is known
    this.#tailing = undefined
  }

  #held(): Map<string, readonly Position[]> {
    return new Map(this.#sent.map(({ mark }) => [mark.partition, [mark.to]]))
  }

  #collect(): void {
    this.#sent.push(...(this.#tailing?.sent.splice(0) ?? []))
  }
}
