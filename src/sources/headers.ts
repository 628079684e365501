/** The headers of the lines of one file: which of those that flume-tail(1) knows, and fixed ones. */
import { basename } from 'node:path'
import type { Headers } from './lines.js'

export const KNOWN_HEADERS = ['file', 'basename', 'host', 'timestamp', 'byteoffset'] as const
export type KnownHeader = (typeof KNOWN_HEADERS)[number]

export interface HeaderOptions {
  readonly known: readonly KnownHeader[]
  readonly fixed: Headers
}

/** All but byteoffset, which each line has its own of. `time`: ms since the epoch at which the lines were read. */
export function headersOf(options: HeaderOptions, path: string | undefined, host: string, time: number): Map<string, string> {
  const headers = new Map<string, string>()
  for (const name of options.known) {
    if (name === 'host') headers.set(name, host)
    else if (name === 'timestamp') headers.set(name, String(time))
    else if (name === 'file' && path !== undefined) headers.set(name, path)
    else if (name === 'basename' && path !== undefined) headers.set(name, basename(path))
  }
  for (const [name, value] of options.fixed) headers.set(name, value)
  return headers
}
