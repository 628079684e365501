/** Runs lines as a user types them, in a real bash, with the project's commands and the test stages on the PATH. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** HOME and state are in `directory`; a bare environment otherwise. */
export function commandEnvironment(directory: string): Record<string, string> {
  return { PATH: `${root}bin:${root}test/support/bin:${process.env.PATH}`, HOME: directory, TZ: 'UTC' }
}

export interface Ran {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** Ends with the whole line; whoever is left of it after `limit` ms is killed, and the status is null. */
export function shell(line: string, directory: string, env: Record<string, string> = {}, limit = 60_000): Promise<Ran> {
  return new Promise((resolve, reject) => {
    // tap puts a loader into NODE_OPTIONS of every child: the commands under test run without it
    const child = spawn('env', ['-u', 'NODE_OPTIONS', 'bash', '-c', line], {
      cwd: directory,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...commandEnvironment(directory), ...env },
    })
    const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), limit)
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('latin1')))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')))
    child.on('error', reject)
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ status, signal, out, err })
    })
  })
}

/** Calls `work` for each of `list`, at most `most` at a time. */
export async function each<T>(list: readonly T[], most: number, work: (one: T) => Promise<void>): Promise<void> {
  const rest = list.values()
  await Promise.all(
    Array.from({ length: most }, async () => {
      for (const one of rest) await work(one)
    }),
  )
}
