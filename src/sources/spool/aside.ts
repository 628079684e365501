/**
 * Files that are read and acked are set aside, many at a time: the new name is on disk before the old one goes, and both
 * are before anybody is told that a file is done with. What already has the name is never overwritten. A kill at any
 * moment leaves the file under its old name, its new one, or both, and doing it again gives the same.
 */
import { basename, dirname, join, relative } from 'node:path'
import type { Clock } from '../../events/flow.js'
import type { Disk, FileStat } from '../../disk/disk.js'
import { hasNoLinks } from '../../disk/no-space.js'
import { shownPath } from '../../disk/path.js'
import { isSame } from '../../disk/same.js'
import { errnoOf, FlumeError, wordsOf } from '../../errors.js'
import { identityOf, type SpoolFile } from './file.js'
import type { Marker } from './marker.js'
import { byAnotherPath, linkOrCopy } from './moving.js'
import type { Tracker } from './tracker.js'

export type Done =
  | { readonly how: 'suffix'; readonly suffix: string }
  /** Absolute. */
  | { readonly how: 'move'; readonly directory: string }
  | { readonly how: 'delete' }
  /** It stays, and is remembered. */
  | { readonly how: 'none' }

export interface AsideOptions {
  readonly done: Done
  /** Absolute: where the files were dropped. */
  readonly directory: string
  /** ms before one is tried again that could not be set aside. */
  readonly retry: number
}

export interface AsideSurroundings {
  readonly disk: Disk
  readonly clock: Clock
  readonly marker: Marker | undefined
  readonly tracker: Tracker
  /** Waited for before a file is touched. */
  ready(): Promise<void>
  /** Once for each text. */
  say(message: string): void
}

/** What became of it: set aside, changed since it was read, not where it was any more, or still there. */
type Outcome = 'done' | 'changed' | 'away' | { readonly error: unknown }

/** One that is being set aside: where it went, if anywhere. */
interface Step {
  readonly file: SpoolFile
  outcome: Outcome
  target?: string
  /** Its old name is still there. */
  named: boolean
}

const AT_ONCE = 256
/** Of these so many at the same time: as many as the system has threads for. */
const SIDE_BY_SIDE = 8

export class Aside {
  readonly disk: Disk
  /** Why they could not be set aside. */
  readonly failed = new Map<SpoolFile, unknown>()
  /** When they are tried again, in ms of Clock.monotonic(). */
  again = Infinity
  #waiting: SpoolFile[] = []
  #working: Promise<void> | undefined
  readonly #made = new Set<string>()

  constructor(
    readonly options: AsideOptions,
    readonly around: AsideSurroundings,
    /** It is set aside; or it was not, as it has changed, or somebody has taken it away or given it another name. */
    readonly told: (file: SpoolFile, outcome: 'done' | 'changed' | 'away') => void,
  ) {
    this.disk = around.disk
  }

  add(file: SpoolFile): void {
    file.aside = true
    this.#waiting.push(file)
    this.#working ??= this.#work()
  }

  /** Resolves when all that was added has been tried. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working
  }

  tryAgain(): void {
    if (this.around.clock.monotonic() < this.again) return
    this.again = Infinity
    for (const file of this.failed.keys()) this.add(file)
  }

  #tell(file: SpoolFile, outcome: Outcome): void {
    this.failed.delete(file)
    if (typeof outcome === 'string') {
      file.aside = false
      return this.told(file, outcome)
    }
    this.failed.set(file, outcome.error)
    this.around.say(cannotSetAside(file, this.options, outcome.error))
    this.again = Math.min(this.again, this.around.clock.monotonic() + this.options.retry)
  }

  async #work(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#setAside(this.#waiting.splice(0, AT_ONCE))
    } finally {
      this.#working = undefined
    }
  }

  async #setAside(files: readonly SpoolFile[]): Promise<void> {
    const steps = files.map((file): Step => ({ file, outcome: 'done', named: true }))
    await this.around.ready().catch((error: unknown) => steps.forEach((step) => (step.outcome = { error })))
    await sideBySide(steps, (step) => this.#place(step))
    await this.#sync(steps, ({ target, file }) => (target !== undefined && dirname(target) !== dirname(file.at) ? dirname(target) : undefined))
    for (const step of steps) this.#remove(step)
    await this.#remember(steps)
    await this.#sync(steps, ({ file }) => (this.options.done.how === 'none' ? undefined : dirname(file.at)))
    for (const { file, outcome } of steps) this.#tell(file, outcome)
  }

  /** Gives it its new name. */
  async #place(step: Step): Promise<void> {
    const { file } = step
    if (step.outcome !== 'done') return
    try {
      const stat = await this.disk.stat(file.at)
      if (stat === undefined) step.outcome = 'away'
      else if (!file.isAs(stat)) step.outcome = 'changed'
      else if (this.options.done.how === 'none') this.around.tracker.add(file)
      else if (this.options.done.how !== 'delete') await this.#name(step, stat)
    } catch (error) {
      step.outcome = errnoOf(error) === 'ENOENT' && this.#isAway(file) ? 'away' : { error }
    }
  }

  async #name(step: Step, stat: FileStat): Promise<void> {
    const { at, key } = step.file
    const wanted = await this.#wanted(at)
    for (let count = 0; ; count++) {
      const target = this.#numbered(wanted, count)
      step.target = target
      try {
        const made = await linkOrCopy(this.disk, at, target, stat)
        // what is called so now may be another file
        if (made === undefined || (made === 'link' ? this.#isAt(target, key) : this.#isThere(step.file))) return
        await this.disk.unlink(target)
        step.outcome = 'away'
        return
      } catch (error) {
        if (error instanceof FlumeError) throw error
        const errno = errnoOf(error) ?? ''
        const there = await this.disk.lstat(target)
        if (there !== undefined && identityOf(there) === key) return this.#leave(at, target)
        if (there !== undefined || errno === 'EEXIST') continue
        if (!hasNoLinks(error) && errno !== 'EMLINK') throw error
        if (!this.#isThere(step.file)) step.outcome = 'away'
        else await this.disk.rename(at, target)
        step.named = false
        return
      }
    }
  }

  /** It was killed between the two names. Throws where they are one, and its directory is reached by two paths. */
  async #leave(at: string, target: string): Promise<void> {
    if (basename(at) === basename(target) && (await isSame(this.disk, dirname(at), dirname(target)))) throw byAnotherPath()
  }

  #isThere({ at, key }: SpoolFile): boolean {
    return this.#isAt(at, key)
  }

  /** False too where nobody can look. */
  #isAway(file: SpoolFile): boolean {
    try {
      return !this.#isThere(file)
    } catch {
      return false
    }
  }

  #isAt(path: string, key: string): boolean {
    const there = this.disk.statNow(path)
    return there !== undefined && identityOf(there) === key
  }

  async #wanted(at: string): Promise<string> {
    const { done, directory } = this.options
    if (done.how !== 'move') return at
    const path = join(done.directory, relative(directory, at))
    const parent = dirname(path)
    if (!this.#made.has(parent)) await this.disk.makeDirectory(parent)
    this.#made.add(parent)
    return path
  }

  #numbered(path: string, count: number): string {
    const { done } = this.options
    const name = count === 0 ? path : `${path}.${count}`
    return done.how === 'suffix' ? name + done.suffix : name
  }

  /** The last look at it and its end follow at once upon each other: the system has no call for both, and its name may be another file's by now. */
  #remove(step: Step): void {
    const { file } = step
    if (step.outcome !== 'done' || !step.named || this.options.done.how === 'none') return
    try {
      if (!this.#isThere(file)) step.outcome = 'away'
      else {
        this.around.marker?.remove(file.at)
        this.disk.unlinkNow(file.at)
      }
    } catch (error) {
      step.outcome = errnoOf(error) === 'ENOENT' ? 'away' : { error }
    }
  }

  async #remember(steps: readonly Step[]): Promise<void> {
    try {
      await this.around.tracker.flush()
    } catch (error) {
      for (const step of steps) step.outcome = { error }
    }
  }

  async #sync(steps: readonly Step[], directoryOf: (step: Step) => string | undefined): Promise<void> {
    const directories = new Map<string, Step[]>()
    for (const step of steps) {
      const directory = step.outcome === 'done' ? directoryOf(step) : undefined
      if (directory === undefined) continue
      const within = directories.get(directory) ?? []
      within.push(step)
      directories.set(directory, within)
    }
    for (const [directory, within] of directories) {
      try {
        await this.disk.syncDirectory(directory)
      } catch (error) {
        this.#made.delete(directory)
        if (errnoOf(error) !== 'ENOENT') for (const step of within) step.outcome = { error }
      }
    }
  }
}

/** What a person is told. */
function cannotSetAside(file: SpoolFile, { done }: AsideOptions, error: unknown): string {
  const where = done.how === 'move' ? ` to ${shownPath(done.directory)}` : done.how === 'suffix' ? ` to ${shownPath(basename(file.at))}${done.suffix}` : ''
  const verb = { delete: 'remove', none: 'remember', move: 'move', suffix: 'move' }[done.how]
  return `cannot ${verb} ${shownPath(file.at)}${where}: ${wordsOf(error)}; it was read, and is not read again`
}

async function sideBySide(steps: readonly Step[], work: (step: Step) => Promise<void>): Promise<void> {
  const rest = steps.values()
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, async () => {
    for (const step of rest) await work(step)
  }))
}
