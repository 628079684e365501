/**
 * A line of real processes, flume-tail and flume-buffer, whose log is rotated twice while it runs, is stopped, or was killed -9
 * in the middle of reading. Where a reading stands is seen in the queue, never guessed from the time.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Queue } from '../../src/channel/channel.js'
import { nodeDisk } from '../../src/disk/node.js'
import { aroundOf } from './queue.js'
import type { State } from './rotation-case.js'
import { Running, until } from './running.js'
import { shell } from './shell.js'

/** Events of each step; at RATE some 10 s of them. */
const SIZE = 600
const RATE = '8K'

export class RotationLine {
  readonly #log: string
  #count = 0
  #running: Running | undefined

  constructor(
    readonly t: Test,
    readonly directory: string,
    readonly state: State,
    /** Rotates app.log there. */
    readonly rotate: () => void,
    /** Further words of flume-tail, its operand the last of them. */
    readonly words: string,
    /** Lines of an event after its first. */
    readonly trace = 0,
  ) {
    this.#log = join(directory, 'app.log')
  }

  /** What the queue is to hold. */
  get expected(): string[] {
    return Array.from({ length: this.#count }, (_, n) => this.#event(n))
  }

  /** Two rotations; with `apart` it is started in between. Returns what the queue holds, in the order of the numbers. */
  async run(apart: boolean): Promise<string[]> {
    this.#append()
    await this.#up()
    await this.#down()
    this.#append()
    this.rotate()
    this.#append()
    if (apart) await this.#up()
    if (apart) await this.#down()
    this.#append()
    this.rotate()
    this.#append()
    if (this.#running !== undefined) await this.#stop(this.#running)
    return this.#rest()
  }

  async #up(): Promise<void> {
    if (this.#running !== undefined) return this.#all(this.#running)
    const rate = this.state === 'killed' ? `--rate ${RATE} ` : ''
    const before = await this.#held()
    const running = Running.start(this.t, `flume-tail ${rate}${this.words} | flume-buffer --put q`, this.directory)
    this.#running = running
    await until(async () => (await this.#held()) > before, () => running.said)
  }

  /** Once all is read, or killed before. */
  async #down(): Promise<void> {
    if (this.state === 'running') return
    const running = this.#running!
    this.#running = undefined
    if (this.state === 'stopped') return this.#stop(running)
    running.killStage('flume-tail')
    this.t.ok(await running.falls(), 'the line falls')
    this.t.ok((await this.#held()) < this.#count, 'it was killed in the middle')
  }

  async #stop(running: Running): Promise<void> {
    await this.#all(running)
    running.kill('SIGTERM')
    this.t.ok(await running.falls(), 'the line ends')
  }

  async #all(running: Running): Promise<void> {
    await until(async () => (await this.#held()) >= this.#count, () => running.said)
  }

  /** All that is left, once, and then nothing. */
  async #rest(): Promise<string[]> {
    for (const run of ['the rest', 'nothing more']) {
      const before = await this.#held()
      const { out, err } = await shell(`flume-tail --once ${this.words} | flume-buffer --put q; echo "\${PIPESTATUS[*]}"`, this.directory)
      this.t.equal(out, '0 0\n', `${run}: ${err}`)
      if (run === 'nothing more') this.t.equal(await this.#held(), before, run)
    }
    const { out } = await shell('flume-buffer --export q | jq -c .body', this.directory)
    const bodies = out.split('\n').slice(0, -1).map((body) => JSON.parse(body) as string)
    return bodies.sort((a, b) => numberOf(a) - numberOf(b))
  }

  async #held(): Promise<number> {
    const queue = await Queue.open(join(this.directory, 'q'), aroundOf(nodeDisk), { create: false }).catch(() => undefined)
    return (await queue?.stat())?.next ?? 0
  }

  #append(): void {
    let text = ''
    for (let n = 0; n < SIZE; n++) text += `${this.#event(this.#count++)}\n`
    appendFileSync(this.#log, text)
  }

  #event(n: number): string {
    return `line ${n} of the log${`\n\tat frame(${n})`.repeat(this.trace)}`
  }
}

const numberOf = (body: string): number => Number(body.split(' ')[1])
