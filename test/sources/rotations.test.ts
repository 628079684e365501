/**
 * Each way of rotating × flume-tail running, stopped, or killed in the middle of reading × two rotations × short files and
 * long ones × a pattern that matches the rotated files or not: each numbered line arrives exactly once.
 */
import * as fs from 'node:fs'
import t from 'tap'
import type { Position } from '../../src/events/batch.js'
import { FakeClock } from '../support/clock.js'
import { KINDS, Rotating, type Kind } from '../support/rotating.js'
import { Tailing, type Sent } from '../support/tailing.js'

const STATES = ['running', 'stopped', 'killed'] as const
type State = (typeof STATES)[number]

/** Another device than the directory of the tests, where there is one. */
const elsewhere = fs.mkdtempSync(fs.existsSync('/dev/shm') ? '/dev/shm/flume-' : '/var/tmp/flume-')
t.teardown(() => fs.rmSync(elsewhere, { recursive: true }))

class Case {
  readonly #log: string
  readonly #olddir: string
  readonly #rotating: Rotating
  readonly #clock = new FakeClock()
  readonly #sent: Sent[] = []
  #lines = 0
  #tailing: Tailing | undefined

  constructor(
    readonly directory: string,
    readonly state: State,
    kind: Kind,
    readonly size: number,
    readonly pattern: string,
  ) {
    this.#log = `${directory}/app.log`
    this.#olddir = `${elsewhere}${directory}`
    fs.rmSync(this.#olddir, { recursive: true, force: true })
    fs.mkdirSync(this.#olddir, { recursive: true })
    this.#rotating = new Rotating(this.#log, kind, this.#olddir)
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
    this.#rotating.rotate()
    this.#append()
    if (apart) await this.#start()
    if (apart) await this.#down()
    this.#append()
    this.#rotating.rotate()
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
    this.#tailing = new Tailing([`${this.directory}/${this.pattern}`], this.#clock, { eventBytesMax: 500, olddirs: [this.#olddir] })
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

for (const kind of KINDS) {
  t.test(`${kind}:`, async (t) => {
    for (const state of STATES) {
      for (const size of [3, 300]) {
        for (const pattern of ['app.log', 'app*']) {
          for (const apart of [true, false]) {
            const name = `${state}, ${size} lines at a time, ${pattern}, ${apart ? 'read in between' : 'twice at once'}`
            const directory = t.testdir({})
            const one = new Case(directory, state, kind, size, pattern)
            await one.run(apart)
            t.strictSame(one.got, one.expected, name)
            if (state !== 'running' && pattern === 'app.log') t.strictSame(one.order, one.expected, `${name}: and in order`)
          }
        }
      }
    }
  })
}
