/**
 * Requests to the NameNodes of a cluster: small JSON over undici. Whichever is active gets them; a standby says so, and
 * then, or when one does not answer, the next is asked.
 */
import type { Agent } from 'undici'
import { FlumeError } from '../../../errors.js'
import type { Retry } from '../../retry.js'
import type { Cluster } from '../cluster.js'
import { failureOf, HdfsFailure, lostAnswer } from './failure.js'

export interface NameNodeRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly op: string
  /** Absolute, as it is, without escapes. */
  readonly path: string
  readonly params?: Readonly<Record<string, string>>
}

export class NameNodes {
  /** Index of the one that answered last. */
  #active = 0
  #agent: Promise<Agent> | undefined

  constructor(
    readonly cluster: Cluster,
    readonly retry: Retry,
    /** ms without a byte after which an answer counts as lost */
    readonly timeout: number,
  ) {}

  /** Asks until there is an answer, however long it takes: for what may be done twice. An exception of `expected` is an answer. */
  async ask(what: string, request: NameNodeRequest, expected: readonly string[] = []): Promise<unknown> {
    const answer = await this.retry.until(what, async () => {
      try {
        return await this.askOnce(request)
      } catch (error) {
        if (error instanceof HdfsFailure && expected.includes(error.exception ?? '')) return error
        throw error
      }
    })
    if (answer instanceof HdfsFailure) throw answer
    return answer
  }

  /** Asks each NameNode at most once. After HdfsFailure it may have been done all the same. */
  async askOnce(request: NameNodeRequest): Promise<unknown> {
    const { nameNodes } = this.cluster
    let failure: HdfsFailure | undefined
    for (let count = 0; count < nameNodes.length; count++) {
      const index = this.#active
      try {
        return await this.#send(nameNodes[index] as string, request)
      } catch (error) {
        if (!(error instanceof HdfsFailure)) throw error
        const answered = error.exception !== undefined && !ELSEWHERE.has(error.exception)
        if (answered) throw error
        if (failure === undefined || failure.exception !== undefined) failure = error // who is silent matters more than who stands by
        if (this.#active === index) this.#active = (index + 1) % nameNodes.length
      }
    }
    throw failure ?? new FlumeError('BUG', 'a cluster without a NameNode')
  }

  async close(): Promise<void> {
    await (await this.#agent)?.destroy()
  }

  async #send(origin: string, { method, op, path, params }: NameNodeRequest): Promise<unknown> {
    const query = new URLSearchParams({ op, 'user.name': this.cluster.user, ...params })
    const url = `${origin}/webhdfs/v1${encodePath(path)}?${query.toString()}`
    const from = origin.replace(/^https?:\/\//, '')
    const { request } = await import('undici')
    let status: number
    let text: string
    try {
      const answer = await request(url, { method, dispatcher: await (this.#agent ??= this.#newAgent()), headers: { 'x-xsrf-header': '""' } })
      status = answer.statusCode
      text = await answer.body.text()
      if (status === 307) return { Location: answer.headers['location'] }
    } catch (error) {
      throw lostAnswer(from, error)
    }
    if (status !== 200) throw failureOf(status, text, from)
    try {
      return text === '' ? {} : (JSON.parse(text) as unknown)
    } catch (error) {
      throw lostAnswer(from, error)
    }
  }

  async #newAgent(): Promise<Agent> {
    const { Agent } = await import('undici')
    const { timeout } = this
    return new Agent({ connect: { timeout }, headersTimeout: timeout, bodyTimeout: timeout })
  }
}

/** Another NameNode may be able to. Not where HDFS as a whole cannot: it would say the same. */
const ELSEWHERE: ReadonlySet<string> = new Set(['StandbyException', 'ObserverRetryOnActiveException', 'RetriableException', 'SafeModeException'])

/** Each byte that might mean something in a URL is escaped, but for `=`, which some versions want as it is. */
function encodePath(path: string): string {
  return path.split('/').map((name) => encodeURIComponent(name).replaceAll('%3D', '=')).join('/')
}
