/** What a stage says of itself on its stat socket: one line of JSON, flume-stat(1). */

export interface FlowStat {
  /** A flume-buffer has two of them, a flume-route one for each output and, of several, for each input, too. */
  readonly role: 'source' | 'stage' | 'put' | 'take' | 'sink' | 'input' | 'output'
  /** What an input or output is called. */
  readonly name?: string
  /** Since its start. */
  readonly events: number
  readonly bytes: number
  /** Per second, over the last ten. */
  readonly rate: number
  readonly byteRate: number
  /** Events passed on that nobody has acked yet. */
  readonly unacked: number
  /** Events, or bytes, that are there and were not passed on and acked; absent: not known. */
  readonly lagEvents?: number
  readonly lagBytes?: number
  /** Age of the oldest event that was taken and is not acked. */
  readonly lagSeconds: number
  /** Events that an output which holds up nobody has not got. */
  readonly missed?: number
  /** For what it waits, in words. */
  readonly waits: string
}

export interface StageStat {
  readonly command: string
  readonly pid: number
  readonly uid: number
  /** ms since the epoch */
  readonly started: number
  /** The files, or the queue, it is about; as many as fit. */
  readonly about: readonly string[]
  /** Device and inode of stdin and stdout where they are pipes. */
  readonly input?: string
  readonly output?: string
  readonly rejects: number
  /** What it said last on stderr. */
  readonly said?: { readonly time: number; readonly text: string }
  readonly flows: readonly FlowStat[]
}

/** Characters of a report; whoever sends more is no stage. */
export const REPORT_SIZE_MAX = 8 * 1024 * 1024
/** Of these, at most this many say what it is about. */
const ABOUT_SIZE_MAX = REPORT_SIZE_MAX / 2
/** Characters of that, where it is shown. */
const ABOUT_SHOWN_MAX = 1000

const ROLES: readonly string[] = ['source', 'stage', 'put', 'take', 'sink', 'input', 'output']

/** One line. Of very many files the first are named. */
export function encodeReport(stat: StageStat): string {
  return `${JSON.stringify({ ...stat, about: first(stat.about, ABOUT_SIZE_MAX, (name) => JSON.stringify(name).length + 1) })}\n`
}

/** What a stage is about, in a few words: at least its first name, or the beginning of that. */
export function aboutText(about: readonly string[]): string {
  const shown = first(about, ABOUT_SHOWN_MAX, (name) => Math.min(name.length + 1, ABOUT_SHOWN_MAX)).map(cut)
  const more = about.length - shown.length
  return more === 0 ? shown.join(' ') : `${shown.join(' ')} and ${more} more`
}

function cut(name: string): string {
  return name.length < ABOUT_SHOWN_MAX ? name : `${name.slice(0, ABOUT_SHOWN_MAX - 4)}...`
}

/** As many of them as fit. */
function first(names: readonly string[], sizeMax: number, sizeOf: (name: string) => number): readonly string[] {
  let size = 0
  let count = 0
  while (count < names.length && (size += sizeOf(names[count]!)) <= sizeMax) count++
  return names.slice(0, count)
}

/** Undefined: not a report. Whoever owns the socket may have written anything. */
export function decodeReport(text: string): StageStat | undefined {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return undefined
  }
  return isRecord(read) && isStage(read) ? (read as unknown as StageStat) : undefined
}

function isStage(read: Readonly<Record<string, unknown>>): boolean {
  const { command, about, input, output, said, flows, pid, uid, started, rejects } = read
  const texts = [command, input ?? '', output ?? '']
  if (!texts.every((one) => typeof one === 'string') || ![pid, uid, started, rejects].every(Number.isFinite)) return false
  if (!Array.isArray(about) || !about.every((one) => typeof one === 'string')) return false
  if (said !== undefined && !(isRecord(said) && typeof said.text === 'string' && Number.isFinite(said.time))) return false
  return Array.isArray(flows) && flows.every(isFlow)
}

function isFlow(flow: unknown): boolean {
  if (!isRecord(flow) || typeof flow.waits !== 'string' || typeof flow.role !== 'string' || !ROLES.includes(flow.role)) return false
  const { name = '', events, bytes, rate, byteRate, unacked, lagSeconds, lagEvents = 0, lagBytes = 0, missed = 0 } = flow
  return typeof name === 'string' && [events, bytes, rate, byteRate, unacked, lagSeconds, lagEvents, lagBytes, missed].every(Number.isFinite)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
