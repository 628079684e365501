/** One schedule: who is started when on which pipe, and who is killed; then one clean run. What was promised is looked at all the time, and at the end. */
import { chooser, type Choose } from '../../support/memory-disk.js'
import { Kernel, begin, type Process } from './kernel.js'
import { Pipe } from './pipes.js'
import { Wrong, forget, main, type Durable, type Spec } from './programs.js'

/** Commands that run one after the other, as a shell starts them; each has its ends of pipes. */
export interface Row {
  readonly specs: readonly Spec[]
  /** Index of the pipe that they read, and of the one that they write. */
  readonly reads?: number
  readonly writes?: number
}

/** New ones come behind the others, as schedules that were written down begin with the place of theirs. */
const KINDS = ['line', 'generations', 'fifo', 'second', 'others', 'program', 'middle', 'through', 'beside', 'long'] as const

export interface Plan {
  readonly kind: (typeof KINDS)[number]
  readonly rows: readonly Row[]
  /** Bytes that each pipe holds. */
  readonly sizes: readonly number[]
  readonly hasty: boolean
  /** Of all its processes the one that is slow; 0: none. */
  readonly slow: number
  readonly keeps: boolean
}

/** Choices from a seed, written down; or those that were written down, and after them the first one each time. */
export class Choices {
  readonly made: number[] = []
  readonly #more: Choose

  constructor(seed: number, readonly given?: readonly number[]) {
    this.#more = given === undefined ? chooser(seed) : () => 0
  }

  readonly choose: Choose = (count) => {
    const choice = this.given?.[this.made.length]
    const made = choice === undefined ? this.#more(count) : choice % count
    this.made.push(made)
    return made
  }
}

const COUNT = 4

export function planOf(choose: Choose): Plan {
  const kind = KINDS[choose(KINDS.length)]!
  const keeps = choose(4) < 3
  const dies = (): Pick<Spec, 'killAt' | 'stopAt'> => {
    const how = choose(4)
    return how === 0 ? {} : how === 3 ? { stopAt: 1 + choose(60) } : { killAt: 1 + choose(choose(2) === 0 ? 30 : 90) }
  }
  const writer = (more: Partial<Spec> = {}): Spec =>
    ({ program: 'flume-count', partition: 'file.n', count: COUNT - choose(2) * choose(COUNT), batch: 1 + choose(3), follows: choose(4) === 0, own: choose(4) === 0, ...dies(), ...more })
  const reader = (): Spec => ({ program: 'flume-store', keeps, lazy: choose(2) === 0, ...dies() })
  const middle = (): Spec => ({ program: 'flume-pass', own: choose(4) === 0, ...dies() })
  const several = (make: () => Spec): Spec[] => Array.from({ length: 1 + choose(3) }, make)
  const rowsOf = (): Row[] => {
    switch (kind) {
      case 'line':
        return [{ specs: [writer()], writes: 0 }, { specs: [reader()], reads: 0 }]
      case 'generations':
      case 'fifo':
        return [{ specs: several(writer), writes: 0 }, { specs: several(reader), reads: 0 }]
      case 'second':
        return [{ specs: several(writer), writes: 0 }, { specs: several(() => writer({ partition: 'file.m' })), writes: 0 }, { specs: several(reader), reads: 0 }]
      case 'others': {
        const other = (partition: string): Spec => ({ program: 'cat', partition, count: 1 + choose(4) })
        const calm = choose(2) === 0 ? { killAt: Infinity, stopAt: Infinity, follows: false } : {}
        const specs = choose(3) === 0 ? [writer(calm), other('old'), writer(calm)] : [other('old'), writer(calm), other('new')]
        return [{ specs, writes: 0 }, { specs: [{ ...reader(), ...calm }], reads: 0 }]
      }
      case 'program':
        return [{ specs: [writer({ follows: false })], writes: 0 }, { specs: [{ program: choose(3) === 0 ? 'head' : 'jq' }], reads: 0 }]
      case 'middle':
        return [{ specs: several(writer), writes: 0 }, { specs: several(middle), reads: 0, writes: 1 }, { specs: several(reader), reads: 1 }]
      case 'through':
        return [{ specs: [writer({ follows: false })], writes: 0 }, { specs: [middle()], reads: 0, writes: 1 }, { specs: [{ program: 'jq' }], reads: 1 }]
      case 'beside':
        return [{ specs: [writer()], writes: 0 }, { specs: [{ program: 'cat', partition: 'old', count: 1 + choose(4) }], writes: 0 }, { specs: [reader()], reads: 0 }]
      case 'long':
        return [{ specs: [{ program: 'cat', partition: 'old', count: choose(3), long: true }], writes: 0 }, { specs: [reader()], reads: 0 }]
    }
  }
  const rows = rowsOf()
  const processes = rows.reduce((sum, { specs }) => sum + specs.length, rows.length)
  const size = (): number => [50, 400, 65_536][kind === 'beside' ? 2 : choose(3)]! // others' lines come whole, as short writes do
  return { kind, rows, sizes: [size(), size()], hasty: choose(6) === 0, slow: choose(3) === 0 ? 100 + choose(processes) : 0, keeps }
}

/**
 * How often a clean run began where schedules had ended. What it begins with is a few numbers, and nothing else of the schedule: so of each such
 * beginning there are so many clean runs, each in an order of its own, and then no more.
 */
export class Ends {
  readonly #begun = new Map<string, number>()

  wants(...numbers: readonly (number | boolean)[]): boolean {
    const key = numbers.join(' ')
    const begun = this.#begun.get(key) ?? 0
    this.#begun.set(key, begun + 1)
    return begun < CLEAN_RUNS
  }
}

const CLEAN_RUNS = 200

/** Undefined where all is well. */
export async function faultOf(choices: Choices, { trace, ends }: { readonly trace?: string[]; readonly ends?: Ends } = {}): Promise<string | undefined> {
  const { choose } = choices
  const plan = planOf(choose)
  trace?.push(JSON.stringify(plan))
  const durable: Durable = { settled: new Map(), stored: new Map(), plain: [] }
  const partitions = plan.kind === 'second' ? ['file.n', 'file.m'] : ['file.n']
  const disturbed = await new Run(plan, choose, durable, trace).run()
  if (disturbed.fault !== undefined) return disturbed.fault
  const calm = plan.rows.every(({ specs }) => specs.length === 1 && !specs.some(({ killAt, stopAt, follows }) => killAt !== undefined || stopAt !== undefined || follows)) && !plan.hasty
  const bad = [...disturbed.statuses].find(([, status]) => status !== 0)
  if (calm && !['program', 'through', 'second', 'beside'].includes(plan.kind) && bad !== undefined) return `in peace ${bad[0]} ends with ${bad[1]}`
  const mixed = plan.kind === 'others' || plan.kind === 'long'
  const others = mixed ? faultOfOthers(plan, durable) : plan.kind === 'beside' ? undefined : durable.plain.length > 0 ? `without a mark comes ${durable.plain.join(' ')}` : undefined
  if (others !== undefined) return others
  for (const partition of partitions) {
    const { next: begins = 0 } = durable.stored.get(partition) ?? {}
    if (ends?.wants(plan.keeps, begins, durable.settled.get(partition) ?? 0, plan.sizes[0]!) === false) continue
    const rows: Row[] = [
      { specs: [{ program: 'flume-count', partition, count: COUNT, batch: 2 }], writes: 0 },
      { specs: [{ program: 'flume-store', keeps: plan.keeps }], reads: 0 },
    ]
    const { fault, statuses } = await new Run({ ...plan, kind: 'line', rows, hasty: false, slow: 0 }, choose, durable, trace).run()
    if (fault !== undefined) return `the clean run: ${fault}`
    for (const [name, status] of statuses) if (status !== 0) return `the clean run: ${name} ends with ${status}`
    const { numbers = [], next = 0 } = durable.stored.get(partition) ?? {}
    if (next !== COUNT) return `${next} of ${partition} are stored in the end`
    if (plan.keeps && numbers.some((n, index) => n !== index)) return `of ${partition} is stored ${numbers.join(' ')}`
    if (!plan.keeps && durable.settled.get(partition) !== COUNT) return `${durable.settled.get(partition)} of ${partition} are settled in the end`
  }
  return undefined
}

/** Lines of others around one flume stage: all of them, once, where nobody is killed; never anything else without a mark. */
function faultOfOthers({ rows, hasty }: Plan, { plain }: Durable): string | undefined {
  const specs = rows.flatMap((row) => row.specs)
  const expected = specs.flatMap(({ program, partition, count = 0 }) => (program === 'cat' ? Array.from({ length: count }, (_, n) => `{"body":"${partition} ${n}"}`) : []))
  const peace = !hasty && specs.every(({ killAt = Infinity, stopAt = Infinity }) => killAt === Infinity && stopAt === Infinity)
  // what is void ends where the pipe is empty, and that may be in the middle of what another program writes
  const strange = plain.find((line) => (peace ? !expected.includes(line) : !expected.some((whole) => whole.endsWith(line))))
  if (strange !== undefined) return `without a mark comes ${JSON.stringify(strange)}`
  return peace && plain.join(' ') !== expected.join(' ') ? `of others came ${plain.join(' ')}` : undefined
}

function faultOfWrong(error: unknown): string {
  if (error instanceof Wrong) return error.message
  throw error
}

class Run {
  readonly #kernel: Kernel
  readonly #pipes: Pipe[]
  #fault: string | undefined
  readonly #statuses = new Map<string, number | string>()
  readonly #stops = new Map<Process, AbortController>()

  constructor(
    readonly plan: Plan,
    choose: Choose,
    readonly durable: Durable,
    trace: string[] | undefined,
  ) {
    forget()
    this.#kernel = begin(new Kernel(choose, plan))
    this.#kernel.trace = trace
    this.#pipes = plan.sizes.map((size, index) => new Pipe(this.#kernel, 70 + index, size, plan.kind === 'fifo'))
  }

  async run(): Promise<{ fault: string | undefined; statuses: ReadonlyMap<string, number | string> }> {
    for (const row of this.plan.rows) this.#start(row)
    const fault = await this.#kernel.run(() => this.#stopOne()).catch(faultOfWrong)
    return { fault: this.#fault ?? fault, statuses: this.#statuses }
  }

  /** Nobody of these can go on: one of those that follow is told to stop. */
  #stopOne(): boolean {
    for (const [process, controller] of this.#stops) {
      if (process.over || controller.signal.aborted) continue
      this.#kernel.post(process, () => controller.abort())
      return true
    }
    return false
  }

  /** A line of one command has its ends to itself; of several they are the shell's as well, save those of a FIFO, which each opens. */
  #start(row: Row): void {
    const kernel = this.#kernel
    if (row.specs.length === 1) return void this.#spawn(row, 0, () => undefined)
    const shell = kernel.start('sh', () => undefined)
    if (this.plan.kind !== 'fifo') this.#open(shell, row)
    let next = 0
    const step = (): void => {
      if (next === row.specs.length) kernel.end(shell)
      else this.#spawn(row, next++, () => kernel.post(shell, step))
    }
    kernel.post(shell, step)
  }

  #open(process: Process, { reads, writes }: Row): { in?: number; out?: number } {
    return {
      ...(reads === undefined ? {} : { in: this.#kernel.open(process, this.#pipes[reads]!, 'read') }),
      ...(writes === undefined ? {} : { out: this.#kernel.open(process, this.#pipes[writes]!, 'write') }),
    }
  }

  #spawn(row: Row, index: number, over: () => void): void {
    const kernel = this.#kernel
    const spec = row.specs[index]!
    const process = kernel.start(spec.program, over)
    process.killAt = spec.killAt ?? Infinity
    const fds = this.#open(process, row)
    const stop = new AbortController()
    if (spec.follows === true || spec.stopAt !== undefined) this.#stops.set(process, stop)
    if (spec.stopAt !== undefined) process.stopAt = { calls: spec.stopAt, stop: () => stop.abort() }
    kernel.post(process, () => {
      main(process, spec, fds, this.durable, stop.signal).then(
        (status) => this.#over(process, status),
        (error: unknown) => {
          if (process.over) return
          this.#fault ??= error instanceof Wrong ? error.message : `${spec.program} throws ${error instanceof Error ? error.stack : String(error)}`
          this.#over(process, 70)
        },
      )
    })
  }

  #over(process: Process, status: number | string): void {
    if (process.over) return
    this.#kernel.note(`ends with ${status}`)
    this.#statuses.set(`${process.program} ${process.pid}`, status)
    this.#kernel.end(process)
  }
}
