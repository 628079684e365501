/** The outputs of flume-route: from the start of their commands to the end of the last. */
import type { Role } from '../pipe/role.js'
import type { End } from '../pipe/output-options.js'
import { Outlet } from '../routes/outlet.js'
import type { Router } from '../routes/router.js'
import type { FlowStat } from '../stat/report.js'
import { boundIn } from '../events/binding.js'
import { Wake } from '../events/wake.js'
import { Branch } from './branch.js'
import type { Context } from './command.js'
import { blamedOn, describe } from './report.js'
import type { OutputSpec } from './route-list.js'
import { stdoutOf } from './stdio.js'

/** ms after the start until it goes on without an optional output that has not come. */
const OPTIONAL_MS = 1000
/** ms after which it is said who is waited for at the start. */
const SAY_MS = 5000
/** Default of --failover-stalled. */
const STALLED_MS = 10_000
/** ms between two starts of a command that says to try it again later, and has not come yet: after more the line falls. */
const FIRST_PAUSE_MAX = 3000
const PAUSE_MAX = 10_000
/** ms between two looks at the outputs that are down. */
const LOOK = 250

export interface OutputsValues {
  readonly hold: number
  readonly ack: string
  readonly grace: number
  readonly balance: string | undefined
  readonly failover: boolean
  readonly 'failover-after': number | undefined
  readonly 'failover-stalled': number | undefined
}

export class Outputs {
  readonly outlets: readonly Outlet[]
  readonly #branches: readonly Branch[]
  #optional: Promise<unknown> = Promise.resolve()
  #required: Promise<PromiseSettledResult<End>[]> = Promise.resolve([])
  readonly #met = new Wake()
  readonly #over = new AbortController()
  /** Called when an output gets on, though it has not acked anything for a while. */
  onProgress = (): void => undefined

  /** `fail`: ends all, because one has ended before it should. */
  constructor(
    readonly specs: readonly OutputSpec[],
    readonly values: OutputsValues,
    readonly context: Context,
    readonly stop: AbortSignal,
    readonly fail: () => void,
  ) {
    const { clock, say } = context
    const holdBytesMax = Math.max(values.hold, 1)
    const stalled = values['failover-stalled'] ?? STALLED_MS
    this.outlets = specs.map(({ name, identity, suffix, optional }) => new Outlet({
      name, identity, suffix, holdBytesMax, stalled, optional, replayable: !values.failover,
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      changed: () => this.#met.wake(),
      progress: () => this.onProgress(),
      say: (message) => say(`output ${name}: ${message}`),
    }))
    const output = { ...stdoutOf('flume-route', values, context), patient: true, withoutAcks: 'it is written to, and not waited for' }
    this.#branches = specs.map((spec, index) => new Branch(spec, this.outlets[index]!, output, context, this.#pauseMax(index)))
  }

  /** Starts them all. The router hears when one comes or goes. */
  start(router: Router): void {
    this.#optional = Promise.all(this.#branches.filter(({ spec }) => spec.optional).map((branch) => this.#attendOptional(branch)))
    this.#required = Promise.allSettled(this.#branches.filter(({ spec }) => !spec.optional).map((branch) => this.#attend(branch)))
    void this.#watch(router)
  }

  /** Until it is known of each output that is waited for what it is. */
  async meeting(): Promise<void> {
    const { clock } = this.context
    const start = clock.monotonic()
    const after = this.values['failover-after'] ?? Infinity
    const unknown = (outlets: readonly Outlet[]): boolean => outlets.some(({ kind }) => kind === undefined) && !this.stop.aborted
    const waits = (): boolean => unknown(this.#waitedFor()) && (clock.monotonic() - start < after || !this.outlets.some(({ up }) => up))
    for (let said = false; waits(); await this.#met.waitFor(clock, LOOK, this.stop)) {
      if (!said && clock.monotonic() - start >= SAY_MS) said = this.#sayWaits()
    }
    for (const { name } of this.#waitedFor().filter(({ kind }) => kind === undefined && !this.stop.aborted)) {
      this.context.say(`output ${name}: has not come: what it has, and others do not know of, may be given to another, too`)
    }
    for (let left = OPTIONAL_MS; left > 0 && unknown(this.outlets); left = start + OPTIONAL_MS - clock.monotonic()) {
      await this.#met.waitFor(clock, left, this.stop)
    }
  }

  #sayWaits(): true {
    const { failover, 'failover-after': after } = this.values
    const hint = failover && after === undefined ? '; with --failover-after TIME the others go on without it' : ''
    for (const { name } of this.#waitedFor().filter(({ kind }) => kind === undefined)) {
      this.context.say(`output ${name}: is waited for: no output gets anything before it has said where it stands${hint}`)
    }
    return true
  }

  /** To the stages before. `held`: as of Role. */
  role(held: NonNullable<Role['held']>): Role {
    const kinds = this.#waitedFor().flatMap(({ kind }) => kind ?? [])
    if (kinds.every((kind) => kind === 'plain')) return { acks: false }
    if (kinds.includes('acks')) return this.#binding()
    return kinds.includes('keeps') ? { held } : {}
  }

  /** Nothing more comes. */
  finish(): void {
    for (const outlet of this.outlets) outlet.finish()
  }

  /** Of those that are waited for. */
  async ended(): Promise<PromiseSettledResult<End>[]> {
    const ends = await this.#required
    this.#over.abort()
    return ends
  }

  /** All others have ended: so long it may take what it has not got yet. */
  async finishOptional(): Promise<void> {
    const over = new AbortController()
    const optional = this.#branches.filter(({ spec }) => spec.optional)
    for (const branch of optional) if (branch.down) branch.abandon()
    await Promise.race([this.#optional, this.context.clock.sleep(this.values.grace, over.signal)])
    over.abort()
    for (const branch of optional) branch.abandon()
  }

  flows(): FlowStat[] {
    return this.#branches.map(({ meter, outlet }) => ({
      ...meter.read('output', 'events', 'its reader'), name: outlet.name, ...(outlet.options.optional ? { missed: outlet.missed } : {}),
    }))
  }

  /**
   * Two that have the same outputs may each have what the other one waits for. One must fall: the one without the first output, so that
   * not both do. Where one goes on without an output, it may take its time.
   */
  #pauseMax(index: number): number {
    if (this.specs[index]!.optional || this.values.failover) return Infinity
    return index === 0 ? FIRST_PAUSE_MAX : PAUSE_MAX
  }

  #waitedFor(): readonly Outlet[] {
    return this.outlets.filter(({ options }) => !options.optional)
  }

  /** One output, to its end; that of one before all is done is the end of all. */
  async #attend(branch: Branch): Promise<End> {
    try {
      const end = await blamedOn(`output ${branch.outlet.name}`, branch.run(this.stop))
      if (!branch.outlet.done) this.fail()
      return end
    } catch (error) {
      this.fail()
      throw error
    }
  }

  /** One that nobody waits for: its end is nobody else's. */
  async #attendOptional(branch: Branch): Promise<void> {
    try {
      await branch.run(this.stop)
    } catch (error) {
      branch.say(`is over: ${describe(error)}`)
    }
    branch.outlet.giveUp()
  }

  /** Tells the router of outputs that come and go; moves what one was given that has been down for too long. */
  async #watch(router: Router): Promise<void> {
    const { clock } = this.context
    const { failover, 'failover-after': after } = this.values
    const over = AbortSignal.any([this.stop, this.#over.signal])
    while (!over.aborted) {
      router.changed.wake()
      if (failover && after !== undefined) this.#move(clock.monotonic() - after)
      await (failover && after !== undefined ? this.#met.waitFor(clock, LOOK, over) : this.#met.wait(over))
    }
  }

  /** From those that are down since then or before. */
  #move(since: number): void {
    for (const from of this.outlets.filter((one) => !one.up && one.downSince <= since && !one.done && one.holds)) {
      const to = this.outlets.find((one) => one.takes)
      if (to === undefined) return
      const doubt = from.moveTo(to)
      this.context.say(`output ${from.name}: what it has not acked goes to ${to.name}: ${doubt} events that it may have stored are possible doubles`)
    }
  }

  /** What goes where follows from the rules, too. */
  #binding(): Role {
    const needed = this.#branches.filter(({ outlet }) => !outlet.options.optional && outlet.bound !== undefined)
    if (needed.length === 0) return {}
    const { balance } = this.values
    const binding = needed.map(({ spec, outlet }) => `${spec.name} (${balance ?? spec.rule}): ${outlet.bound!.binding}`).join('; ')
    const chooses = balance !== undefined || this.#branches.some(({ spec }) => spec.rule !== 'all')
    const follows = chooses ? 'events' : needed.map(({ outlet }) => outlet.bound!.follows).find((one) => one !== undefined)
    return { ...boundIn(binding, follows), ...(needed.some(({ outlet }) => outlet.rebind) ? { rebind: true } : {}) }
  }
}
