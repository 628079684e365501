/** A process that runs main.ts and all that it needs, ended when it hangs. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import split2 from 'split2'

export interface Fuzzed {
  /** Inputs it has taken, and inputs that grow. */
  done: number
  grown: number
  /** Bytes it had resident at most. */
  resident: number
  readonly faults: { readonly fault: string; readonly input?: string }[]
}

interface Step {
  readonly done?: number
  readonly grown?: number
  /** What it tries now. */
  readonly at?: string
  readonly resident?: number
  readonly fault?: string
  readonly input?: string
}

/** s of processor without a word before it is taken to hang: of those of a clock it may have none beside other work. */
const SILENCE_MAX = 120
/** A second of proc_pid_stat(5). */
const TICKS = 100
/** ms between looks at that. */
const LOOK = 2000
/** MB for objects, far more than any decoder should need; those for new ones: with less V8 goes through all open arrays of a deep JSON again and again. */
const HEAP_MAX = 512
const YOUNG = 64
const NODE = ['--single-threaded-gc', `--max-old-space-size=${HEAP_MAX}`, `--min-semi-space-size=${YOUNG}`, `--max-semi-space-size=${YOUNG}`]

/** What a process found that ran the file with these arguments of main.ts. */
export async function fuzzedBy(file: string, args: readonly string[]): Promise<Fuzzed> {
  const fuzzed: Fuzzed = { done: 0, grown: 0, resident: 0, faults: [] }
  const child = spawn(process.execPath, [...NODE, file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let since = 0
  const limit = setInterval(() => {
    if (secondsOf(child.pid!) - since > SILENCE_MAX) child.kill('SIGKILL')
  }, LOOK)
  const ended = new Promise<unknown>((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)))
  let trying = ''
  for await (const line of child.stdout.pipe(split2())) {
    since = secondsOf(child.pid!)
    const { done, grown, at, resident, fault, input } = JSON.parse(line as string) as Step
    fuzzed.done = done ?? fuzzed.done
    fuzzed.grown = grown ?? fuzzed.grown
    if (at !== undefined) trying = `, at ${at}`
    fuzzed.resident = resident ?? fuzzed.resident
    if (fault !== undefined) fuzzed.faults.push(input === undefined ? { fault } : { fault, input })
  }
  const status = await ended
  clearInterval(limit)
  const count = fuzzed.done + fuzzed.grown
  if (status !== 0) fuzzed.faults.push({ fault: `it ended with ${String(status)} after ${count} inputs${trying}: a hang, or out of memory; again with the same seed` })
  return fuzzed
}

/** Of processor that it has taken; 0 once it is gone. */
function secondsOf(pid: number): number {
  try {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ').slice(11, 13)
    return (Number(user) + Number(system)) / TICKS
  } catch {
    return 0
  }
}
