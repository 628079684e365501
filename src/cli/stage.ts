/**
 * A running command as flume-stat(1) sees it. What it shows is asked for only when somebody looks; the socket for that is
 * opened, and its code loaded, once the command has been at work for a moment, so that no start waits for it.
 */
import type { Clock } from '../events/flow.js'
import type { FlowStat, StageStat } from '../stat/report.js'
import { pipesOf } from '../disk/stages.js'

/** ms; whoever has ended by then opens none. */
const MOMENT = 250

/** What a command shows of itself. */
export interface Shown {
  /** The files, or the queue, it is about. */
  readonly about: readonly string[]
  readonly rejects?: { readonly count: number }
  flows(): FlowStat[] | Promise<FlowStat[]>
}

export class Stage {
  #shown: Shown | undefined
  #said: StageStat['said']
  #timer: NodeJS.Timeout | undefined
  #close: (() => void) | undefined
  #over = false
  readonly #started: number

  constructor(
    readonly command: string,
    readonly pid: number,
    readonly uid: number,
    readonly clock: Clock,
  ) {
    this.#started = clock.now()
  }

  show(shown: Shown): void {
    this.#shown = shown
    this.#timer = setTimeout(() => void this.#serve(), MOMENT).unref()
  }

  heard(text: string): void {
    this.#said = { time: this.clock.now(), text }
  }

  close(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#close?.()
  }

  /** Without a socket it works as well; flume-stat then says that there is none. */
  async #serve(): Promise<void> {
    try {
      const { serveStat } = await import('../stat/serve.js')
      if (this.#over) return
      this.#close = await serveStat(this.pid, this.uid, this.clock.now(), () => this.#report())
      if (this.#over) this.close()
    } catch {
      return
    }
  }

  async #report(): Promise<StageStat> {
    const { command, pid, uid } = this
    return {
      command, pid, uid,
      started: this.#started,
      about: this.#shown?.about ?? [],
      ...pipesOf(pid),
      rejects: this.#shown?.rejects?.count ?? 0,
      ...(this.#said === undefined ? {} : { said: this.#said }),
      flows: (await this.#shown?.flows()) ?? [],
    }
  }
}
