/**
 * The next sequence for one reader, as of its last ack, flume-segment(5). Moved in place; on disk about a second
 * later. A segment may be removed only up to the older of the two records, since that one is on disk.
 */
import { dirname } from 'node:path'
import type { Disk, DiskFile } from '../disk/disk.js'
import { openThere, unlessMissing, unlinkThere } from '../disk/gone.js'
import { replace } from '../disk/replace.js'
import { FlumeError } from '../errors.js'
import type { Clock } from '../events/flow.js'
import { readLong, timeOf, writeLong } from './format.js'
import { Slots } from './slots.js'
import type { Paths, Surroundings } from './surroundings.js'

const MAGIC = 'flumecur'
const SLOT_SIZE = 4096
/** Next sequence and time; the binding follows. */
const BODY_SIZE_MIN = 16
/** ms from an ack until it is on disk. */
const SYNC_AFTER = 1000

export const READER_NAME = /^[A-Za-z0-9_-]{1,64}$/
/** Of a reader, or of its place with --ack=off, which holds nothing. */
export const PLACE_NAME = /^([A-Za-z0-9_-]{1,64})(\.off)?$/

export interface State {
  readonly next: number
  /** Empty: none. */
  readonly binding: string
}

export class Cursor {
  #dirty = false
  #settles = false
  #writing: Promise<void> | undefined
  #later: AbortController | undefined
  /** Of a write or sync: the file is not written or synced any more, since its pages may look clean and not be on disk. */
  #failure: Error | undefined

  private constructor(
    readonly name: string,
    readonly file: DiskFile,
    readonly slots: Slots,
    readonly clock: Clock,
    public state: State,
  ) {}

  /** Undefined where none is registered. Throws SEGMENT_DAMAGED where it cannot be read. */
  static async open(paths: Paths, name: string, { disk, clock, say }: Surroundings): Promise<Cursor | undefined> {
    const path = paths.cursor(name)
    const file = await openThere(disk, path, 'update')
    if (file === undefined) return undefined
    const slots = new Slots(file, MAGIC, SLOT_SIZE, BODY_SIZE_MIN, true)
    const body = await slots.adopt()
    await disk.syncDirectory(paths.cursors) // whoever registered it may have died before its name was on disk
    if (body === undefined) {
      await file.close()
      throw damaged(path, name)
    }
    const state = decode(body)
    if (slots.spoiled !== undefined) {
      say(`${path}: the record at byte ${slots.spoiled} does not verify: reader ${name} goes on with the other one, before event ${state.next}`)
    }
    return new Cursor(name, file, slots, clock, state)
  }

  /** On return it is registered, durably. */
  static async register(paths: Paths, name: string, next: number, around: Surroundings): Promise<Cursor> {
    await replace(around.disk, paths.cursor(name), Slots.whole(MAGIC, SLOT_SIZE, encode({ next, binding: '' }, around.clock.now())))
    const cursor = await Cursor.open(paths, name, around)
    if (cursor === undefined) throw new FlumeError('BUSY', `cannot register reader ${name}: it was forgotten at the same time`)
    return cursor
  }

  /** On return other processes see it. Calls that come while one is written share the next write. */
  async move(next: number): Promise<void> {
    if (next === this.state.next) return
    this.state = { ...this.state, next }
    await this.#flush()
    this.#later ??= this.#syncLater()
  }

  /** On return it is on disk. */
  async bind(binding: string): Promise<void> {
    if (binding === this.state.binding) return
    this.state = { ...this.state, binding }
    await this.sync()
  }

  async sync(): Promise<void> {
    this.#settles = true
    await this.#flush()
  }

  /** Throws what failed before, also where nobody has been told yet. */
  async close(): Promise<void> {
    this.#later?.abort()
    try {
      await this.sync()
    } finally {
      await this.file.close()
    }
  }

  async #flush(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    this.#dirty = true
    await (this.#writing ??= this.#write())
  }

  async #write(): Promise<void> {
    try {
      while (this.#dirty) {
        const settles = this.#settles
        this.#dirty = this.#settles = false
        const body = encode(this.state, this.clock.now())
        await (settles ? this.slots.settle(body) : this.slots.write(body))
      }
    } catch (cause) {
      this.#failure = new FlumeError('SEGMENT_WRITE', `cannot write the place of reader ${this.name}, ${this.state.next}`, { cause })
      throw this.#failure
    } finally {
      this.#writing = undefined
    }
  }

  /** What fails here is thrown by the next call, at the latest by close(). */
  #syncLater(): AbortController {
    const later = new AbortController()
    void this.clock.sleep(SYNC_AFTER, later.signal).then(async () => {
      this.#later = undefined
      if (!later.signal.aborted) await this.sync().catch(() => undefined)
    })
    return later
  }
}

/** A cursor as others see it. */
export interface Seen extends State {
  /** The events before it are acked, and that is on disk. */
  readonly passed: number
  /** Byte of a record that does not verify. */
  readonly spoiled: number | undefined
}

/** Undefined: not registered. Throws SEGMENT_DAMAGED where it cannot be read. */
export async function readCursor(paths: Paths, name: string, disk: Disk): Promise<Seen | undefined> {
  const path = paths.cursor(name)
  const file = await openThere(disk, path, 'read')
  if (file === undefined) return undefined
  try {
    const slots = new Slots(file, MAGIC, SLOT_SIZE, BODY_SIZE_MIN, true)
    const states = (await slots.readAll()).map(decode)
    if (states[0] === undefined) throw damaged(path, name)
    return { ...states[0], passed: Math.min(...states.map(({ next }) => next)), spoiled: slots.spoiled }
  } finally {
    await file.close()
  }
}

/** Names of the registered readers. A backup may leave out the directory, where it was empty. */
export async function listReaders(paths: Paths, disk: Disk): Promise<string[]> {
  return (await listPlaces(paths, disk)).filter((name) => READER_NAME.test(name))
}

/** The same, and `<name>.off` for each place of --ack=off. */
export async function listPlaces(paths: Paths, disk: Disk): Promise<string[]> {
  const names = (await disk.list(paths.cursors).catch(unlessMissing)) ?? []
  return names.filter((name) => PLACE_NAME.test(name)).sort()
}

export async function removeCursor(paths: Paths, name: string, disk: Disk): Promise<void> {
  await unlinkThere(disk, paths.cursor(name))
  await disk.syncDirectory(dirname(paths.cursor(name)))
}

function encode({ next, binding }: State, now: number): Buffer {
  const text = Buffer.from(binding)
  const body = Buffer.alloc(BODY_SIZE_MIN + text.length)
  writeLong(body, next, 0)
  writeLong(body, timeOf(now), 8)
  text.copy(body, BODY_SIZE_MIN)
  return body
}

function decode(body: Buffer): State {
  return { next: readLong(body, 0), binding: body.toString('utf8', BODY_SIZE_MIN) }
}

function damaged(path: string, name: string): FlumeError {
  const text = `cannot read ${path} at byte 0, the place of reader ${name}; --forget ${name} begins it again at the oldest event`
  return new FlumeError('SEGMENT_DAMAGED', text)
}
