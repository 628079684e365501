/**
 * The records of the streams at work, and of those whose run was killed: of a stream that nobody sends again, the next
 * start completes what its run has left.
 */
import { join } from 'node:path'
import type { Disk } from '../../disk/disk.js'
import { unlessMissing, unlinkThere } from '../../disk/gone.js'
import { FlumeError } from '../../errors.js'
import type { Mark } from '../../events/batch.js'
import { PLAIN } from '../../events/rejects.js'
import { causeOf, orRefusal } from '../retry.js'
import type { Span } from './bucket.js'
import type { FileSystem } from './filesystem.js'
import { finishLeft } from './leftover.js'
import { isTemporaryOf, streamOf } from './name.js'
import { complete, isBelow, NAME_KEPT_FOR, sweep, type Undone } from './recover.js'
import { CommitRecord, type RecordAround } from './record.js'

export interface RecordsAround extends RecordAround {
  readonly files: FileSystem
  readonly disk: Disk
  /** Absolute directory. */
  readonly spool: string
  uuid(): string
  /** Something was removed. */
  onProgress(): void
}

/** ms between two sweeps of what one sweep could not remove. */
const SWEEP_EACH = 60_000
const RECORD = new RegExp(`^(${PLAIN}=[A-Za-z0-9_=-]+)\\.commits$`)

export class Records {
  readonly #records = new Map<string, CommitRecord>()
  #adopted: Promise<void> | undefined
  /** What was said to stay. */
  readonly #said = new Set<string>()
  #isSweeping = false
  #sweptAt = -Infinity

  constructor(readonly around: RecordsAround) {}

  /** The record of a stream, completed as far as that can be. */
  async of({ stream, first }: Span): Promise<CommitRecord> {
    const known = this.#records.get(stream)
    if (known !== undefined) return known
    const record = await CommitRecord.open(this.#baseOf(stream), this.around)
    for (const begun of record.begun) if (begun.end <= first) await record.drop(begun) // acked: these events are in place elsewhere
    const undone = await this.#take(stream, record)
    this.#say('cannot put in place', undone, 'its events go where --path says, without it')
    record.forgetBefore(first)
    return record
  }

  /** This mark was acked just now. */
  acked({ partition, to }: Mark): void {
    this.#records.get(streamOf(partition))?.acked(to.offset)
  }

  /** Once: puts in place what runs have left that are dead and that nobody sends again. */
  adopt(): Promise<void> {
    return (this.#adopted ??= this.#adoptAll())
  }

  /** Removes what has become of uploads that failed. */
  async sweep(): Promise<void> {
    const now = this.around.clock.now()
    await this.#sweep(now, now)
  }

  /** One sweep at a time, in the background: what cannot be removed now stays in the record. Returns when to come again, in ms of Clock.monotonic(). */
  sweepDue(): number {
    if (this.#isSweeping) return Infinity
    const { clock } = this.around
    const [now, passed] = [clock.now(), clock.monotonic()]
    const failedAt = Math.min(...[...this.#records.values()].map(({ failedAt }) => failedAt))
    const due = Math.max(passed + failedAt + NAME_KEPT_FOR - now, this.#sweptAt + SWEEP_EACH)
    if (due > passed) return due
    this.#sweptAt = passed
    this.#isSweeping = true
    void this.#sweep(now - NAME_KEPT_FOR, now).catch(() => undefined).then(() => {
      this.#isSweeping = false
      this.around.onProgress()
    })
    return Infinity
  }

  async close(): Promise<void> {
    for (const record of this.#records.values()) {
      if (record.isLast && !record.isNeeded) await record.remove()
      else await record.close()
    }
  }

  #baseOf(stream: string): string {
    return join(this.around.spool, stream)
  }

  /** Returns what could not be completed. */
  async #take(stream: string, record: CommitRecord): Promise<readonly Undone[]> {
    const { files, retry, clock } = this.around
    this.#records.set(stream, record)
    const undone = await complete(files, retry, record)
    const now = clock.now()
    await this.#sweepOne(record, now, now)
    return undone
  }

  async #sweep(before: number, now: number): Promise<void> {
    for (const record of this.#records.values()) await this.#sweepOne(record, before, now)
  }

  async #sweepOne(record: CommitRecord, before: number, now: number): Promise<void> {
    this.#say('cannot remove', await sweep(this.around.files, record, before, now), 'what failed uploads have left stays there, and may be deleted')
  }

  /** Once for each path, in one line. */
  #say(what: string, undone: readonly Undone[], advice: string): void {
    const [first, ...others] = undone.filter(({ path }) => !this.#said.has(path))
    if (first === undefined) return
    for (const { path } of undone) this.#said.add(path)
    const reason = causeOf(first.error) ?? first.error.message
    this.around.say(`${what} ${first.path}${others.length === 0 ? '' : ` and ${others.length} more`}: ${reason}; ${advice}`)
  }

  async #adoptAll(): Promise<void> {
    const { disk, spool, say } = this.around
    const names = (await orRefusal(`cannot list ${spool}`, disk.list(spool).catch(unlessMissing))) ?? []
    for (const name of names) {
      const stream = RECORD.exec(name)?.[1]
      if (stream === undefined || this.#records.has(stream)) continue
      const record = await this.#openDead(stream)
      if (record === undefined) continue
      const elsewhere = [...record.fillings, ...record.begun].find(({ path }) => !isBelow(this.around.files, path))
      if (elsewhere === undefined) {
        await this.#finish(stream, record, names)
        continue
      }
      say(`a run that was killed has left events for ${elsewhere.directory} in ${spool}: a flume-sink-hdfs that writes there puts them in place`)
      await record.close()
    }
  }

  /** Undefined: its run lives. */
  async #openDead(stream: string): Promise<CommitRecord | undefined> {
    try {
      return await CommitRecord.open(this.#baseOf(stream), this.around, 0)
    } catch (error) {
      if (error instanceof FlumeError && error.code === 'BUSY') return undefined
      throw error
    }
  }

  async #finish(stream: string, record: CommitRecord, names: readonly string[]): Promise<void> {
    const { disk, spool, say } = this.around
    try {
      const [undone] = await this.#take(stream, record)
      if (undone !== undefined) throw undone.error
      await finishLeft(stream, record, this.around)
      const left = names.filter((name) => isTemporaryOf(name, stream))
      for (const path of left.map((name) => join(spool, name))) {
        if (record.damaged) say(`${path} stays: the damaged record of commits may have told of it`)
        else await unlinkThere(disk, path)
      }
    } catch (error) {
      if (!(error instanceof FlumeError)) throw error
      const cause = causeOf(error)
      const reason = cause === undefined ? error.message : `${error.message}: ${cause}`
      say(`cannot put in place what a run that was killed has left in ${spool}: ${reason}; the next start tries again`)
    }
  }
}
