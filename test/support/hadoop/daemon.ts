/** One daemon of a cluster, which can be killed, stopped and started again on the same files and ports. */
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { spawnBound } from './process.js'

/** How long an orderly end may take; writing a class archive is the longest of it. */
const STOP_MS_MAX = 60_000


/** What a daemon is, wherever and how often it runs. */
export interface DaemonOptions {
  /** As Hadoop calls it: nn1. */
  readonly name: string
  readonly command: readonly string[]
  readonly directory: string
  /** File that its output is added to. */
  readonly log: string
  /** Address of its web server, http://127.0.0.1:port. */
  readonly http: string
  /** Port that other daemons use: of a NameNode its RPC, of a DataNode its transfers. */
  readonly port: number
}

export class Daemon {
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(readonly options: DaemonOptions) {}

  get http(): string {
    return this.options.http
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** Returns at once: Cluster.ready() waits until it serves. */
  start(): void {
    if (this.running) throw new Error(`${this.options.name} runs already`)
    const log = openSync(this.options.log, 'a')
    const child = spawnBound(this.options.command, this.options.directory, ['ignore', log, log])
    closeSync(log)
    this.#child = child
    this.#ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', () => {
        this.#child = undefined
        resolve()
      })
    })
    child.unref() // it must not keep this process
  }

  /** kill -9; it is gone on return. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** An orderly end; it is gone on return. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_MS_MAX)
    await this.#end('SIGTERM')
    clearTimeout(timer)
  }

  /** The end of what it has said so far. */
  lastWords(): string {
    return readFileSync(this.options.log, 'utf8').trimEnd().split('\n').slice(-20).join('\n')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#child?.ref()
    this.#child?.kill(signal)
    await this.#ended
  }
}
