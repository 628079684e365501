/**
 * FileSystem over WebHDFS, for hdfs://. Files are written once, under a temporary name, and get their final one by a
 * rename that never overwrites. What became of a request whose answer was lost is told by the file's inode (`fileId`),
 * never by a name alone, and never by a 404.
 */
import { lookup } from 'node:dns/promises'
import type { Disk, DiskFile } from '../../../disk/disk.js'
import { FlumeError } from '../../../errors.js'
import type { Clock } from '../../../events/flow.js'
import { Failure, type Retry } from '../../retry.js'
import type { Cluster } from '../cluster.js'
import type { Draft, FileSystem, Finished, Temporaries } from '../filesystem.js'
import { hasChecksum, type FileChecksum } from './checksum.js'
import { fetchJson, parseLocation, upload, type Location } from './datanode.js'
import { HdfsFailure } from './failure.js'
import { NameNodes } from './namenodes.js'
import { spoolDraft, type SpoolAround } from './spool.js'
import { Turns } from './turns.js'

export interface WebHdfsOptions {
  readonly cluster: Cluster
  /** Directory of this machine for files being filled. */
  readonly spool: string
  /** Uploads at once. */
  readonly uploads: number
  /** ms without a byte after which a request counts as failed */
  readonly timeout: number
  /** Compare the checksum of each upload. */
  readonly verify: boolean
}

export interface WebHdfsAround {
  readonly disk: Disk
  readonly clock: Clock
  readonly retry: Retry
}

/** ms for which a DataNode that did not answer is left out; HDFS itself needs up to 10.5 minutes to notice. */
const EXCLUDED_FOR = 600_000
/** Where no record is kept. */
const NOBODY: Temporaries = { attempt: async () => undefined, failed: async () => undefined, gone: async () => undefined }

interface Status {
  readonly fileId?: number
  readonly length?: number
  readonly blockSize?: number
  readonly type?: string
  readonly pathSuffix?: string
}

export function webHdfs(options: WebHdfsOptions, around: WebHdfsAround): FileSystem {
  return new WebHdfs(options, around)
}

class WebHdfs implements FileSystem {
  readonly #nodes: NameNodes
  readonly #spool: SpoolAround
  /** DataNodes that did not answer, by address, and until when they are left out. */
  readonly #excluded = new Map<string, number>()

  constructor(
    readonly options: WebHdfsOptions,
    readonly around: WebHdfsAround,
  ) {
    const { retry, disk } = around
    const turns = new Turns(options.uploads)
    this.#nodes = new NameNodes(options.cluster, retry, options.timeout)
    this.#spool = {
      disk,
      directory: options.spool,
      upload: (path, file, size, temporaries) => this.#upload(path, file, size, temporaries),
      until: (what, attempt) => turns.take(() => retry.until(what, attempt)),
    }
  }

  /** Whoever creates a file makes its directory. */
  async makeDirectory(): Promise<void> {}

  async list(directory: string): Promise<readonly string[]> {
    const names: string[] = []
    for await (const { name } of this.entries(directory)) names.push(name)
    return names
  }

  async *entries(directory: string): AsyncGenerator<{ name: string; size: number; directory: boolean }> {
    const path = this.#pathOf(directory)
    for (let startAfter = ''; ; ) {
      const request = { method: 'GET', op: 'LISTSTATUS_BATCH', path, params: { startAfter } } as const
      const answer = await this.#nodes.ask(`cannot list ${directory}`, request, ['FileNotFoundException']).catch(unlessMissing)
      if (answer === undefined) return
      const { partialListing, remainingEntries } = (answer as { DirectoryListing: Listing }).DirectoryListing
      for (const { pathSuffix = '', length = 0, type } of partialListing.FileStatuses.FileStatus) {
        startAfter = pathSuffix
        if (pathSuffix !== '') yield { name: pathSuffix, size: length, directory: type === 'DIRECTORY' } // else it is a file itself
      }
      if (remainingEntries === 0) return
    }
  }

  async look(path: string): Promise<Finished | undefined> {
    const status = await this.#statusOf(path)
    if (status === undefined) return undefined
    const { fileId, length } = status
    if (fileId === undefined || length === undefined) {
      throw new FlumeError('UNAVAILABLE', `cannot write to ${this.options.cluster.uri}: it does not tell the fileId of a file (HttpFS is not supported)`)
    }
    return { path, size: length, id: String(fileId) }
  }

  create(path: string, temporaries: Temporaries = NOBODY): Promise<Draft> {
    return spoolDraft(path, temporaries, this.#spool)
  }

  async publish(file: Finished, path: string): Promise<void> {
    const params = { destination: this.#pathOf(path), renameoptions: 'NONE' }
    const request = { method: 'PUT', op: 'RENAME', path: this.#pathOf(file.path), params } as const
    await this.around.retry.until(`cannot create ${path}`, async () => {
      try {
        await this.#nodes.askOnce(request)
      } catch (error) {
        if (!(error instanceof HdfsFailure) || !(await this.#isPublished(file, path, error))) throw error
      }
    })
  }

  async remove(path: string): Promise<void> {
    await this.#nodes.ask(`cannot remove ${path}`, { method: 'DELETE', op: 'DELETE', path: this.#pathOf(path), params: { recursive: 'false' } })
  }

  async close(): Promise<void> {
    await this.#nodes.close()
  }

  async #statusOf(path: string): Promise<Status | undefined> {
    const request = { method: 'GET', op: 'GETFILESTATUS', path: this.#pathOf(path) } as const
    const answer = await this.#nodes.ask(`cannot look at ${path}`, request, ['FileNotFoundException']).catch(unlessMissing)
    return (answer as { FileStatus: Status } | undefined)?.FileStatus
  }

  /** What became of a rename without a clear answer. First the old name, then the new one: between them it may happen yet. */
  async #isPublished(file: Finished, path: string, cause: HdfsFailure): Promise<boolean> {
    const temporary = await this.look(file.path)
    const final = await this.look(path)
    if (final?.id === file.id) return true
    if (final !== undefined) throw new FlumeError('OTHER_HISTORY', `cannot name a file ${path}: another one has that name`, { cause })
    if (temporary?.id === file.id) return false
    throw new FlumeError('IO', `cannot name a file ${path}: somebody has removed it as ${file.path}; its events come again`, { cause })
  }

  async #upload(path: string, file: DiskFile, size: number, temporaries: Temporaries): Promise<Finished> {
    const location = await this.#locationFor(path)
    await temporaries.attempt(path)
    try {
      await upload(location, file, size, this.options.timeout)
      const finished = await this.look(path)
      if (finished?.size !== size) throw new Failure(`${path} has ${finished === undefined ? 'gone' : `${finished.size} bytes of ${size}`}`, 'passes')
      if (this.options.verify) await this.#verify(path, file, size)
      return finished
    } catch (error) {
      if (error instanceof HdfsFailure && error.exception === undefined) await this.#exclude(location)
      if (neverConnected(error)) {
        await temporaries.gone(path)
      } else {
        await temporaries.failed(path)
        await this.#removeOnce(path)
      }
      throw error
    }
  }

  /** Throws Failure where the DataNodes hold other bytes, UNAVAILABLE where this cannot be told. */
  async #verify(path: string, file: DiskFile, size: number): Promise<void> {
    const request = { method: 'GET', op: 'GETFILECHECKSUM', path: this.#pathOf(path), params: { noredirect: 'true' } } as const
    const answer = await fetchJson(locationIn(await this.#nodes.askOnce(request)), this.options.timeout)
    const { FileChecksum: checksum } = answer as { FileChecksum: FileChecksum }
    const same = await hasChecksum(file, size, (await this.#statusOf(path))?.blockSize ?? 0, checksum)
    if (same === undefined) throw new FlumeError('UNAVAILABLE', `cannot verify ${path}: ${checksum.algorithm} is not known here; without --verify it goes on`)
    if (!same) throw new Failure(`${path} has other bytes than were sent: its ${checksum.algorithm} differs`, 'passes')
  }

  /** Where to send a file of this name. Nothing is made yet. */
  async #locationFor(path: string): Promise<Location> {
    const now = this.around.clock.now()
    for (const [address, until] of this.#excluded) if (until <= now) this.#excluded.delete(address)
    const params: Record<string, string> = { ...this.options.cluster.create, ...CREATE }
    if (this.#excluded.size > 0) params['excludedatanodes'] = [...this.#excluded.keys()].join(',')
    try {
      return locationIn(await this.#nodes.askOnce({ method: 'PUT', op: 'CREATE', path: this.#pathOf(path), params }))
    } catch (error) {
      this.#excluded.clear() // it may be that none is left
      throw error
    }
  }

  async #exclude({ host }: Location): Promise<void> {
    const address = await lookup(host).then(({ address }) => address, () => host)
    this.#excluded.set(address, this.around.clock.now() + EXCLUDED_FOR)
  }

  /** What stays is in the record, and is removed later. */
  async #removeOnce(path: string): Promise<void> {
    await this.#nodes.askOnce({ method: 'DELETE', op: 'DELETE', path: this.#pathOf(path), params: { recursive: 'false' } }).catch(() => undefined)
  }

  #pathOf(path: string): string {
    const inside = path.slice(this.options.cluster.uri.length)
    return inside === '' ? '/' : inside
  }
}

/** SYNC_BLOCK: or a 201 would not mean that it is on disk. */
const CREATE = { overwrite: 'false', noredirect: 'true', createflag: 'CREATE,SYNC_BLOCK' }

interface Listing {
  readonly partialListing: { readonly FileStatuses: { readonly FileStatus: readonly Status[] } }
  readonly remainingEntries: number
}

function locationIn(answer: unknown): Location {
  return parseLocation(String((answer as { Location?: unknown }).Location))
}

function neverConnected(error: unknown): boolean {
  const cause = error instanceof HdfsFailure ? error.cause : undefined
  return cause instanceof Error && 'syscall' in cause && cause.syscall === 'connect'
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof HdfsFailure && error.exception === 'FileNotFoundException') return undefined
  throw error
}
