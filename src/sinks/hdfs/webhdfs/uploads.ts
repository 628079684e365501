/**
 * Brings a file to HDFS under a temporary name: asks where to send it, sends it, and looks whether all of it is there.
 * What fails is given up under this name, and its name is noted until nothing can come of it any more.
 */
import { wholeBody, type Body, type Bytes } from './bytes.js'
import { FlumeError } from '../../../errors.js'
import { Failure } from '../../retry.js'
import type { Finished, Temporaries } from '../filesystem.js'
import { hasChecksum, type FileChecksum } from './checksum.js'
import { fetchJson, parseLocation, send, type Location, type Patience } from './datanode.js'
import { Excluded } from './excluded.js'
import { HdfsFailure, lostAnswer } from './failure.js'
import { Following, GivenUp } from './following.js'
import type { NameNodes } from './namenodes.js'
import { fieldsOf, removedIn, statusIn, textIn, type Status } from './status.js'
import type { Permits } from '../permits.js'

/** SYNC_BLOCK: or a 201 would not mean that it is on disk. */
const CREATE = { overwrite: 'false', noredirect: 'true', createflag: 'CREATE,SYNC_BLOCK' }
/** How often a NameNode is asked for a DataNode that is not left out: where these share an address it guesses. */
const QUESTIONS = 20
/** ms after one that was begun before its file was complete had to be given up, for which no other begins like that. */
const PAUSE = 60_000
/** ms without a new byte after which such a one is given up, at most */
const IDLE_MAX = 1000

/** An upload that began before its file was complete. */
export interface Early {
  readonly body: Following
  /** Undefined: it came to nothing. Never rejects. */
  readonly finished: Promise<Finished | undefined>
}

export class Uploads {
  readonly #excluded: Excluded
  readonly #patience: Patience
  #gaveUpAt = -Infinity

  constructor(
    readonly nodes: NameNodes,
    readonly permits: Permits,
    /** Compare the checksum of each upload. */
    readonly verify: boolean,
    /** ms that a DataNode may be silent */
    timeout: number,
    readonly onProgress: () => void,
  ) {
    const { retry } = nodes
    this.#excluded = new Excluded(retry.clock)
    this.#patience = { timeout, stop: retry.stop, onProgress }
  }

  /** One attempt, in its turn. Throws Failure: try again under another name. */
  async upload(path: string, bytes: Bytes, size: number, temporaries: Temporaries): Promise<Finished> {
    return await this.permits.take(() => this.#attempt(path, wholeBody(bytes, size), temporaries))
  }

  /** One attempt that begins when the first `end` bytes of its file are there; undefined: not now. */
  follow(path: string, bytes: Bytes, end: number, temporaries: Temporaries): Early | undefined {
    const { clock } = this.nodes.retry
    if (clock.monotonic() - this.#gaveUpAt < PAUSE) return undefined
    const body = new Following(bytes, end, clock, Math.min(IDLE_MAX, this.#patience.timeout / 2))
    const finished = this.permits.tryTake(() => this.#attempt(path, body, temporaries), () => body.giveUp('another file is complete'))
    return finished && { body, finished: finished.catch((error: unknown) => this.#failedEarly(error)) }
  }

  /** What was wrong, the next attempt will tell. */
  #failedEarly(error: unknown): undefined {
    if (error instanceof GivenUp) this.#gaveUpAt = this.nodes.retry.clock.monotonic()
  }

  async #attempt(path: string, body: Body, temporaries: Temporaries): Promise<Finished> {
    this.nodes.retry.mayBegin(`cannot write ${path}`)
    const location = await this.#locationFor(path)
    await temporaries.attempt(path)
    try {
      await this.#send(location, body)
      return await this.#checked(path, body)
    } catch (error) {
      await this.#giveUp(path, error, temporaries)
      throw error
    }
  }

  /** Where to send a file of this name. Nothing is made yet. */
  async #locationFor(path: string): Promise<Location> {
    await this.nodes.findActive() // a standby names a DataNode too, which then says nothing for as long as none is active
    let location: Location
    let questions = QUESTIONS
    do location = await this.#ask(path)
    while (this.#excluded.has(location) && --questions > 0)
    return location
  }

  async #ask(path: string): Promise<Location> {
    const excluded = this.#excluded.addresses()
    const params = excluded.length === 0 ? CREATE : { ...CREATE, excludedatanodes: excluded.join(',') }
    try {
      return await this.nodes.askOnce({ method: 'PUT', op: 'CREATE', path, params: { ...this.nodes.cluster.create, ...params } }, locationIn)
    } catch (error) {
      if (excluded.length === 0 || !(error instanceof HdfsFailure) || error.exception !== 'IOException') throw error
      this.#excluded.clear() // no other is left
      return await this.#ask(path)
    }
  }

  async #send(location: Location, body: Body): Promise<void> {
    try {
      await send(location, body, this.#patience)
      this.#excluded.remove(location)
    } catch (error) {
      if (error instanceof HdfsFailure && error.exception === undefined && error.outcome === 'passes') await this.#excluded.add(location)
      throw error
    }
  }

  /** Throws Failure where HDFS has not got what was sent. */
  async #checked(path: string, { bytes, size }: Body): Promise<Finished> {
    const status = await this.nodes.look(`cannot look at ${path}`, { method: 'GET', op: 'GETFILESTATUS', path }, statusIn)
    if (status === undefined) throw new Failure(`${path} has gone`, 'passes')
    if (status.size !== size) throw new Failure(`${path} has ${status.size} bytes of ${size}`, 'passes')
    const finished = finishedOf(path, status, this.nodes.cluster.uri)
    if (this.verify) await this.#verify(path, bytes, status)
    return { ...finished, parent: await this.#parentOf(finished) }
  }

  /** Asked for by the file, which has one directory whatever becomes of names meanwhile. One attempt: nothing is lost where it is not known. */
  async #parentOf({ id }: Finished): Promise<string | undefined> {
    const request = { method: 'GET', op: 'GETFILESTATUS', path: parentPath(id, this.nodes.cluster.uri) } as const
    const status = await this.nodes.lookOnce(request, statusIn).catch(() => undefined)
    return status?.fileId === undefined ? undefined : String(status.fileId)
  }

  /** Throws Failure where the DataNodes hold other bytes, UNAVAILABLE where this cannot be told. */
  async #verify(path: string, bytes: Bytes, { size, blockSize, striped }: Status): Promise<void> {
    if (striped) throw new FlumeError('UNAVAILABLE', `cannot verify ${path}: it is erasure-coded, which is not known here; without --verify it goes on`)
    const location = await this.nodes.askOnce({ method: 'GET', op: 'GETFILECHECKSUM', path, params: { noredirect: 'true' } }, locationIn)
    const checksum = await checksumFrom(location, this.#patience)
    const same = await hasChecksum(bytes, size, blockSize, checksum)
    if (same === undefined) throw new FlumeError('UNAVAILABLE', `cannot verify ${path}: ${checksum.algorithm} is not known here; without --verify it goes on`)
    if (!same) throw new Failure(`${path} has other bytes than were sent: its ${checksum.algorithm} differs`, 'passes')
  }

  /** What cannot be removed now stays noted, and is removed later. */
  async #giveUp(path: string, error: unknown, temporaries: Temporaries): Promise<void> {
    const isGone = await this.#isRemoved(path)
    const isOver = error instanceof HdfsFailure ? error.isOver : error instanceof Failure // the upload itself was whole
    if (isGone && isOver) await temporaries.gone(path)
    else await temporaries.failed(path)
  }

  /** True: there is no such file now. */
  async #isRemoved(path: string): Promise<boolean> {
    if (this.nodes.retry.stop.aborted) return false // no time for it
    try {
      await this.nodes.askOnce({ method: 'DELETE', op: 'DELETE', path, params: { recursive: 'false' } }, removedIn)
      return true
    } catch {
      const status = await this.nodes.lookOnce({ method: 'GET', op: 'GETFILESTATUS', path }, statusIn).catch(() => null)
      return status === undefined // where HDFS is in safe mode, say: nothing had been made
    }
  }
}

/** The directory of a file, whatever names both have by now. */
export function parentPath(id: string, uri: string): string {
  return `${uri}/.reserved/.inodes/${id}/..`
}

/** Throws UNAVAILABLE where the file has no number. */
export function finishedOf(path: string, { size, fileId }: Status, uri: string): Finished {
  if (fileId !== undefined) return { path, size, id: String(fileId) }
  throw new FlumeError('UNAVAILABLE', `cannot write to ${uri}: it does not tell the fileId of a file (HttpFS is not supported)`)
}

function locationIn(answer: unknown): Location {
  return parseLocation(textIn(answer, 'Location'))
}

async function checksumFrom(location: Location, patience: Patience): Promise<FileChecksum> {
  const answer = await fetchJson(location, patience)
  try {
    const checksum = fieldsOf(answer, 'FileChecksum')
    return { algorithm: textIn(checksum, 'algorithm'), bytes: textIn(checksum, 'bytes') }
  } catch (error) {
    throw lostAnswer(`${location.host}:${location.port}`, error)
  }
}
