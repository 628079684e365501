/**
 * A kernel in miniature: processes, pipes, the names of sockets, a clock. All that happens is a task of a process, and which
 * one is next is chosen; so one sequence of choices is one schedule, and comes again. A process dies before a call of its own.
 */
import { setImmediate as soon } from 'node:timers'
import type { Choose } from '../../support/memory-disk.js'
import type { Listener } from './net.js'
import type { End, Pipe } from './pipes.js'

/** More tasks than this, and a schedule does not end. */
const TASKS_MAX = 20_000
/** So often in a row nothing happens but that time passes: nothing will. */
const QUIET_MAX = 200

export class Process {
  /** Killed, or at its end. */
  over = false
  calls = 0
  /** The call before which it is killed. */
  killAt = Infinity
  /** A signal that comes after so many calls. */
  stopAt: { readonly calls: number; stop(): void } | undefined
  readonly ends = new Set<End>()
  /** Its sockets and listeners. */
  readonly handles = new Set<{ released(): void }>()

  constructor(
    readonly pid: number,
    readonly program: string,
    /** Called once it is over, whatever it ends by. */
    readonly onOver: () => void,
  ) {}
}

interface Task {
  readonly process: Process
  readonly run: () => void
}

interface Timer extends Task {
  readonly at: number
}

export interface Pace {
  /** Time may pass while there is something to do. */
  readonly hasty: boolean
  /** Tasks of this process are mostly left for later. */
  readonly slow: number
}

export class Kernel {
  now = 1_700_000_000_000
  /** Whose code runs. */
  current: Process | undefined
  /** Made so far. */
  inodes = 0
  readonly names = new Map<string, Listener>()
  readonly fds = new Map<number, End>()
  readonly processes: Process[] = []
  /** What happened, where that is asked for. */
  trace: string[] | undefined
  #ready: Task[] = []
  #timers: Timer[] = []
  #lastFd = 1000

  constructor(
    readonly choose: Choose,
    readonly pace: Pace,
  ) {}

  start(program: string, onOver: () => void): Process {
    const process = new Process(100 + this.processes.length, program, onOver)
    this.processes.push(process)
    return process
  }

  /** A descriptor; its number is of this process alone. */
  open(process: Process, pipe: Pipe, side: 'read' | 'write'): number {
    const fd = ++this.#lastFd
    const end: End = { pipe, side, process, fd, changed: undefined }
    pipe.add(end)
    this.fds.set(fd, end)
    process.ends.add(end)
    return fd
  }

  /** `cut`: what a call is writing to it ends. */
  close(fd: number, cut: boolean): void {
    const end = this.fds.get(fd)
    if (end === undefined) return
    this.fds.delete(fd)
    if (cut) this.#remove(end)
    else end.pipe.close(end)
  }

  #remove(end: End): void {
    end.process.ends.delete(end)
    end.pipe.remove(end)
  }

  /** Something that happens to a process, some time. */
  post(process: Process, run: () => void): void {
    if (!process.over) this.#ready.push({ process, run })
  }

  /** A system call: false where the process is over by now, and nothing it does counts any more. */
  call(name: string, what: string | Buffer = ''): boolean {
    const process = this.current
    if (process === undefined) throw new Error(`${name} of nobody`)
    if (!process.over && ++process.calls >= process.killAt) {
      this.note(`killed before ${name}`, what)
      this.end(process)
    }
    if (process.over) return false
    this.note(name, what)
    if (process.calls === process.stopAt?.calls) this.post(process, process.stopAt.stop)
    return true
  }

  note(text: string, what: string | Buffer = ''): void {
    this.trace?.push(`${this.current ? `${this.current.program} ${this.current.pid}` : 'world'}: ${text} ${String(what)}`.trim())
  }

  /** By exit or kill. */
  end(process: Process): void {
    if (process.over) return
    process.over = true
    this.#ready = this.#ready.filter((task) => task.process !== process)
    this.#timers = this.#timers.filter((timer) => timer.process !== process)
    for (const end of [...process.ends]) {
      this.fds.delete(end.fd)
      this.#remove(end)
    }
    for (const handle of [...process.handles]) handle.released()
    process.onOver()
  }

  /** What takes effect some time, and is heard of some time later; or it was killed in between. */
  io<Result>(name: string, effect: () => Result): Promise<Result> {
    const process = this.current!
    return new Promise((resolve) => {
      this.post(process, () => {
        if (!this.call(name)) return
        const result = effect()
        this.post(process, () => resolve(result))
      })
    })
  }

  sleep(ms: number, stop?: AbortSignal): Promise<void> {
    const process = this.current!
    return new Promise((resolve) => {
      if (stop?.aborted) return resolve()
      const timer: Timer = {
        process, at: this.now + ms, run: () => {
          stop?.removeEventListener('abort', cut)
          resolve()
        },
      }
      const cut = (): void => {
        this.#timers = this.#timers.filter((other) => other !== timer)
        resolve()
      }
      stop?.addEventListener('abort', cut)
      if (!process.over) this.#timers.push(timer)
    })
  }

  /** Until nobody is left. Says what is wrong where that does not come. `idle`: nothing can happen any more unless it makes it; false: it cannot. */
  run(idle: () => boolean): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      soon(() => { // not in a promise job: there no other ones could be run
        try {
          resolve(this.#all(idle))
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #all(idle: () => boolean): string | undefined {
    for (let tasks = 0, quiet = 0; this.processes.some(({ over }) => !over); tasks++) {
      if (tasks > TASKS_MAX) return `it does not end: ${this.#left()}`
      const task = this.#next()
      quiet = this.#ready.length === 0 ? (quiet + 1) % QUIET_MAX : 1
      const stopped = (task === undefined || quiet === 0) && idle()
      if (task === undefined && !stopped) return `deadlock: ${this.#left()}`
      if (task === undefined) continue
      this.current = task.process
      task.run()
      allThatFollows()
      this.current = undefined
    }
    return undefined
  }

  #left(): string {
    return this.processes.filter(({ over }) => !over).map(({ program, pid }) => `${program} ${pid}`).join(', ')
  }

  #next(): Task | undefined {
    const early = this.pace.hasty && this.#timers.length > 0 && this.choose(40) === 39
    if (this.#ready.length === 0 || early) return this.#timer()
    let at = this.choose(this.#ready.length)
    if (this.#ready[at]!.process.pid === this.pace.slow && this.choose(8) > 0) at = this.choose(this.#ready.length)
    return this.#ready.splice(at, 1)[0]
  }

  #timer(): Task | undefined {
    const first = this.#timers.toSorted((a, b) => a.at - b.at)[0]
    if (first === undefined) return undefined
    this.#timers = this.#timers.filter((other) => other !== first)
    this.now = Math.max(this.now, first.at)
    this.note(`${this.now - 1_700_000_000_000} ms`)
    return first
  }
}

/** Runs process.nextTick() and promise jobs until there are none: a turn of the event loop for each task takes as long as the task. */
const allThatFollows = (process as unknown as { _tickCallback(): void })._tickCallback.bind(process)

/** That of the schedule under way: one at a time. */
export let running: Kernel

export function begin(kernel: Kernel): Kernel {
  running = kernel
  return kernel
}
