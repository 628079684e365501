/** A line of bash with stages of ours, which is started again whenever it falls. */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { commandEnvironment } from '../../support/shell.js'

export interface Stage {
  readonly pid: number
  readonly command: string
}

export class Line {
  starts = 0
  /** Status of its last end. */
  status: number | null = null
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(
    readonly text: string,
    readonly directory: string,
    /** Words before bash, such as setpriv. */
    readonly before: readonly string[],
  ) {}

  get running(): boolean {
    return this.#child !== undefined
  }

  /** `text`: in place of its own. */
  start(text = this.text): void {
    this.starts++
    const err = openSync(join(this.directory, 'err'), 'a')
    const [command, ...words] = [...this.before, 'bash', '-o', 'pipefail', '-c', `trap : TERM; ${text}`]
    const child = spawn(command, words, { cwd: this.directory, detached: true, stdio: ['ignore', 'ignore', err], env: commandEnvironment(this.directory) })
    closeSync(err)
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.on('close', (status) => {
        this.status = status
        this.#child = undefined
        resolve()
      })
    })
  }

  /** False: it hangs. */
  async falls(patience = 90_000): Promise<boolean> {
    return Promise.race([this.#ended.then(() => true), after(patience, false, { ref: false })])
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child !== undefined) process.kill(-(this.#child.pid ?? 0), signal)
  }

  stages(): Stage[] {
    const group = this.#child?.pid
    return readdirSync('/proc').flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return []
      try {
        const [, , pgrp] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
        const command = /\/(flume-[a-z-]+)$/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[1] ?? '')?.[1]
        return Number(pgrp) === group && command !== undefined ? [{ pid: Number(pid), command }] : []
      } catch {
        return [] // it has ended meanwhile
      }
    })
  }
}
