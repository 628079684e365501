/**
 * Requests to the NameNodes of a cluster: small JSON over undici. Whichever is active gets them; a standby says so, and
 * then, or when one does not answer, the next is asked.
 */
import type { Agent } from 'undici'
import { assert } from '../../../errors.js'
import { TIMER_MAX } from '../../../events/flow.js'
import type { Retry } from '../../retry.js'
import { escapedPath, type Cluster } from '../cluster.js'
import { failureOf, HdfsFailure, lostAnswer, notTrusted } from './failure.js'
import { CONNECTING, patienceFor, silentFor, whenStopping } from './silence.js'
import { statusIn } from './status.js'

export interface NameNodeRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly op: string
  /** Begins with the cluster's uri; as it is, without escapes. */
  readonly path: string
  readonly params?: Readonly<Record<string, string>>
}

/** Of the JSON of an answer, undefined where it is empty, what was asked for; throws anything where it is not there. */
export type Read<T> = (answer: unknown) => T

export class NameNodes {
  /** Index of the one that answered last. */
  #active = 0
  #agent: Promise<Agent> | undefined
  /** ms without a byte after which an answer counts as lost */
  readonly timeout: number

  constructor(
    readonly cluster: Cluster,
    readonly retry: Retry,
    timeout: number,
  ) {
    this.timeout = patienceFor(timeout, retry.options.retryFor)
  }

  /** Asks until there is an answer, however long it takes: for what may be done twice. */
  async ask<T>(what: string, request: NameNodeRequest, read: Read<T>): Promise<T> {
    return await this.retry.until(what, () => this.askOnce(request, read), true)
  }

  /** Undefined: there is no such file. */
  async look<T>(what: string, request: NameNodeRequest, read: Read<T>): Promise<T | undefined> {
    return await this.retry.until(what, () => this.lookOnce(request, read), true)
  }

  /** Undefined: there is no such file. Asks each NameNode at most once. */
  async lookOnce<T>(request: NameNodeRequest, read: Read<T>): Promise<T | undefined> {
    try {
      return await this.askOnce(request, read)
    } catch (error) {
      if (error instanceof HdfsFailure && error.exception === 'FileNotFoundException') return undefined
      throw error
    }
  }

  /** Asks each NameNode at most once. After HdfsFailure it may have been done all the same; `onFailure` hears of each. */
  async askOnce<T>(request: NameNodeRequest, read: Read<T>, onFailure: (failure: HdfsFailure) => void = () => undefined): Promise<T> {
    const { nameNodes } = this.cluster
    const failures: HdfsFailure[] = []
    for (let count = 0; count < nameNodes.length; count++) {
      const index = this.#active
      try {
        return await this.#send(nameNodes[index] as string, request, read)
      } catch (error) {
        if (!(error instanceof HdfsFailure)) throw error
        onFailure(error)
        const answered = error.exception !== undefined && !ELSEWHERE.has(error.exception)
        if (answered) throw error
        failures.push(error)
        if (this.#active === index) this.#active = (index + 1) % nameNodes.length
      }
    }
    throw together(failures)
  }

  /** The next request goes to a NameNode that is active. Throws HdfsFailure where none is. */
  async findActive(): Promise<void> {
    if (this.cluster.nameNodes.length > 1) await this.askOnce({ method: 'GET', op: 'GETFILESTATUS', path: this.cluster.uri }, statusIn)
  }

  /** Lets go of the connections; whoever still waits for an answer does so in vain. */
  async close(): Promise<void> {
    await (await this.#agent)?.destroy()
  }

  async #send<T>(origin: string, { method, op, path, params }: NameNodeRequest, read: Read<T>): Promise<T> {
    const query = new URLSearchParams({ op, 'user.name': this.cluster.user, ...params })
    const target = `/webhdfs/v1${escapedPath(this.inside(path))}?${query.toString()}` // as it is: a URL would lose the `..` of an inode
    const from = origin.replace(/^https?:\/\//, '')
    const late = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const forget = whenStopping(this.retry.stop, this.timeout, (ms) => {
      timer = setTimeout(() => late.abort(silentFor(ms)), Math.min(ms, TIMER_MAX))
    })
    let status: number
    let text: string
    try {
      const dispatcher = await (this.#agent ??= this.#newAgent())
      const answer = await dispatcher.request({ origin, path: target, method, signal: late.signal, headers: { 'x-xsrf-header': '""' } })
      status = answer.statusCode
      text = await answer.body.text()
      if (status === 307 && params?.['noredirect'] !== undefined) return read({ Location: answer.headers['location'] }) // as HttpFS says where to
    } catch (error) {
      throw notTrusted(from, error) ?? lostAnswer(from, error)
    } finally {
      forget()
      clearTimeout(timer)
    }
    if (status !== 200) throw failureOf(status, text, from)
    try {
      return read(text === '' ? undefined : JSON.parse(text))
    } catch (error) {
      throw lostAnswer(from, error)
    }
  }

  /** The path within the cluster. */
  inside(path: string): string {
    const { uri } = this.cluster
    assert(path === uri || path.startsWith(`${uri}/`), `${path} is not of ${uri}`)
    const inside = path.slice(uri.length)
    return inside === '' ? '/' : inside
  }

  async #newAgent(): Promise<Agent> {
    const { Agent } = await import('undici')
    const { timeout } = this
    return new Agent({ connect: { timeout: Math.min(timeout, CONNECTING) }, headersTimeout: timeout, bodyTimeout: timeout })
  }
}

/**
 * What it means that each of them has failed. As long as one may come back it passes, and said is what a person can mend: one
 * that never comes back, else one that is silent, else one that stands by.
 */
function together(failures: readonly HdfsFailure[]): HdfsFailure {
  const lasting = failures.find(({ outcome }) => outcome !== 'passes')
  const passes = failures.some(({ outcome }) => outcome === 'passes')
  if (lasting !== undefined && passes) return new HdfsFailure(lasting.message, { outcome: 'passes', cause: lasting })
  const said = lasting ?? failures.find(({ exception }) => exception === undefined) ?? failures[0]
  assert(said !== undefined, 'a cluster without a NameNode')
  return said
}

/** Another NameNode may be able to. Not where HDFS as a whole cannot: it would say the same. */
const ELSEWHERE: ReadonlySet<string> = new Set(['StandbyException', 'ObserverRetryOnActiveException', 'RetriableException', 'SafeModeException'])
