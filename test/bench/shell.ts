/** One shell line at a time: how long it takes, the processor time of all its processes, and what its stages hold in memory. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export interface Measured {
  /** s from before the shell starts to after it ended. */
  readonly wall: number
  /** s of user and system, of all processes. */
  readonly cpu: number
  /** By the name given for each stage. */
  readonly stages: ReadonlyMap<string, Stage>
  /** Most at any one moment, of all stages together; bytes. */
  readonly resident: number
  /** The same, pages that processes share counted once; 0 unless asked for. */
  readonly proportional: number
}

export interface Stage {
  /** s, as of the last look. */
  cpu: number
  /** Most it had resident, bytes. */
  peak: number
}

export interface Line {
  /** For bash. */
  readonly script: string
  /** A word of the command line of each stage: what it is called in the table. */
  readonly stages: ReadonlyMap<string, string>
  readonly env: NodeJS.ProcessEnv
  readonly timeout: number
  /** Looks at the shares of pages too, which costs time. */
  readonly proportional: boolean
}

/** ms between two looks at /proc: often for what is held at once, seldom where the looks would take time from what is measured. */
const LOOK_OFTEN = 20
const LOOK_SELDOM = 100
/** /proc/PID/stat counts in hundredths. */
const TICKS = 100

export async function measure(line: Line): Promise<Measured> {
  const watch = new Watch(line)
  const start = process.hrtime.bigint()
  const shell = spawn('bash', ['-c', `${line.script}\nfailed="\${PIPESTATUS[*]}"; times; echo "$failed"`], {
    env: line.env, stdio: ['ignore', 'pipe', 'inherit'], detached: true,
  })
  let out = ''
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  const looks = setInterval(() => watch.look(shell.pid!), line.proportional ? LOOK_OFTEN : LOOK_SELDOM)
  const limit = setTimeout(() => process.kill(-shell.pid!, 'SIGKILL'), line.timeout)
  const status = await new Promise((resolve) => shell.once('close', resolve))
  const wall = Number(process.hrtime.bigint() - start) / 1e9
  clearInterval(looks)
  clearTimeout(limit)
  const [, children = '', statuses = ''] = out.trim().split('\n')
  if (status !== 0 || /[1-9]/.test(statuses)) throw new Error(`failed (${String(status)}; ${statuses}): ${line.script}`)
  return { wall, cpu: secondsOf(children), stages: watch.stages, resident: watch.resident, proportional: watch.proportional }
}

/** `0m1.234s 0m0.567s`, as times of bash prints it. */
function secondsOf(times: string): number {
  return [...times.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)
}

class Watch {
  readonly stages = new Map<string, Stage>()
  resident = 0
  proportional = 0
  #pids = new Map<string, number>()

  constructor(readonly line: Line) {}

  look(shell: number): void {
    if (this.#pids.size < this.line.stages.size) this.#find(shell)
    let [resident, proportional] = [0, 0]
    for (const [name, pid] of this.#pids) {
      const status = textOf(`/proc/${pid}/status`)
      const rss = kilobytes(status, 'VmRSS')
      if (rss === 0) continue // it has ended
      const stage = this.stages.get(name) ?? { cpu: 0, peak: 0 }
      this.stages.set(name, { cpu: cpuOf(pid), peak: Math.max(stage.peak, kilobytes(status, 'VmHWM')) })
      resident += rss
      if (this.line.proportional) proportional += kilobytes(textOf(`/proc/${pid}/smaps_rollup`), 'Pss')
    }
    this.resident = Math.max(this.resident, resident)
    this.proportional = Math.max(this.proportional, proportional)
  }

  /** The stages among the children of the shell, once they are no more the shell itself. */
  #find(shell: number): void {
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry) || parentOf(entry) !== shell) continue
      const words = textOf(`/proc/${entry}/cmdline`).split('\0').slice(0, -1)
      if (words[0] === 'bash') continue
      for (const [word, name] of this.line.stages) if (words.some((each) => each.endsWith(word))) this.#pids.set(name, Number(entry))
    }
  }
}

/** s of user and system so far; NaN where the process has gone. */
export function cpuOf(pid: number): number {
  const times = textOf(`/proc/${pid}/stat`).split(') ').pop()!.split(' ')
  return (Number(times[11]) + Number(times[12])) / TICKS
}

function parentOf(pid: string): number {
  return Number(textOf(`/proc/${pid}/stat`).split(') ').pop()?.split(' ')[1])
}

/** Bytes of a line of /proc/PID/status; 0 where there is none. */
export function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
}

/** Empty where the process has gone. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
