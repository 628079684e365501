/**
 * When to look into the directory, and what is to be done then: which files are read next, which of those that are known
 * wait to be set aside, and which are not there any more. A look takes a small part of the time, however many files there are;
 * a file that a notice names is looked at by itself.
 */
import type { Clock } from '../../events/flow.js'
import { join } from 'node:path'
import { Wake } from '../../events/wake.js'
import type { FileStat } from '../../disk/disk.js'
import type { Change } from '../../disk/notice.js'
import { shownPath } from '../../disk/path.js'
import { errnoOf, FlumeError, wordsOf } from '../../errors.js'
import type { FoundFile } from '../found-file.js'
import { Watches, type Notice } from '../watches.js'
import type { Backlog, Waiting } from './backlog.js'
import { identityOf, type SpoolFile } from './file.js'
import type { Known } from './known.js'
import type { Marker } from './marker.js'
import { findMissing, type Findings } from './missing.js'
import type { Tracker } from './tracker.js'
import type { Tree } from './tree.js'

/** All in ms. */
export interface SpoolTimes {
  /** Between two looks at the directory where nobody gives notice. */
  readonly poll: number
  /** Before a file is tried again that could not be read, or set aside. */
  readonly retry: number
  /** A file that was not written to for so long is finished. */
  readonly settle: number
}

/** How they came is known of this many files. */
const ARRIVED_MAX = 100_000
/** So many files are looked at by themselves; where there are more, all are. */
const SINGLE_MAX = 10_000
/** Looking takes at most 1/SHARE of the time (1/SHARE_NOTICED after a notice). */
const SHARE_NOTICED = 10
const SHARE = 300

export class Looks {
  readonly #news = new Wake()
  readonly #watches: Watches
  /** By path: not to be tried before that time, unless it has changed since. */
  readonly #refused = new Map<string, { readonly until: number; readonly as: string }>()
  /** By path: seen with a time in the future, since then. */
  #future = new Map<string, { readonly since: number; readonly as: string }>()
  /** The same as of the look before. */
  #before = this.#future
  /** What was read for a reader that gives no acks: by identity, as it was. */
  #passed = new Map<string, string>()
  /** ms since the epoch */
  readonly #started: number
  /** By path: it came while somebody watched, and true: nothing was seen to be written to it there. */
  readonly #arrived = new Map<string, boolean>()
  #soon = true
  #lookFrom = 0
  #lookAt = 0
  /** When a file is finished, or tried again, that is looked at with all others. */
  #wakeAt = Infinity
  /** By path: when it is looked at by itself, and the first of these times. */
  readonly #single = new Map<string, number>()
  #singleAt = Infinity
  #waits = false

  constructor(
    readonly tree: Tree,
    readonly known: Known,
    readonly backlog: Backlog,
    readonly tracker: Tracker,
    readonly marker: Marker | undefined,
    readonly times: SpoolTimes,
    readonly once: boolean,
    readonly clock: Clock,
    notice: Notice | undefined,
  ) {
    this.#watches = new Watches(notice)
    this.#started = clock.now()
  }

  /** For another reader. */
  begin(): void {
    this.#passed = new Map()
    this.backlog.clear()
    this.#lookAt = 0
    this.soon()
  }

  /** It is time to look. */
  get due(): boolean {
    return this.clock.monotonic() >= this.#dueAt
  }

  /** In ms of Clock.monotonic(), as all times here but those of files. */
  get #dueAt(): number {
    return this.backlog.empty ? Math.min(this.#wholeAt, this.#singleAt) : this.#wholeAt
  }

  /** Of a look at all files. While others wait to be read it can wait, too. */
  get #wholeAt(): number {
    const { empty, cut } = this.backlog
    if (empty && cut) return 0
    if (this.once) return this.#soon ? 0 : this.#wakeAt
    const look = empty ? Math.min(this.#lookAt, this.#soon ? this.#lookFrom : Infinity) : Math.max(this.#lookAt, this.#soon ? 0 : this.#singleAt)
    return Math.min(look, Math.max(this.#wakeAt, this.#lookFrom))
  }

  /** With --once: nothing is left to look for. */
  get over(): boolean {
    return this.once && !this.#soon && !this.#waits && this.backlog.empty && !this.backlog.cut
  }

  /** At all files, or at those that were named. Throws NO_INPUT and PERMISSION with --once, where the directory cannot be looked into. */
  async look(): Promise<Findings> {
    return this.clock.monotonic() >= this.#wholeAt ? this.#lookAtAll() : this.#lookAtSingle()
  }

  async #lookAtAll(): Promise<Findings> {
    const begun = this.clock.monotonic()
    const done: SpoolFile[] = []
    const remembered: SpoolFile[] = []
    const missing = new Set([...this.known.all.values()].filter(({ sent, aside, acked }) => !aside && (!sent || acked !== null)))
    this.#soon = this.#waits = false
    this.#wakeAt = this.#singleAt = Infinity
    this.#single.clear()
    this.#before = this.#future
    this.#future = new Map()
    this.backlog.clear()
    this.tracker.looking()
    if (!this.once) this.#forget()
    let whole = true
    try {
      for await (const found of this.tree.files()) {
        const held = this.#judge(found, done)
        const file = held ?? this.known.of(found)
        if (file !== undefined) file.leftOut = false
        if (file !== undefined && missing.delete(file) && held === undefined) remembered.push(file)
      }
      if (await findMissing(missing, this.tree, this.known)) this.soon()
    } catch (error) {
      missing.clear()
      whole = false
      this.#cannotLook(error)
    }
    const now = this.clock.monotonic()
    this.#lookFrom = now + (now - begun) * SHARE_NOTICED
    this.#lookAt = now + Math.max(this.times.poll, (now - begun) * SHARE)
    if (!this.once) this.#watches.keep(this.tree.directories, this.#noticed)
    return { done, missing: [...missing, ...remembered], whole }
  }

  /** What was refused, and may be tried again by now. */
  #forget(): void {
    const now = this.clock.monotonic()
    for (const [path, { until }] of this.#refused) if (until <= now) this.#refused.delete(path)
    this.tree.forget()
  }

  /** Those whose time has come. Where one of the known files is not any more what was there, all are looked at. */
  #lookAtSingle(): Findings {
    const now = this.clock.monotonic()
    const done: SpoolFile[] = []
    const paths = new Set<string>()
    const files = new Set<SpoolFile | undefined>()
    this.#singleAt = Infinity
    for (const [path, at] of this.#single) {
      if (at > now) {
        this.#singleAt = Math.min(this.#singleAt, at)
        continue
      }
      this.#single.delete(path)
      paths.add(path)
      const found = this.tree.at(path)
      if (found === 'directory') this.soon()
      else if (found !== undefined) files.add(this.#judge(found, done))
    }
    if ([...this.known.all.values()].some((file) => !file.aside && paths.has(file.at) && !files.has(file))) this.soon()
    return { done, missing: [], whole: false }
  }

  /** Whether it is to be read, or set aside; returns what is known of it, where that is to be held. */
  #judge(found: FoundFile, done: SpoolFile[]): SpoolFile | undefined {
    const file = this.known.of(found)
    const tracked = this.tracker.has(found.stat) // its place need not be held any more
    if (file?.sent === true && file.isAs(found.stat)) {
      file.at = found.path
      if (file.done && !file.aside && !tracked) done.push(file)
    } else if (file?.aside !== true) this.#add(found)
    return tracked ? undefined : file
  }

  /** It is looked at by itself then; with --once with all others, as are those for which there is no room. */
  #later(path: string, at: number): void {
    if (this.once || (this.#single.size >= SINGLE_MAX && !this.#single.has(path))) {
      this.#wakeAt = Math.min(this.#wakeAt, at)
      return
    }
    this.#single.set(path, Math.min(at, this.#single.get(path) ?? Infinity))
    this.#singleAt = Math.min(this.#singleAt, at)
  }

  /** What is at this path is to be looked at again, in so many ms. */
  again(path: string, wait = 0): void {
    if (this.once || wait === Infinity) return this.soon()
    this.#later(path, this.clock.monotonic() + wait)
    this.#news.wake()
  }

  soon(): void {
    this.#soon = true
    this.#news.wake()
  }

  wake(): void {
    this.#news.wake()
  }

  /** ms until it may be taken for finished; 0: it is, Infinity: nobody can tell. Where its time lies in the future, when that was seen counts. */
  finishesIn({ path, stat }: FoundFile): number {
    if (this.marker !== undefined) return this.marker.says(path) ? 0 : Infinity
    if (stat.touched && this.#arrived.get(path) === true) return 0
    const age = this.clock.now() - stat.modified
    if (age >= 0) return Math.max(0, this.times.settle - age)
    const now = this.clock.monotonic()
    const as = stateOf(stat)
    const seen = this.#future.get(path) ?? this.#before.get(path)
    const since = seen?.as === as ? seen.since : now
    this.#future.set(path, { as, since })
    return Math.max(0, since + this.times.settle - now)
  }

  /** It could not be read, and is not tried again soon. */
  refuse(file: Waiting): void {
    const until = this.clock.monotonic() + this.times.retry
    this.#refused.set(file.path, { until, as: stateOf(file) })
    if (!this.once) this.#later(file.path, until)
  }

  /** A reader that gives no acks has got it. */
  pass(file: SpoolFile): void {
    this.#passed.set(file.key, `${file.bytes}:${file.changedAt}`)
  }

  /** Until there may be something to do, at latest after `ms`. */
  async rest(stop: AbortSignal, ms = Infinity): Promise<void> {
    const now = this.clock.monotonic()
    await this.#news.waitFor(this.clock, Math.min(ms, Math.max(0, this.#dueAt - now), 3_600_000), stop)
  }

  close(): void {
    this.#watches.close()
  }

  #add(found: FoundFile): void {
    const { path, stat } = found
    if (this.#passed.get(identityOf(stat)) === stateOf(stat) || this.tracker.has(stat)) return
    if (this.once && stat.modified > this.#started && stat.modified <= this.clock.now()) return // the next run reads it
    const now = this.clock.monotonic()
    const refused = this.#refused.get(path)
    if (refused !== undefined && refused.as === stateOf(stat) && (this.once || refused.until > now)) {
      if (!this.once) this.#later(path, refused.until)
      return
    }
    this.#refused.delete(path)
    const wait = this.finishesIn(found)
    if (wait === 0) return this.backlog.add(found)
    if (wait === Infinity) return // a notice, or the next look, tells when its marker is there
    this.#waits = true
    this.#later(path, now + wait)
  }

  /** A file whose bytes change where it is, is written there; of others nobody knows what comes first, a new name or new bytes. */
  #noticed = (directory: string, change: Change, name: string | null): void => {
    if (this.#arrived.size > ARRIVED_MAX) this.#arrived.clear()
    const path = join(directory, name ?? '')
    if (name !== null) this.#arrived.set(path, change === 'entries' && this.#arrived.get(path) !== false)
    if (name === null || this.marker !== undefined || this.#single.size >= SINGLE_MAX) return this.soon()
    this.again(path)
  }

  #cannotLook(error: unknown): void {
    const { directory } = this.tree.options
    const errno = errnoOf(error) ?? String(error)
    const missing = errno === 'ENOENT' || errno === 'ENOTDIR'
    const code = missing ? 'NO_INPUT' : errno === 'EACCES' ? 'PERMISSION' : 'IO'
    if (this.once) throw new FlumeError(code, `cannot look into ${shownPath(directory)}`, { cause: error })
    this.tree.sayOnce(`waiting for ${shownPath(directory)}: ${missing ? 'there is no such directory' : wordsOf(error)}`)
  }
}

function stateOf({ size, modified }: Pick<FileStat, 'size' | 'modified'>): string {
  return `${size}:${modified}`
}
