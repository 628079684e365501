/**
 * --repair: does what plan.ts says, one file after the other, each synced before it takes the place of the old one, which stays
 * with the originals. Killed at any moment nothing is lost, and the next plan is for the rest.
 */
import { basename } from 'node:path'
import { Cursor } from '../cursor.js'
import { copied, makeParts, writeIdentity, type OpenHow } from '../identity.js'
import { Lock } from '../lock.js'
import { Log } from '../log.js'
import { Published } from '../published.js'
import { writeRetain } from '../retain.js'
import { listSegments, type Paths, type Surroundings } from '../surroundings.js'
import { readingBlocks } from '../view.js'
import { identify } from './identify.js'
import { Originals } from './originals.js'
import { planRepair, type Plan } from './plan.js'
import { rewriteSegment } from './rewrite.js'
import { putStraysRight } from './strays.js'

export class Repair {
  readonly #originals: Originals
  readonly #locks: Lock[] = []
  /** A segment without events that is new already. */
  #renewed: string | undefined

  private constructor(
    readonly paths: Paths,
    readonly around: Surroundings,
    readonly plan: Plan,
  ) {
    this.#originals = new Originals(paths, around)
  }

  /** Nobody else uses the queue until close(). Throws BUSY naming the pid of who does, NO_INPUT, VERSION; QUEUE_COPIED where that must be told. */
  static async open(paths: Paths, around: Surroundings, accept: OpenHow['accept'], stop: AbortSignal): Promise<Repair> {
    await identify(paths, around, accept, new Map()) // is there one at all
    const locks: Lock[] = []
    try {
      for (const [path, what] of await locksOf(paths, around)) locks.push(await Lock.take(path, what, around))
      const plan = await planRepair(paths, around, accept, stop)
      if (plan.identified.isCopy) throw copied(paths)
      const repair = new Repair(paths, around, plan)
      repair.#locks.push(...locks)
      return repair
    } catch (error) {
      for (const lock of locks) await lock.release()
      throw error
    }
  }

  /** Where what was replaced is; undefined: nothing was. */
  get originals(): string | undefined {
    return this.#originals.directory
  }

  /** Once. */
  async apply(): Promise<void> {
    const { paths, around, plan } = this
    const { identity, step } = plan.identified
    if (plan.steps.every(({ left }) => left)) return
    if (step !== undefined) {
      await this.#originals.keep(paths.identity)
      await writeIdentity(paths, around, identity)
    }
    if (plan.retain) {
      await this.#originals.keep(paths.retain)
      await writeRetain(around, paths, { age: null, bytes: null })
    }
    await putStraysRight(paths, around, plan.strays, this.#originals)
    await this.#openLog()
    await this.#rewrite()
    for (const path of plan.cursors) await this.#begin(path)
  }

  async close(): Promise<void> {
    for (const lock of this.#locks.splice(0)) await lock.release()
  }

  /** As the next start would: the end is found, and what no ack covers is cut. A last segment that is to be written new gets one after it. */
  async #openLog(): Promise<void> {
    const { paths, around, plan } = this
    await makeParts(paths, around.disk)
    const published = new Published(paths, around.disk)
    try {
      await this.#keepLast()
      const log = await Log.open(paths, around, plan.identified.identity, published, { positions: true })
      const last = paths.segment(log.active.first)
      if ([...plan.rewrites].some(([path, { sources }]) => path === last || sources.includes(last))) {
        await (log.isEmpty ? this.#renew(log, last) : log.roll())
      }
      await log.close()
      await published.sync()
    } finally {
      await published.close()
    }
  }

  /** Where it holds nothing that verifies, the log is opened with another one under its name. */
  async #keepLast(): Promise<void> {
    const last = (await listSegments(this.around.disk, this.paths)).at(-1)
    if (last !== undefined && this.plan.rewrites.has(this.paths.segment(last))) await this.#originals.keep(this.paths.segment(last))
  }

  async #renew(log: Log, path: string): Promise<void> {
    await this.#originals.keep(path)
    await log.renew()
    this.#renewed = path
  }

  async #rewrite(): Promise<void> {
    const { paths, around, plan } = this
    const rewriting = { paths, around, identity: plan.identified.identity, blocks: readingBlocks(), originals: this.#originals }
    for (const [path, { sources, gaps }] of plan.rewrites) {
      if (path === this.#renewed) continue
      const there: string[] = []
      for (const source of sources) if ((await around.disk.stat(source)) !== undefined) there.push(source)
      if (there.length > 0 || gaps.length > 0) await rewriteSegment(rewriting, Number(basename(path, '.seg')), { sources: there, gaps })
      for (const source of there) if (source !== path) await this.#originals.take(source)
    }
  }

  async #begin(path: string): Promise<void> {
    const { paths, around, plan } = this
    await this.#originals.keep(path)
    const cursor = await Cursor.register(paths, basename(path), plan.first, around)
    await cursor.close()
  }
}

/** Of who puts, and of every reader. */
async function locksOf(paths: Paths, { disk }: Surroundings): Promise<Map<string, string>> {
  const locks = new Map([[paths.lock, `queue ${paths.directory} for a repair`]])
  const names = await disk.list(paths.cursors).catch(() => [])
  for (const name of names.filter((each) => !/\.(lock|tmp)$/.test(each))) {
    const reader = name.replace(/\.off$/, '')
    locks.set(paths.cursor(`${reader}.lock`), `reader ${reader} of queue ${paths.directory} for a repair`)
  }
  return locks
}
