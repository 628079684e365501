/** Lines that run while a test does something to them. What they say on stderr is added to the file `err` of their directory. */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { commandEnvironment } from './shell.js'

/** ms; only what hangs takes so long. */
const PATIENCE = 60_000

export class Running {
  #over = false

  private constructor(
    /** Process group of all its stages. */
    readonly group: number,
    /** Null: killed. */
    readonly ended: Promise<number | null>,
    readonly directory: string,
  ) {
    void ended.then(() => (this.#over = true))
  }

  /** Starts a line of bash, as shell() does, and returns. It ends with `t`. */
  static start(t: Test, line: string, directory: string, env: Record<string, string> = {}): Running {
    const err = openSync(join(directory, 'err'), 'a')
    // on SIGTERM the shell outlives its stages, as one with a terminal does
    const child = spawn('env', ['-u', 'NODE_OPTIONS', 'bash', '-c', `trap : TERM; ${line}`], {
      cwd: directory,
      detached: true,
      stdio: ['ignore', 'ignore', err],
      env: { ...commandEnvironment(directory), ...env },
    })
    closeSync(err)
    const running = new Running(child.pid!, new Promise((resolve) => child.on('close', resolve)), directory)
    t.teardown(() => running.kill('SIGKILL'))
    return running
  }

  /** Sends all its stages a signal. */
  kill(signal: NodeJS.Signals): void {
    if (!this.#over) process.kill(-this.group, signal)
  }

  /** Kills -9 one stage, of several of this name the one picked, or all where it has not come so far as to be node. */
  killStage(stage: string, pick: (below: number) => number = () => 0): void {
    const pids = this.#pidsOf(stage)
    if (pids.length === 0) this.kill('SIGKILL')
    else process.kill(pids[pick(pids.length)]!, 'SIGKILL')
  }

  /** Sends the stages of this name that were started with this word a signal. */
  signalStage(stage: string, word: string, signal: NodeJS.Signals): void {
    for (const pid of this.#pidsOf(stage, word)) process.kill(pid, signal)
  }

  /** False: it hangs, and is killed. */
  async falls(): Promise<boolean> {
    const patience = new Promise<boolean>((resolve) => void setTimeout(resolve, PATIENCE, false).unref())
    const fell = await Promise.race([this.ended.then(() => true), patience])
    if (!fell) this.kill('SIGKILL')
    return fell
  }

  /** What all lines in this directory have said so far. */
  get said(): string {
    return readFileSync(join(this.directory, 'err'), 'utf8')
  }

  #pidsOf(stage: string, word?: string): number[] {
    const pids: number[] = []
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const [, , , , pgrp] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/\(.*\)/s, 'x').split(' ')
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        if (Number(pgrp) === this.group && words[1]?.endsWith(`/${stage}`) && (word === undefined || words.includes(word))) pids.push(Number(pid))
      } catch {
        continue // it has ended meanwhile
      }
    }
    return pids
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Looks again and again until it is so. Throws, with what `why` gives, where nothing comes of it for long. */
export async function until(condition: () => boolean | Promise<boolean>, why: () => string): Promise<void> {
  const end = Date.now() + PATIENCE
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it does not come: ${why()}`)
    await pause(50)
  }
}
