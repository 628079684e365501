/** --timestamp: the time of day, in ms (Flume's timestamp). Not the time of the event: --time finds that in it. */
import type { Around } from './around.js'
import type { Interceptor } from './interceptor.js'

export function timestamp({ now }: Around): Interceptor {
  return {
    headersOnly: true,
    replayable: false,
    intercept(event) {
      event.set('timestamp', String(now()))
      return undefined
    },
  }
}
