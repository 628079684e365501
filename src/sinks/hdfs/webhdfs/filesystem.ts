/**
 * FileSystem over WebHDFS, for hdfs://. Files are written once, under a temporary name, and get their final one by a
 * rename that never overwrites. What became of a request whose answer was lost is told by the file's inode (`fileId`),
 * never by a name alone, and never by a 404.
 */
import { posix } from 'node:path'
import type { Disk } from '../../../disk/disk.js'
import { FlumeError } from '../../../errors.js'
import type { Retry } from '../../retry.js'
import type { Cluster } from '../cluster.js'
import type { Draft, Entry, FileSystem, Finished, Left, Temporaries } from '../filesystem.js'
import { HdfsFailure } from './failure.js'
import { NameNodes } from './namenodes.js'
import { Room } from './room.js'
import { spoolDraft, spoolLeft, type SpoolAround } from './spool.js'
import { pageIn, removedIn, renamedIn, statusIn, type Status } from './status.js'
import { Permits } from '../permits.js'
import { finishedOf, parentPath, Uploads } from './uploads.js'

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
  /** Bytes that must have come fast for an upload to begin before its file is complete. */
  readonly followFrom?: number
}

const FOLLOW_FROM = 8 * 1024 * 1024
/** What HDFS says of a file that was removed into the trash of another user. */
const IN_TRASH = /inode="[^"]*\/\.Trash[/"]/

export interface WebHdfsAround {
  readonly disk: Disk
  readonly retry: Retry
  /** A part of a file is there. */
  onProgress(): void
}

/** Where no record is kept. */
const NOBODY: Temporaries = { attempt: async () => undefined, failed: async () => undefined, gone: async () => undefined }

export function webHdfs(options: WebHdfsOptions, around: WebHdfsAround): FileSystem {
  return new WebHdfs(options, around)
}

class WebHdfs implements FileSystem {
  readonly #nodes: NameNodes
  readonly #spool: SpoolAround
  /** Files that may have got their names by a rename of which no answer came. */
  readonly #inDoubt = new WeakSet<Finished>()

  constructor({ cluster, spool, uploads: uploadsMax, timeout, verify, followFrom = FOLLOW_FROM }: WebHdfsOptions, { disk, retry, onProgress }: WebHdfsAround) {
    this.#nodes = new NameNodes(cluster, retry, timeout)
    const uploads = new Uploads(this.#nodes, new Permits(uploadsMax), verify, timeout, onProgress)
    const room = new Room(disk, spool, retry)
    this.#spool = { disk, retry, room, directory: spool, uploads, followFrom }
  }

  get root(): string {
    return this.#nodes.cluster.uri
  }

  get isFull(): boolean {
    return this.#spool.room.isFull
  }

  /** Whoever creates a file makes its directory. */
  async makeDirectory(): Promise<void> {}

  async *names(directory: string): AsyncGenerator<string> {
    for await (const { name } of this.entries(directory)) yield name
  }

  async *entries(directory: string): AsyncGenerator<Entry> {
    for await (const { name, size, directory: isDirectory } of this.#statuses(directory)) {
      if (name !== '') yield { name, size, directory: isDirectory } // else it is a file itself
    }
  }

  async look(path: string): Promise<Finished | undefined> {
    const status = await this.#nodes.look(`cannot look at ${path}`, { method: 'GET', op: 'GETFILESTATUS', path }, statusIn)
    return status && finishedOf(path, status, this.#nodes.cluster.uri)
  }

  create(path: string, temporaries: Temporaries = NOBODY, isLeft = false): Promise<Draft> {
    return spoolDraft(path, temporaries, isLeft, this.#spool)
  }

  left(path: string): Promise<Left | undefined> {
    return spoolLeft(path, this.#spool)
  }

  /** One attempt. */
  async publish(file: Finished, path: string, isAgain = false): Promise<void> {
    if (isAgain) this.#inDoubt.add(file)
    const params = { destination: this.#nodes.inside(path), renameoptions: 'NONE' }
    try {
      await this.#nodes.askOnce({ method: 'PUT', op: 'RENAME', path: file.path, params }, renamedIn, ({ isRefused }) => {
        if (!isRefused) this.#inDoubt.add(file)
      })
    } catch (error) {
      if (!(error instanceof HdfsFailure) || !(await this.#isPublished(file, path, error))) throw error
    }
  }

  isInDoubt(file: Finished): boolean {
    return this.#inDoubt.has(file)
  }

  /** HDFS knows files by their inodes too, and the directory of each. */
  async isTaken(file: Finished): Promise<boolean> {
    const { path, size, id } = file
    try {
      for await (const status of this.#statuses(parentPath(id, this.#nodes.cluster.uri))) {
        if (String(status.fileId) === id) return status.size === size && !path.endsWith(`/${status.name}`)
      }
      return false
    } catch (error) {
      if (error instanceof FlumeError && error.code === 'PERMISSION') return await this.#isTakenUnseen(file, error)
      throw error
    }
  }

  /**
   * Of one that lies where we may not look, under whatever name. Whoever takes a file takes it once it has its name; whoever
   * moves a directory, or removes what is in the way, does not look for that.
   */
  async #isTakenUnseen({ path, id, parent }: Finished, { cause }: FlumeError): Promise<boolean> {
    const { cluster, retry } = this.#nodes
    const unseen = `where ${cluster.user} may not look`
    const say = (where: string): void => retry.say(`${path} (fileId ${id}) is ${where}`)
    if (cause instanceof Error && IN_TRASH.test(cause.message)) {
      say(`in a trash ${unseen}: its events come again`)
      return false
    }
    const directory = await this.look(posix.dirname(path))
    const isTaken = parent !== undefined && directory?.id === parent
    const which = parent === undefined ? 'out of a directory that is not known' : 'with its directory'
    const again = `${which}: its events come again, and stand there too if it had its name`
    say(`${unseen}, ${isTaken ? 'but its directory is not: it counts as taken away by a reader' : again}`)
    return isTaken
  }

  async remove(path: string): Promise<void> {
    await this.#nodes.ask(`cannot remove ${path}`, { method: 'DELETE', op: 'DELETE', path, params: { recursive: 'false' } }, removedIn)
  }

  async close(): Promise<void> {
    await this.#nodes.close()
  }

  /** What became of a rename without a clear answer. First the old name, then the new one: between them it may happen yet. */
  async #isPublished(file: Finished, path: string, cause: HdfsFailure): Promise<boolean> {
    const temporary = await this.#lookOnce(file.path)
    const final = await this.#lookOnce(path)
    if (final?.id === file.id) return true
    if (final !== undefined) throw new FlumeError('OTHER_HISTORY', `cannot name a file ${path}: another one has that name`, { cause })
    if (temporary?.id === file.id) return false
    if (this.isInDoubt(file) && (await this.isTaken(file))) return true
    throw new FlumeError('IO', `cannot name a file ${path}: somebody has removed it as ${file.path}; its events come again`, { cause })
  }

  async *#statuses(directory: string): AsyncGenerator<Status> {
    for (let startAfter = ''; ; ) {
      const request = { method: 'GET', op: 'LISTSTATUS_BATCH', path: directory, params: { startAfter } } as const
      const page = await this.#nodes.look(`cannot list ${directory}`, request, (answer) => pageIn(answer, request.params.startAfter))
      for (const status of page?.statuses ?? []) {
        startAfter = status.name
        yield status
      }
      if (page?.isLast !== false) return
    }
  }

  async #lookOnce(path: string): Promise<Finished | undefined> {
    const status = await this.#nodes.lookOnce({ method: 'GET', op: 'GETFILESTATUS', path }, statusIn)
    return status && finishedOf(path, status, this.#nodes.cluster.uri)
  }
}
