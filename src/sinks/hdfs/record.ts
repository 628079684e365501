/**
 * What the sink has committed of one stream, in a small file of its own: so that committed files may be moved away or
 * deleted before their ack has come back, and a commit that was cut short is completed. Also the temporary names of uploads,
 * since one that failed may turn into a file long after its sink is gone. One line of JSON for each step, appended and synced;
 * several commits share a sync. The lock keeps out whoever else may commit the same stream: an earlier sink that is still busy.
 */
import { basename, dirname } from 'node:path'
import type { Disk, DiskFile } from '../../disk/disk.js'
import { readWhole, replace } from '../../disk/replace.js'
import { FlumeError } from '../../errors.js'
import type { Clock } from '../../events/flow.js'
import { PLAIN } from '../../events/rejects.js'
import { orRefusal, type Retry } from '../retry.js'
import type { Temporaries } from './filesystem.js'
import { firstAttempt } from './name.js'
import { placeKey, type Place } from './path.js'
import { bytesOf, parseLine, type Commit, type CommitLine, type Filling, type FillingLine, type Line, type NameLine } from './record-line.js'

export interface RecordAround {
  readonly disk: Disk
  readonly clock: Clock
  readonly retry: Retry
  readonly stop: AbortSignal
  say(message: string): void
}

/** Buckets remembered, those that were committed to last, beside those of which not all is acked or, where nobody acks, something is under way. */
const BUCKETS_MAX = 10_000
/** ms after which an ack has arrived. */
const ACK_ARRIVES = 60_000
/** Bytes after which the file is written anew with what still counts. */
const SIZE_MAX = 4 * 1024 * 1024
const LOCK_WAIT = 10_000
const LOCK_LOOK_EACH = 100

export class CommitRecord implements Temporaries {
  /** Bucket to the commit that brought it furthest, the one committed to longest ago first. */
  readonly #ends = new Map<string, CommitLine>()
  /** Begun and not done, by final path. */
  readonly #begun = new Map<string, Commit>()
  /** Temporary names that there may be a file of, with what is known last. */
  readonly #names = new Map<string, NameLine>()
  /** Not committed yet, by the name of the first attempt. */
  readonly #fillings = new Map<string, FillingLine>()
  /** Of a stream that nobody sends again, nor acks. */
  readonly isLast: boolean
  /** Some of its lines are: there may be temporary files that it does not know. */
  damaged = false
  #acked = { sequence: 0, time: -Infinity }
  #file: DiskFile
  #size = 0
  #sizeMax = SIZE_MAX
  #waiting: Buffer[] = []
  #last: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  private constructor(
    readonly base: string,
    readonly path: string,
    readonly around: RecordAround,
    readonly lock: DiskFile,
    file: DiskFile,
  ) {
    this.#file = file
    this.isLast = basename(base).startsWith(`${PLAIN}=`)
  }

  /** Opens or makes `<base>.commits`. Throws BUSY when another process has it, and keeps it for `wait` ms. */
  static async open(base: string, around: RecordAround, wait = LOCK_WAIT): Promise<CommitRecord> {
    const { disk, retry } = around
    const path = `${base}.commits`
    const opened = await retry.until(`cannot open ${path}`, async () => {
      if ((await disk.makeDirectory(dirname(path), 0o700)) !== undefined) await disk.syncDirectory(dirname(dirname(path)))
      return await disk.open(`${base}.lock`, 'any')
    })
    await locked(opened, base, around, wait)
    const file = await retry.until(`cannot open ${path}`, async () => {
      const made = await disk.open(path, 'any')
      await disk.syncDirectory(dirname(path))
      return made
    })
    const record = new CommitRecord(base, path, around, opened, file)
    await orRefusal(`cannot read ${path}`, record.#read())
    return record
  }

  /** The sequence just after the last one that was ever committed to a bucket; 0: none is known. */
  endOf(place: Place): number {
    return this.#ends.get(placeKey(place))?.end ?? 0
  }

  /** Commits that were cut short. */
  get begun(): readonly Commit[] {
    return [...this.#begun.values()]
  }

  /** The events from `first` on will come; nobody will ask for earlier ones again. */
  forgetBefore(first: number): void {
    for (const [key, { end }] of this.#ends) if (end <= first) this.#ends.delete(key)
  }

  /** The events before `sequence` were acked just now. */
  acked(sequence: number): void {
    const now = this.around.clock.monotonic()
    const { sequence: before, time } = this.#acked
    if (now - time < ACK_ARRIVES) return
    this.#acked = { sequence, time: now }
    this.#forgetMany((_, { end }) => end <= before)
  }

  /** On return it is known, after any crash, that this file may have got its name. */
  begin(commit: Commit): Promise<void> {
    return this.#note({ step: 'begin', ...commit })
  }

  /** On return it is known, after any crash, that this file has had its name. */
  done(commit: Commit): Promise<void> {
    return this.#note({ step: 'done', ...commit })
  }

  /** On return nobody completes this commit any more: its file is gone, and its events come again or are in place elsewhere. */
  drop(commit: Commit): Promise<void> {
    return this.#note({ step: 'drop', ...commit })
  }

  attempt(path: string): Promise<void> {
    return this.#note({ step: 'attempt', path, time: this.around.clock.now() })
  }

  failed(path: string): Promise<void> {
    return this.#note({ step: 'failed', path, time: this.around.clock.now() })
  }

  gone(path: string): Promise<void> {
    return this.#note({ step: 'gone', path, time: this.around.clock.now() })
  }

  /** On return it is known, after any crash, that there may be a draft of this path, and whose it is. */
  filling(filling: Filling): Promise<void> {
    return this.#note({ step: 'filling', ...filling })
  }

  /** On return nobody looks for this draft any more. */
  over(path: string): Promise<void> {
    return this.#note({ step: 'over', path })
  }

  /** Files that were being filled, or were not committed yet. */
  get fillings(): readonly Filling[] {
    return [...this.#fillings.values()]
  }

  /** Temporary names of uploads that failed, with the time in ms when they did. */
  get failures(): readonly { readonly path: string; readonly time: number }[] {
    return [...this.#names.values()].filter(({ step }) => step === 'failed')
  }

  /** When about the first of these failed, in ms; Infinity: there is none. */
  get failedAt(): number {
    for (const { step, time } of this.#names.values()) if (step === 'failed') return time
    return Infinity
  }

  /** Whoever comes later has something to do. */
  get isNeeded(): boolean {
    return this.#begun.size > 0 || this.#names.size > 0 || this.#fillings.size > 0
  }

  async close(): Promise<void> {
    await this.#last.catch(() => undefined)
    await this.#file.close()
    await this.lock.close()
  }

  /** Closes it, and removes it for good. */
  async remove(): Promise<void> {
    const { disk } = this.around
    await this.#last.catch(() => undefined)
    for (const path of [this.path, `${this.base}.lock`]) await disk.unlink(path)
    await this.close()
  }

  #note(line: Line): Promise<void> {
    this.#apply(line)
    return this.#append(line)
  }

  #apply(line: Line): void {
    if ('file' in line) return this.#applyCommit(line)
    if (line.step === 'filling') return void this.#fillings.set(line.path, line)
    if (line.step === 'over') return void this.#fillings.delete(line.path)
    if (line.step !== 'gone') return void this.#names.set(line.path, line)
    this.#names.delete(line.path)
  }

  #applyCommit(line: CommitLine): void {
    const { step, ...commit } = line
    this.#names.delete(commit.file.path) // it is known by its id from now on
    if (step === 'begin') return void this.#begun.set(commit.path, commit)
    this.#begun.delete(commit.path)
    if (step === 'drop') return
    this.#fillings.delete(firstAttempt(commit.file.path))
    const key = placeKey(commit)
    const known = this.#ends.get(key)
    this.#ends.delete(key)
    this.#ends.set(key, known !== undefined && known.end > line.end ? known : line)
  }

  /** All whole lines; what follows the last of them was cut off by a crash. Each line tells a fact of its own: one that is damaged costs no other. */
  async #read(): Promise<void> {
    await this.#file.sync() // what is read must not be lost later
    const bytes = (await readWhole(this.around.disk, this.path)) ?? Buffer.alloc(0)
    let good = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, good)) {
      const line = parseLine(bytes.subarray(good, end))
      if (line === undefined) this.#sayDamaged(good)
      else this.#apply(line)
      good = end + 1
    }
    if (good < bytes.length) {
      this.around.say(`${this.path}: cut ${bytes.length - good} bytes at byte ${good} that are no whole line`)
      await this.#file.truncate(good)
    }
    this.#size = good
    this.#sizeMax = sizeMaxOf(good / 2)
    for (const { step, path } of [...this.#names.values()]) if (step === 'attempt') await this.failed(path) // with the process that made it
  }

  #sayDamaged(at: number): void {
    this.damaged = true
    this.around.say(`${this.path}: the line at byte ${at} is damaged: a file that it told of may come once more if it was moved away, or stay unfinished`)
  }

  /** One write and one sync for all that came in while the last ones ran. */
  #append(line: Line): Promise<void> {
    this.#waiting.push(bytesOf(line))
    if (this.#next === undefined) {
      this.#next = this.#last.then(() => {
        this.#next = undefined
        return this.#write()
      })
      this.#last = this.#next
    }
    return this.#next
  }

  async #write(): Promise<void> {
    const pieces = this.#waiting
    this.#waiting = []
    const { retry } = this.around
    this.#size += await retry.until(`cannot write ${this.path}`, () => this.#file.write(pieces, this.#size))
    await orRefusal(`cannot sync ${this.path}`, this.#file.sync())
    if (this.#size > this.#sizeMax) await retry.until(`cannot write ${this.path}`, () => this.#shorten())
  }

  /** Only what still counts. */
  async #shorten(): Promise<void> {
    const { disk } = this.around
    if (this.isLast) this.#forgetIdle()
    const begun = [...this.#begun.values()].map((commit): CommitLine => ({ step: 'begin', ...commit }))
    const bytes = Buffer.concat([...this.#ends.values(), ...begun, ...this.#names.values(), ...this.#fillings.values()].map(bytesOf))
    await replace(disk, this.path, bytes)
    const file = await disk.open(this.path, 'update')
    await this.#file.close()
    this.#file = file
    this.#size = bytes.length
    this.#sizeMax = sizeMaxOf(bytes.length)
  }

  /** Nobody asks again for buckets of which nothing is under way. */
  #forgetIdle(): void {
    const underWay = new Set([...this.#fillings.values(), ...this.#begun.values()].map(placeKey))
    this.#forgetMany((key) => !underWay.has(key))
  }

  #forgetMany(isOver: (key: string, line: CommitLine) => boolean): void {
    for (const [key, line] of this.#ends) {
      if (this.#ends.size <= BUCKETS_MAX) break
      if (isOver(key, line)) this.#ends.delete(key)
    }
  }
}

/** Bytes after which a file of which `live` still count is written anew. */
function sizeMaxOf(live: number): number {
  return Math.max(SIZE_MAX, 2 * live)
}

/** Waits a little: an earlier sink may be about to end. */
async function locked(lock: DiskFile, base: string, { clock, say, stop }: RecordAround, wait: number): Promise<void> {
  const until = clock.monotonic() + wait
  if (lock.tryLock()) return
  if (wait > 0) say('waiting for another flume-sink-hdfs, which is still writing what comes from the same reader of the same queue')
  while (!stop.aborted && clock.monotonic() < until) {
    await clock.sleep(LOCK_LOOK_EACH, stop)
    if (lock.tryLock()) return
  }
  await lock.close()
  throw new FlumeError('BUSY', `cannot lock ${base}.lock: another flume-sink-hdfs writes what comes from the same reader of the same queue`)
}
