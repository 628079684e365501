/** One line on stderr that says how far a source with a known end is, rewritten in its place; messages go above it. */
import { writeAll } from '../disk/descriptor.js'
import type { Clock } from '../events/flow.js'
import { ageText, sizeText } from './amounts.js'

/** ms between two looks, and the number of looks over which a rate is taken. */
const EVERY = 500
const LOOKS = 10

export interface Progressing {
  /** Bytes not read yet. */
  readonly unread: number
  /** Bytes that there were at the start; 0: it does not know, or has not begun. */
  readonly whole: number
  /** Sent so far, and those of them that are not acked. */
  readonly events: number
  readonly unacked: number
}

interface Look extends Progressing {
  readonly time: number
}

export class Progress {
  /** Most bytes that were there to be read. */
  #total = 0
  readonly #looks: Look[] = []
  readonly #timer: NodeJS.Timeout
  #drawn = false

  constructor(
    readonly command: string,
    readonly clock: Clock,
    readonly look: () => Progressing,
  ) {
    this.#timer = setInterval(() => this.#draw(), EVERY).unref()
  }

  /** The line goes, for a message; it comes again with the next look. */
  clear(): void {
    if (this.#drawn) write('\r\x1b[K')
    this.#drawn = false
  }

  close(): void {
    clearInterval(this.#timer)
    this.clear()
  }

  #draw(): void {
    const now = { ...this.look(), time: this.clock.monotonic() }
    this.#total = Math.max(this.#total, now.unread, now.whole)
    this.#looks.push(now)
    if (this.#looks.length > LOOKS) this.#looks.shift()
    write(`\r${this.command}: ${progressText(this.#looks[0]!, now, this.#total)}\x1b[K`)
    this.#drawn = true
  }
}

/** From an earlier look and the last one. */
export function progressText(before: Omit<Look, 'whole'>, now: Omit<Look, 'whole'>, total: number): string {
  const seconds = (now.time - before.time) / 1000
  const rate = (count: number): number => (seconds > 0 ? Math.max(0, Math.round(count / seconds)) : 0)
  const bytes = rate(before.unread - now.unread)
  const percent = total === 0 ? 100 : Math.floor(((total - now.unread) / total) * 100)
  const read = `${percent}% of ${sizeText(total)}, ${now.events} events, ${rate(now.events - before.events)}/s`
  if (now.unread > 0) return bytes > 0 ? `${read}, ${ageText(Math.ceil(now.unread / bytes))} left` : read
  return now.unacked > 0 ? `${read}, ${now.unacked} to be acked` : read
}

function write(text: string): void {
  try {
    writeAll(2, text, 0)
  } catch {
    return // the next look tries again
  }
}
