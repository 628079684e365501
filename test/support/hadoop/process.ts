/**
 * Starts programs that cannot outlive this process: setpriv(1) has the kernel kill them with it, however it ends, so
 * that no daemon is left behind by a test that was killed.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

export interface Ended {
  /** Null: killed. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Only what Java needs, not the HADOOP_* and JAVA_* of the person who runs the tests; names of files in UTF-8. */
function bare(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME, LC_ALL: 'C.UTF-8' }
}

/** Where a shell would find `program`. */
export function whereIs(program: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(':').filter((name) => name !== '')) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      continue
    }
  }
  return undefined
}

export function spawnBound(command: readonly string[], directory: string, stdio: StdioOptions, env = bare()): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], { cwd: directory, stdio, env })
}

/** Runs to its end; after `limit` ms it is killed. */
export function run(command: readonly string[], directory: string, { limit = 120_000, env = bare() } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawnBound(command, directory, ['ignore', 'pipe', 'pipe'], env)
    const timer = setTimeout(() => child.kill('SIGKILL'), limit)
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout!.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr!.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.on('error', reject)
    child.on('close', (status) => {
      clearTimeout(timer)
      resolve({ status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
    })
  })
}
