/** --rate-limit: at most so many events a second, minute, hour or day; the others are dropped, counted and said. */
import { FlumeError } from '../errors.js'
import { Oldest } from '../events/oldest.js'
import { Tally } from '../events/tally.js'
import { DURATIONS } from '../events/units.js'
import type { Around } from './around.js'
import { DROP, type Interceptor } from './interceptor.js'
import { bodyless } from './names.js'

/** Values of a header that are told apart at a time: those that came last. */
const KEYS_MAX = 10_000

/** What may still pass: it fills up again evenly, to the whole at most. */
interface Bucket {
  left: number
  at: number
}

/** `RATE` or `NAME=RATE`: then each value of that header has its own. */
export function rateLimit(text: string, around: Around): Interceptor {
  const [, name, count = '', unit = ''] = /^(?:(.+)=)?([1-9]\d*)\/([smhd])$/.exec(text) ?? []
  if (count === '') throw new FlumeError('BAD_OPTION', `expected RATE or NAME=RATE, such as 100/s or host=1000/m, not ${JSON.stringify(text)}`)
  const most = Number(count)
  const perMs = most / DURATIONS[unit]!
  const buckets = new Map<string, Bucket>()
  const oldest = new Oldest(buckets)
  const tally = new Tally((events) => `--rate-limit ${text}: ${events} dropped so far`, around)
  return {
    replayable: false,
    changes: 'nothing',
    ...bodyless(name ?? ''),
    intercept(event) {
      const now = around.monotonic()
      const key = name === undefined ? '' : (event.get(name) ?? '')
      const bucket = buckets.get(key) ?? { left: most, at: now }
      bucket.left = Math.min(most, bucket.left + (now - bucket.at) * perMs)
      bucket.at = now
      buckets.delete(key)
      buckets.set(key, bucket)
      if (buckets.size > KEYS_MAX) oldest.remove()
      else oldest.added()
      if (bucket.left >= 1) {
        bucket.left--
        return undefined
      }
      tally.add()
      return DROP
    },
    close: () => tally.close(),
  }
}
