/** A pipeline of the real commands, one of which meets one fault at one of its system calls; then the same again without, to its end. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const BIN = join(import.meta.dirname, '../../../bin')
const run = promisify(execFile)
/** ms after which a line that has not ended is taken to hang: a hundred times what it takes. */
const HANGS_AFTER = 180_000
/** So many times it may be typed again until it ends well. */
const AGAIN_MAX = 4
const LINES = 240

/** `queue`: each line arrives exactly once. `direct`: without a queue, at least once. */
export const PIPELINES = {
  queue: ['flume-tail --once log', 'flume-buffer q --size-max 64K', 'flume-sink-hdfs --path "file://$PWD/out" --roll-count 100'],
  direct: ['flume-tail --once log', 'flume-sink-hdfs --path "file://$PWD/out" --roll-count 100'],
} as const
export type Pipeline = keyof typeof PIPELINES

/** A system call that touches a queue, a state file, a target, the pipe or the socket; its number is its place, from 1. */
export interface Call {
  readonly name: string
  /** Inode and device; of a path alone 0:0. */
  readonly inode: string
  readonly path: string
}

export interface Fault {
  /** Of the pipeline, from 0. */
  readonly stage: number
  readonly at: number
  /** kill, short, or the name of an errno. */
  readonly what: string
}

export const ERRNO: Readonly<Record<string, number>> = { EINTR: 4, EIO: 5, EMFILE: 24, ENOSPC: 28 }

/** Compiles the library to `path`; false where there is no compiler. */
export async function compiled(path: string): Promise<boolean> {
  try {
    await run('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror', '-o', path, join(import.meta.dirname, 'fault.c'), '-ldl'])
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}

export class Line {
  constructor(
    readonly library: string,
    readonly directory: string,
    readonly pipeline: Pipeline,
  ) {}

  begin(): void {
    rmSync(this.directory, { recursive: true, force: true })
    mkdirSync(join(this.directory, 'state'), { recursive: true })
    writeFileSync(join(this.directory, 'log'), Array.from({ length: LINES }, (_, n) => `line ${n} ${'x'.repeat(n % 90)}\n`).join(''))
  }

  /** Exit statuses of the stages, what they said, and the calls of each. */
  async run(fault?: Fault): Promise<{ statuses: number[]; said: string; calls: Call[][] }> {
    const stages = PIPELINES[this.pipeline]
    const logs = stages.map((_, stage) => join(this.directory, `calls.${stage}`))
    for (const log of logs) rmSync(log, { force: true })
    const typed = stages.map((command, stage) => {
      const hit = fault?.stage === stage ? `FAULT_AT=${fault.at} FAULT_WHAT=${ERRNO[fault.what] ?? fault.what} ` : ''
      return `${hit}FAULT_LOG=calls.${stage} ${command}`
    })
    const { stdout, stderr } = await run('bash', ['-c', `${typed.join(' | ')}; echo "\${PIPESTATUS[*]}"`], {
      cwd: this.directory, timeout: HANGS_AFTER, killSignal: 'SIGKILL', maxBuffer: 1e8,
      env: {
        PATH: `${BIN}:${process.env['PATH']}`, HOME: this.directory, XDG_STATE_HOME: join(this.directory, 'state'),
        UV_THREADPOOL_SIZE: '1', // so that the calls of a process come in one order
        LD_PRELOAD: this.library, FAULT_UNDER: ['q', 'out', 'state'].map((name) => join(this.directory, name)).join(':'),
      },
    })
    return { statuses: stdout.trim().split(' ').map(Number), said: stderr, calls: logs.map(callsIn) }
  }

  /** Undefined where all is well after this fault; `unmet`: there was no such call. */
  async faultOf(fault: Fault): Promise<string | undefined> {
    this.begin()
    const { statuses, said, calls } = await this.run(fault)
    if (statuses.some((status) => status === 70 || status === 134 || status === 139)) return `ends with ${statuses.join(' ')}: ${said}`
    const mine = calls[fault.stage] ?? []
    const call = mine[fault.at - 1]
    if (call === undefined) return 'unmet'
    if (call.name === 'fdatasync' && ['EIO', 'ENOSPC'].includes(fault.what)) {
      const again = mine.slice(fault.at).some(({ name, inode }) => name === 'fdatasync' && inode === call.inode)
      if (again) return `${call.path} is synced again after a sync of it has failed`
    }
    return this.#ends(statuses.every((status) => status === 0), said)
  }

  async #ends(ended: boolean, before: string): Promise<string | undefined> {
    let said = before
    for (let again = 0; again < AGAIN_MAX; again++) {
      const { statuses, said: more } = await this.run()
      said += `--- again: ${statuses.join(' ')}\n${more}`
      if (statuses.some((status) => status === 70)) return `the next run ends with ${statuses.join(' ')}: ${said}`
      ended = statuses.every((status) => status === 0)
      if (ended) break
    }
    if (!ended) return `it does not end well: ${said}`
    const wrong = this.#wrong()
    return wrong === undefined ? undefined : `${wrong}: ${said}`
  }

  /** What is wrong with the lines in place. */
  #wrong(): string | undefined {
    const counts = new Map<string, number>()
    const out = join(this.directory, 'out')
    const names = existsSync(out) ? readdirSync(out).filter((name) => !/^[._]/.test(name)) : []
    for (const name of names) for (const line of readFileSync(join(out, name), 'utf8').split('\n').slice(0, -1)) counts.set(line, (counts.get(line) ?? 0) + 1)
    const wanted = readFileSync(join(this.directory, 'log'), 'utf8').split('\n').slice(0, -1)
    const missing = wanted.filter((line) => !counts.has(line))
    const twice = [...counts].filter(([, count]) => count > 1)
    const strange = [...counts.keys()].filter((line) => !wanted.includes(line))
    if (missing.length > 0 || strange.length > 0) return `${missing.length} lines are missing, ${strange.length} are none of ours`
    return twice.length > 0 && this.pipeline === 'queue' ? `${twice.length} lines stand twice` : undefined
  }
}

function callsIn(log: string): Call[] {
  if (!existsSync(log)) return []
  return readFileSync(log, 'utf8').split('\n').slice(0, -1).map((line) => {
    const [, name = '', inode = '', ...path] = line.split(' ')
    return { name, inode, path: path.join(' ') }
  })
}
