/**
 * The lines that lie in a rejects file, flume-event(5): each once, also where it was refused again, and whole, also where
 * it stands in several entries. What is in a file follows from its bytes alone, so that a place in it is a byte and the
 * chain of the hashes of all lines before it.
 */
import type { DiskFile } from '../disk/disk.js'
import { FlumeError } from '../errors.js'
import { NEWLINE } from '../events/batch.js'
import { decodeEntry, identityOf, type Entry } from '../events/reject-entry.js'
import { printOf } from './position.js'

/** A whole line of the file, with its \n. */
interface FileLine {
  readonly bytes: Buffer
  /** From 1. */
  readonly number: number
  /** The byte just after it. */
  readonly end: number
  /** Of all lines up to it. */
  readonly chain: string
}

/** A line that was refused; of several entries these are those of the last. */
export interface RefusedLine extends Omit<FileLine, 'bytes'> {
  /** Without \n. Undefined: it has more bytes than asked for. */
  readonly line: Buffer | undefined
  readonly size: number
  /** The line is the body of an event that would have had these; absent: an event line. */
  readonly headers?: ReadonlyMap<string, string>
}

/** A line of the file that is no entry. */
export interface NoEntry extends Omit<FileLine, 'bytes'> {
  readonly noEntry: string
}

/** A line of which not all parts are there, and which does not come again; the place is that of the first that is. */
export interface TornLine extends Omit<FileLine, 'bytes'> {
  readonly torn: true
}

/** Partitions of programs and of standard input: what was read of them is read once, and a line that was cut has no other entry. */
const ONCE = /^(?:plain|stdin(?:\..*)?)$/s
/** An entry holds a MiB of a line, of which each byte may be six. */
const LINE_BYTES_MAX = 16 * 1024 * 1024
const STEP = 256 * 1024

/** What is in the first `size` bytes, in order; an unfinished last line is not looked at. Throws BAD_EVENT where a line is far too long. */
export async function* refusedLines(file: DiskFile, size: number, lineBytesMax: number): AsyncGenerator<RefusedLine | NoEntry | TornLine> {
  const seen = new Set<string>()
  const parts = new Map<string, Parts>()
  for await (const { bytes, ...at } of linesOf(file, size)) {
    const entry = decodeEntry(bytes)
    if (typeof entry === 'string') {
      yield { noEntry: entry, ...at }
      continue
    }
    const { partition, position } = entry
    const before = parts.get(partition)
    const line = before === undefined || entry.part === 0 ? new Parts(lineBytesMax, entry.headers, at) : before
    if (before !== undefined && before !== line) yield* tornOf(partition, before)
    line.add(entry)
    if (entry.more) {
      parts.set(partition, line)
      continue
    }
    parts.delete(partition)
    if (line.torn) {
      yield* tornOf(partition, line)
      continue
    }
    if (position !== undefined) {
      const identity = identityOf(partition, position, line.chain)
      if (seen.has(identity)) continue
      seen.add(identity)
    }
    yield { ...line.whole(), ...at }
  }
  for (const [partition, line] of parts) yield* tornOf(partition, line)
}

/** Of other partitions nothing was acked before the line stood there whole: all of it comes again. */
function* tornOf(partition: string, { at }: Parts): Generator<TornLine> {
  if (ONCE.test(partition)) yield { torn: true, ...at }
}

/** The parts of one line so far. */
class Parts {
  chain = ''
  /** One before the last is missing. */
  torn = false
  #count = 0
  #size = 0
  #lines: Buffer[] = []

  constructor(
    readonly bytesMax: number,
    readonly headers: ReadonlyMap<string, string> | undefined,
    /** Of the first. */
    readonly at: Omit<FileLine, 'bytes'>,
  ) {}

  add({ part, line }: Entry): void {
    if (part !== this.#count) this.torn = true
    if (this.torn) return
    this.#count++
    this.#size += line.length
    this.chain = chained(this.chain, line)
    if (this.#size <= this.bytesMax) this.#lines.push(line)
    else this.#lines = []
  }

  whole(): Pick<RefusedLine, 'line' | 'size' | 'headers'> {
    const line = this.#size <= this.bytesMax ? Buffer.concat(this.#lines) : undefined
    return { line, size: this.#size, ...(this.headers !== undefined && { headers: this.headers }) }
  }
}

function chained(chain: string, line: Buffer): string {
  return printOf(Buffer.concat([Buffer.from(chain, 'latin1'), line])).hash
}

async function* linesOf(file: DiskFile, size: number): AsyncGenerator<FileLine> {
  let rest = Buffer.alloc(0)
  let number = 0
  let end = 0
  let chain = ''
  for (let at = 0; at < size; ) {
    const block = Buffer.allocUnsafe(Math.min(STEP, size - at))
    const count = await file.read(block, at)
    if (count === 0) return
    at += count
    const bytes = Buffer.concat([rest, block.subarray(0, count)])
    let from = 0
    for (let next = bytes.indexOf(NEWLINE, rest.length); next >= 0; next = bytes.indexOf(NEWLINE, from)) {
      const line = bytes.subarray(from, next + 1)
      from = next + 1
      end += line.length
      chain = chained(chain, line)
      yield { bytes: line, number: ++number, end, chain }
    }
    rest = bytes.subarray(from)
    if (rest.length > LINE_BYTES_MAX) throw new FlumeError('BAD_EVENT', `line ${number + 1} is longer than any entry of a rejects file`)
  }
}
