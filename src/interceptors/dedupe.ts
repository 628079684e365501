/** --dedupe: of events with the same bytes within a time the first goes on; the others are dropped, counted and said. */
import { createHash } from 'node:crypto'
import { FlumeError } from '../errors.js'
import { Oldest } from '../events/oldest.js'
import { Tally } from '../events/tally.js'
import { parseDuration } from '../events/units.js'
import type { Around } from './around.js'
import { BODY } from './draft.js'
import { DROP, type Interceptor } from './interceptor.js'
import { bodyless } from './names.js'
import type { Settings } from './settings.js'

/** Texts that are remembered at a time: those that came last. */
const KEYS_MAX = 100_000
/** A longer text is remembered by its hash. */
const TEXT_MAX = 64

/** When it went on, and in which batch. */
interface Seen {
  readonly at: number
  readonly batch: number
}

/** The time runs from the event that went on. Where the field is missing the event goes on. */
export function dedupe(text: string, { field }: Settings, around: Around): Interceptor {
  const time = parseDuration(text)
  if (time === undefined) throw new FlumeError('BAD_OPTION', `expected a time, such as 10s, not ${JSON.stringify(text)}`)
  const seen = new Map<string, Seen>()
  const oldest = new Oldest(seen)
  const tally = new Tally((events) => `--dedupe ${text}: ${events} dropped so far`, around)
  return {
    replayable: false,
    changes: 'nothing',
    ...bodyless(field),
    intercept(event, { batch }) {
      const value = event.get(field)
      if (value === undefined) return undefined
      const now = around.monotonic()
      const key = keyOf(value, field === BODY && event.bytewise)
      const last = seen.get(key)
      if (last !== undefined && now - last.at < time) {
        tally.add()
        return DROP
      }
      seen.delete(key)
      seen.set(key, { at: now, batch })
      if (seen.size > KEYS_MAX) oldest.remove()
      else oldest.added()
      return undefined
    },
    forget(acked) {
      for (const [key, { batch }] of seen) if (batch > acked) seen.delete(key)
    },
    close: () => tally.close(),
  }
}

/** The same text is other bytes where each of its characters is one. */
function keyOf(text: string, bytewise: boolean): string {
  const short = text.length <= TEXT_MAX ? text : createHash('sha256').update(text).digest('base64')
  return bytewise ? `bytes ${short}` : `text ${short}`
}
