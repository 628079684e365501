/**
 * Random histories of a log: written to, renamed, copied and truncated, saved anew, deleted, while flume-tail runs, is replaced or is
 * down, before a reader that may hold less than was sent. Each numbered line arrives exactly once. What nobody can know
 * is left out of the histories: a file that was deleted or truncated before any of it was stored.
 */
import * as fs from 'node:fs'
import t from 'tap'
import { FakeClock } from '../support/clock.js'
import { numbersFrom } from '../support/ndjson.js'
import { Tailing, type Sent } from '../support/tailing.js'

const CASES = 200

const numberOf = (body: string): number => Number(body.split(' ')[1] ?? 0)

class History {
  readonly steps: string[] = []
  #line = 0
  #rotations = 0
  #changes = 0
  #sent: Sent[] = []
  /** Of #sent, those that the reader holds in any case. */
  #barrier = 0
  #tailing: Tailing | undefined
  #clock = new FakeClock()
  readonly #next: (below: number) => number
  readonly #pattern: string
  #padding: string
  #old: string | undefined

  constructor(
    readonly directory: string,
    seed: number,
  ) {
    this.#next = numbersFrom(seed)
    for (let i = 0; i < 5; i++) this.#next(2)
    this.#pattern = this.#next(100) < 50 ? 'log' : 'log*'
    this.#padding = this.#next(100) < 50 ? '' : 'x'.repeat(300)
    this.#write(this.#log, '')
  }

  get #log(): string {
    return `${this.directory}/log`
  }

  get expected(): string[] {
    return Array.from({ length: this.#line }, (_, i) => `${this.#padding}line ${i + 1}`)
  }

  get got(): string[] {
    return this.#sent.flatMap(({ bodies }) => bodies).sort((a, b) => numberOf(a) - numberOf(b))
  }

  async run(steps: number): Promise<void> {
    await this.#start()
    for (let i = 0; i < steps; i++) await this.#step()
    if (this.#tailing === undefined) await this.#start()
    this.#append(this.#log, 1)
    for (let i = 0; i < 15; i++) await this.#pass(1000)
    this.#collect()
    await this.#tailing?.close()
  }

  async #step(): Promise<void> {
    const step = STEPS[this.#next(STEPS.length)]!
    this.steps.push(step)
    if (step === 'append') this.#append(this.#log, 1 + this.#next(5))
    else if (step === 'late' && this.#old !== undefined) this.#append(this.#old, 1)
    else if (step === 'pass') await this.#pass([10, 1000, 3000, 12_000][this.#next(4)]!)
    else if (step === 'rename') await this.#rename()
    else if (step === 'copytruncate') await this.#copyTruncate()
    else if (step === 'save') await this.#save()
    else if (step === 'delete') await this.#delete()
    else if (step === 'kill') await this.#kill(this.#next(2) === 0)
    else if (step === 'reader') await this.#replaceReader()
    else if (step === 'start' && this.#tailing === undefined) await this.#start()
  }

  #append(file: string, count: number): void {
    let text = ''
    for (let i = 0; i < count; i++) text += `${this.#padding}line ${++this.#line}\n`
    this.#write(file, text)
  }

  /** Each change at another ms, as the kernel's time is no finer than some ms. */
  #write(file: string, bytes: string | Buffer, flag: 'a' | 'w' = 'a'): void {
    fs.writeFileSync(file, bytes, { flag })
    const time = (this.#clock.now() + ++this.#changes) / 1000
    fs.utimesSync(file, time, time)
  }

  async #pass(ms: number): Promise<void> {
    await this.#tailing?.pass(ms)
  }

  /** Something of the log as it is now is in a batch that the reader holds. */
  #known(): boolean {
    this.#collect()
    const inode = String(fs.statSync(this.#log).ino)
    const known = this.#sent.slice(this.#barrier).some(({ mark }) => mark.to['inode'] === inode && mark.to.offset > 0)
    if (known) this.#barrier = this.#sent.length
    return known
  }

  /** What comes now belongs to another log, or to the rest of an old one. */
  #rotated(): void {
    this.#collect()
    this.#barrier = this.#sent.length
  }

  async #rename(): Promise<void> {
    if (!this.#known()) return
    this.#old = `${this.#log}.${++this.#rotations}`
    fs.renameSync(this.#log, this.#old)
    if (this.#next(2) === 0) await this.#pass(1000)
    this.#write(this.#log, '', 'w')
    this.#rotated()
  }

  async #copyTruncate(): Promise<void> {
    if (!this.#known()) return
    const copy = `${this.#log}.${++this.#rotations}`
    const bytes = fs.readFileSync(this.#log)
    const half = this.#next(bytes.length)
    if (this.#next(2) === 0) {
      this.#write(copy, bytes.subarray(0, half), 'w')
      await this.#pass(500)
    }
    this.#write(copy, bytes, 'w')
    if (this.#next(2) === 0) await this.#pass(1000)
    this.#write(this.#log, '', 'w')
    this.#old = undefined
    this.#rotated()
  }

  /** A longer copy of it gets its name; a short one would count as another file. */
  async #save(): Promise<void> {
    if (!this.#known() || fs.statSync(this.#log).size < 1024) return
    this.#write(`${this.directory}/.new`, fs.readFileSync(this.#log), 'w')
    this.#append(`${this.directory}/.new`, 1)
    fs.renameSync(`${this.directory}/.new`, this.#log)
    this.#old = undefined
    await this.#pass(1000)
  }

  /** After all of it was read. */
  async #delete(): Promise<void> {
    if (this.#tailing === undefined || !this.#known()) return
    await this.#pass(1000)
    this.#rotated()
    fs.unlinkSync(this.#log)
    if (this.#next(2) === 0) await this.#pass(1000)
    this.#write(this.#log, '', 'w')
  }

  /** The reader holds what was sent up to some batch. */
  #forget(): Map<string, readonly Sent['mark']['to'][]> {
    this.#collect()
    this.#sent.splice(this.#barrier + this.#next(this.#sent.length - this.#barrier + 1))
    return this.#held()
  }

  /** In no particular order. */
  #held(): Map<string, readonly Sent['mark']['to'][]> {
    const held = [...new Map(this.#sent.map(({ mark }) => [mark.partition, [mark.to]]))]
    return new Map(this.#next(100) < 50 ? held : held.reverse())
  }

  async #kill(restart: boolean): Promise<void> {
    if (this.#tailing === undefined) return
    await this.#tailing.close()
    this.#forget()
    this.#tailing = undefined
    if (restart) await this.#start()
  }

  async #replaceReader(): Promise<void> {
    if (this.#tailing === undefined) return
    await this.#tailing.stop()
    await this.#tailing.start({ kind: 'keeps', held: this.#forget() })
  }

  async #start(): Promise<void> {
    this.#tailing = new Tailing([`${this.directory}/${this.#pattern}`], this.#clock, { eventBytesMax: 1000 })
    if (this.#next(100) < 50) {
      await this.#tailing.start({ kind: 'plain' }) // until its reader has said hello
      await this.#tailing.stop()
      this.#tailing.sent.splice(0)
    }
    await this.#tailing.start({ kind: 'keeps', held: this.#held() })
  }

  #collect(): void {
    this.#sent.push(...(this.#tailing?.sent.splice(0) ?? []))
  }
}

const STEPS = [
  'append', 'append', 'append', 'append', 'pass', 'pass', 'pass', 'pass', 'late', 'rename', 'copytruncate', 'save', 'delete', 'kill', 'reader', 'start', 'start',
] as const

t.test(`in ${CASES} histories each line arrives exactly once`, async (t) => {
  const directory = t.testdir({})
  let rotations = 0
  for (let seed = 1; seed <= CASES; seed++) {
    fs.mkdirSync(`${directory}/${seed}`)
    const history = new History(`${directory}/${seed}`, seed)
    await history.run(40)
    rotations += fs.readdirSync(`${directory}/${seed}`).length - 1
    const wrong = history.got.join() === history.expected.join() ? undefined : { seed, steps: history.steps.join(' ') }
    if (wrong !== undefined) t.same(history.got, history.expected, JSON.stringify(wrong))
  }
  t.ok(rotations > CASES, `${rotations} rotations`)
})
