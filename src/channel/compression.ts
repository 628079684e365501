/** Whether a queue keeps its segments compressed, and who does it: whoever puts, beside its other work, the oldest first. */
import { unlinkThere } from '../disk/gone.js'
import { readWhole, replace } from '../disk/replace.js'
import { errnoOf, FlumeError } from '../errors.js'
import { compressSegment, type Outcome, type Replace } from './compress.js'
import { Lock, runningHolder } from './lock.js'
import { listSegments, type Paths, type Surroundings } from './surroundings.js'

/** ms after which a segment that nobody has passed is not about to go. */
const AGE_MIN = 10_000
/** ms until the next try where there was no room for the smaller file. */
const AGAIN_AFTER = 10_000

const RECORD = Buffer.from('{"codec":"deflate"}\n')

/** The file `compress` of a queue, flume-segment(5): it is there, or not. */
export async function compresses({ disk }: Pick<Surroundings, 'disk'>, paths: Paths): Promise<boolean> {
  return (await readWhole(disk, paths.compress)) !== undefined
}

/** On return it is on disk. Returns whether that is new. */
export async function setCompresses(around: Surroundings, paths: Paths, on: boolean): Promise<boolean> {
  const { disk, uuid } = around
  if ((await compresses(around, paths)) === on) return false
  if (on) await replace(disk, paths.compress, RECORD, `${paths.compress}.${uuid()}.tmp`)
  else {
    await unlinkThere(disk, paths.compress)
    await disk.syncDirectory(paths.directory)
  }
  return true
}

export class Compressor {
  /** Segments that are compressed, or gain nothing. */
  #done = new Set<number>()
  #notBefore = -Infinity

  constructor(
    readonly paths: Paths,
    readonly around: Surroundings,
    readonly replace: Replace,
  ) {}

  /** One of the segments, in order; undefined: there is nothing to do now. `young`: also one that may be about to go. */
  async next(segments: readonly number[], young: boolean, stop: AbortSignal): Promise<Outcome | undefined> {
    const { disk, clock } = this.around
    this.#done = new Set(segments.filter((first) => this.#done.has(first)))
    const first = segments.find((each) => !this.#done.has(each))
    if (first === undefined || clock.monotonic() < this.#notBefore) return undefined
    const modified = (await disk.stat(this.paths.segment(first)))?.modified ?? 0
    if (!young && Math.abs(clock.now() - modified) < AGE_MIN) return undefined
    const outcome = await compressSegment(this.paths, this.around, first, this.replace, stop).catch(orGone)
    if (outcome.kind === 'compressed' || outcome.kind === 'left') this.#done.add(first)
    if (outcome.kind === 'room') this.#notBefore = clock.monotonic() + AGAIN_AFTER
    return outcome
  }
}

function orGone(error: unknown): Outcome {
  if (errnoOf(error) !== 'ENOENT') throw error
  return { kind: 'left' }
}

/** What compressNow() did: sizes in bytes. */
export interface Compressed {
  readonly segments: number
  readonly before: number
  readonly after: number
  /** False: the disk is too full for one more. */
  readonly room: boolean
  /** Of the process that puts, and does the rest. */
  readonly pid?: number
}

/**
 * All that can be, now, unless somebody puts, whose work it is. Between two segments somebody may begin to put. Throws BUSY where
 * somebody holds the queue of whom nobody here knows more.
 */
export async function compressNow(paths: Paths, around: Surroundings, stop: AbortSignal): Promise<Compressed> {
  const compressor = new Compressor(paths, around, replaceIn(paths, around))
  const sum = { segments: 0, before: 0, after: 0, room: true }
  while (!stop.aborted) {
    const lock = await lockOrPid(paths, around)
    if (typeof lock === 'number') return { ...sum, pid: lock }
    try {
      const outcome = await compressor.next((await listSegments(around.disk, paths)).slice(0, -1), true, stop)
      if (outcome === undefined || outcome.kind === 'room') return { ...sum, room: outcome === undefined }
      if (outcome.kind !== 'compressed') continue
      sum.segments++
      sum.before += outcome.before
      sum.after += outcome.after
    } finally {
      await lock.release()
    }
  }
  return sum
}

/** The lock of the log, or the pid of whoever puts. */
async function lockOrPid(paths: Paths, around: Surroundings): Promise<Lock | number> {
  try {
    return await Lock.takeMoment(paths.lock, `queue ${paths.directory} for compressing`, around)
  } catch (error) {
    if (!(error instanceof FlumeError) || error.code !== 'BUSY') throw error
    const { pid } = await runningHolder(paths.lock, around.disk)
    if (pid === undefined) throw error
    return pid
  }
}

/** For whoever holds the lock of the log and has no log open. */
function replaceIn(paths: Paths, { disk }: Surroundings): Replace {
  return async (first, temporary) => {
    await disk.rename(temporary, paths.segment(first))
    await disk.syncDirectory(paths.segments)
    return true
  }
}
