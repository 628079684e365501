/** A process that runs main.ts and all that it needs, ended when it hangs. */
import { spawn } from 'node:child_process'
import split2 from 'split2'

export interface Fuzzed {
  done: number
  /** Bytes it had resident at most. */
  resident: number
  readonly faults: { readonly fault: string; readonly input?: string }[]
}

interface Step {
  readonly done?: number
  readonly resident?: number
  readonly fault?: string
  readonly input?: string
}

/** ms without a word before it is taken to hang. */
const SILENCE_MAX = 120_000
/** MB for objects, far more than any decoder should need. */
const HEAP_MAX = 512

/** What a process found that ran the file with these arguments of main.ts. */
export async function fuzzedBy(file: string, args: readonly string[]): Promise<Fuzzed> {
  const fuzzed: Fuzzed = { done: 0, resident: 0, faults: [] }
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MAX}`, file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const limit = setTimeout(() => child.kill('SIGKILL'), SILENCE_MAX)
  const ended = new Promise<unknown>((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)))
  for await (const line of child.stdout.pipe(split2())) {
    limit.refresh()
    const { done, resident, fault, input } = JSON.parse(line as string) as Step
    fuzzed.done = done ?? fuzzed.done
    fuzzed.resident = resident ?? fuzzed.resident
    if (fault !== undefined) fuzzed.faults.push(input === undefined ? { fault } : { fault, input })
  }
  const status = await ended
  clearTimeout(limit)
  if (status !== 0) fuzzed.faults.push({ fault: `it ended with ${String(status)} after ${fuzzed.done} inputs: a hang, or out of memory; again with the same seed` })
  return fuzzed
}
