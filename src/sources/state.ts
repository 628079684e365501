/**
 * Positions kept by the source itself, for a reader that acks but keeps none. The file is written whole, so that a crash
 * leaves the old positions or the new ones; it holds acked positions only, so what it says is never too far.
 */
import { dirname } from 'node:path'
import { createHash } from 'node:crypto'
import type { Position } from '../events/batch.js'
import type { Disk, DiskFile } from '../disk/disk.js'
import { readWhole, replace } from '../disk/replace.js'
import { sealed, unsealed } from '../disk/sealed.js'
import { errnoOf, FlumeError } from '../errors.js'

/** The first one has no checksum. */
const VERSION = 2
const VERSIONS: readonly unknown[] = [1, VERSION]

/** The name of the state file of a source that reads these absolute patterns. */
export function stateName(patterns: readonly string[], kind: 'tail' | 'rejects' | 'spool' = 'tail'): string {
  return `${kind}-${createHash('sha256').update([...patterns].sort().join('\0')).digest('hex').slice(0, 16)}.json`
}

export class State<P extends Position> {
  readonly #positions = new Map<string, P>()
  /** As they were found. */
  readonly #others = new Map<string, Position>()
  #lock: DiskFile | undefined
  #changed = false
  #failed: FlumeError | undefined
  #writing: Promise<void> | undefined

  constructor(
    readonly path: string,
    readonly disk: Disk,
    /** How the partitions of such sources begin: what others keep in the same file stays there. */
    readonly kind: string,
    /** What was read or acked, if it is a position of this source. */
    readonly placeOf: (position: Position) => P | undefined,
  ) {}

  /** Takes the lock, for as long as this process lives. Throws BUSY where another process has it. */
  async lock(): Promise<void> {
    if (this.#lock !== undefined) return
    await this.#makeDirectory(dirname(this.path))
    const file = await this.disk.open(`${this.path}.lock`, 'any')
    if (!file.tryLock()) {
      await file.close()
      throw new FlumeError('BUSY', `cannot lock ${this.path}: another stage keeps there how far it has read`)
    }
    this.#lock = file
  }

  /** Reads the file; where it is missing there are no positions. Throws STATE_DAMAGED where it is not what was written, IO and PERMISSION. */
  async load(): Promise<ReadonlyMap<string, P>> {
    const stat = await this.disk.stat(this.path).catch(() => undefined)
    if (stat !== undefined && stat.kind !== 'file') throw new FlumeError('IO', `cannot use ${this.path}: it is no regular file`)
    const bytes = await readWhole(this.disk, this.path).catch((cause: unknown) => {
      throw new FlumeError(errnoOf(cause) === 'EACCES' ? 'PERMISSION' : 'IO', `cannot read ${this.path}`, { cause })
    })
    this.#positions.clear()
    this.#others.clear()
    for (const [partition, position] of bytes === undefined ? [] : this.#parse(bytes)) {
      const place = partition.startsWith(this.kind) ? this.placeOf(position) : undefined
      if (place === undefined) this.#others.set(partition, position)
      else this.#positions.set(partition, place)
    }
    return this.#positions
  }

  /** Remembers; on return of flush() it is on disk. */
  set(partition: string, position: Position): void {
    const place = this.placeOf(position)
    if (place === undefined) return
    this.#positions.set(partition, place)
    this.#changed = true
  }

  forget(partition: string): void {
    this.#changed = this.#positions.delete(partition) || this.#changed
  }

  /** Begins to write, unless a write is under way: then the newest is written after it. Throws IO where an earlier one failed. */
  write(): void {
    if (this.#failed !== undefined) throw this.#failed
    if (this.#writing !== undefined || !this.#changed) return
    this.#writing = this.#writeAll()
    this.#writing.catch(() => undefined)
  }

  /** On return all is on disk. Throws IO. */
  async flush(): Promise<void> {
    this.write()
    await this.#writing
  }

  async close(): Promise<void> {
    await this.#lock?.close()
    this.#lock = undefined
  }

  /** On disk with its parents, or a loss of power would take the positions with them. */
  async #makeDirectory(directory: string): Promise<void> {
    const top = await this.disk.makeDirectory(directory, 0o700)
    if (top === undefined) return
    for (let parent = dirname(directory); parent.length >= dirname(top).length; parent = dirname(parent)) {
      await this.disk.syncDirectory(parent)
      if (parent === '/') break
    }
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#changed) {
        this.#changed = false
        await replace(this.disk, this.path, sealed({ version: VERSION, partitions: Object.fromEntries([...this.#others, ...this.#positions]) }))
      }
      this.#writing = undefined
    } catch (cause) {
      this.#failed = new FlumeError('IO', `cannot write ${this.path}`, { cause })
      throw this.#failed
    }
  }

  #parse(bytes: Buffer): [string, Position][] {
    const state = this.#json(bytes)
    if (!VERSIONS.includes(state.version)) throw new FlumeError('VERSION', `cannot use ${this.path}: its version is ${String(state.version)}, not ${VERSION}`)
    return Object.entries(state.partitions ?? {})
  }

  #json(bytes: Buffer): { version?: unknown; partitions?: Record<string, Position> } {
    try {
      const text = bytes.at(-1) === 0x0a ? unsealed(bytes.subarray(0, -1)) : undefined
      const state: unknown = JSON.parse((text ?? bytes).toString())
      if (typeof state !== 'object' || state === null || !('version' in state)) throw new SyntaxError('it is no JSON object with a version')
      if (text === undefined && state.version === VERSION) throw new SyntaxError('its checksum is wrong')
      return state
    } catch (cause) {
      throw new FlumeError('STATE_DAMAGED', `cannot read ${this.path}; without that file all is sent again from its beginning`, { cause })
    }
  }
}
