/** Words for people on stderr: one line per message, with nothing in it that a terminal would obey. */
import { FlumeError, wordsOf } from '../errors.js'

export type LogFormat = 'text' | 'json'

export interface Message {
  readonly command: string
  readonly pid: number
  /** ms since the epoch */
  readonly time: number
  readonly level: 'info' | 'error'
  readonly text: string
  /** For our own bugs only. */
  readonly stack?: string | undefined
  readonly status?: number
}

/** One line, with its \n (a stack adds its own lines). */
export function line(message: Message, format: LogFormat, colours: boolean): string {
  if (format === 'json') {
    const { time, command, pid, level, text, status, stack } = message
    return `${JSON.stringify({ time: new Date(time).toISOString(), command, pid, level, message: visible(text), status, stack })}\n`
  }
  const name = colours && message.level === 'error' ? `\x1b[31m${message.command}:\x1b[39m` : `${message.command}:`
  const stack = message.stack === undefined ? '' : `${message.stack.split('\n').map(visible).join('\n')}\n`
  return `${name} ${visible(message.text)}\n${stack}`
}

/** What fails is said to be of this: of `input a`, where there are several. */
export async function blamedOn<T>(what: string, result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (error) {
    throw error instanceof FlumeError ? new FlumeError(error.code, `${what}: ${error.message}`, { cause: error.cause }) : error
  }
}

/** What an error says, with the reasons behind it: `cannot open x: permission denied`. */
export function describe(error: unknown): string {
  const parts = call(error)
  for (let cause: unknown = error; cause !== undefined && parts.length < 8; cause = cause instanceof Error ? cause.cause : undefined) {
    const text = wordsOf(cause)
    if (!parts.includes(text)) parts.push(text)
  }
  return parts.join(': ')
}

/** A failed system call with nothing around it says itself what it was about. */
function call(error: unknown): string[] {
  if (!(error instanceof Error) || !('syscall' in error) || error instanceof FlumeError) return []
  return [`cannot ${String(error.syscall)}${'path' in error ? ` ${String(error.path)}` : ''}`]
}

/** The text with its control characters, and those that turn the direction of writing, as escapes. */
export function visible(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0)
    return NAMED[character] ?? (code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`)
  })
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
