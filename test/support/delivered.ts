/** Lines on their way through recipes: what went in, what is in place, and what the sink holds. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** `line 0` and so on, up to but without `to`. */
export function numbered(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, n) => `line ${from + n}\n`).join('')
}

/** All that is in place below a directory, in the order of the names. */
export function placed(directory: string): string {
  if (!existsSync(directory)) return ''
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !/^[._]/.test(entry.name))
  return files.map((entry) => join(entry.parentPath, entry.name)).sort().map((path) => readFileSync(path, 'utf8')).join('')
}

export interface SinkShown {
  readonly pid: number
  readonly events: number
  readonly unacked: number
}

/** Of what `flume-stat --json` prints; undefined: no sink has answered. */
export function sinkIn(shown: string): SinkShown | undefined {
  if (shown === '') return undefined
  const { lines } = JSON.parse(shown) as { lines: { command: string; pid: number; flows?: { events: number; unacked: number }[] }[][] }
  const sink = lines.flat().find(({ command }) => command === 'flume-sink-hdfs')
  return sink?.flows?.[0] === undefined ? undefined : { pid: sink.pid, ...sink.flows[0] }
}
